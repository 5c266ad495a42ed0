"""The sandbox's sample: fictitious employers, roles and places, read from `sample/*.yaml` and checked.

What belongs here: the shape of those files and what must hold between them. What does not: how a listing is composed
from them (`postings.py`) or written down by a provider (`wire/`).
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scoring_pipeline.settings import ProviderName

SAMPLE = Path(__file__).resolve().parent / "sample"

Level = Literal["intern", "junior", "mid", "senior", "lead", "executive"]
Work = Literal["remote", "hybrid", "onsite"]
Change = Literal["edited", "closed", "reopened", "new", "gap"]
Mark = Literal[
    "prospect",
    "no_place",
    "user_metadata",
    "pay_zones",
    "unpublished",
    "disclose",
    "no_description",
    "place_not_in_all",
    "blank_list_heading",
    "empty_pay_text",
    "unlisted",
    "no_address",
    "slipped_pay",
    "hidden",
    "all_flags",
    "translated",
    "highlight",
]


class SampleError(Exception):
    """A sample file that cannot be used; the message names the file and the entry."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Country(_Entry):
    """What pay looks like in one country."""

    name: str
    currency: str
    pay: float = Field(description="local yearly pay for one US dollar of the role's yearly pay")
    round_to: int


class City(_Entry):
    """One city; `country` is ISO 3166-1 alpha-2."""

    name: str
    region: str
    region_code: str
    country: str
    postal_code: str


class Role(_Entry):
    """One kind of job; texts may hold `{company}`, `{city}` and `{years}`; `pay` is USD per year at mid level."""

    id: str
    field: str
    department: str
    titles: dict[Level, str] = Field(min_length=1)
    pay: tuple[int, int]
    summary: str
    duties: tuple[str, ...]
    needs: tuple[str, ...]
    extras: tuple[str, ...]
    language: str = "en"
    hourly: bool = False
    commitment: Literal["full_time", "part_time"] = "full_time"
    story: tuple[str, ...] = ()


class Texts(_Entry):
    """An employer's boilerplate in one language."""

    intro: str
    about: tuple[str, ...]
    benefits: tuple[str, ...]
    equal: str
    contexts: tuple[str, ...] = ()


class Employer(_Entry):
    """One fictitious employer and its board."""

    provider: ProviderName
    board: str
    company: str
    domain: str
    cities: tuple[str, ...] = Field(min_length=1)
    openings: int = Field(ge=1)
    style: int = Field(ge=0, le=2)
    discloses: int = Field(ge=0, le=100)
    desk_remote: int = Field(ge=0, le=100)
    roles: tuple[str, ...] = Field(min_length=1)
    texts: dict[str, Texts]


class Was(_Entry):
    """What an edited listing said before."""

    needs: tuple[str, ...]


class Special(_Entry):
    """One listing with a purpose."""

    name: str
    board: str
    role: str
    level: Level
    cities: tuple[str, ...] = Field(min_length=1)
    title: str | None = None
    work: Work | None = None
    lines: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    clones: bool = False
    history: Change | None = None
    was: Was | None = None


class LevelFacts(_Entry):
    """Years of experience and share of the mid-level pay."""

    years: int
    pay: float


class Phrases(_Entry):
    """What all employers share: levels, headings by language, sentences that tell copies apart."""

    levels: dict[Level, LevelFacts]
    level_lines: dict[Level, dict[Literal["needs", "duties"], str]]
    headings: dict[str, dict[Literal["duties", "needs", "extras", "benefits", "equal"], tuple[str, str, str]]]
    copy_lines: dict[str, tuple[str, ...]]
    teams: tuple[str, ...]


class Catalogue(_Entry):
    """The whole sample; cities, countries and roles by their short names."""

    countries: dict[str, Country]
    cities: dict[str, City]
    roles: dict[str, Role]
    employers: tuple[Employer, ...]
    specials: tuple[Special, ...]
    phrases: Phrases
    passages: tuple[str, ...] = Field(min_length=3)

    def employer(self, board: str) -> Employer:
        """Return the employer of a board.

        Raises:
            KeyError: if the sample has no such board.
        """
        for employer in self.employers:
            if employer.board == board:
                return employer
        raise KeyError(board)


@lru_cache(maxsize=4)
def load_catalogue(folder: Path = SAMPLE) -> Catalogue:
    """Read and check the sample.

    Raises:
        SampleError: naming the file and the entry, if something is missing, misspelt or contradictory.
    """
    roles: dict[str, Any] = {}
    for path in sorted(folder.glob("roles_*.yaml")):
        for role in _read(path):
            if role.get("id") in roles:
                raise SampleError(f"{path.name}: role {role['id']!r} is defined twice")
            roles[role.get("id")] = role
    parts = {
        **_read(folder / "places.yaml"),
        "roles": roles,
        "employers": _read(folder / "employers.yaml"),
        "specials": _read(folder / "specials.yaml"),
        "phrases": _read(folder / "phrases.yaml"),
        "passages": _read(folder / "passages.yaml"),
    }
    try:
        catalogue = Catalogue.model_validate(parts)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise SampleError(f"{folder}: " + "; ".join(lines)) from error
    problems = [*_employer_problems(catalogue), *_special_problems(catalogue)]
    if problems:
        raise SampleError(f"{folder}: " + "; ".join(problems))
    return catalogue


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise SampleError(f"{path}: {error}") from error


def _employer_problems(catalogue: Catalogue) -> list[str]:
    problems = [
        f"city {name}: country {city.country!r} is not in places.yaml"
        for name, city in catalogue.cities.items()
        if city.country not in catalogue.countries
    ]
    for employer in catalogue.employers:
        problems += [
            f"{employer.board}: unknown city {city!r}" for city in employer.cities if city not in catalogue.cities
        ]
        for name in employer.roles:
            role = catalogue.roles.get(name)
            if role is None:
                problems.append(f"{employer.board}: unknown role {name!r}")
            elif role.language not in employer.texts:
                problems.append(f"{employer.board}: role {name!r} is in {role.language!r}, for which it has no texts")
    return problems


def _special_problems(catalogue: Catalogue) -> list[str]:
    boards = {employer.board: employer for employer in catalogue.employers}
    names = [special.name for special in catalogue.specials]
    problems = [f"special {name!r} is defined twice" for name in sorted({n for n in names if names.count(n) > 1})]
    for special in catalogue.specials:
        role, employer = catalogue.roles.get(special.role), boards.get(special.board)
        if role is None or employer is None:
            problems.append(f"special {special.name!r}: unknown role {special.role!r} or board {special.board!r}")
            continue
        if special.level not in role.titles:
            problems.append(f"special {special.name!r}: role {role.id!r} has no level {special.level!r}")
        if role.language not in employer.texts:
            problems.append(f"special {special.name!r}: {employer.board} has no texts in {role.language!r}")
        problems += [
            f"special {special.name!r}: unknown city {c!r}" for c in special.cities if c not in catalogue.cities
        ]
        if (special.history == "edited") != (special.was is not None):
            problems.append(f"special {special.name!r}: `was` goes with `history: edited`")
    return problems
