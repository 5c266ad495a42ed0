"""The Files API: uploads streamed to disk, listing, content, deletion.

What belongs here: files as the API shows them and as they lie on disk. What does not: what is in a batch file
(`openai_validation.py`), who writes result files (`openai_worker.py`).

An upload is written under another name, moved to its own, and only then entered in the journal: a crash leaves a file
that nobody knows, which the next start removes.
"""

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from scoring_pipeline.sandbox.journal import FileRecord, Journal
from scoring_pipeline.sandbox.openai_errors import ApiError, missing_parameter
from scoring_pipeline.sandbox.openai_multipart import MAX_UPLOAD, Receiver

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
MONTH = 30 * 86_400
_RESULT = "batch_output"
_HOUR = 3600
_NOT_JSONL = "Invalid file format for Batch API. Must be .jsonl"


class FileFolder:
    """Where contents lie: `files/<id>` for what the API serves, `parts/` for what is still being written."""

    def __init__(self, folder: Path) -> None:
        self._files = folder / "files"
        self._parts = folder / "parts"
        for each in (self._files, self._parts):
            each.mkdir(parents=True, exist_ok=True)

    def content(self, file_id: str) -> Path:
        """Return where the content of a file lies."""
        return self._files / file_id

    def part(self, name: str) -> Path:
        """Return where something unfinished is written."""
        return self._parts / name

    def sweep(self, keep: Iterable[str]) -> None:
        """Remove unfinished uploads and every content but those named."""
        kept = set(keep)
        for path in self._files.iterdir():
            if path.name not in kept:
                path.unlink(missing_ok=True)
        for path in self._parts.glob("upload-*"):
            path.unlink(missing_ok=True)


class Files:
    """The operations of the Files API on one folder and its journal."""

    def __init__(
        self,
        journal: Journal,
        folder: FileFolder,
        *,
        max_batch_bytes: int,
        visible_from: Callable[[float], float | None] | None = None,
    ) -> None:
        """Serve a folder.

        Args:
            journal: the journal.
            folder: where contents lie.
            max_batch_bytes: the most that a file for a batch may have.
            visible_from: called for each upload with the time (virtual Unix seconds); returns from when it is known,
                None for at once. None: all are known at once.
        """
        self._visible_from = visible_from or (lambda _: None)
        self._journal = journal
        self._folder = folder
        self._max_batch_bytes = max_batch_bytes

    async def upload(self, request: Request, now: float) -> FileRecord:
        """Receive a multipart upload in bounded memory.

        Raises:
            ApiError: 400, with the API's words, for what it would refuse.
        """
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise ApiError(400, "Send the file as multipart/form-data with a boundary.")
        path = self._folder.part(f"upload-{secrets.token_hex(8)}")
        receiver = Receiver(options[b"boundary"], path)
        try:
            async for chunk in request.stream():
                receiver.parser.write(chunk)
            receiver.parser.finalize()
            receiver.close()
            return await run_in_threadpool(self._accept, receiver, path, now)
        except FormParserError as error:
            raise ApiError(400, f"The multipart form cannot be read: {error}.") from error
        finally:
            receiver.close()
            path.unlink(missing_ok=True)

    def _accept(self, receiver: Receiver, path: Path, now: float) -> FileRecord:
        purpose = receiver.fields.get("purpose")
        if receiver.filename is None:
            raise missing_parameter("file")
        if purpose is None:
            raise missing_parameter("purpose")
        if purpose not in PURPOSES:
            choices = ", ".join(map(repr, PURPOSES))
            raise ApiError(
                400,
                f"Invalid value: '{purpose}'. Supported values are: {choices}.",
                param="purpose",
                code="invalid_value",
            )
        if receiver.size > (self._max_batch_bytes if purpose == "batch" else MAX_UPLOAD):
            raise ApiError(400, "File is too large.")
        if purpose == "batch" and (not receiver.filename.endswith(".jsonl") or not _begins_with_json(path)):
            raise ApiError(400, _NOT_JSONL)
        lifetime = _lifetime(receiver.fields, purpose)
        file_id = f"file-{secrets.token_hex(12)}"
        expires_at = None if lifetime is None else now + lifetime
        path.rename(self._folder.content(file_id))
        visible_at = self._visible_from(now)
        record = FileRecord(file_id, receiver.filename, purpose, receiver.size, now, expires_at, visible_at)
        self._journal.add_file(record)
        return record

    def get(self, file_id: str, now: float) -> FileRecord:
        """Return a file.

        Raises:
            ApiError: 404, where it is unknown, deleted or expired.
        """
        record = self._journal.file(file_id)
        hidden = record is not None and record.purpose != _RESULT and not record.is_visible(now)
        if record is None or hidden or (record.expires_at is not None and record.expires_at <= now):
            raise _no_such_file(file_id)
        return record

    def content(self, file_id: str, now: float) -> Path:
        """Return where the content of a file lies; raises like `get`, and while a result file has none yet."""
        record = self.get(file_id, now)
        if not record.is_visible(now):
            raise _no_such_file(file_id)
        return self._folder.content(record.id)

    def delete(self, file_id: str, now: float) -> dict[str, Any]:
        """Delete a file; its content stays on disk while a batch that has not ended reads it. Raises like `get`."""
        self.get(file_id, now)
        self._journal.delete_file(file_id)
        if all(batch.input_file_id != file_id for batch in self._journal.live_batches()):
            self._folder.content(file_id).unlink(missing_ok=True)
        return {"id": file_id, "object": "file", "deleted": True}

    def page(self, query: dict[str, str], now: float) -> dict[str, Any]:
        """Return the list that `GET /v1/files` answers; takes `purpose`, `order`, `after` and `limit`."""
        limit = page_limit(query, default=10_000, most=10_000)
        found = [file for file in self._journal.files() if file.expires_at is None or file.expires_at > now]
        found = [file for file in found if file.purpose == _RESULT or file.is_visible(now)]
        found = [file for file in found if file.purpose == query.get("purpose", file.purpose)]
        if query.get("order", "desc") == "desc":
            found.reverse()
        if "after" in query:
            ids = [file.id for file in found]
            if query["after"] not in ids:
                raise ApiError(400, f"No such File object: {query['after']}", param="after")
            found = found[ids.index(query["after"]) + 1 :]
        return list_page([file_json(file) for file in found[:limit]], has_more=len(found) > limit)

    def sweep(self, now: float) -> None:
        """Remove contents that nobody can ask for any more; called at start."""
        keep = {file.id for file in self._journal.files() if file.expires_at is None or file.expires_at > now}
        self._folder.sweep(keep | {batch.input_file_id for batch in self._journal.live_batches()})


