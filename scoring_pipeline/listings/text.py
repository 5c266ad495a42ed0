"""HTML to readable text, and the cleaning of single lines.

What belongs here: how markup is read, which characters a text may hold. What does not: what elements mean for lines and
paragraphs (`text_writer.py`), which of a provider's fields hold markup (`adapters/`).

The text: paragraphs and headings separated by a blank line, one list item a line beginning with "- " (nested ones
indented by two spaces a level), one table row a line with cells joined by " | ", a line break for `<br>`. Entities are
decoded once, by the parser. No control or invisible characters, NFC, no U+00A0.
"""

import re
import unicodedata

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scoring_pipeline.listings.tame import needs_taming, tame
from scoring_pipeline.listings.text_writer import CLOSE, KINDS, OPEN, Writer

# Controls but newline, soft hyphen, zero-width and direction marks, tag characters, surrogates, noncharacters, and the
# private use plane that icon fonts are pasted from. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
_UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc"
    "\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\ue000-\uf8ff\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&#34;", '"'), ("&amp;", "&"))


def _visible(text: str) -> str:
    seen = text if _is_printed(text) else _UNSEEN.sub("", text)
    return seen if seen.isascii() else unicodedata.normalize("NFC", seen)


def _is_printed(text: str) -> bool:
    """Whether no character of `text` can be an unseen one; far quicker than looking for each of them."""
    if not text.replace("\n", " ").isprintable():
        return False
    # Printable to Python and unseen to us are U+FFFC and some characters that UTF-16 writes as pairs.
    return text.isascii() or ("\ufffc" not in text and len(text.encode("utf-16-le")) == 2 * len(text))


def clean_line(text: str) -> str:
    """Return `text` on one line: white space collapsed and trimmed, invisible characters removed, NFC."""
    if text.isascii() and text.isprintable() and "  " not in text and text[:1] != " " and text[-1:] != " ":
        return text
    return " ".join(_visible(" ".join(text.split())).split())


def _has_next_cell(node: LexborNode) -> bool:
    following = node.next
    while following is not None:
        if following.tag in ("td", "th"):
            return True
        following = following.next
    return False


def _close(writer: Writer, kind: str, node: LexborNode) -> None:
    act = CLOSE.get(kind)
    if act is not None:
        act(writer)
    elif kind == "cell":
        writer.end_cell(last=not _has_next_cell(node))


def _walk(root: LexborNode, writer: Writer) -> None:
    """Write the tree below `root` in document order, without recursion."""
    stack: list[tuple[LexborNode, str | None, bool]] = []
    node = root.child
    preformatted = 0
    while True:
        if node is None:
            if not stack:
                return
            parent, kind, pre = stack.pop()
            if kind is not None:
                _close(writer, kind, parent)
                preformatted -= pre
            node = parent.next
            continue
        tag = node.tag or ""
        if tag == "-text":
            raw = node.text_content or ""
            (writer.preformatted if preformatted else writer.text)(raw)
        elif (kind := KINDS.get(tag)) != "dropped" and (child := node.child) is not None:
            if kind is not None:
                OPEN[kind](writer)
                preformatted += tag == "pre"
            stack.append((node, kind, tag == "pre"))
            node = child
            continue
        elif kind is not None and kind != "dropped":
            OPEN[kind](writer)
            _close(writer, kind, node)
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
    writer = Writer()
    _walk(root, writer)
    return _tidy(_visible("".join(writer.out)))


def _tidy(text: str) -> str:
    """Drop what is left where invisible characters went: bare bullets, trailing spaces, more than one blank line."""
    if not _is_untidy(text):
        return text
    lines: list[str] = []
    for line in text.split("\n"):
        stripped = line.rstrip()
        if stripped.lstrip() in {"-", "|"}:
            continue
        if stripped or (lines and lines[-1]):
            lines.append(stripped)
    return "\n".join(lines).strip("\n")


def _is_untidy(text: str) -> bool:
    """Whether `_tidy` has anything to look for: a line that ends in a blank or a bullet, or too many breaks."""
    ends = text[-1:] in {" ", "-", "|", "\n", ""} or text[0] == "\n"
    return ends or " \n" in text or "-\n" in text or "|\n" in text or "\n\n\n" in text


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
