"""Listings as an employer means them, before a provider's wire format: composed from the catalogue, always the same.

What belongs here: which listings exist, what they say, where, when and for how much. What does not: field names,
markup and oddities of a provider (`wire/`), or what happened in the week before (`history.py`).

Nothing is random: every choice is a hash of the listing's key.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from scoring_pipeline.sandbox.catalogue import Catalogue, Change, City, Employer, Level, Role, Special, Work
from scoring_pipeline.sandbox.pay import Pay, pay_of
from scoring_pipeline.values import digest

BASE = datetime(2026, 11, 20, tzinfo=UTC)  # "today" of the base sample; every date in it lies before

Commitment = Literal["full_time", "part_time", "contract", "temporary", "internship", "apprenticeship"]

DESK = frozenset(
    {"software", "data", "it", "product", "design", "marketing", "sales", "support", "finance", "legal", "people"}
)
_APPRENTICES = ("Apprentice", "Auszubildende", "Alternance", "Leerling")


def number(key: str, below: int) -> int:
    """Return an integer in `0 .. below-1` that depends on nothing but `key`."""
    return int(digest(key.encode()), 16) % below


def percent(key: str, share: int) -> bool:
    """Return whether `key` is among the `share` percent that a property is given to."""
    return number(key, 100) < share


@dataclass(frozen=True, slots=True)
class Posting:
    """One listing. `family` is shared by postings of one job (clones); texts are plain, without markup."""

    key: str
    family: str
    employer: Employer
    role: Role
    level: Level
    title: str
    places: tuple[City, ...]
    countries: tuple[str, ...]
    work: Work
    commitment: Commitment
    pay: Pay | None
    created: datetime
    published: datetime
    updated: datetime
    intro: str
    body: tuple[str, ...]
    duties: tuple[str, ...]
    needs: tuple[str, ...]
    extras: tuple[str, ...]
    benefits: tuple[str, ...]
    about: tuple[str, ...]
    equal: str
    headings: dict[str, str]
    marks: frozenset[str]
    history: Change | None = None

    @property
    def city(self) -> City:
        """The first place."""
        return self.places[0]

    @property
    def country(self) -> str:
        """The name of the first place's country."""
        return self.countries[0]


def postings_of(catalogue: Catalogue, employer: Employer, *, closed: bool = False) -> list[Posting]:
    """Return an employer's listings as of today; with `closed`, also those that were closed in the week before."""
    composed = [_composed(catalogue, employer, i) for i in range(employer.openings)]
    special = [
        posting
        for entry in catalogue.specials
        if entry.board == employer.board and (closed or entry.history != "closed")
        for posting in _special(catalogue, employer, entry)
    ]
    return sorted(composed + special, key=lambda posting: digest(posting.key.encode()))


def copies_of(catalogue: Catalogue, postings: Sequence[Posting], numbers: range) -> Iterator[Posting]:
    """Yield, for each number, a copy of every posting with its own key, place and wording; number 0 is the original."""
    for n in numbers:
        for posting in postings:
            yield posting if n == 0 else _copy(catalogue, posting, n)


def before_edit(posting: Posting, catalogue: Catalogue) -> Posting:
    """Return an edited listing as it was before its edit.

    Raises:
        ValueError: if the sample does not say what it was.
    """
    name = posting.key.split("/")[-1]
    entry = next((s for s in catalogue.specials if s.name == name), None)
    if entry is None or entry.was is None:
        raise ValueError(f"{posting.key} was not edited")
    kept = tuple(need for need in posting.needs if need not in entry.needs)
    return replace(posting, needs=(*kept, *entry.was.needs))


def _composed(catalogue: Catalogue, employer: Employer, index: int) -> Posting:
    role = catalogue.roles[employer.roles[index % len(employer.roles)]]
    turn = index // len(employer.roles)
    key = f"{employer.board}/{role.id}/{turn}"
    levels: list[Level] = list(role.titles)
    level = levels[(number(f"{employer.board}/{role.id}/level", len(levels)) + turn) % len(levels)]
    slug = employer.cities[
        (number(f"{employer.board}/{role.id}/city", len(employer.cities)) + turn) % len(employer.cities)
    ]
    return _posting(catalogue, employer, role, level, key=key, places=(catalogue.cities[slug],))


def _special(catalogue: Catalogue, employer: Employer, entry: Special) -> Iterator[Posting]:
    role = catalogue.roles[entry.role]
    cities = tuple(catalogue.cities[slug] for slug in entry.cities)
    family = f"{employer.board}/special/{entry.name}"
    for i, places in enumerate(((city,) for city in cities) if entry.clones else (cities,)):
        posting = _posting(
            catalogue,
            employer,
            role,
            entry.level,
            key=family if i == 0 else f"{employer.board}/special/{i}/{entry.name}",
            family=family,
            places=places,
            marks=frozenset(entry.marks),
        )
        yield replace(
            posting,
            title=posting.title if entry.title is None else entry.title,
            work=entry.work or posting.work,
            body=(*posting.body, *entry.lines),
            needs=(*posting.needs, *entry.needs),
            history=entry.history,
        )


