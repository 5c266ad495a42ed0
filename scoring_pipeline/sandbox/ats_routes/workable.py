"""Workable: the widget, `/workable/api/v1/widget/accounts/{sub}`, the paged v3 list (a POST) and the v2 detail.

What belongs here: Workable's paths, its grouping of rows into jobs, paging and error bodies. What does not: the boards
themselves (`wire/`), throttling.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scoring_pipeline.sandbox.ats_routes import http
from scoring_pipeline.sandbox.board_files import BoardFiles

PAGE = 10  # jobs a page of the v3 list
_TYPES = {"Full-time": "full", "Part-time": "part", "Contract": "contract", "Temporary": "temporary"}


def routes(files: BoardFiles) -> list[BaseRoute]:
    """Return Workable's routes."""

    def widget(request: Request) -> Response:
        found = files.read("workable", request.path_params["board"])
        if found is None:
            return http.not_found_text()
        if request.query_params.get("details") == "true":
            return http.json(found.body)
        return http.json({**found.body, "jobs": [http.without(row, "description") for row in found.rows]})

    async def jobs(request: Request) -> Response:
        found = files.read("workable", request.path_params["board"])
        if found is None:
            return http.not_found_text()
        try:
            start = _start(await request.body())
        except ValueError as error:
            return http.json({"error": str(error)}, 400)
        return http.json(_page(found.rows, start))

    def detail(request: Request) -> Response:
        found = files.read("workable", request.path_params["board"])
        wanted = request.path_params["shortcode"]
        rows = [row for row in found.rows if row["shortcode"] == wanted] if found else []
        return http.json({**_job(rows), **_texts(rows[0]["description"])}) if rows else http.not_found_text()

    path = "/workable/api/v3/accounts/{board}/jobs"
    posts: list[BaseRoute] = [Route(each, jobs, methods=["POST"]) for each in (path, path + "/")]
    return [
        *http.get("/workable/api/v1/widget/accounts/{board}", widget),
        *http.get("/workable/api/v2/accounts/{board}/jobs/{shortcode}", detail),
        *posts,
    ]


def _start(body: bytes) -> int:
    wanted = orjson.loads(body or b"{}")
    if not isinstance(wanted, dict):
        raise ValueError("the body must be an object")  # noqa: TRY004 - answered as a bad request, like bad JSON
    token = wanted.get("token")
    return int(urlsafe_b64decode(str(token))) if token else 0


def _page(rows: list[dict[str, Any]], start: int) -> dict[str, Any]:
    jobs: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        jobs.setdefault(row["shortcode"], []).append(row)
    page: dict[str, Any] = {
        "total": len(jobs),
        "results": [_job(places) for places in list(jobs.values())[start : start + PAGE]],
    }
    if start + PAGE < len(jobs):
        page["nextPage"] = urlsafe_b64encode(str(start + PAGE).encode()).decode()
    return page


def _texts(description: str) -> dict[str, str]:
    # The widget has one text; the detail has it in three, cut where the widget has these headings.
    main, _, rest = description.partition("<p><strong>Requirements</strong></p>")
    requirements, _, benefits = rest.partition("<p><strong>Benefits</strong></p>")
    return {"description": main, "requirements": requirements, "benefits": benefits}


def _job(rows: list[dict[str, Any]]) -> dict[str, Any]:
    row = rows[0]
    locations = [location for each in rows for location in each["locations"]]
    return {
        "id": int(row["shortcode"][:6], 16),
        "shortcode": row["shortcode"],
        "title": row["title"],
        "remote": row["telecommuting"],
        "location": http.without(locations[0], "hidden"),
        "locations": locations,
        "state": "published",
        "isInternal": False,
        "code": row["code"] or None,
        "published": f"{row['published_on']}T00:00:00.000Z",
        "type": _TYPES.get(row["employment_type"], "other"),
        "language": "en",
        "department": [row["department"]] if row["department"] else [],
        "accountUid": "00000000-0000-4000-8000-000000000000",
        "approvalStatus": "approved",
        "workplace": "remote" if row["telecommuting"] else "on_site",
    }
