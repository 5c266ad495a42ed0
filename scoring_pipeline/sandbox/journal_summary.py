"""The journal's totals, as `GET /sandbox/journal` answers them.

What belongs here: sums over the journal's rows. What does not: writing them (`journal.py`).
"""

from decimal import Decimal
from typing import Any

from scoring_pipeline.sandbox.journal import Journal

_TOTALS = """
SELECT count(*), count(DISTINCT custom_id), coalesce(sum(status = 200), 0), coalesce(sum(lane = 'chat'), 0),
       coalesce(sum(status BETWEEN 300 AND 599), 0), coalesce(sum(status IN (0, -1)), 0)
FROM answers
"""
_BODIES = """
SELECT count(*), coalesce(sum(times > 1), 0), coalesce(sum(times - 1), 0) FROM (
    SELECT count(*) AS times FROM answers WHERE status = 200 GROUP BY body_digest
)
"""
_FAULTY_ROWS = "SELECT fault, count(*) FROM answers WHERE fault IS NOT NULL GROUP BY fault ORDER BY fault"
_FAULTY_BATCHES = """
SELECT json_extract(rule.value, '$.kind') AS kind, count(*)
FROM batches, json_each(CASE json_type(fault) WHEN 'object' THEN json_array(json(fault)) ELSE fault END) AS rule
WHERE fault <> 'null' GROUP BY kind ORDER BY kind
"""
_FAULTY_CALLS = "SELECT substr(name, 7), value FROM counters WHERE name LIKE 'fault/%' ORDER BY name"
_IDS_TWICE = """
SELECT count(*) FROM (SELECT 1 FROM answers WHERE status = 200 AND custom_id IS NOT NULL
                      GROUP BY custom_id HAVING count(*) > 1)
"""
_BILLED = """
SELECT model, count(*), sum(prompt_tokens), sum(completion_tokens), sum(nano_usd)
FROM answers WHERE status = 200 GROUP BY model ORDER BY model
"""


def journal_summary(journal: Journal) -> dict[str, Any]:
    """Return the counts of everything the sandbox was asked and has answered.

    `requests.received` counts lines of batches that passed validation plus synchronous calls; `answered` those with
    HTTP status 200, which alone are billed. USD are decimal text, exact to the nano-dollar.
    `faults` counts by kind the rows, batches and calls that a scenario's rule met.
    """
    rows, ids, answered, calls, refused, lost = journal.figures(_TOTALS)[0]
    bodies, repeated, surplus = journal.figures(_BODIES)[0]
    in_batches = journal.figures("SELECT coalesce(sum(total), 0) FROM batches WHERE status <> 'failed'")[0][0]
    billed = {
        model: {
            "requests": count,
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "nano_usd": nano,
            "usd": usd(nano),
        }
        for model, count, prompt, completion, nano in journal.figures(_BILLED)
    }
    return {
        "requests": {
            "received": in_batches + calls,
            "processed": rows,
            "answered": answered,
            "refused": refused,
            "lost": lost,
            "in_batches": in_batches,
            "synchronous": calls,
        },
        "custom_ids": {"distinct": ids, "answered_more_than_once": journal.figures(_IDS_TWICE)[0][0]},
        "bodies": {
            "distinct_answered": bodies,
            "answered_more_than_once": repeated,
            "surplus_answers": surplus,
        },
        "batches": dict(journal.figures("SELECT status, count(*) FROM batches GROUP BY status")),
        "counters": dict(journal.figures("SELECT name, value FROM counters")),
        "faults": _faults(journal),
        "billed": {"models": billed, "usd": usd(sum(entry["nano_usd"] for entry in billed.values()))},
    }


def _faults(journal: Journal) -> dict[str, dict[str, int]]:
    return {
        "rows": dict(journal.figures(_FAULTY_ROWS)),
        "batches": dict(journal.figures(_FAULTY_BATCHES)),
        "calls": dict(journal.figures(_FAULTY_CALLS)),
    }


def usd(nano_usd: int) -> str:
    """Return nano-USD as decimal USD text."""
    return f"{Decimal(nano_usd).scaleb(-9):f}"
