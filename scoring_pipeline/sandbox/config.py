"""The configuration that points at a running sandbox, written where `load_settings(sandbox=True)` finds it.

What belongs here: that file, and the sample boards the sandbox replays. What does not: starting it (`process.py`).
"""

import os
import shutil
from pathlib import Path

import yaml

from scoring_pipeline.sandbox.ats_server import config_for
from scoring_pipeline.sandbox.boards import build_boards, write_boards
from scoring_pipeline.sandbox.process import SandboxHandle, ensure_running
from scoring_pipeline.settings import PROJECT, sandbox_config_path

_NOTE = "# Written whenever the sandbox starts; nothing in it is meant to be edited.\n"


def sandbox_folder(home: Path) -> Path:
    """Return where everything of the sandbox lies."""
    return home / "sandbox"


def start_sandbox(home: Path, *, boards: Path | None = None, exit_with_parent: bool = True) -> SandboxHandle:
    """Make sure that the sandbox runs, with boards to replay and a configuration that points at it.

    Args:
        home: the state folder.
        boards: a folder of `<provider>/<board>.json` files to replay in place of the sample.
        exit_with_parent: whether a server started here ends with this process.
    """
    folder = sandbox_folder(home)
    boards_folder = prepare_boards(home, boards)
    handle = ensure_running(folder, exit_with_parent=exit_with_parent)
    write_config(home, handle.base_url, boards_folder)
    return handle


def prepare_boards(home: Path, boards: Path | None) -> Path:
    """Return the folder of boards to replay; the sample is written first where none is given or left."""
    folder = sandbox_folder(home) / "boards"
    folder.parent.mkdir(parents=True, exist_ok=True)
    if boards is not None:
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            kept = folder.with_name("boards.sample")
            shutil.rmtree(kept, ignore_errors=True)
            folder.rename(kept)
        folder.symlink_to(boards.resolve(), target_is_directory=True)
    elif not folder.exists():
        folder.unlink(missing_ok=True)
        _write_sample(folder)
    return folder


def _write_sample(folder: Path) -> None:
    """Write the sample's boards, all or none: a folder half filled by a killed process would pass for a smaller day."""
    draft = folder.with_name(f".boards.{os.getpid()}")
    write_boards(draft, build_boards())
    try:
        draft.rename(folder)
    except OSError:
        shutil.rmtree(draft)
        if not folder.exists():
            raise


def write_config(home: Path, base_url: str, boards: Path) -> Path:
    """Write the sandbox's pipeline.yaml, whole or not at all."""
    config = {
        "sandbox": True,
        "home": str(home),
        "deployment": "sandbox",
        "ats": {"timeout_seconds": 10, **config_for(base_url, boards)},
        "llm": {
            "providers": {"openai": {"base_url": f"{base_url}/v1", "sandbox": True, "list_lag_seconds": 2}},
            "max_poll_seconds": 1,
        },
        "tiers": str(PROJECT / "config" / "tiers.yaml"),
        "profiles": str(PROJECT / "config" / "profiles.yaml"),
        "partitions": {"start": "2026-10-01", "sensor_seconds": 5},
    }
    path = sandbox_config_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(_NOTE + yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    draft.replace(path)
    return path
