import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from openai_kit import chat_body, jsonl, write_scenario

from scoring_pipeline.sandbox.journal import AnswerRow, BatchRecord, FileRecord, Journal, JournalError
from scoring_pipeline.sandbox.journal_summary import journal_summary, usd
from scoring_pipeline.sandbox.openai_fault_batches import rule_of
from scoring_pipeline.sandbox.openai_fault_rules import ExpireRule
from scoring_pipeline.sandbox.openai_options import SandboxOptions
from scoring_pipeline.sandbox.openai_service import Service


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.db")


def _batch(name: str = "b") -> BatchRecord:
    return BatchRecord(name, "/v1/chat/completions", "f", "null", 1.0, 2.0, 1.0, status="in_progress", total=3)


def _row(line: int, body: str = "d", status: int = 200) -> AnswerRow:
    return AnswerRow(line, f"c-{line}", body, "gpt-6-luna", status, 10, 2, 1000)


def test_rows_and_progress_are_recorded_together_or_not_at_all(journal: Journal) -> None:
    batch = journal.add_batch(_batch())
    assert journal.record_rows(batch, [_row(0), _row(1)], 1.0, next_line=2)
    assert not journal.record_rows(batch, [_row(0), _row(1)], 1.0, next_line=2)
    found = journal.batch("b")
    assert found is not None
    assert found.next_line == 2
    assert journal_summary(journal)["requests"]["processed"] == 2


def test_a_row_that_is_there_already_undoes_the_whole_transaction(journal: Journal) -> None:
    batch = journal.add_batch(_batch())
    assert journal.record_rows(batch, [_row(1)], 1.0, completed=1)
    with pytest.raises(Exception, match="UNIQUE"):
        journal.record_rows(batch, [_row(0), _row(1)], 1.0, next_line=2)
    assert journal_summary(journal)["requests"]["processed"] == 1
    found = journal.batch("b")
    assert found is not None
    assert found.next_line == 0


def test_a_move_from_a_status_that_has_passed_changes_nothing(journal: Journal) -> None:
    batch = journal.add_batch(_batch())
    assert journal.move(batch, status="cancelling")
    file = FileRecord("file-1", "x", "batch_output", 1, 1.0, None)
    assert not journal.move(batch, [file], status="completed")
    assert journal.file("file-1") is None
    assert [each.status for each in journal.live_batches()] == ["cancelling"]


def test_a_move_refuses_fields_that_a_batch_does_not_have(journal: Journal) -> None:
    with pytest.raises(ValueError, match="colour"):
        journal.move(journal.add_batch(_batch()), colour="red")


def test_the_summary_counts_bodies_that_were_answered_more_than_once(journal: Journal) -> None:
    batch = journal.add_batch(_batch())
    journal.record_rows(batch, [_row(0, "a"), _row(1, "a"), _row(2, "b"), _row(3, "b", 500)], 1.0, next_line=4)
    journal.record_call(journal.count("calls"), AnswerRow(0, None, "a", "gpt-6-luna", 200, 10, 2, 2000), 1.0)
    summary = journal_summary(journal)
    assert summary["requests"]["answered"] == 4
    assert summary["bodies"] == {"distinct_answered": 2, "answered_more_than_once": 1, "surplus_answers": 2}
    assert summary["custom_ids"] == {"distinct": 4, "answered_more_than_once": 0}
    luna = summary["billed"]["models"]["gpt-6-luna"]
    assert (luna["requests"], luna["prompt_tokens"], luna["nano_usd"]) == (4, 40, 5000)
    assert summary["billed"]["usd"] == luna["usd"] == "0.000005000"


def test_usd_are_exact_decimal_text() -> None:
    assert usd(1) == "0.000000001"
    assert usd(12_345_678_901_234_567_890) == "12345678901.234567890"


