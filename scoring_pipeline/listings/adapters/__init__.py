"""One module per provider: its raw posting to a `Draft`, pure and total but for `PostingError`."""

from collections.abc import Callable, Mapping
from typing import Any

from scoring_pipeline.listings.adapters import ashby, greenhouse, lever, recruitee, workable
from scoring_pipeline.listings.draft import BoardContext, Draft, Excluded
from scoring_pipeline.listings.model import Provider

PARSERS: dict[Provider, Callable[[Mapping[str, Any], BoardContext], Draft | Excluded]] = {
    "greenhouse": greenhouse.parse,
    "lever": lever.parse,
    "ashby": ashby.parse,
    "workable": workable.parse,
    "recruitee": recruitee.parse,
}
