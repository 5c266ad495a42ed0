"""The lease: one owner at a time, taken over from the dead at once and from the silent when it has run out."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from day_kit import DAY, opened

from scoring_pipeline.batches.lease import LeaseHeldError, LeaseLostError, Owner, acquire, held, is_held
from scoring_pipeline.settings import Clock
from scoring_pipeline.storage.port import Document, DocumentStore, Move, StoreUnavailable
from scoring_pipeline.values import from_utc_text

NOW, LATER = Clock(), Clock(timedelta(seconds=121))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DocumentStore]:
    with opened(tmp_path) as made:
        yield made


def _document(store: DocumentStore) -> Document:
    found = store.get("leases", DAY)
    assert found is not None
    return found


def _owned_by(store: DocumentStore, owner: Owner) -> None:
    store.compare_and_set("leases", Move(DAY, {}, {"owner": str(owner)}))


def _ended_process() -> Owner:
    """A process of this machine that was alive and is not any more."""
    program = "from scoring_pipeline.batches.lease import Owner; print(Owner.this_process())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return Owner.parse(done.stdout.strip())


def test_a_lease_held_by_a_live_owner_refuses_and_says_by_whom(store: DocumentStore) -> None:
    acquire(store, DAY, NOW)
    with pytest.raises(LeaseHeldError, match=f"partition {DAY} is being worked on by") as caught:
        acquire(store, DAY, NOW)
    assert caught.value.owner == str(Owner.this_process())
    assert is_held(_document(store), NOW)


def test_days_do_not_stand_in_each_others_way(store: DocumentStore) -> None:
    acquire(store, DAY, NOW)
    acquire(store, "2026-11-22", NOW).check()


def test_an_owner_on_this_machine_that_is_gone_is_taken_over_at_once(store: DocumentStore) -> None:
    first = acquire(store, DAY, NOW)
    _owned_by(store, _ended_process())
    assert not is_held(_document(store), NOW)
    second = acquire(store, DAY, NOW)
    assert second.token == first.token + 1


def test_a_process_id_that_was_given_out_again_is_another_owner(store: DocumentStore) -> None:
    acquire(store, DAY, NOW)
    _owned_by(store, replace(Owner.this_process(), started="1"))
    acquire(store, DAY, NOW).check()


def test_an_owner_on_another_machine_is_waited_for_until_its_lease_has_run_out(store: DocumentStore) -> None:
    acquire(store, DAY, NOW)
    _owned_by(store, Owner("elsewhere", 1, "1"))
    with pytest.raises(LeaseHeldError):
        acquire(store, DAY, NOW)
    acquire(store, DAY, LATER).check()


def test_the_old_holders_check_fails_once_another_has_taken_over(store: DocumentStore) -> None:
    old = acquire(store, DAY, NOW)
    new = acquire(store, DAY, LATER)
    with pytest.raises(LeaseLostError, match="taken over"):
        old.check()
    with pytest.raises(LeaseLostError, match="taken over"):
        old.renew()
    old.release()
    new.check()


def test_a_lease_that_ran_out_is_lost_even_where_nobody_took_it(store: DocumentStore) -> None:
    acquire(store, DAY, NOW)
    late = acquire(store, "2026-11-22", NOW, ttl=timedelta(seconds=-1))
    with pytest.raises(LeaseLostError, match="ran out"):
        late.check()


def test_a_check_renews_a_lease_that_would_not_last(store: DocumentStore) -> None:
    lease = acquire(store, DAY, NOW)
    before = _document(store)["expires_at"]
    lease.check(left=timedelta(seconds=60))
    assert _document(store)["expires_at"] == before
    lease.check(left=timedelta(seconds=600))
    assert from_utc_text(_document(store)["expires_at"]) - NOW.now() > timedelta(seconds=1100)


def test_a_released_lease_is_free_and_its_holder_has_lost_it(store: DocumentStore) -> None:
    lease = acquire(store, DAY, NOW)
    lease.release()
    assert not is_held(_document(store), NOW)
    with pytest.raises(LeaseLostError):
        lease.check()
    assert acquire(store, DAY, NOW).token == lease.token + 1


def test_the_lease_is_given_back_whatever_happens(store: DocumentStore) -> None:
    with pytest.raises(ZeroDivisionError), held(store, DAY, NOW):
        _ = 1 / 0
    assert not is_held(_document(store), NOW)


class _Watched:
    """A store that tells of renewals, and of which some fail."""

    def __init__(self, store: DocumentStore, failures: int = 0) -> None:
        self._store = store
        self._failures = failures
        self.renewed = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def compare_and_set(self, collection: str, move: Move) -> bool:
        if set(move.assign) == {"expires_at"}:
            if self._failures:
                self._failures -= 1
                raise StoreUnavailable("away for a moment")
            made = self._store.compare_and_set(collection, move)
            self.renewed.set()
            return made
        return self._store.compare_and_set(collection, move)


@pytest.mark.parametrize(
    "failures", [pytest.param(0, id="a store that answers"), pytest.param(2, id="a store that is away for a moment")]
)
def test_the_heartbeat_renews_the_lease_while_work_goes_on(store: DocumentStore, failures: int) -> None:
    watched: Any = _Watched(store, failures)
    with held(watched, DAY, NOW, ttl=timedelta(seconds=30) / 100) as lease:
        first = _document(store)["expires_at"]
        assert watched.renewed.wait(30)
        assert _document(store)["expires_at"] > first
        assert lease.token == _document(store)["token"]


def test_nobody_sees_a_lease_before_it_was_taken(store: DocumentStore) -> None:
    assert not is_held(None, NOW)
    assert not is_held(store.get("leases", DAY), NOW)


def test_an_owner_is_written_and_read_back_whatever_its_hosts_name(store: DocumentStore) -> None:
    for owner in (Owner.this_process(), Owner("host:with:colons", 7, "99")):
        assert Owner.parse(str(owner)) == owner
    assert not Owner.this_process().is_gone()
    assert not Owner("elsewhere", 1, "1").is_gone()
