"""Employment types: the providers' codes and their customers' free text, to one enumeration.

What belongs here: that mapping. What does not: which field holds it. The raw text is always kept beside the result.
"""

import re

from scoring_pipeline.listings.model import EmploymentType

# In order: the first that matches counts, so what is more particular than full or part time comes first.
_WORDINGS: tuple[tuple[EmploymentType, str], ...] = (
    ("full_time", r"^full ?time (?:permanent|fixed term)$"),
    ("part_time", r"^part ?time (?:permanent|fixed term|minijob)$"),
    ("apprenticeship", r"\bapprentic\w*|\bausbildung\b"),
    ("internship", r"\bintern(?:s|ship|ships)?\b|\btrainee(?:ship)?\b|\bpraktik\w*|\bstage\b|\bstagiaire\b|\bco ?op\b"),
    ("volunteer", r"\bvolunt\w*"),
    ("freelance", r"\bfreelanc\w*"),
    ("contract", r"\bcontract\w*|\b1099\b|\bconsultan\w*"),
    ("temporary", r"\btemp(?:orar\w*)?\b|\bfixed term\b|\bseasonal\b|\bbefristet\b|\bcdd\b"),
    ("part_time", r"\bpart ?time\b|\bminijob\b|\bteilzeit\b|\btemps partiel\b|^part$"),
    ("full_time", r"\bfull ?time\b|\bvollzeit\b|\btemps plein\b|\bregular\b|^full$|\bcdi\b"),
)
_PATTERNS = tuple((kind, re.compile(wording)) for kind, wording in _WORDINGS)
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W_]+")


def classify(raw: str | None) -> EmploymentType | None:
    """Return the employment type that `raw` names; `other` for text that names none of them, None for none at all.

    Hours come before duration: `fulltime_fixed_term` is full time, `Full Time Contract` is a contract.
    """
    words = " ".join(_WORDS.sub(" ", raw).casefold().split()) if raw else ""
    if not words:
        return None
    return next((kind for kind, pattern in _PATTERNS if pattern.search(words)), "other")
