"""HTML to readable text, and the cleaning of single lines.

What belongs here: how markup becomes lines and paragraphs, which characters a text may hold. What does not: which of a
provider's fields hold markup (`adapters/`).

The text: paragraphs and headings separated by a blank line, one list item a line beginning with "- " (nested ones
indented by two spaces a level), one table row a line with cells joined by " | ", a line break for `<br>`. Entities are
decoded once, by the parser. No control or invisible characters, NFC, no U+00A0.
"""

import re
import unicodedata

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scoring_pipeline.listings.tame import needs_taming, tame

# What an element is to the text; what is not here is inline.
_KINDS: dict[str, str] = {
    tag: kind
    for kind, tags in {
        "dropped": "script style iframe noscript template svg math head title object embed select textarea audio video "
        "canvas noembed noframes",
        "paragraph": "p h1 h2 h3 h4 h5 h6 blockquote pre table dl figure hr fieldset",
        "line": "div section article aside header footer main nav address center details summary dt dd figcaption form "
        "tbody thead tfoot caption legend",
        "list": "ul ol menu dir",
        "item": "li",
        "row": "tr",
        "cell": "td th",
        "break": "br",
    }.items()
    for tag in tags.split()
}
_INDENTED = 8
_BLANK = 2
# Controls but newline, soft hyphen, zero-width and direction marks, tag characters, surrogates, noncharacters, and the
# private use plane that icon fonts are pasted from. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
_UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc"
    "\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\ue000-\uf8ff\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&#34;", '"'), ("&amp;", "&"))


def _visible(text: str) -> str:
    seen = _UNSEEN.sub("", text)
    return seen if seen.isascii() else unicodedata.normalize("NFC", seen)


def clean_line(text: str) -> str:
    """Return `text` on one line: white space collapsed and trimmed, invisible characters removed, NFC."""
    return " ".join(_visible(" ".join(text.split())).split())


class _Writer:
    """Collects lines; breaks are remembered and written only when text follows."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.breaks = 0
        self.space = False
        self.depth = 0
        self.cells = 0
        self.prefix = ""
        self.listed = (
            False  # a list has just ended: what follows is a paragraph of its own, unless it is a list as well
        )

    def block(self, breaks: int) -> None:
        """End the line; with two `breaks`, the paragraph. Inside table cells a space, inside lists one line."""
        if self.cells:
            self.space = True
        else:
            self.breaks = max(self.breaks, 1 if self.depth else breaks)

    def row(self, breaks: int = 1) -> None:
        """End the line wherever it is."""
        self.breaks = max(self.breaks, breaks)

    def br(self) -> None:
        """Break the line; twice in a row is a blank line."""
        if self.cells:
            self.space = True
        else:
            self.breaks = min(self.breaks + 1, 1 if self.depth else _BLANK)

    def item(self) -> None:
        """Begin a list item."""
        self.row()
        self.prefix = "  " * min(max(self.depth - 1, 0), _INDENTED) + "- "

    def text(self, raw: str) -> None:
        """Write a run of text with white space collapsed."""
        words = raw.split()
        if not words:
            if "\xa0" in raw and self.breaks:
                self.block(_BLANK)
            self.space = True
            return
        if self.breaks or self.prefix:
            self._newline()
        elif self.space or raw[0].isspace():
            self.out.append(" ")
        self.out.append(" ".join(words))
        self.space = raw[-1].isspace()

    def _newline(self) -> None:
        if self.listed:
            self.breaks = max(self.breaks, 1 if self.prefix else _BLANK)
            self.listed = False
        if self.out:
            self.out.append("\n" * max(self.breaks, 1))
        self.out.append(self.prefix or "  " * min(self.depth, _INDENTED))
        self.prefix = ""
        self.breaks = 0

    def preformatted(self, raw: str) -> None:
        """Write text whose line breaks count."""
        for index, part in enumerate(raw.split("\n")):
            if index:
                self.br()
            self.text(part)

    def open(self, kind: str) -> None:
        """Begin an element of that kind."""
        if kind == "paragraph":
            self.block(_BLANK)
        elif kind == "line":
            self.block(1)
        elif kind == "item":
            self.item()
        elif kind == "break":
            self.br()
        elif kind == "list":
            self.row(1 if self.depth or self.listed else _BLANK)
            self.depth += 1
        elif kind == "row":
            self.row()
        elif kind == "cell":
            self.cells += 1

    def close(self, kind: str, node: LexborNode) -> None:
        """End the element `node` of that kind."""
        if kind == "paragraph":
            self.block(_BLANK)
        elif kind == "line":
            self.block(1)
        elif kind == "item":
            self.prefix = ""
            self.row()
        elif kind == "list":
            self.depth -= 1
            self.listed = not self.depth
            self.row()
        elif kind == "row":
            self.row()
        elif kind == "cell":
            self.cells -= 1
            if _has_next_cell(node):
                self.text(" | ")


def _has_next_cell(node: LexborNode) -> bool:
    following = node.next
    while following is not None:
        if following.tag in ("td", "th"):
            return True
        following = following.next
    return False


def _walk(root: LexborNode, writer: _Writer) -> None:
    """Visit the tree below `root` in document order, without recursion."""
    stack: list[tuple[LexborNode, str | None]] = []
    node = root.child
    preformatted = 0
    while True:
        if node is None:
            if not stack:
                return
            parent, kind = stack.pop()
            if kind is not None:
                writer.close(kind, parent)
                preformatted -= parent.tag == "pre"
            node = parent.next
            continue
        tag = node.tag or ""
        if tag == "-text":
            raw = node.text_content or ""
            (writer.preformatted if preformatted else writer.text)(raw)
        elif (kind := _KINDS.get(tag)) != "dropped" and (child := node.child) is not None:
            if kind is not None:
                writer.open(kind)
                preformatted += tag == "pre"
            stack.append((node, kind))
            node = child
            continue
        elif kind is not None and kind != "dropped":
            writer.open(kind)
            writer.close(kind, node)
        node = node.next


def from_html(html: str) -> str:
    """Return the readable text of an HTML fragment; the empty text where there is none.

    Takes time linear in the length, whatever the nesting; markup nested deeper than 150 in texts of unusual size is
    flattened.
    """
    if not html or html.isspace():
        return ""
    bounded = tame(html) if needs_taming(html) else html
    parser = LexborHTMLParser(bounded.encode("utf-8", "replace"))
    root = parser.body or parser.root
    if root is None:
        return ""
    writer = _Writer()
    _walk(root, writer)
    return _tidy(_visible("".join(writer.out)))


def _tidy(text: str) -> str:
    """Drop what is left where invisible characters went: bare bullets, trailing spaces, more than one blank line."""
    lines: list[str] = []
    for line in text.split("\n"):
        stripped = line.rstrip()
        if stripped.lstrip() in {"-", "|"}:
            continue
        if stripped or (lines and lines[-1]):
            lines.append(stripped)
    return "\n".join(lines).strip("\n")


def unescape_once(escaped: str) -> str:
    """Return HTML that was entity-escaped as a whole, unescaped exactly once.

    Greenhouse escapes a posting's markup; entities inside are then doubly escaped (`&amp;nbsp;`) and must survive this
    step, or a literal `&lt;2 years` becomes a tag.
    """
    for entity, character in _ENTITIES:
        escaped = escaped.replace(entity, character)
    return escaped


def from_escaped(escaped: str) -> str:
    """Return the readable text of HTML that was entity-escaped as a whole."""
    return from_html(unescape_once(escaped))
