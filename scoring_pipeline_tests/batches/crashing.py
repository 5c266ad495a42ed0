"""Processes that die, and calls that fail, at a chosen write or a chosen HTTP exchange."""

from collections.abc import Callable, Iterator
from typing import Any

from scoring_pipeline.llm.errors import TransientProviderError

WRITES = frozenset({"insert_absent", "upsert", "compare_and_set", "compare_and_set_many", "increment", "delete"})
CALLS = frozenset({"upload", "create", "retrieve", "recent", "cancel", "lines", "delete_file", "models"})


class Died(BaseException):
    """The process is gone: nothing of it may run on, whatever it would have caught."""


class Fate:
    """Counts events and lets the one with number `at` be the last: `after` says whether it still happens."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at = at
        self.after = after
        self.count = 0
        self.met = ""

    @property
    def dead(self) -> bool:
        """Whether the moment has come."""
        return self.count >= self.at

    def survive(self, what: str, act: Callable[[], Any]) -> Any:
        """Let an event happen, or be the last."""
        if self.dead:
            raise Died("it is dead already")
        self.count += 1
        if not self.dead:
            return act()
        self.met = what
        if self.after:
            act()
        raise Died(f"at {what}, number {self.at}")


class MortalStore:
    """A store of a process that dies at one of its writes."""

    def __init__(self, store: Any, fate: Fate) -> None:
        self._store = store
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in WRITES:
            return self._alive(method)

        def write(collection: str, *arguments: Any, **named: Any) -> Any:
            return self._fate.survive(f"{name} {collection}", lambda: method(collection, *arguments, **named))

        return write

    def _alive(self, method: Any) -> Any:
        if not callable(method):
            return method

        def read(*arguments: Any, **named: Any) -> Any:
            if self._fate.dead:
                raise Died("it is dead already")
            return method(*arguments, **named)

        return read


class OddProviders:
    """Providers of which one call, counted over all of them, goes the way that `happen` says."""

    def __init__(self, providers: Any, happen: Callable[[str, Callable[[], Any]], Any]) -> None:
        self._providers = providers
        self._happen = happen

    def batch(self, name: str) -> Any:
        """Return a client."""
        return _OddClient(self._providers.batch(name), self._happen)


class _OddClient:
    def __init__(self, client: Any, happen: Callable[[str, Callable[[], Any]], Any]) -> None:
        self._client = client
        self._happen = happen

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name not in CALLS:
            return method

        def call(*arguments: Any, **named: Any) -> Any:
            def act() -> Any:
                result = method(*arguments, **named)
                return list(result) if isinstance(result, Iterator) else result

            return self._happen(name, act)

        return call


class Hiccup:
    """Lets the call with number `at` fail as a lost connection does, before or after it was carried out."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at = at
        self.after = after
        self.count = 0
        self.met = ""

    def __call__(self, name: str, act: Callable[[], Any]) -> Any:
        """Carry a call out, or lose it."""
        self.count += 1
        if self.count != self.at:
            return act()
        self.met = name
        if self.after:
            act()
        raise TransientProviderError(f"{name}: the connection was lost on purpose")
