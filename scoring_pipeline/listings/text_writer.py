"""Writes readable text from a document's elements and runs of text, given in order.

What belongs here: what each element means for lines and paragraphs. What does not: where elements come from, which
characters may stay (`text.py`).
"""

from collections.abc import Callable, Mapping

# What an element is to the text; what is not here is inline.
KINDS: dict[str, str] = {
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


class Writer:
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
            self.row(1 if self.depth else breaks)

    def row(self, breaks: int = 1) -> None:
        """End the line wherever it is."""
        if breaks > self.breaks:  # noqa: PLR1730 - `max` takes four times as long
            self.breaks = breaks

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
            self.row(1 if self.prefix else _BLANK)
            self.listed = False
        if self.out:
            self.out.append("\n" * (self.breaks or 1))
        if self.prefix:
            self.out.append(self.prefix)
        elif self.depth:
            self.out.append("  " * min(self.depth, _INDENTED))
        self.prefix = ""
        self.breaks = 0

    def preformatted(self, raw: str) -> None:
        """Write text whose line breaks count."""
        for index, part in enumerate(raw.split("\n")):
            if index:
                self.br()
            self.text(part)

    def paragraph(self) -> None:
        """Begin or end a paragraph."""
        self.block(_BLANK)

    def line(self) -> None:
        """Begin or end an element that stands on lines of its own."""
        self.block(1)

    def end_item(self) -> None:
        """End a list item; one without text leaves nothing."""
        self.prefix = ""
        self.row()

    def list(self) -> None:
        """Begin a list."""
        self.row(1 if self.depth or self.listed else _BLANK)
        self.depth += 1

    def end_list(self) -> None:
        """End a list."""
        self.depth -= 1
        self.listed = not self.depth
        self.row()

    def cell(self) -> None:
        """Begin a table cell."""
        self.cells += 1

    def end_cell(self, *, last: bool) -> None:
        """End a table cell, the last of its row or not."""
        self.cells -= 1
        if not last:
            self.text(" | ")


Act = Callable[[Writer], None]
OPEN: Mapping[str, Act] = {
    "paragraph": Writer.paragraph,
    "line": Writer.line,
    "item": Writer.item,
    "break": Writer.br,
    "list": Writer.list,
    "row": Writer.row,
    "cell": Writer.cell,
}
CLOSE: Mapping[str, Act] = {
    "paragraph": Writer.paragraph,
    "line": Writer.line,
    "item": Writer.end_item,
    "list": Writer.end_list,
    "row": Writer.row,
}
