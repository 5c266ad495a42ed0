"""Raw rows to listings: one outcome for every row, one listing for every posting.

What belongs here: the steps that are the same for every provider, uniting rows that are one posting, and turning what
does not fit into quarantine entries. What does not: the providers' shapes (`adapters/`) and where outcomes go
(`store.py`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Protocol, TypeAlias

from pydantic import ValidationError

from scoring_pipeline.listings import ai_directed, language, seniority
from scoring_pipeline.listings.adapters import PARSERS
from scoring_pipeline.listings.draft import BoardContext, Draft, Excluded, PostingError
from scoring_pipeline.listings.model import NOT_SEEN, Listing, Place, Provider
from scoring_pipeline.listings.places import unique
from scoring_pipeline.listings.skills import find_skills
from scoring_pipeline.values import canonical_json, digest

# What malformed data can raise in code that expects it well formed. Anything else is a fault of this program.
BAD_DATA = (PostingError, ValidationError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
_MAX_REASON = 300
# Their ids are unique across boards: one id on two boards is one posting, published under two names. Ids of the others
# are numbers; there the text must be the same as well.
_GLOBAL_IDS: frozenset[Provider] = frozenset({"ashby", "lever", "workable"})


class RawRow(Protocol):
    """One row of a board's reading, as `scoring_pipeline.ats.raw.RawRow` has it."""

    @property
    def provider(self) -> Provider:
        """The board's provider."""

    @property
    def board(self) -> str:
        """The board's name at the provider."""

    @property
    def posting_id(self) -> str:
        """The posting's id at the provider."""

    @property
    def row(self) -> int:
        """The row's index on the board, from 0."""

    @property
    def payload(self) -> Mapping[str, Any]:
        """The row as the provider sent it."""

    @property
    def envelope(self) -> Mapping[str, Any]:
        """What the response said around its rows."""

    @property
    def company(self) -> str | None:
        """The configured display name."""


class FoundSkills(Protocol):
    """What looking for skills found: canonical names, in order of first appearance."""

    @property
    def required(self) -> tuple[str, ...]:
        """Skills the posting asks for."""

    @property
    def preferred(self) -> tuple[str, ...]:
        """Skills it would like."""


SkillFinder: TypeAlias = Callable[[str, str], FoundSkills]


@dataclass(frozen=True)
class Normalized:
    """A row that became a listing, with what is derived from it: its identities and the words of its description."""

    board: str
    row: int
    listing: Listing
    document: dict[str, Any] = field(repr=False)
    version: str
    content_hash: str
    word_count: int


@dataclass(frozen=True)
class Merged:
    """A row of a posting that another row, here or on an earlier board, already stands for: the listing `into`."""

    board: str
    row: int
    posting_id: str
    into: str


@dataclass(frozen=True)
class ExcludedRow:
    """A row that is deliberately not a listing, by a named rule."""

    board: str
    row: int
    posting_id: str
    rule: str


@dataclass(frozen=True)
class Quarantined:
    """A row that could not be read: the field, and what about it."""

    board: str
    row: int
    posting_id: str
    field: str
    reason: str


Outcome: TypeAlias = Normalized | Merged | ExcludedRow | Quarantined


def normalize_rows(rows: Iterable[RawRow], *, skills: SkillFinder = find_skills) -> Iterator[Outcome]:
    """Yield exactly one outcome for each row of one provider and day, board by board.

    Rows of one posting on a board become one listing with all their places; the first of them is `Normalized`, the
    others `Merged`. So is every row of a posting that an earlier board has: callers pass boards in sorted order, and
    the first wins. One board is held in memory at a time, and for each posting a short key.

    Args:
        rows: the rows of one provider; those of one board together.
        skills: finds skills in (title, description).

    Raises:
        ValueError: if rows of a second provider appear, or a board's rows are not together.
    """
    aliases: dict[str, str] = {}
    finished: set[str] = set()
    provider: Provider | None = None
    for board, group in groupby(rows, key=lambda row: row.board):
        if board in finished:
            raise ValueError(f"the rows of board {board!r} are not together")
        finished.add(board)
        held = list(group)
        provider = provider or held[0].provider
        if any(row.provider != provider for row in held):
            raise ValueError(f"rows of one call must be of one provider; board {board!r} mixes another with {provider}")
        yield from _board(held, aliases, skills)


