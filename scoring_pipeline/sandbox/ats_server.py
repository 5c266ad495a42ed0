"""A loopback ATS: replays a folder of board files with the URLs, headers and errors of the five providers.

What belongs here: putting the providers' routes together, and the settings that lead a pipeline to them. What does
not: a provider's HTTP surface (`ats_routes/`), reading files (`board_files.py`), what is in them (`boards.py`).
"""

from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from scoring_pipeline.sandbox.ats_routes import ashby, greenhouse, lever, recruitee, workable
from scoring_pipeline.sandbox.board_files import BoardFileError, BoardFiles
from scoring_pipeline.sandbox.boards import employer_of
from scoring_pipeline.sandbox.catalogue import load_catalogue

_NEEDS_NAME = ("lever", "ashby")  # their responses do not say whose board it is


def ats_app(folder: Path) -> Starlette:
    """Return an app that serves `<folder>/<provider>/<board>.json`; to be mounted at `/ats`.

    Files are read again when they change; a folder that does not exist yet has no boards. A file that is not a
    response of its provider is answered with 500 and a line that names it.
    """
    files = BoardFiles(folder)
    routes = [route for module in (greenhouse, lever, ashby, workable, recruitee) for route in module.routes(files)]
    return Starlette(routes=routes, exception_handlers={BoardFileError: _broken_file})


def config_for(base: str, folder: Path) -> dict[str, Any]:
    """Return the `ats` section of the settings for boards served below `base`.

    Args:
        base: scheme, host and port of the server on which the app is mounted at `/ats`.
        folder: where the board files are.

    Returns:
        For all five providers `base_url`, `boards` (with a display name for Lever and Ashby) and a pace for loopback.
    """
    root, catalogue = f"{base.rstrip('/')}/ats", load_catalogue()
    section: dict[str, Any] = {}
    for provider, names in BoardFiles(folder).names_by_provider().items():
        boards: list[Any] = list(names)
        if provider in _NEEDS_NAME:
            employers = {name: employer_of(catalogue, name) for name in names}
            boards = [{"name": name, "company": known.company if known else name} for name, known in employers.items()]
        url = f"{root}/recruitee/{{board}}" if provider == "recruitee" else f"{root}/{provider}"
        section[provider] = {"base_url": url, "boards": boards, "concurrency": 4, "requests_per_second": 500.0}
    return section


def _broken_file(_: Request, error: Exception) -> Response:
    return Response(f"sandbox: {error}\n", 500, media_type="text/plain")
