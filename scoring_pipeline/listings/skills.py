"""Find skills in a posting: one pass of one automaton, then a decision for each of its few matches.

What belongs here: the matcher, look-ups by name, and which skills are required or merely preferred. What does not: the
terms (`data/skills*.txt`, read by `skills_terms.py`) and what the words around a term say (`skills_evidence.py`).

A match begins and ends at a word boundary. A term marked `=` must be written exactly as in the data. A term marked
`~` also needs evidence: another skill beside it in an enumeration, brackets around it, a list item of its own, a
telling word before it ("in", "using", "fluent") or after it ("programming", "developer", a version). Written in
another case, such terms count only inside an enumeration with an unambiguous skill. A term marked `?` counts in a
title, in a list item of its own, beside an unambiguous skill, or with a word of competence before or after it
("experience in", "skills"). docs/skills.md gives the reasons and the figures.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cache

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from scoring_pipeline.listings.skills_evidence import (
    PREFERENCE_HEADINGS,
    PREFERENCES,
    Hit,
    preferred_range,
    with_evidence,
)
from scoring_pipeline.listings.skills_terms import FOLD, Case, Skill, Term, fold, plain, read_taxonomy, variants

SOFT_SKILLS = "soft skills"

_SPACE, _S, _PLUS = b" s+"
_SHORT = 2  # up to this many letters a following "+" makes another word: C, C+
_PLURAL = 4  # from this many letters a term may take a plural "s"
_BREAKS = frozenset("\n,;:()|")  # what a term of several words may not run across, unless it has one itself
_BREAK_BYTES = "".join(_BREAKS).encode()
_LIST_AHEAD = (b",", b"/", b"|", b";", b")", b"\n", b".", b" and ", b" or ")


@dataclass(frozen=True, slots=True)
class Skills:
    """What a posting asks for: canonical names in order of first appearance.

    `preferred` holds what is mentioned only as nice to have, `required` everything else; `families` those of both.
    """

    required: tuple[str, ...]
    preferred: tuple[str, ...]
    families: tuple[str, ...]


@dataclass(slots=True)
class _Pattern:
    """One folded spelling. `skill` is -1 for a word of preference; `forms` are the spellings that case allows.

    `shorter` is the number of the longest pattern that this one begins with, -1 where there is none.
    """

    text: bytes
    skill: int
    forms: frozenset[bytes] | None = None
    case: Case = "any"
    soft: bool = False
    inline: bool = False
    many: bool = False
    plural: bool = False
    short: bool = False
    shorter: int = -1


@dataclass(frozen=True, slots=True)
class _Matcher:
    automaton: BytesAhoCorasick
    patterns: tuple[_Pattern, ...]
    names: tuple[str, ...]
    families: tuple[str, ...]
    by_fold: dict[bytes, int]
    family_by_name: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """What a scan found: hits in order, and the byte ranges that are nice to have."""

    hits: list[Hit]
    preferred: list[tuple[int, int]]


def find_skills(title: str, description: str, *, without: Collection[str] = ()) -> Skills:
    """Return the skills of a posting.

    Args:
        title: the posting's title; what it names is never merely preferred.
        description: readable text: paragraphs separated by blank lines, list items as lines beginning with "- ".
        without: families to leave out, for example `{SOFT_SKILLS}`.
    """
    matcher = _matcher()
    head = plain(title).encode()
    found = _scan(matcher, head + b"\n\n" + plain(description).encode(), title_end=len(head))
    required: dict[int, bool] = {}
    for hit in found.hits:
        if not required.get(hit.skill):
            required[hit.skill] = hit.start < len(head) or not any(a <= hit.start < b for a, b in found.preferred)
    names, families = matcher.names, matcher.families
    if without:
        required = {skill: needed for skill, needed in required.items() if families[skill] not in without}
    return Skills(
        required=tuple([names[skill] for skill, needed in required.items() if needed]),
        preferred=tuple([names[skill] for skill, needed in required.items() if not needed]),
        families=tuple(dict.fromkeys([families[skill] for skill in required])),
    )


def skills_in(text: str) -> tuple[str, ...]:
    """Return the canonical names of the skills in `text`, in order of first appearance."""
    matcher = _matcher()
    found = _scan(matcher, plain(text).encode())
    return tuple(dict.fromkeys(matcher.names[hit.skill] for hit in found.hits))


def spans(text: str) -> list[tuple[int, int, str]]:
    """Return (start, end, canonical name) of every occurrence, in characters of `text`, in order."""
    matcher = _matcher()
    raw = plain(text).encode()
    result: list[tuple[int, int, str]] = []
    place = characters = 0
    for hit in _scan(matcher, raw).hits:
        start = characters + len(raw[place : hit.start].decode())
        characters, place = start + len(raw[hit.start : hit.end].decode()), hit.end
        result.append((start, characters, matcher.names[hit.skill]))
    return result


def canonical(term: str) -> str | None:
    """Return the canonical name for a term or alias in any case and hyphenation, None where it is not known."""
    matcher = _matcher()
    folded = fold(term.strip())
    skill = matcher.by_fold.get(folded, matcher.by_fold.get(folded.rstrip()))
    return None if skill is None else matcher.names[skill]


def family_of(name: str) -> str:
    """Return the family of a canonical name.

    Raises:
        KeyError: if `name` is not a canonical name.
    """
    return _matcher().family_by_name[name]


@cache
def _matcher() -> _Matcher:
    """Read the taxonomy and build the automaton, once a process."""
    skills = read_taxonomy()
    table = _skill_patterns(skills)
    by_fold = {text: pattern.skill for text, pattern in table.items()}
    for words, inline in ((PREFERENCES, True), (PREFERENCE_HEADINGS, False)):
        for text in map(fold, words):
            table.setdefault(text, _Pattern(text, -1, inline=inline, many=b" " in text))
    patterns = tuple(table.values())
    _link_shorter(patterns)
    names, families = tuple(skill.name for skill in skills), tuple(skill.family for skill in skills)
    return _Matcher(
        automaton=BytesAhoCorasick(
            [b" " + pattern.text for pattern in patterns],
            matchkind=MatchKind.LeftmostLongest,
            implementation=Implementation.ContiguousNFA,
        ),
        patterns=patterns,
        names=names,
        families=families,
        by_fold=by_fold,
        family_by_name=dict(zip(names, families, strict=True)),
    )


def _skill_patterns(skills: Iterable[Skill]) -> dict[bytes, _Pattern]:
    """Return the patterns by folded text; a spelling from the data is never taken by a derived one."""
    table: dict[bytes, _Pattern] = {}
    derived: list[tuple[bytes, _Pattern]] = []
    for index, skill in enumerate(skills):
        for term in skill.terms:
            pattern = _pattern(index, skill, term)
            old = table.get(pattern.text)
            if old is None or pattern.forms is None:
                table[pattern.text] = pattern
            elif old.forms is not None:
                old.forms |= pattern.forms
            if pattern.forms is None:
                derived.extend((fold(variant), pattern) for variant in variants(term.text))
    for text, pattern in derived:
        if text not in table:
            table[text] = replace(pattern, text=text)
    return table


def _pattern(index: int, skill: Skill, term: Term) -> _Pattern:
    exact = term.case in {"exact", "evidence"}
    text = fold(term.text) if exact else fold(term.text).rstrip()
    return _Pattern(
        text,
        index,
        forms=frozenset({plain(term.text).encode()}) if exact else None,
        case=term.case,
        soft=skill.family == SOFT_SKILLS,
        many=b" " in text and _BREAKS.isdisjoint(term.text),
        plural=not exact and len(text) >= _PLURAL and text[-1] != _S and text[-1:].isalpha(),
        short=len(text) <= _SHORT,
    )


def _link_shorter(patterns: tuple[_Pattern, ...]) -> None:
    """Give each pattern the longest other pattern it begins with, to fall back on where the whole does not fit."""
    index = {pattern.text: number for number, pattern in enumerate(patterns)}
    for pattern in patterns:
        prefixes = (pattern.text[:length] for length in range(len(pattern.text) - 1, 0, -1))
        pattern.shorter = next((index[prefix] for prefix in prefixes if prefix in index), -1)


def _scan(matcher: _Matcher, raw: bytes, title_end: int = 0) -> _Found:
    """Find the skills' occurrences and the ranges that are nice to have in UTF-8 text."""
    hay = b" " + raw.translate(FOLD) + b"  "
    patterns = matcher.patterns
    hits: list[Hit] = []
    preferred: list[tuple[int, int]] = []
    for longest, start, stop in matcher.automaton.find_matches_as_indexes(hay):
        number, pattern = longest, patterns[longest]
        if pattern.shorter < 0 and hay[stop] not in b" s+":  # most matches are mere beginnings of longer words
            continue
        while number >= 0:
            pattern = patterns[number]
            end = start + len(pattern.text)
            if _fits(pattern, raw, hay, start, end):
                if pattern.skill < 0:
                    if span := preferred_range(raw, start, end, inline=pattern.inline):
                        preferred.append(span)
                    break
                if hit := _hit(pattern, raw, start, end):
                    hits.append(hit)
                    break
            number = pattern.shorter
    return _Found(list(with_evidence(raw, hits, title_end)), preferred)


def _fits(pattern: _Pattern, raw: bytes, hay: bytes, start: int, end: int) -> bool:
    """Say whether a term ends where a word ends, and runs neither across punctuation nor into a host name."""
    after = hay[end + 1]
    if after != _SPACE:
        plural = after == _S and pattern.plural and hay[end + 2] == _SPACE
        return plural or (after == _PLUS and not pattern.short)
    if raw[end : end + 1] == b"." and raw[end + 1 : end + 2].islower():
        return False
    return not pattern.many or len(raw[start:end].translate(None, _BREAK_BYTES)) == end - start


def _hit(pattern: _Pattern, raw: bytes, start: int, end: int) -> Hit | None:
    """Return the candidate, or None where its case rules it out at once."""
    if pattern.forms is None:
        sure = pattern.case == "any"
        return Hit(start, end, pattern.skill, pattern.case, sure, True, sure and not pattern.soft)
    exact = raw[start:end] in pattern.forms
    if not exact and end < len(raw) and not raw.startswith(_LIST_AHEAD, end):
        return None
    sure = exact and pattern.case == "exact"
    return Hit(start, end, pattern.skill, pattern.case, sure, exact, sure)
