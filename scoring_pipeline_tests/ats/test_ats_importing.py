"""Filing stored responses under a day."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from scoring_pipeline.ats.importing import ImportedBoard, ImportRefused, import_folder
from scoring_pipeline.ats.raw import stored_rows, stored_snapshots
from scoring_pipeline.settings import Ats, AtsProvider, ProviderName, Settings
from scoring_pipeline.storage.port import DocumentStore

DAY = "2026-11-20"
MOMENT = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
RECORDINGS = Path(__file__).resolve().parents[2].parent / "shared" / "recordings"
needs_recordings = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not on this machine")


def write(folder: Path, name: str, body: Any) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())


def do_import(store: DocumentStore, folder: Path, ats: Ats | None = None, day: str = DAY) -> list[ImportedBoard]:
    return import_folder(Settings(ats=ats or Ats()), store, day, folder, now=lambda: MOMENT)


def test_files_of_every_provider_are_filed(store: DocumentStore, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder, "greenhouse/acme.json", {"jobs": [{"id": 1}], "meta": {"total": 1}})
    write(folder, "lever/GoToGroup.json", [{"id": "a"}, {"id": "b"}])
    write(folder, "ashby/Rose_Rocket.json", {"jobs": [], "apiVersion": "1"})
    write(folder, "workable/widget.json", {"name": "W", "jobs": [{"shortcode": "A"}]})
    write(folder, "workable/v3.json", {"total": 7, "results": [{"shortcode": "B"}]})
    write(folder, "recruitee/acme.json", {"offers": [{"id": 5, "mailbox_email": "in@example.com"}]})
    write(folder, "SOURCES.md", b"where they are from")
    ats = Ats(lever=AtsProvider(boards=({"name": "GoToGroup", "company": "GoTo"},)))
    assert do_import(store, folder, ats) == [
        ImportedBoard("ashby", "Rose_Rocket", 0, 0),
        ImportedBoard("greenhouse", "acme", 1, 1),
        ImportedBoard("lever", "GoToGroup", 2, 2),
        ImportedBoard("recruitee", "acme", 1, 1),
        ImportedBoard("workable", "v3", 1, 1),
        ImportedBoard("workable", "widget", 1, 1),
    ]
    (snapshot,) = stored_snapshots(store, DAY, "lever")
    assert (snapshot.complete, snapshot.source, snapshot.url, snapshot.company) == (True, "import", None, "GoTo")
    assert [row.payload for row in stored_rows(store, DAY, "recruitee")] == [{"id": 5}]
    assert do_import(store, folder, day="2026-11-21")[2] == ImportedBoard("lever", "GoToGroup", 2, 0)


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        pytest.param(
            "smartrecruiters/a.json", [], "smartrecruiters: no such provider.*greenhouse, lever", id="provider"
        ),
        pytest.param(
            "greenhouse/z.json", [{"id": 1}], "z.json: not a response of greenhouse: .* a list", id="other shape"
        ),
        pytest.param("lever/z.json", {"ok": False}, "z.json: not a response of lever: .*`ok`", id="a stored error"),
        pytest.param("ashby/z.json", b"<html>", "z.json: not a response of ashby: .*not JSON", id="a stored page"),
        pytest.param("ashby/z.json", b"", "z.json: not a response of ashby: .*not JSON", id="an empty file"),
        pytest.param("lever/z.json", [{"text": "x"}], r"`postings\[0\].id`", id="a row without an id"),
        pytest.param("lever/z.json", b"[" + b" " * 5000, "larger than ats.max_response_bytes", id="too large"),
        pytest.param("lever/notes.txt", b"", "notes.txt: only files named", id="not JSON by name"),
        pytest.param("acme.json", [], "acme.json: belongs in a folder", id="a response outside a provider's folder"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_kept(
    store: DocumentStore, tmp_path: Path, name: str, body: Any, message: str
) -> None:
    folder = tmp_path / "in"
    write(folder, "ashby/a.json", {"jobs": [{"id": "a"}]})
    write(folder, name, body)
    with pytest.raises(ImportRefused, match=message):
        do_import(store, folder, Ats(max_response_bytes=4096))
    assert [store.count(name) for name in ("raw_payloads", "raw_pages", "raw_snapshots")] == [0, 0, 0]


def test_a_folder_without_responses_is_refused(store: DocumentStore, tmp_path: Path) -> None:
    (tmp_path / "in" / "lever").mkdir(parents=True)
    with pytest.raises(ImportRefused, match="nothing to import"):
        do_import(store, tmp_path / "in")
    with pytest.raises(ImportRefused, match="there is no such folder"):
        do_import(store, tmp_path / "out")


def rows_of(path: Path) -> list[dict[str, Any]]:
    body = orjson.loads(path.read_bytes())
    return body if isinstance(body, list) else body.get("jobs", body.get("results"))


def without_people(row: dict[str, Any]) -> dict[str, Any]:
    if row.get("metadata"):
        row["metadata"] = [item for item in row["metadata"] if item["value_type"] != "user"]
    return row


@needs_recordings
@pytest.mark.parametrize("provider", ["ashby", "greenhouse", "lever", "workable"])
def test_recordings_replay_exactly_minus_personal_fields(
    store: DocumentStore, tmp_path: Path, provider: ProviderName
) -> None:
    shutil.copytree(RECORDINGS / provider, tmp_path / "in" / provider)
    files = sorted((RECORDINGS / provider).glob("*.json"))
    imported = do_import(store, tmp_path / "in")
    assert [(board.board, board.rows) for board in imported] == sorted((f.stem, len(rows_of(f))) for f in files)
    stored = iter(stored_rows(store, DAY, provider))
    for path in sorted(files, key=lambda file: file.stem):
        for row in rows_of(path):
            assert next(stored).payload == without_people(row)
    assert next(stored, None) is None


@needs_recordings
def test_a_board_over_three_weeks_stores_its_unchanged_postings_once(store: DocumentStore, tmp_path: Path) -> None:
    snapshots = sorted((RECORDINGS / "greenhouse-history").glob("*.json"))
    distinct, total = set(), 0
    for number, path in enumerate(snapshots):
        folder = tmp_path / str(number)
        (folder / "greenhouse").mkdir(parents=True)
        shutil.copy(path, folder / "greenhouse" / "figma.json")
        day = f"2026-08-{number + 1:02d}"
        do_import(store, folder, day=day)
        expected = [without_people(row) for row in rows_of(path)]
        assert [row.payload for row in stored_rows(store, day, "greenhouse")] == expected
        distinct |= {orjson.dumps({**row, "updated_at": None}, option=orjson.OPT_SORT_KEYS) for row in expected}
        total += len(expected)
    assert store.count("raw_payloads") == len(distinct) < total / 5