def test_counters_go_on_after_the_file_is_opened_again(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal.db")
    assert [first.count("calls"), first.count("calls"), first.count("other")] == [1, 2, 1]
    first.close()
    assert Journal(tmp_path / "journal.db").count("calls") == 3


def test_a_file_that_is_no_journal_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_text("this is no database, whatever its name may promise to those who open it")
    with pytest.raises(JournalError, match=r"journal\.db"):
        Journal(path)


_OLD_TABLES = """
CREATE TABLE files (
    no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, filename TEXT NOT NULL, purpose TEXT NOT NULL,
    bytes INTEGER NOT NULL, created_at REAL NOT NULL, expires_at REAL, deleted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE answers (
    lane TEXT NOT NULL, batch INTEGER NOT NULL, line INTEGER NOT NULL, custom_id TEXT, body_digest TEXT NOT NULL,
    model TEXT NOT NULL, status INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    nano_usd INTEGER NOT NULL, answered_at REAL NOT NULL, PRIMARY KEY (batch, line)
) WITHOUT ROWID;
INSERT INTO files VALUES (1, 'file-old', 'in.jsonl', 'batch', 3, 1.0, NULL, 0);
INSERT INTO answers VALUES ('batch', 1, 0, 'c-0', 'd', 'gpt-6-luna', 200, 10, 2, 1000, 1.0);
"""


def test_a_journal_of_an_older_sandbox_goes_on_with_what_it_holds(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as old:
        old.executescript(_OLD_TABLES)
    for _ in range(2):
        journal = Journal(tmp_path / "journal.db")
        assert journal.file("file-old") == FileRecord("file-old", "in.jsonl", "batch", 3, 1.0, None)
        journal.close()
    journal = Journal(tmp_path / "journal.db")
    batch = journal.add_batch(_batch())
    journal.record_call(journal.count("calls"), _row(0), 1.0)
    assert journal.record_rows(batch, [_row(1)], 1.0, next_line=1, enqueued_tokens=7)
    assert journal_summary(journal)["requests"]["answered"] == 3
    assert journal.enqueued_tokens("gpt-6-luna") == 0


def test_a_batch_of_an_older_journal_has_one_rule_where_newer_ones_have_a_list(journal: Journal) -> None:
    rule = {"kind": "expire", "first": None, "every": None, "numbers": [1], "answered_share": 0.4}
    old = journal.add_batch(replace(_batch(), fault=json.dumps(rule)))
    journal.add_batch(replace(_batch("c"), fault=json.dumps([rule])))
    found = rule_of(old, ExpireRule)
    assert found is not None
    assert found.answered_share == 0.4
    assert journal_summary(journal)["faults"]["batches"] == {"expire": 2}


def test_batches_are_numbered_and_limited_in_one_transaction(journal: Journal) -> None:
    made = [journal.create_batch(lambda number: _batch(f"b-{number}"), since=0.0, at_most=3) for _ in range(4)]
    assert [each and (each.no, each.id) for each in made] == [(1, "b-1"), (2, "b-2"), (3, "b-3"), None]
    later = journal.create_batch(lambda number: _batch(f"b-{number}"), since=1.0, at_most=3)
    assert later is not None
    assert (later.no, later.id) == (4, "b-4")


class _HalfDone:
    """A service with one batch of 40 rows, 20 of them answered, whose clock stands still; then it is let go."""

    def __init__(self, folder: Path, scenario: Path | None = None) -> None:
        self.folder = folder
        self.options = SandboxOptions(speed=1e-9, batch_seconds=100, scenario=scenario)
        service = Service(folder, self.options)
        content = jsonl([_request(number) for number in range(40)])
        (folder / "files" / "file-in").write_bytes(content)
        now = service.clock.now()
        service.journal.add_file(FileRecord("file-in", "in.jsonl", "batch", len(content), now, None))
        call = {"input_file_id": "file-in", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        self.id = service.create_batch(call)["id"]
        self._advance(service, 50)
        self.part = folder / "parts" / f"{self.id}.output"
        service.stop()

    def _advance(self, service: Service, seconds: float) -> None:
        service.clock.change(advance=seconds)
        service.worker.settle()

    def finish(self) -> tuple[bytes, dict[str, int]]:
        """Open the folder again, let the batch end, and return its output and the journal's request counts."""
        service = Service(self.folder, self.options)
        self._advance(service, 50)
        batch = service.batch(self.id)
        assert batch.status == "completed"
        assert batch.output_file_id is not None
        counts: dict[str, int] = journal_summary(service.journal)["requests"]
        service.stop()
        return (self.folder / "files" / batch.output_file_id).read_bytes(), counts


def _request(number: int) -> dict[str, object]:
    body = chat_body(f"request {number}")
    return {"custom_id": f"r-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda part: None, id="nothing was being written"),
        pytest.param(lambda part: part.open("ab").write(b'{"id": "batch_req_half'), id="half a line was written"),
        pytest.param(lambda part: part.open("ab").write(part.read_bytes()), id="lines were not yet journalled"),
        pytest.param(lambda part: part.write_bytes(part.read_bytes()[:100]), id="the part lost its end"),
        pytest.param(lambda part: part.unlink(), id="the part was lost"),
    ],
)
def test_whatever_a_crash_does_to_the_part_every_row_is_in_the_output_once(tmp_path: Path, damage: object) -> None:
    half = _HalfDone(tmp_path)
    assert half.part.stat().st_size > 0
    assert callable(damage)
    damage(half.part)
    output, counts = half.finish()
    assert sorted(output.splitlines()) == sorted(set(output.splitlines()))
    assert len(output.splitlines()) == 40
    assert counts["received"] == counts["processed"] == counts["answered"] == 40


def test_a_part_that_was_lost_is_made_again_byte_for_byte_under_faults(tmp_path: Path) -> None:
    kinds = ("bad_line", "duplicate", "blank_line", "no_usage", "error_500", "missing", "top_level_error")
    scenario = write_scenario(tmp_path, rows=[{"kind": kind, "share": 0.12} for kind in kinds])
    half = _HalfDone(tmp_path, scenario)
    parts = [half.part, half.part.with_suffix(".error")]
    before = [part.read_bytes() for part in parts]
    assert all(before)
    for part in parts:
        part.unlink()
    output, counts = half.finish()
    assert counts["received"] == counts["processed"] == 40
    assert not Counter(before[0].splitlines()) - Counter(output.splitlines())