def _no_such_file(file_id: str) -> ApiError:
    return ApiError(404, f"No such File object: {file_id}", param="id")


def file_json(record: FileRecord) -> dict[str, Any]:
    """Return the API's object of a file."""
    return {
        "id": record.id,
        "object": "file",
        "bytes": record.bytes,
        "created_at": int(record.created_at),
        "expires_at": None if record.expires_at is None else int(record.expires_at),
        "filename": record.filename,
        "purpose": record.purpose,
        "status": "processed",
        "status_details": None,
    }


def list_page(data: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """Return a page as the API wraps it."""
    ids = [item["id"] for item in data]
    return {
        "object": "list",
        "data": data,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
        "has_more": has_more,
    }


def page_limit(query: dict[str, str], *, default: int, most: int) -> int:
    """Return the query's `limit`.

    Raises:
        ApiError: 400, where it is no whole number from 1 to `most`.
    """
    text = query.get("limit", str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise ApiError(400, f"Invalid 'limit': must be between 1 and {most}.", param="limit", code="invalid_value")
    return int(text)


def _begins_with_json(path: Path) -> bool:
    with path.open("rb") as lines:
        try:
            return isinstance(orjson.loads(lines.readline()), dict)
        except orjson.JSONDecodeError:
            return False


def _lifetime(fields: dict[str, str], purpose: str) -> int | None:
    text = fields.get("expires_after[seconds]")
    if text is None:
        return MONTH if purpose == "batch" else None
    if not text.isdecimal() or not _HOUR <= int(text) <= MONTH:
        raise ApiError(
            400, f"Invalid 'expires_after.seconds': must be between {_HOUR} and {MONTH}.", param="expires_after.seconds"
        )
    return int(text)
