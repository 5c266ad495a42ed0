"""The skills taxonomy as data: reading `data/skills*.txt` and folding terms into byte patterns.

What belongs here: the file format, its errors, the spelling variants that are derived from a term, and the folding
that terms and documents share. What does not: finding terms in a document (`skills.py`) and deciding what an
occurrence means (`skills_evidence.py`).

The format: `[family]` opens a family; every other line is one skill, `Canonical | alias | alias`; `#` opens a comment
line. A term is matched in any case. `=Term` must be written exactly so; `~Term` must be written exactly so and needs
evidence in its surroundings, because it is also an ordinary word, a name or an adjective (`~Go`, `~Word`, `~German`).
`?term` is matched in any case and needs evidence, because postings use the word for other things too (`?research`).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import PurePath
from typing import Literal

Case = Literal["any", "exact", "evidence", "context"]
_MARKS: dict[str, Case] = {"=": "exact", "~": "evidence", "?": "context"}

# Letters are lowered and whatever separates words becomes one space a byte, so that "CI/CD", "ci-cd" and "CI CD" are
# one pattern. "&", "+", "#", "@" and "_" stay: R&D is not R, C++ is not C.
_SEPARATORS = b"\t\n\r\v\f -/.,;:()[]{}<>'\"`!?*|\\~=^%$\x00"
FOLD = bytes(32 if byte in _SEPARATORS else byte for byte in range(256)).lower()

# Length in characters is kept, so that an index into the plain text is an index into the original.
_TYPOGRAPHY = (
    ("\u2019", "'"), ("\u2018", "'"), ("\u0092", "'"), ("\u201c", '"'), ("\u201d", '"'), ("\u2013", "-"),
    ("\u2014", "-"), ("\u2011", "-"), ("\u2010", "-"), ("\u00a0", " "), ("\u202f", " "), ("\u200b", " "),
    ("\u2022", "|"), ("\u00b7", "|"), ("\u2026", "."), ("\u00ae", " "), ("\u2122", " "), ("\uff0c", ","),
    ("\uff08", "("), ("\uff09", ")"), ("\u3001", ","),
)  # fmt: skip

# Spellings on the two sides of the Atlantic; each is tried in both directions.
_SPELLINGS = (
    ("ization", "isation"), ("izing", "ising"), ("modeling", "modelling"), ("labor ", "labour "),
    ("behavior", "behaviour"), ("color", "colour"), ("fiber", "fibre"), ("center", "centre"), ("license", "licence"),
    ("pediatric", "paediatric"), ("anesthe", "anaesthe"), ("orthopedic", "orthopaedic"), ("gynecolog", "gynaecolog"),
    ("hematolog", "haematolog"), ("aluminum", "aluminium"), ("catalog", "catalogue"), ("defense", "defence"),
    ("labeling", "labelling"), ("program ", "programme "), ("aging", "ageing"), ("counseling", "counselling"),
    ("tire ", "tyre "), ("mold", "mould"), ("plow", "plough"),
)  # fmt: skip


class TaxonomyError(Exception):
    """The skills data cannot be used; the message names file, line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Term:
    """One spelling of a skill, as the data has it."""

    text: str
    case: Case


@dataclass(frozen=True, slots=True)
class Skill:
    """One line of the data: the canonical term first, then its aliases."""

    name: str
    family: str
    terms: tuple[Term, ...]
    where: str = field(compare=False)


def plain(text: str) -> str:
    """Return `text` with typographic quotes, dashes, bullets and blanks as ASCII; its length does not change."""
    if text.isascii():
        return text
    for fancy, simple in _TYPOGRAPHY:
        text = text.replace(fancy, simple)
    return text


def fold(text: str) -> bytes:
    """Return the UTF-8 bytes of `text`, ASCII letters lowered and every separator a space."""
    return plain(text).encode().translate(FOLD)


def read_taxonomy() -> tuple[Skill, ...]:
    """Read the packaged data files, in order of their names.

    Raises:
        TaxonomyError: for a line that is not of the format, or where no data file is found.
    """
    folder = files("scoring_pipeline.listings") / "data"
    sources = sorted(
        (entry for entry in folder.iterdir() if PurePath(entry.name).match("skills*.txt")), key=lambda entry: entry.name
    )
    if not sources:
        raise TaxonomyError(f"no skills*.txt in {folder}")
    return tuple(skill for entry in sources for skill in parse(entry.name, entry.read_text(encoding="utf-8")))


def parse(name: str, text: str) -> Iterator[Skill]:
    """Yield the skills of one data file.

    Raises:
        TaxonomyError: for a skill before the first `[family]`, an empty term or an unclosed family line.
    """
    family = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line, where = raw.strip(), f"{name}:{number}"
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            family = line[1:-1].strip() if line.endswith("]") else ""
            if not family:
                raise TaxonomyError(f"{where}: a family line is `[name]`, not {line!r}")
            continue
        if not family:
            raise TaxonomyError(f"{where}: {line!r} stands before the first [family]")
        terms = tuple(_term(part, where) for part in line.split("|"))
        yield Skill(terms[0].text, family, terms, where)


def _term(part: str, where: str) -> Term:
    text = part.strip()
    case: Case = _MARKS.get(text[:1], "any")
    text = text if case == "any" else text[1:].strip()
    if not text:
        raise TaxonomyError(f"{where}: an empty term; terms are separated by single `|`")
    return Term(text, case)


def variants(text: str) -> Iterable[str]:
    """Return other spellings of a term matched in any case: `&`/and, dropped apostrophes and hyphens, -ise/-ize."""
    low = text.lower()
    found = {
        low.replace(" & ", " and "),
        low.replace(" and ", " & "),
        low.replace("'s ", "s "),
        low.replace("s' ", "s "),
    }
    if re.fullmatch(r"[a-z]+-[a-z]{2,}(?: .*)?", low):
        found.add(low.replace("-", "", 1))
    for form in sorted(found):
        for one, other in _SPELLINGS:
            padded = form + " "
            found.update((padded.replace(one, other).strip(), padded.replace(other, one).strip()))
    return sorted(found - {low})
