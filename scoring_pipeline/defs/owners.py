"""Which process executes a run, and the end of runs whose process is gone.

What belongs here: the tag and reading it. What does not: who works on a day (`batches/lease.py`).
"""

import dagster as dg

from scoring_pipeline.batches.lease import Owner

OWNER_TAG = "scoring/owner"


def fail_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark as failed the runs of processes on this machine that are gone, and return their ids.

    Dagster leaves them STARTED until `max_runtime_seconds`, where they hold a run slot and look like work under way.
    """
    unfinished = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    failed = []
    for run in instance.get_runs(dg.RunsFilter(statuses=unfinished)):
        owner = run.tags.get(OWNER_TAG)
        if owner and Owner.parse(owner).is_gone():
            instance.report_run_failed(run, "its process is gone")
            failed.append(run.run_id)
    return failed
