"""Candidate profiles: read from YAML, checked, and recorded with the view a prompt will hold.

What belongs here: the file's shape and its error messages. What does not: the Profile itself (`scoring/profile.py`).
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from scoring_pipeline.llm.tokens import count_tokens
from scoring_pipeline.scoring.profile import Profile
from scoring_pipeline.scoring.views import View, profile_view
from scoring_pipeline.settings import ConfigError, read_yaml
from scoring_pipeline.storage.port import Document, DocumentStore
from scoring_pipeline.values import utc_text


def load_profiles(path: Path) -> list[Profile]:
    """Read the profiles file.

    Raises:
        ConfigError: one line for each mistake, naming file, entry and field.
    """
    data = read_yaml(path)
    entries = data.get("profiles")
    if set(data) - {"profiles"} or not isinstance(entries, list) or not entries:
        raise ConfigError([f"{path}: expected one key, `profiles`, with a list of at least one profile"])
    profiles, problems = [], []
    for number, entry in enumerate(entries, 1):
        try:
            profiles.append(Profile.model_validate(entry))
        except ValidationError as e:
            problems += [f"{path}: {_named(entry, number)}: {_field(item)}" for item in e.errors()]
    ids = [profile.id for profile in profiles]
    problems += [f"{path}: profile id {name!r} is given twice" for name in sorted(set(ids)) if ids.count(name) > 1]
    if problems:
        raise ConfigError(problems)
    return profiles


def record_profiles(store: DocumentStore, profiles: Sequence[Profile], *, now: datetime) -> dict[str, View]:
    """Store the profiles and their views; mark those no longer configured `removed`. Return the views by profile id."""
    views = {profile.id: profile_view(profile) for profile in profiles}
    store.insert_absent("views", [view_document(view) for view in views.values()])
    documents: list[Document] = [
        {
            "_id": profile.id,
            "status": "active",
            "version": views[profile.id].digest,
            "profile": profile.model_dump(mode="json"),
            "recorded_at": utc_text(now),
        }
        for profile in profiles
    ]
    removed = [{**doc, "status": "removed"} for doc in store.scan("profiles") if doc["_id"] not in views]
    store.upsert("profiles", documents + removed)
    return views


def active_profile_views(store: DocumentStore) -> dict[str, Document]:
    """Return the `views` documents of the active profiles, by profile id."""
    versions = {doc["_id"]: doc["version"] for doc in store.scan("profiles", {"status": "active"})}
    views = store.get_many("views", sorted(set(versions.values())))
    return {profile_id: views[version] for profile_id, version in versions.items()}


def view_document(view: View) -> Document:
    """Return a view as stored, its tokens counted once."""
    return {"_id": view.digest, "text": view.text, "tokens": count_tokens(view.text)}


def _named(entry: Any, number: int) -> str:
    name = entry.get("id") if isinstance(entry, dict) else None
    return f"profile {name!r}" if name else f"profile number {number}"


def _field(item: Any) -> str:
    field = ".".join(str(part) for part in item["loc"]) or "entry"
    return f"{field}: {item['msg']} (got {str(item['input'])[:80]!r})"
