"""The table of collections: for each, what one document is, its declared fields and its indexes.

What belongs here: everything an adapter needs to lay out a collection, and what `docs/storage.md` says of it. What does
not: code that reads or writes documents. `_id` is always a string; where documents are written in an order, their ids
sort in that order.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Collection:
    """One collection: its documents' meaning and what may be asked of them.

    Args:
        name: the collection's (and SQLite table's) name.
        meaning: what one document is.
        key: how `_id` is made.
        scalars: fields (dotted for nested ones) that may be filtered, sorted, grouped and summed.
        arrays: fields that hold lists of scalars and may be asked for membership.
        indexes: each a tuple of scalar fields; `_id` is appended by the adapters, so that keyset pages are served.
        growth: how many documents 10,000 listings and 3 profiles a day add.
        retention: how long documents are kept.
    """

    name: str
    meaning: str
    key: str
    scalars: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    growth: str = ""
    retention: str = "kept"


COLLECTIONS: tuple[Collection, ...] = (
    Collection(
        name="raw_payloads",
        meaning="One posting as its board returned it, minus declared personal and volatile fields; stored once however often it is seen.",
        key="BLAKE2b-128 of the canonical JSON of (provider, payload)",
        scalars=("provider", "first_day"),
        growth="new and edited postings only, about 500",
    ),
    Collection(
        name="raw_snapshots",
        meaning="One board on one day: whether it was read, how, and what it said of itself.",
        key="{day}/{provider}/{board}",
        scalars=("day", "provider", "board", "status", "complete", "reading"),
        indexes=(("provider", "board", "day"), ("provider", "board", "complete", "reading"), ("day", "provider")),
        growth="one per board",
    ),
    Collection(
        name="raw_pages",
        meaning="Up to 500 rows of one board's snapshot: each the id of its payload and the volatile fields of that day.",
        key="{day}/{provider}/{board}/{page:05d}",
        scalars=("day", "provider", "board"),
        indexes=(("day", "provider"),),
        growth="one per board, or per 500 rows",
    ),
    Collection(
        name="listing_versions",
        meaning="One normalized listing as a reader would see it: content-addressed, shared by every day it is unchanged.",
        key="BLAKE2b-128 of the listing's canonical JSON",
        scalars=("listing_id",),
        indexes=(("listing_id",),),
        growth="new and edited postings only, about 500",
    ),
    Collection(
        name="daily_listings",
        meaning="One listing on one day: which version of it the board showed.",
        key="{day}/{provider}/{board}/{posting id}",
        scalars=("day", "listing_id", "provider", "board", "version"),
        indexes=(("listing_id", "day"),),
        growth="10,000",
    ),
    Collection(
        name="listings",
        meaning="One listing over time: first and last seen, open or closed, and its current version.",
        key="{provider}/{board}/{posting id}",
        scalars=("provider", "board", "status", "first_seen", "last_seen", "closed_on", "reopened_on"),
        indexes=(("provider", "board", "status"), ("status", "last_seen"), ("closed_on",)),
        growth="new postings only, about 400",
    ),
    Collection(
        name="board_histories",
        meaning="Where the fold of one board's readings into `listings` stands; deleting it costs a fold of all days.",
        key="{provider}/{board}",
        scalars=("revision",),
        growth="none; one per board",
    ),
    Collection(
        name="quarantine",
        meaning="One posting that could not be normalized, with the reason; the payload stays in `raw_payloads`.",
        key="{day}/{provider}/{board}/{row:07d}",
        scalars=("day", "provider", "board", "reason"),
        indexes=(("day",),),
        growth="under 10",
    ),
    Collection(
        name="profiles",
        meaning="One candidate profile as last loaded from configuration, and the version that is current.",
        key="{profile id}",
        scalars=("version", "status"),
        growth="none",
    ),
    Collection(
        name="views",
        meaning="One scoring view: the only text of a listing or a profile that a prompt may hold, shared by its clones.",
        key="BLAKE2b-128 of the text inside the fence",
        growth="new listing texts only, about 500",
    ),
    Collection(
        name="requests",
        meaning="What would be bought once for any number of work items, where it stands, and its accepted answer.",
        key="request key: BLAKE2b-128 of (listing view, profile view, rubric, generation)",
        scalars=("status", "partition", "tier", "batch_id", "prompt_tokens", "updated_at"),
        indexes=(("status", "partition"),),
        growth="new (listing content, profile) pairs only, about 1,500",
    ),
    Collection(
        name="work_items",
        meaning="One (listing, profile) on one day, and how it ended.",
        key="{day}/{listing id}/{profile id}",
        scalars=("partition", "status", "request_key", "profile_id", "listing_id"),
        indexes=(("partition", "status"), ("request_key",)),
        growth="30,000",
    ),
    Collection(
        name="attempts",
        meaning="One purchase: a request sent once to one model in one batch, its outcome and its usage, priced once.",
        key="attempt id, the `custom_id` at the provider",
        scalars=(
            "request_key",
            "batch_id",
            "partition",
            "provider",
            "model",
            "tier",
            "outcome",
            "spend_day",
            "sandbox",
            "created_at",
            "cost_nano_usd",
            "prompt_tokens",
            "cached_tokens",
            "completion_tokens",
            "reasoning_tokens",
        ),
        indexes=(("batch_id",), ("request_key",), ("partition", "model"), ("spend_day", "model")),
        growth="one per request bought",
    ),
    Collection(
        name="transcripts",
        meaning="Up to 100 lines of a batch's input (rendered prompts) or of what came back, exactly, compressed.",
        key="{batch id}/in|out/{chunk:06d}",
        scalars=("batch_id", "created_at"),
        indexes=(("batch_id",), ("created_at",)),
        growth="two per 100 attempts",
        retention="`retention.transcripts_days`",
    ),
    Collection(
        name="batches",
        meaning="One batch from plan to collection, written before it is acted on.",
        key="{partition}/{round:03d}/{sequence:06d}-{random}",
        scalars=(
            "partition",
            "status",
            "provider",
            "model",
            "tier",
            "provider_batch_id",
            "created_at",
            "answered",
            "completion_tokens",
        ),
        indexes=(("status", "partition"), ("partition", "status"), ("provider_batch_id",)),
        growth="3 to 60",
    ),
    Collection(
        name="budget_accounts",
        meaning="What is reserved and settled, per spend day and month, in one document that changes by compare-and-set.",
        key="account name",
        scalars=("revision",),
        growth="none",
    ),
    Collection(
        name="scored_listings",
        meaning="One (listing, profile) as served: the listing's current content and the score made for that content.",
        key="{listing id}/{profile id}",
        scalars=(
            "profile_id",
            "listing_id",
            "version",
            "status",
            "overall_score",
            "skill_match",
            "experience_match",
            "location_match",
            "confidence",
            "company",
            "provider",
            "posted_at",
            "remote_policy",
            "partition",
            "sandbox",
        ),
        arrays=("skills", "places"),
        indexes=(("profile_id", "status", "overall_score"), ("profile_id", "status", "posted_at"), ("listing_id",)),
        growth="new (listing, profile) pairs only",
    ),
    Collection(
        name="partitions",
        meaning="One day's state: the version of its work set, the gate before anything is bought, whether it is finalized.",
        key="{partition}",
        scalars=("status", "revision"),
        indexes=(("status",),),
        growth="one",
    ),
    Collection(
        name="rescores",
        meaning="A wish to score again: the view it is about and the generation that it opened.",
        key="view digest",
        scalars=("created_at",),
        growth="none",
    ),
    Collection(
        name="leases",
        meaning="Who works on one partition now: owner, fencing token, expiry.",
        key="{partition}",
        scalars=("owner", "token", "expires_at"),
        growth="one",
    ),
    Collection(
        name="daily_reports",
        meaning="The figures of one day, as last finalized.",
        key="{partition}",
        scalars=("finalized_at", "revision"),
        growth="one",
    ),
)

BY_NAME: dict[str, Collection] = {collection.name: collection for collection in COLLECTIONS}
