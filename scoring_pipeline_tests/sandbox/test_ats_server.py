"""The loopback ATS answers as the five providers do: paths, parameters, content types, ETags and errors."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from ats_kit import serving

from scoring_pipeline.sandbox.boards import build_boards, iter_boards, write_boards


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("boards")
    write_boards(root, iter_boards())
    write_boards(root, [("greenhouse", "empty", {"jobs": [], "meta": {"total": 0}}), ("lever", "empty", [])])
    return root


@pytest.fixture(scope="module")
def base(folder: Path) -> Iterator[str]:
    with serving(folder) as url:
        yield url


@pytest.fixture(scope="module")
def client(base: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=f"{base}/ats", timeout=20) as opened:
        yield opened


class TestGreenhouse:
    def test_content_departments_and_offices_come_only_when_asked_for(self, client: httpx2.Client) -> None:
        path = "/greenhouse/v1/boards/haldenpay/jobs"
        bare, full = client.get(path).json(), client.get(path, params={"content": "true"}).json()
        assert full == build_boards()["greenhouse"]["haldenpay"]
        assert bare["meta"] == full["meta"]
        assert set(full["jobs"][0]) - set(bare["jobs"][0]) == {"content", "departments", "offices"}

    def test_a_trailing_slash_answers_the_same(self, client: httpx2.Client) -> None:
        answers = [client.get(f"/greenhouse/v1/boards/haldenpay/jobs{slash}") for slash in ("", "/")]
        assert answers[0].content == answers[1].content
        assert answers[1].status_code == 200

    def test_one_posting_always_has_content(self, client: httpx2.Client) -> None:
        job = build_boards()["greenhouse"]["haldenpay"]["jobs"][3]
        assert client.get(f"/greenhouse/v1/boards/haldenpay/jobs/{job['id']}").json() == job

    def test_the_board_knows_its_name(self, client: httpx2.Client) -> None:
        about = client.get("/greenhouse/v1/boards/haldenpay").json()
        assert about["name"] == "Halden Pay"
        assert about["content"].startswith("<p>")

    def test_a_client_that_has_the_answer_gets_304(self, client: httpx2.Client) -> None:
        path = "/greenhouse/v1/boards/haldenpay/jobs?content=true"
        first = client.get(path)
        assert first.headers["etag"].startswith('W/"')
        assert first.headers["cache-control"] == "max-age=0, private, must-revalidate"
        again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get(path, headers={"If-None-Match": 'W/"other"'}).status_code == 200

    @pytest.mark.parametrize(
        ("path", "error"),
        [
            pytest.param(
                "nobody/jobs?content=true", "Job not found", id="the board is unknown, and the error speaks of a job"
            ),
            pytest.param("nobody", "Job board not found", id="board information"),
            pytest.param("haldenpay/jobs/1", "Job not found", id="an unknown posting"),
        ],
    )
    def test_unknown_things_are_404_with_json(self, client: httpx2.Client, path: str, error: str) -> None:
        answer = client.get(f"/greenhouse/v1/boards/{path}")
        assert answer.status_code == 404
        assert answer.json() == {"status": 404, "error": error}
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-cache"

    def test_an_empty_board_is_an_answer(self, client: httpx2.Client) -> None:
        assert client.get("/greenhouse/v1/boards/empty/jobs?content=true").json() == {"jobs": [], "meta": {"total": 0}}


class TestLever:
    PATH = "/lever/v0/postings/kestrelcloud"

    def test_json_needs_the_mode_or_an_accept_header_and_the_mode_wins(self, client: httpx2.Client) -> None:
        browser = {"Accept": "text/html,application/xhtml+xml"}
        assert client.get(self.PATH, headers=browser).headers["content-type"].startswith("text/html")
        assert client.get(self.PATH).headers["content-type"].startswith("text/html")
        assert (
            client.get(self.PATH, params={"mode": "json"}, headers=browser).json()
            == build_boards()["lever"]["kestrelcloud"]
        )
        assert isinstance(client.get(self.PATH, headers={"Accept": "application/json"}).json(), list)

    def test_pages_put_together_are_the_board(self, client: httpx2.Client) -> None:
        whole = client.get(self.PATH, params={"mode": "json"}).json()
        pages = [
            client.get(self.PATH, params={"mode": "json", "skip": n, "limit": 10}).json() for n in range(0, 60, 10)
        ]
        assert [row for page in pages for row in page] == whole
        assert pages[-1] == []

    def test_filters_are_case_sensitive_and_repeatable(self, client: httpx2.Client) -> None:
        def count(*departments: str) -> int:
            return len(client.get(self.PATH, params={"mode": "json", "department": departments}).json())

        assert count("Engineering") > 0
        assert count("engineering") == 0
        assert count("Engineering", "Product") > count("Engineering")

    def test_one_posting_answers_by_its_id(self, client: httpx2.Client) -> None:
        row = build_boards()["lever"]["kestrelcloud"][0]
        assert client.get(f"{self.PATH}/{row['id']}?mode=json").json() == row

    def test_the_etag_begins_with_the_length_and_is_honoured(self, client: httpx2.Client) -> None:
        first = client.get(self.PATH, params={"mode": "json"})
        assert first.headers["etag"].startswith(f'W/"{len(first.content):x}-')
        assert "cache-control" not in first.headers
        again = client.get(self.PATH, params={"mode": "json"}, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304

    def test_an_unknown_site_is_404_with_41_bytes_and_an_etag_of_its_own(self, client: httpx2.Client) -> None:
        answer = client.get("/lever/v0/postings/nobody?mode=json")
        assert (answer.status_code, answer.content) == (404, b'{"ok":false,"error":"Document not found"}')
        assert len(answer.content) == 41
        assert answer.headers["etag"].startswith('W/"29-')

    def test_a_site_keeps_its_capitals(self, client: httpx2.Client) -> None:
        assert client.get("/lever/v0/postings/CasaLevante?mode=json").status_code == 200
        assert client.get("/lever/v0/postings/casalevante?mode=json").status_code == 404


class TestAshby:
    def test_pay_comes_only_when_asked_for_and_slugs_may_hold_spaces_and_dots(self, client: httpx2.Client) -> None:
        for slug, name in (("Lumen%20Robotics", "Lumen Robotics"), ("openharbor.ai", "openharbor.ai")):
            path = f"/ashby/posting-api/job-board/{slug}"
            full = client.get(path, params={"includeCompensation": "true"})
            assert full.json() == build_boards()["ashby"][name]
            assert "etag" not in full.headers
            assert full.headers["access-control-allow-origin"] == "*"
            assert all("compensation" not in job for job in client.get(path).json()["jobs"])

    def test_an_unknown_board_is_404_with_text(self, client: httpx2.Client) -> None:
        answer = client.get("/ashby/posting-api/job-board/nobody?includeCompensation=true")
        assert (answer.status_code, answer.text) == (404, "Not Found")
        assert answer.headers["content-type"].startswith("text/plain")


class TestWorkable:
    WIDGET = "/workable/api/v1/widget/accounts/st-aldhelms-care"
    V3 = "/workable/api/v3/accounts/st-aldhelms-care/jobs"

    def test_descriptions_come_only_with_details(self, client: httpx2.Client) -> None:
        assert (
            client.get(self.WIDGET, params={"details": "true"}).json() == build_boards()["workable"]["st-aldhelms-care"]
        )
        assert all("description" not in job for job in client.get(self.WIDGET).json()["jobs"])

    def test_the_v3_pages_hold_each_job_once_with_all_its_places(self, client: httpx2.Client) -> None:
        query = {"query": "", "location": [], "department": [], "worktype": [], "remote": []}
        page = client.post(self.V3, json=query).json()
        results = page["results"]
        while page.get("nextPage"):
            page = client.post(self.V3, json={**query, "token": page["nextPage"]}).json()
            results += page["results"]
        widget = build_boards()["workable"]["st-aldhelms-care"]["jobs"]
        assert [row["shortcode"] for row in results] == list(dict.fromkeys(row["shortcode"] for row in widget))
        assert page["total"] == len(results) < len(widget)
        assert any(len(row["locations"]) == 2 for row in results)
        assert all("description" not in row for row in results)

    def test_the_detail_has_the_text_in_three_pieces(self, client: httpx2.Client) -> None:
        row = build_boards()["workable"]["st-aldhelms-care"]["jobs"][0]
        detail = client.get(f"/workable/api/v2/accounts/st-aldhelms-care/jobs/{row['shortcode']}").json()
        assert detail["requirements"].startswith("<ul>")
        assert all(detail[part] in row["description"] for part in ("description", "requirements", "benefits"))

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"[]", id="not an object"),
            pytest.param(b"{", id="not JSON"),
            pytest.param(b'{"token":"?"}', id="a token nobody gave out"),
        ],
    )
    def test_a_body_that_makes_no_sense_is_400(self, client: httpx2.Client, body: bytes) -> None:
        assert client.post(self.V3, content=body).status_code == 400

    def test_an_unknown_account_is_404_with_text(self, client: httpx2.Client) -> None:
        for answer in (
            client.get("/workable/api/v1/widget/accounts/nobody?details=true"),
            client.post("/workable/api/v3/accounts/nobody/jobs", json={}),
            client.get("/workable/api/v2/accounts/nobody/jobs/0000000000"),
        ):
            assert (answer.status_code, answer.text) == (404, "Not Found")
            assert answer.headers["content-type"].startswith("text/plain")


class TestRecruitee:
    PATH = "/recruitee/rheinwerkbau/api/offers/"

    def test_the_same_json_has_other_bytes_every_time(self, client: httpx2.Client) -> None:
        answers = [client.get(self.PATH) for _ in range(3)]
        assert len({answer.content for answer in answers}) == 3
        assert all(answer.json() == build_boards()["recruitee"]["rheinwerkbau"] for answer in answers)
        assert "etag" not in answers[0].headers

    def test_one_offer_answers_by_id_and_by_slug(self, client: httpx2.Client) -> None:
        row = build_boards()["recruitee"]["rheinwerkbau"]["offers"][0]
        assert client.get(f"{self.PATH}{row['id']}").json() == {"offer": row}
        assert client.get(f"{self.PATH}{row['slug']}").json() == {"offer": row}

    def test_an_unknown_company_is_404_with_21_bytes(self, client: httpx2.Client) -> None:
        answer = client.get("/recruitee/nobody/api/offers/")
        assert (answer.status_code, answer.content, len(answer.content)) == (404, b'{"error":"Not Found"}', 21)


def test_a_file_is_read_again_when_it_has_changed(client: httpx2.Client, folder: Path) -> None:
    write_boards(folder, [("lever", "changing", [])])
    assert client.get("/lever/v0/postings/changing?mode=json").json() == []
    rows = build_boards()["lever"]["kestrelcloud"][:2]
    write_boards(folder, [("lever", "changing", rows)])
    assert client.get("/lever/v0/postings/changing?mode=json").json() == rows
    (folder / "lever" / "changing.json").unlink()
    assert client.get("/lever/v0/postings/changing?mode=json").status_code == 404


def test_a_file_that_is_no_response_is_500_and_named(client: httpx2.Client, folder: Path) -> None:
    path = folder / "greenhouse" / "broken.json"
    path.write_text("[]", encoding="utf-8")
    try:
        answer = client.get("/greenhouse/v1/boards/broken/jobs")
        assert answer.status_code == 500
        assert "broken.json: not a greenhouse response" in answer.text
    finally:
        path.unlink()


@pytest.mark.parametrize("name", ["..", ".", "%2e%2e%2fgreenhouse%2fhaldenpay", "..%5cgreenhouse", ".hidden"])
def test_a_board_name_cannot_leave_the_folder(client: httpx2.Client, name: str) -> None:
    assert client.get(f"/ashby/posting-api/job-board/{name}").status_code == 404