def _posting(
    catalogue: Catalogue,
    employer: Employer,
    role: Role,
    level: Level,
    *,
    key: str,
    places: tuple[City, ...],
    family: str | None = None,
    marks: frozenset[str] = frozenset(),
) -> Posting:
    family = family or key
    texts = employer.texts[role.language]
    names = {"company": employer.company, "city": places[0].name, "years": catalogue.phrases.levels[level].years}
    line = catalogue.phrases.level_lines.get(level, {}) if role.language == "en" else {}
    duties, needs, extras = (
        tuple(item.format(**names) for item in items) for items in (role.duties, role.needs, role.extras)
    )
    context = [texts.contexts[number(family + "/context", len(texts.contexts))]] if texts.contexts else []
    published = BASE - timedelta(seconds=86_400 + number(family + "/published", 55 * 86_400))
    long = bool(role.story) or percent(family + "/long", 12)
    return Posting(
        key=key,
        family=family,
        employer=employer,
        role=role,
        level=level,
        title=role.titles[level],
        places=places,
        countries=tuple(catalogue.countries[place.country].name for place in places),
        work=_work(employer, role, family),
        commitment=_commitment(role, level, family),
        pay=pay_of(catalogue, role, level, places[0])
        if "disclose" in marks or percent(family + "/pay", employer.discloses)
        else None,
        created=_created(employer, published),
        published=published,
        updated=_updated(published, key),
        intro=texts.intro,
        body=(
            role.summary.format(**names),
            *(part.format(**names) for part in role.story),
            *(_passages(catalogue, family) if long and role.language == "en" else ()),
            *context,
        ),
        duties=_without_one(duties, family) + ((line["duties"],) if "duties" in line else ()),
        needs=needs + ((line["needs"],) if "needs" in line else ()),
        extras=extras,
        benefits=texts.benefits,
        about=texts.about if long else (),
        equal=texts.equal,
        headings={name: styles[employer.style] for name, styles in catalogue.phrases.headings[role.language].items()},
        marks=marks,
    )


def _copy(catalogue: Catalogue, posting: Posting, n: int) -> Posting:
    # What a copy says depends on its family, so that clones stay clones; where it is depends on its key.
    key, family = f"{posting.key}#{n}", f"{posting.family}#{n}"
    employer, phrases = posting.employer, catalogue.phrases
    slugs = [employer.cities[number(name + "/city", len(employer.cities))] for name in (key, family)]
    city, named = (catalogue.cities[slug] for slug in slugs)
    lines = phrases.copy_lines[posting.role.language]
    team = phrases.teams[number(family + "/team", len(phrases.teams))]
    sentence = lines[number(family + "/line", len(lines))].format(city=named.name, number=n, team=team)
    turn = number(family + "/turn", 97)
    published = BASE - timedelta(seconds=86_400 + number(family + "/published", 55 * 86_400))
    return replace(
        posting,
        key=key,
        family=family,
        places=(city,),
        countries=(catalogue.countries[city.country].name,),
        pay=pay_of(catalogue, posting.role, posting.level, city) if posting.pay else None,
        created=_created(employer, published),
        published=published,
        updated=_updated(published, key),
        body=(*posting.body, sentence),
        duties=_turned(posting.duties, turn),
        needs=_turned(posting.needs, turn // 7),
        marks=frozenset(),
        history=None,
    )


def _created(employer: Employer, published: datetime) -> datetime:
    # At Workable, publishing again moves the date: there, all sample listings have been published before.
    return published - timedelta(days=9) if employer.provider == "workable" else published


def _updated(published: datetime, key: str) -> datetime:
    # Boards are bumped as a whole: most postings were "updated" within the same six hours.
    if percent(key + "/bumped", 75):
        return BASE - timedelta(hours=18) + timedelta(seconds=number(key + "/updated", 6 * 3600))
    return published + timedelta(seconds=number(key + "/updated", 7200))


def _work(employer: Employer, role: Role, key: str) -> Work:
    if role.field not in DESK:
        return "onsite"
    draw = number(key + "/work", 100)
    if draw < employer.desk_remote:
        return "remote"
    return "hybrid" if draw < employer.desk_remote + 30 else "onsite"


def _commitment(role: Role, level: Level, key: str) -> Commitment:
    if level == "intern":
        return "internship"
    if role.titles[level].startswith(_APPRENTICES):
        return "apprenticeship"
    draw = number(key + "/commitment", 100)
    if level != "executive" and draw < 6:  # noqa: PLR2004 - six percent are fixed-term
        return "contract" if draw % 2 else "temporary"
    return role.commitment


def _passages(catalogue: Catalogue, key: str) -> tuple[str, ...]:
    first, count = number(key + "/passages", len(catalogue.passages)), len(catalogue.passages)
    return tuple(catalogue.passages[(first + step) % count] for step in (0, 3, 5))


def _without_one(items: tuple[str, ...], key: str) -> tuple[str, ...]:
    if len(items) < 5:  # noqa: PLR2004 - a short list stays whole
        return items
    drop = number(key + "/drop", len(items))
    return items[:drop] + items[drop + 1 :]


def _turned(items: tuple[str, ...], by: int) -> tuple[str, ...]:
    by %= max(len(items), 1)
    return items[by:] + items[:by]
