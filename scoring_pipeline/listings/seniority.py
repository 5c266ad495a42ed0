"""Seniority, read off a title.

What belongs here: the words that say it. What does not: years of experience in the text, which a model judges.
"""

import re
from functools import lru_cache

from scoring_pipeline.listings.model import Seniority

# Words that look like a rank and are none, taken out before the others are looked for.
_NOT_A_RANK = re.compile(
    r"\bchief of staff\b|\bexecutive assistant\b.*|\bassistant to\b.*"
    r"|\bstaff (?:accountant|nurse|pharmacist|attorney|auditor|physician|writer|services?)\b"
    r"|\bleads? (?:gen\w*|qualif\w*|manage\w*|develop\w*)\b"
    r"|\bpartner,? (?:manager|success|marketing|engineer\w*|account)\w*\b|\bgraduate (?:program|school|admissions?)\b"
    r"|\bmid[- ](?:market|america|atlantic)\b"
)
_RANKS: tuple[tuple[Seniority, re.Pattern[str]], ...] = (
    (
        "intern",
        re.compile(
            r"\bintern(?:s|ship|ships)?\b|\bworking student\b|\bwerkstudent\w*|\bpraktik\w*|\bstagiaire\b|\balternan\w+"
            r"|\bapprentice\w*|\btrainee\w*|\bco-op\b"
        ),
    ),
    (
        "executive",
        re.compile(
            r"\bchief\b[\w\s&,]*\bofficer\b|\bchief [a-z]+ (?:architect|scientist|economist)\b"
            r"|\b(?:ceo|cto|cfo|coo|cmo|cpo|cro|ciso|chro|cio)\b"
            r"|\b(?:s|e|a)?vp\b|\bvice[- ]president\b|\bpresident\b|\bdirector\b|\bhead of\b|\bgeneral manager\b"
        ),
    ),
    (
        "lead",
        re.compile(
            r"\b(?:staff|principal|lead|distinguished|fellow|team lead|tech lead|supervisor)\b"
            r"|\b(?:engineering|design|people|store|team) manager\b|\bmanager of\b"
            r"|\bmanager,? (?:software |ml |data )?engineering\b"
        ),
    ),
    ("senior", re.compile(r"\bsenior\b|\bsr\b|\bsenior-level\b|\bexperienced\b|\bsnr\b|\b[a-z]+ iii\b")),
    (
        "junior",
        re.compile(
            r"\bjunior\b|\bjr\b|\bentry[- ]level\b|\b(?:new|recent) grad(?:uate)?s?\b|\bgraduate\b|\bearly[- ]career\b"
            r"|\bnew college grad\w*"
        ),
    ),
    ("mid", re.compile(r"\bmid(?:[- ](?:level|senior|career))?\b|\bintermediate\b|\b[a-z]+ ii\b")),
)


@lru_cache(maxsize=16384)
def from_title(title: str) -> Seniority | None:
    """Return the highest rank a title states, an intern's before all others; None where it states none."""
    words = _NOT_A_RANK.sub(" ", title.casefold())
    for rank, pattern in _RANKS:
        if pattern.search(words):
            return rank
    return None
