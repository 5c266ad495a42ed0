"""Makes hostile HTML safe to give to a tree builder: bounded nesting, no attributes, one linear pass.

What belongs here: the decision whether a text needs it, and the pass. What does not: what the markup means (`text.py`).

HTML tree construction is quadratic in nesting depth and in attributes per tag: 100,000 nested `<div>` keep a parser
busy for 13 s. Ordinary postings are far below the thresholds and are parsed as they are.
"""

import re

MAX_CHARS = 64 * 1024
MAX_TAGS = 4000
MAX_DEPTH = 150


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,15}")
# Their end tags may be left out, so many may stay open without being nested.
_FLAT = _words("p li dd dt option optgroup tr td th tbody thead tfoot rb rt rp")
_VOID = _words("area base br col embed hr img input link meta param source track wbr")
_RAW = _words("script style iframe noscript textarea title template object svg math noembed noframes xmp")


def needs_taming(html: str) -> bool:
    """Whether `html` is so long or has so many tags that its cost to a parser must be bounded first."""
    return len(html) > MAX_CHARS or html.count("<") > MAX_TAGS


class _Tamer:
    """The state of one pass: what has been written, and which tags are open or were dropped."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.out: list[str] = []
        self.open: dict[str, int] = {}
        self.dropped: dict[str, int] = {}
        self.depth = 0

    def start(self, name: str) -> None:
        if name in _VOID or name in _FLAT:
            self.out.append(f"<{name}>")
        elif self.depth >= MAX_DEPTH:
            self.dropped[name] = self.dropped.get(name, 0) + 1
        else:
            self.depth += 1
            self.open[name] = self.open.get(name, 0) + 1
            self.out.append(f"<{name}>")

    def end(self, name: str) -> None:
        if name in _FLAT:
            self.out.append(f"</{name}>")
        elif self.dropped.get(name):
            self.dropped[name] -= 1
        elif self.open.get(name):
            self.open[name] -= 1
            self.depth -= 1
            self.out.append(f"</{name}>")

    def markup(self, at: int) -> int:
        """Handle the `<` at `at`; return where to go on."""
        html = self.html
        if html.startswith("<!--", at):
            stop = html.find("-->", at + 4)
            return len(html) if stop < 0 else stop + 3
        ending = html.startswith("/", at + 1)
        name = _NAME.match(html, at + 1 + ending)
        if name is None and not html.startswith(("!", "?"), at + 1):
            self.out.append("&lt;")
            return at + 1
        stop = html.find(">", at)
        if stop < 0:
            return len(html)
        if name is None:
            return stop + 1
        return self.element(name.group().lower(), stop + 1, ending=ending)

    def element(self, tag: str, after: int, *, ending: bool) -> int:
        """Write the tag `tag` that ends before `after`; return where to go on, past the content of raw elements."""
        if ending:
            if tag not in _RAW:
                self.end(tag)
            return after
        if tag not in _RAW:
            self.start(tag)
            return after
        closing = re.compile(f"</{tag}", re.IGNORECASE).search(self.html, after)
        if closing is None:
            return len(self.html)
        stop = self.html.find(">", closing.end())
        return len(self.html) if stop < 0 else stop + 1


def tame(html: str) -> str:
    """Return `html` with its text and element names, but without attributes, raw-text elements and deep nesting.

    Runs in time linear in the text's length. Tags nested deeper than 150 are dropped, their text stays.
    """
    tamer = _Tamer(html)
    position = 0
    while (at := html.find("<", position)) >= 0:
        tamer.out.append(html[position:at])
        position = tamer.markup(at)
    tamer.out.append(html[position:])
    return "".join(tamer.out)
