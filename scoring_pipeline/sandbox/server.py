"""The sandbox's web application: `/v1` speaks the OpenAI API, `/ats` replays job boards, `/sandbox` shows the journal.

What belongs here: putting the parts together. What does not: processes and ports (`process.py`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount

from scoring_pipeline.sandbox.ats_server import ats_app
from scoring_pipeline.sandbox.openai_errors import ApiError
from scoring_pipeline.sandbox.openai_options import SandboxOptions
from scoring_pipeline.sandbox.openai_routes import Headers, Routes, api_error
from scoring_pipeline.sandbox.openai_service import Service
from scoring_pipeline.values import utc_text


def boards_folder(folder: Path) -> Path:
    """Return where the board files of a sandbox lie: `<folder>/boards/<provider>/<board>.json`."""
    return folder / "boards"


def sandbox_app(folder: Path, *, options: SandboxOptions | None = None) -> Starlette:
    """Return the application on one folder; its worker runs while the application does.

    Args:
        folder: where everything lies, the boards in `boards/`; made if absent, continued if not.
        options: speed, durations, limits, scenario.

    Raises:
        JournalError: the folder's journal cannot be opened.
        ScenarioError: the scenario file cannot be used.
    """
    folder = folder.resolve()
    service = Service(folder, options or SandboxOptions())
    routes = Routes(service, {"folder": str(folder), "started_at": utc_text(datetime.now(UTC))})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        service.start()
        yield
        service.stop()

    return Starlette(
        routes=[
            Mount("/v1", routes=routes.api()),
            Mount("/sandbox", routes=routes.control()),
            Mount("/ats", app=ats_app(boards_folder(folder))),
        ],
        middleware=[Middleware(Headers)],
        exception_handlers={ApiError: api_error, HTTPException: api_error, Exception: api_error},
        lifespan=lifespan,
    )
