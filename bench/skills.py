"""Measure the skills matcher: agreement with the SkillSpan annotations, and speed on long postings.

Run it as `python bench/skills.py [train|dev] [--show]` from the checkout; `--show` lists what was missed and what was
found besides, for work on the train split. The labels are expected beside the checkout, in
`shared/labels/skillspan`; without them only the speed is measured, on a made-up posting.
"""

import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from scoring_pipeline.listings.skills import SOFT_SKILLS, family_of, find_skills, spans

ROOT = Path(__file__).resolve().parents[1]
LABELS = ROOT.parent / "shared" / "labels" / "skillspan"
POSTING_CHARACTERS = 5_000
ROUNDS = 20

Span = tuple[int, int]


def sentences(split: str) -> Iterator[tuple[int, str, set[Span], set[Span]]]:
    """Yield (posting number, text, knowledge spans, skill spans) of each labelled sentence; spans are in characters."""
    for line in (LABELS / f"{split}.json").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        tokens = [str(token) for token in row["tokens"]]
        yield row["idx"], " ".join(tokens), _spans(tokens, row["tags_knowledge"]), _spans(tokens, row["tags_skill"])


def _spans(tokens: list[str], tags: list[str]) -> set[Span]:
    """Return the character spans of BIO tags over tokens that are joined by single blanks."""
    found: set[Span] = set()
    position, opened = 0, -1
    for token, tag in zip([*tokens, ""], [*tags, "O"], strict=True):
        if opened >= 0 and tag != "I":
            found.add((opened, position - 1))
            opened = -1
        if tag == "B":
            opened = position
        position += len(token) + 1
    return found


def overlaps(span: Span, others: set[Span]) -> bool:
    """Say whether a span shares a character with one of the others."""
    return any(span[0] < end and start < span[1] for start, end in others)


def agreement(split: str, *, show: int = 0) -> None:
    """Print precision and recall of `spans` (soft skills left out) against the knowledge spans of one split."""
    counts: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    extra: Counter[str] = Counter()
    for _, text, knowledge, skill in sentences(split):
        ours = {(start, end) for start, end, name in spans(text) if family_of(name) != SOFT_SKILLS}
        counts["ours"] += len(ours)
        counts["theirs"] += len(knowledge)
        counts["exact"] += len(ours & knowledge)
        for span in ours:
            hit = overlaps(span, knowledge)
            counts["ours overlapping"] += hit
            counts["ours overlapping either"] += hit or overlaps(span, skill)
            if not hit:
                extra[text[slice(*span)]] += 1
        for span in knowledge:
            hit = overlaps(span, ours)
            counts["theirs overlapping"] += hit
            if not hit:
                missed[text[slice(*span)]] += 1
    ours_n, theirs_n = counts["ours"], counts["theirs"]
    print(f"{split}: {theirs_n} knowledge spans, {ours_n} found")
    _line("exact", counts["exact"] / ours_n, counts["exact"] / theirs_n)
    _line("overlap", counts["ours overlapping"] / ours_n, counts["theirs overlapping"] / theirs_n)
    print(f"  on a knowledge or a skill span: precision {counts['ours overlapping either'] / ours_n:.3f}")
    if show:
        print("missed:", missed.most_common(show))
        print("extra:", extra.most_common(show))


def _line(name: str, precision: float, recall: float) -> None:
    f1 = 2 * precision * recall / (precision + recall)
    print(f"  {name}: precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}")


def postings() -> list[str]:
    """Return postings of about 5,000 characters: labelled sentences as paragraphs and list items."""
    if not LABELS.is_dir():
        return ["We build with Python, Go and Kubernetes.\n\n- Fluent in German\n- Excel is a plus\n\n" * 63]
    long: list[str] = []
    lines: list[str] = []
    for _, text, _, _ in sentences("train"):
        lines.append(f"- {text}" if len(lines) % 3 else f"\n{text}\n")
        if sum(map(len, lines)) >= POSTING_CHARACTERS:
            long.append("\n".join(lines))
            lines = []
    return long


def speed() -> None:
    """Print the time of `find_skills` on long postings, and the time to build the matcher."""
    begun = time.perf_counter()
    find_skills("", "")
    built = time.perf_counter() - begun
    texts = postings()
    cold: list[float] = []
    warm: list[float] = []
    for text in texts:
        times = [_seconds(text) * POSTING_CHARACTERS / len(text) for _ in range(ROUNDS)]
        cold.append(times[0])
        warm.append(min(times))
    middle = statistics.median(warm)
    found = statistics.mean(len(find_skills("", text).required) for text in texts)
    print(f"speed: {len(texts)} postings of {POSTING_CHARACTERS} characters, {found:.0f} skills each")
    rate = POSTING_CHARACTERS / middle / 1e6
    print(f"  best of {ROUNDS} each: median {middle * 1e6:.0f} us, {rate:.0f} million characters/s")
    print(f"  first sight of a posting: median {statistics.median(cold) * 1e6:.0f} us; built in {built * 1e3:.0f} ms")


def _seconds(text: str) -> float:
    begun = time.perf_counter()
    find_skills("Senior engineer", text)
    return time.perf_counter() - begun


def main() -> None:
    """Measure speed, then agreement where there are labels."""
    speed()
    if not LABELS.is_dir():
        print(f"no labels in {LABELS}: agreement not measured")
        return
    show = 300 if "--show" in sys.argv else 0
    for split in [name for name in sys.argv[1:] if not name.startswith("--")] or ["train", "dev"]:
        agreement(split, show=show)


if __name__ == "__main__":
    main()
