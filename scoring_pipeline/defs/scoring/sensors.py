"""The batch sensor: polls, and requests the run that each open day needs next.

What belongs here: the thin shell around `batches.days.decide`, and run keys. What does not: the decision. Truth is in
the store and in run records; a lost cursor costs nothing because there is none.
"""

from collections.abc import Mapping, Sequence

import dagster as dg

from scoring_pipeline.batches.days import Action, DayFacts, decide, open_days
from scoring_pipeline.batches.engine import Engine
from scoring_pipeline.defs.owners import fail_dead_runs
from scoring_pipeline.defs.partitions import AssetJob
from scoring_pipeline.resources import Pipeline

PARTITION_TAG = "scoring/partition"
ACTION_TAG = "scoring/action"
JOB_OF: Mapping[Action, str] = {"collect": "collect_job", "submit": "submit_job", "finalize": "finalize_job"}
# After this many failures in a row of one step, a person looks: the runs say what is wrong.
MOST_FAILURES = 5

_IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def run_tags(partition: str, action: Action) -> dict[str, str]:
    """Return the tags by which sensor and command line recognise each other's runs."""
    return {PARTITION_TAG: partition, ACTION_TAG: action, "dagster/partition": partition}


def batch_sensor(jobs: Sequence[AssetJob | dg.JobDefinition], seconds: int) -> dg.SensorDefinition:
    """Return the sensor that sees submitted batches through to scored listings."""

    @dg.sensor(
        name="batch_sensor",
        jobs=list(jobs),
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Polls batches and requests one collecting, submitting or finalizing run a day, as each needs.",
    )
    def sensor(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SensorResult | dg.SkipReason:
        return evaluate(context.instance, pipeline.engine())

    return sensor


def evaluate(instance: dg.DagsterInstance, engine: Engine) -> dg.SensorResult | dg.SkipReason:
    """Poll, decide for each open day, and return the runs to request.

    Raises:
        dg.Failure: if no provider answered: a bad key must not look like a quiet day.
    """
    fail_dead_runs(instance)
    days = open_days(engine.store)
    if not days:
        return dg.SkipReason("no day is open: none has a work set that may be bought and is not finalized yet")
    polled = engine.poll()
    requests, notes = [], list(polled.failures)
    for day in days:
        facts = engine.facts(day)
        action = decide(facts)
        if action not in JOB_OF:
            notes.append(f"{day}: {_waiting_for(facts)}")
            continue
        runs = instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: day, ACTION_TAG: action}), limit=MOST_FAILURES)
        reason = _held_back(runs, action)
        if reason:
            notes.append(f"{day}: {reason}")
            continue
        requests.append(_request(runs, day, action))
    if polled.failures and not requests and not polled.changed:
        raise dg.Failure("; ".join(polled.failures))
    if not requests:
        return dg.SkipReason(f"{polled.asked} batches asked about; " + "; ".join(notes))
    return dg.SensorResult(run_requests=requests)


def _request(runs: Sequence[dg.DagsterRun], day: str, action: Action) -> dg.RunRequest:
    # Dagster never runs a key twice, so it names the run that this one follows; a count would come back to a used key
    # once somebody deletes a run.
    after = f"after-{runs[0].run_id}" if runs else "first"
    return dg.RunRequest(
        run_key=f"{day}:{action}:{after}",
        job_name=JOB_OF[action],
        partition_key=day,
        tags=run_tags(day, action),
    )


def _waiting_for(day: DayFacts) -> str:
    """Return what a day waits for, in words."""
    if day.held:
        return "another process works on it and holds its lease"
    vanished = f"{day.vanished_batches} batches vanished at the provider: a person has to decide"
    resting = day.resting or "submission rests after batches without an answer, or until money comes back"
    reasons = {
        f"{day.live_batches} batches at the provider": day.live_batches,
        f"{vanished} (was the key or project changed?)": day.vanished_batches,
        resting: day.paused,
        "requests that another day has bought": day.waiting_on,
    }
    return "waits: " + ("; ".join(reason for reason, holds in reasons.items() if holds) or "nothing to do yet")


def _held_back(runs: Sequence[dg.DagsterRun], action: Action) -> str | None:
    if any(run.status in _IN_FLIGHT for run in runs):
        return f"a run to {action} it is under way"
    if len(runs) == MOST_FAILURES and all(run.status == dg.DagsterRunStatus.FAILURE for run in runs):
        return f"the last {MOST_FAILURES} runs to {action} it failed: look at them, mend the cause and rerun one"
    return None