def _board(rows: list[RawRow], aliases: dict[str, str], skills: SkillFinder) -> Iterator[Outcome]:
    """Yield the outcomes of one board's rows."""
    postings: dict[str, list[tuple[RawRow, Draft]]] = {}
    for row in rows:
        read = _read(row)
        if isinstance(read, Draft):
            postings.setdefault(read.posting_id, []).append((row, read))
        else:
            yield read
    for drafts in postings.values():
        yield from _posting(drafts, aliases, skills)


def _read(row: RawRow) -> Draft | ExcludedRow | Quarantined:
    context = BoardContext(row.provider, row.board, row.company, row.envelope)
    try:
        read = PARSERS[row.provider](row.payload, context)
    except BAD_DATA as error:
        return _quarantined(row, error)
    if isinstance(read, Excluded):
        return ExcludedRow(row.board, row.row, row.posting_id, read.rule)
    return read


def _posting(drafts: list[tuple[RawRow, Draft]], aliases: dict[str, str], skills: SkillFinder) -> Iterator[Outcome]:
    """Yield the outcomes of the rows of one posting."""
    first, draft = drafts[0]
    if len(drafts) > 1:
        draft = replace(draft, places=_united([one for _, one in drafts]))
    key = _alias_key(first.provider, draft)
    elsewhere = aliases.get(key)
    if elsewhere is None:
        try:
            listing = to_listing(first.provider, first.board, draft, skills)
            normalized = identified(first.row, listing)
        except BAD_DATA as error:
            for row, _ in drafts:
                yield _quarantined(row, error)
            return
        aliases[key] = first.board
        yield normalized
    into = f"{first.provider}/{elsewhere or first.board}/{draft.posting_id}"
    for row, _ in drafts if elsewhere is not None else drafts[1:]:
        yield Merged(row.board, row.row, draft.posting_id, into)


def _united(drafts: list[Draft]) -> tuple[Place, ...]:
    """Return the places of all rows of a posting, sorted: the order of rows changes between readings."""
    places = (place for draft in drafts for place in draft.places)
    return unique(sorted(places, key=lambda p: (p.country or "", p.region or "", p.city or "", p.label)))


def _alias_key(provider: Provider, draft: Draft) -> str:
    if provider in _GLOBAL_IDS:
        return draft.posting_id
    return digest(canonical_json([draft.posting_id, draft.title, draft.description]))


def to_listing(provider: Provider, board: str, draft: Draft, skills: SkillFinder = find_skills) -> Listing:
    """Return the listing of a draft: what the adapter read, and what is read off its text.

    Raises:
        ValidationError: if the draft does not make a listing.
    """
    found = skills(draft.title, draft.description)
    return Listing(
        listing_id=f"{provider}/{board}/{draft.posting_id}",
        provider=provider,
        board=board,
        posting_id=draft.posting_id,
        title=draft.title,
        company=draft.company,
        description=draft.description,
        places=draft.places,
        remote_policy=draft.remote_policy,
        remote_evidence=draft.remote_evidence,
        posted_at=draft.posted_at,
        employment_type=draft.employment_type,
        employment_raw=draft.employment_raw,
        seniority=seniority.from_title(draft.title),
        department=draft.department,
        compensation=draft.compensation,
        url=draft.url,
        apply_url=draft.apply_url,
        language=language.detect(draft.description),
        skills_required=found.required,
        skills_preferred=found.preferred,
        ai_directed=ai_directed.passages(draft.description),
        source=draft.source,
    )


def identified(row: int, listing: Listing) -> Normalized:
    """Return the outcome for a listing; `version` is the digest of its canonical JSON."""
    document = listing.model_dump(mode="json")
    seen = {name: value for name, value in document.items() if name not in NOT_SEEN}
    return Normalized(
        board=listing.board,
        row=row,
        listing=listing,
        document=document,
        version=digest(canonical_json(document)),
        content_hash=digest(canonical_json(seen)),
        word_count=len(listing.description.split()),
    )


def _quarantined(row: RawRow, error: Exception) -> Quarantined:
    if isinstance(error, PostingError):
        field, reason = error.field, error.reason
    elif isinstance(error, ValidationError):
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field, reason = ".".join(str(part) for part in problem["loc"]) or "posting", problem["msg"]
    else:
        field, reason = "posting", f"{type(error).__name__}: {error}"
    return Quarantined(row.board, row.row, row.posting_id, field, reason[:_MAX_REASON])
