"""What the words around a term say: whether an ambiguous term is a skill, and what is only nice to have.

What belongs here: the rules on surroundings, over the bytes of a posting. What does not: finding the candidates and the
public functions (`skills.py`), the terms and their marks (`skills_terms.py`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from scoring_pipeline.listings.skills_terms import Case

# Between two items of an enumeration.
_GAP = re.compile(
    rb"\s*[,/|;+&()]\s*(?:and |or |und |oder |et |ou )?|\s+(?:and|or|und|oder|et|ou|&)\s+|\s*\n\s*-\s+",
)
_GAP_BYTES = 12
_ITEM_END = re.compile(rb"[ .,;]*(?:\n|$)")

# After and before a name that is also an ordinary word (`~`).
_AFTER_NAME = re.compile(
    rb"[ -](?:programm(?:ing|er)|language|develop(?:er|ment)|engineer|script|code\b|codebase|framework|version|v?\d"
    rb"|based|speak(?:ing|er)|proficiency|skills|spreadsheet|macro|formula|certifi|administrat|consultant|database"
    rb"|backend|services|microservices|API|SDK|Server|cluster|pipeline|job|SQL|stack"
    rb"|is an? (?:plus|advantage|asset|must))"
    rb"|\s*\([ABC][12]\b|,? (?:fluency|fluent|native|both written)",
    re.IGNORECASE,
)
_BEFORE_NAME = frozenset(
    b"in using with via like including include includes through know knowing learn speak speaks speaking fluent native"
    b" spoken written business conversational professional advanced basic good strong modern idiomatic proficient"
    b" microsoft ms apache adobe google oracle ibm e.g. e.g.,".split()
)
_OF_NAME = frozenset(b"knowledge experience command understanding use mastery fluency".split())
# The same for common nouns (`?`), of which "in" and "with" prove nothing.
_AFTER_NOUN = re.compile(
    rb"[ -](?:experience|skills?\b|background|knowledge|expertise|techniques?|tools|tooling|frameworks?|principles"
    rb"|best practices|methods|methodolog|degree|qualification|certificat|proficiency|software)",
    re.IGNORECASE,
)
_COMPETENCE = frozenset(
    b"experience experienced knowledge background skill skills skilled expertise degree proficiency proficient"
    b" competence competency competent training trained qualified qualification qualifications understanding familiar"
    b" familiarity expert fluency specialist career diploma".split()
)
_OF_COMPETENCE = frozenset(b"in of with within from".split())
_REACH = 50  # bytes before a term in which telling words are looked for

# Words that make what they govern nice to have; the second tuple only as a heading: an annual bonus is no preference.
PREFERENCES = (
    "nice to have", "nice to haves", "good to have", "great to have", "would be nice", "preferred", "preferably",
    "preferred but not required", "not required", "a plus", "is a plus", "are a plus", "big plus", "huge plus",
    "strong plus", "definite plus", "an advantage", "advantageous", "an asset", "desirable", "bonus points", "a bonus",
    "ideally", "beneficial", "not essential", "not mandatory", "von vorteil", "wünschenswert", "idealerweise",
    "un plus",
)  # fmt: skip
PREFERENCE_HEADINGS = (
    "bonus", "desired", "plus", "pluses", "optional", "extra credit", "even better", "additional qualifications",
)  # fmt: skip
_FORWARD = frozenset({b"ideally", b"preferably", b"idealerweise"})  # these govern only what follows them
_HEADING = 80  # bytes that a heading has at most
_HEADING_REST = 40  # bytes that may follow the word of preference in a heading without a colon
_INDENT = 4  # bytes that may stand before the word of preference at the start of a line: "- ", "**"


@dataclass(slots=True)
class Hit:
    """A candidate at bytes [start, end) of the plain text.

    `sure` needs no evidence; `exact` is in the right case; `witness` may be evidence for its neighbours.
    """

    start: int
    end: int
    skill: int
    case: Case
    sure: bool
    exact: bool
    witness: bool


def with_evidence(raw: bytes, hits: list[Hit], title_end: int) -> Iterator[Hit]:
    """Yield the hits that are sure, and the others for which their surroundings speak.

    Args:
        raw: the plain text, UTF-8.
        hits: candidates in order, without overlap.
        title_end: where the title ends; in a title a common noun is what the posting is about.
    """
    for index, hit in enumerate(hits):
        if hit.sure:
            yield hit
            continue
        before = hits[index - 1] if index else None
        after = hits[index + 1] if index + 1 < len(hits) else None
        if before and (hit.start - before.end > _GAP_BYTES or not _GAP.fullmatch(raw, before.end, hit.start)):
            before = None
        if after and (after.start - hit.end > _GAP_BYTES or not _GAP.fullmatch(raw, hit.end, after.start)):
            after = None
        entitled = hit.case == "context" and hit.start < title_end
        if entitled or _speaks(raw, hit, before, after) or (hit.exact and _alone(raw, hit)):
            yield hit


def _speaks(raw: bytes, hit: Hit, before: Hit | None, after: Hit | None) -> bool:
    """Say whether the words beside an ambiguous term, or its neighbours in an enumeration, tell that it is a skill."""
    beside = bool((before and before.witness) or (after and after.witness))
    if not hit.exact:
        return bool(before and before.witness) or (beside and raw[hit.start - 1 : hit.start] in b"(/\n")
    if hit.case == "context":
        return beside or _AFTER_NOUN.match(raw, hit.end) is not None or _competence_before(raw, hit)
    company = any(other and other.exact and other.case == "evidence" for other in (before, after))
    return beside or company or _told(raw, hit)


def _alone(raw: bytes, hit: Hit) -> bool:
    """Say whether a term is all of a list item, or all of the text."""
    line_start = raw.rfind(b"\n", 0, hit.start) + 1
    lead = raw[line_start : hit.start].strip()
    if lead == b"-":
        return _ITEM_END.match(raw, hit.end) is not None
    return not lead and line_start == 0 and not raw[hit.end :].strip()


def _told(raw: bytes, hit: Hit) -> bool:
    """Say whether a word beside a name that is also an ordinary word tells which it is."""
    if _AFTER_NAME.match(raw, hit.end):
        return True
    last, following = raw[max(hit.start - 1, 0) : hit.start], raw[hit.end : hit.end + 1]
    if b"-" in (last, following):
        return False
    if last == b"(" and following == b")":
        return True
    words = _words_before(raw, hit)
    if not words:
        return False
    return words[-1] in _BEFORE_NAME or (
        (words[-1] == b"of" and words[-2:-1] != [] and words[-2] in _OF_NAME) or words[-2:] == [b"such", b"as"]
    )


def _competence_before(raw: bytes, hit: Hit) -> bool:
    """Say whether "experience in" or the like stands before a term, with at most two words between."""
    words = _words_before(raw, hit)[-4:]
    return not _COMPETENCE.isdisjoint(words) and any(
        word in _COMPETENCE and preposition in _OF_COMPETENCE for word, preposition in pairwise(words)
    )


def _words_before(raw: bytes, hit: Hit) -> list[bytes]:
    """Return the words of the same line that a term follows after a blank, in lower case, as far as `_REACH`."""
    if raw[hit.start - 1 : hit.start] != b" ":
        return []
    line = raw[max(hit.start - _REACH, 0) : hit.start].rpartition(b"\n")[2]
    return line.lower().replace(b"(", b" ").split()


def preferred_range(raw: bytes, start: int, end: int, *, inline: bool) -> tuple[int, int] | None:
    """Return the byte range that a word of preference at [start, end) governs: its section, its line or its sentence.

    Args:
        raw: the plain text, UTF-8.
        start: where the word begins.
        end: where it ends.
        inline: whether the word says something inside a sentence too; if not, None is returned there.
    """
    line_start = raw.rfind(b"\n", 0, start) + 1
    line_end = raw.find(b"\n", end)
    line_end = len(raw) if line_end < 0 else line_end
    leads = start - line_start <= _INDENT
    tail, colon, listed = raw[end:line_end].partition(b":")
    if leads and listed.strip(b" *") and len(tail) < _HEADING_REST:
        return start, line_end
    if _is_heading(raw, line_start, line_end, plain=leads and not colon and len(tail) < _HEADING_REST):
        return line_start, _section_end(raw, line_end)
    if not inline:
        return None
    before = max(raw.rfind(b". ", line_start, start), raw.rfind(b"; ", line_start, start))
    if raw[start:end].lower() in _FORWARD:
        before = start
    after = [place for mark in (b". ", b"; ") if (place := raw.find(mark, end, line_end)) >= 0]
    return max(before, line_start), min(after, default=line_end)


def _is_heading(raw: bytes, line_start: int, line_end: int, *, plain: bool) -> bool:
    """Say whether a line with a word of preference heads a section; `plain` if it needs no colon for that."""
    line = raw[line_start:line_end].strip(b" *")
    if line.startswith(b"- ") or len(line) > _HEADING or line.endswith(b"."):
        return False
    return plain or line.endswith(b":") or _next_is_item(raw, line_end)


def _next_is_item(raw: bytes, line_end: int) -> bool:
    return raw[line_end : line_end + 8].lstrip().startswith(b"- ")


def _section_end(raw: bytes, position: int) -> int:
    """Return where the section whose heading ends at `position` ends: at the next heading, or after its list."""
    listed = _next_is_item(raw, position)
    while position < len(raw):
        line_end = raw.find(b"\n", position + 1)
        line_end = len(raw) if line_end < 0 else line_end
        line = raw[position:line_end].strip()
        heading = len(line) <= _HEADING and line[-1:] not in b".,;!"
        if line and not line.startswith(b"- ") and (listed or heading):
            return position
        position = line_end
    return len(raw)
