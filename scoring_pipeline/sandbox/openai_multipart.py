"""Uploads as they come over the wire: multipart forms, received in bounded memory.

What belongs here: bytes of one form into one file and small fields. What does not: what an upload must say
(`openai_files.py`).
"""

from pathlib import Path
from typing import BinaryIO

from python_multipart.multipart import MultipartParser, parse_options_header

MAX_UPLOAD = 512 * 1024 * 1024
_MAX_FIELD = 64 * 1024


class Receiver:
    """Takes the parts of one multipart upload: the file goes to `path`, small fields to `fields`.

    `size` counts all that came; no more than `MAX_UPLOAD` bytes of it are kept.
    """

    def __init__(self, boundary: bytes, path: Path) -> None:
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self.size = 0
        self._out: BinaryIO = path.open("wb")
        self._header = self._value = b""
        self._disposition = b""
        self._name = ""
        self._in_file = False
        self._text = bytearray()
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
            },
        )

    def close(self) -> None:
        """Close the file."""
        self._out.close()

    def _part_begin(self) -> None:
        self._disposition, self._header, self._value = b"", b"", b""
        self._text = bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode(errors="replace")
        self._in_file = self._name == "file"
        if self._in_file:
            self.filename = options.get(b"filename", b"upload").decode(errors="replace")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self.size += end - start
            if self.size <= MAX_UPLOAD:
                self._out.write(memoryview(data)[start:end])
        elif len(self._text) + end - start <= _MAX_FIELD:
            self._text += data[start:end]

    def _part_end(self) -> None:
        if not self._in_file:
            self.fields[self._name] = self._text.decode(errors="replace")
