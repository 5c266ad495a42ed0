"""Finding the board behind a careers page, over real sockets; the page's server is the employer's domain."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from ats_server import AtsServer, Reply

from scoring_pipeline.ats.boards import BoardReference, UnrecognisedBoard
from scoring_pipeline.ats.discover import NoBoardFound, address_of, boards_in, company_guess, discover_board
from scoring_pipeline.ats.errors import FetchError, PermanentFetchError, TransientFetchError
from scoring_pipeline.settings import Ats

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
ACME = BoardReference("greenhouse", "acme")
EMBED = '<script src="https://boards.greenhouse.io/embed/job_board/js?for=acme"></script>'
OFFER = {"id": 7, "title": "Cook", "company_name": "Bunq"}


@pytest.fixture
def elsewhere() -> Iterator[AtsServer]:
    """A host that the address given does not name."""
    running = AtsServer()
    yield running
    running.close()


def page(html: str, **fields: object) -> Reply:
    return Reply(html.encode(), kind="text/html; charset=utf-8", **fields)  # type: ignore[arg-type]


def find(url: str, **limits: object) -> BoardReference:
    return discover_board(Ats(timeout_seconds=5, **limits), url, now=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("html", "found"),
    [
        pytest.param(EMBED, ACME, id="Greenhouse's script"),
        pytest.param(EMBED.replace("?for", "?b=1&amp;for"), ACME, id="an escaped ampersand"),
        pytest.param('<a href="//job-boards.greenhouse.io/acme/jobs/1">', ACME, id="a link without a scheme"),
        pytest.param(
            '<script>fetch("https:\\/\\/boards-api.greenhouse.io\\/v1\\/boards\\/acme\\/jobs")</script>',
            ACME,
            id="an address in a script, slashes escaped",
        ),
        pytest.param('<a href="https://jobs.lever.co/GoToGroup/x">', BoardReference("lever", "GoToGroup"), id="Lever"),
        pytest.param(
            '<iframe src="https://jobs.eu.lever.co/acme">',
            BoardReference("lever", "acme", "https://api.eu.lever.co"),
            id="Lever in the EU",
        ),
        pytest.param(
            '<a href="https://jobs.ashbyhq.com/Rose%20Rocket/embed?version=2">',
            BoardReference("ashby", "Rose Rocket"),
            id="Ashby, a space",
        ),
        pytest.param(
            '<div data-settings=\'{"url": "apply.workable.com/acme"}\'>',
            BoardReference("workable", "acme"),
            id="Workable in JSON in an attribute",
        ),
        pytest.param('<a href="https://bunq.recruitee.com/o/x">', BoardReference("recruitee", "bunq"), id="Recruitee"),
    ],
)
def test_the_board_that_a_page_uses_is_found(server: AtsServer, html: str, found: BoardReference) -> None:
    server.script["GET /careers"] = [page(f"<html><body>{html}</body></html>")]
    assert find(f"{server.url}/careers") == found
    assert server.lines() == ["GET /careers"]


@pytest.mark.parametrize(
    "html",
    [
        pytest.param('<!-- <a href="https://jobs.lever.co/old"></a> -->', id="a comment: the board of last year"),
        pytest.param("<p>We left https://jobs.lever.co/old</p>", id="a text that mentions it"),
        pytest.param('<link href="https://jobs.lever.co/assets/site.css">', id="a provider's style sheet"),
        pytest.param('<img src="https://apply.workable.com/favicon.ico">', id="a provider's icon"),
        pytest.param('<script src="https://careers-analytics.recruitee.com/x"></script>', id="a provider's own domain"),
        pytest.param('<script>a = "https://boards-api.greenhouse.io/v1/boards/" + b</script>', id="half an address"),
        pytest.param("<script>`https://api.lever.co/v0/postings/${site}`</script>", id="an address with a blank in it"),
        pytest.param('<a href="https://jobs.lever.co.evil.example/acme">', id="a host that looks alike"),
        pytest.param('<a href="https://notjobs.lever.co/acme">', id="a host that ends alike"),
        pytest.param('<a href="mailto:jobs@acme.recruitee.com">', id="a mail address"),
        pytest.param('<script>q = "https://jobs.ashbyhq.com/api/non-user-graphql"</script>', id="Ashby's own API"),
    ],
)
def test_what_is_no_board_is_passed_over(html: str) -> None:
    assert boards_in(html + EMBED) == [ACME]


def test_a_provider_address_is_read_off_without_a_request() -> None:
    assert find("https://jobs.lever.co/acme") == BoardReference("lever", "acme")


def test_a_provider_address_without_a_board_is_refused_without_a_request() -> None:
    with pytest.raises(UnrecognisedBoard, match="names no board"):
        find("https://jobs.lever.co/")


def test_several_boards_on_one_page_are_named_and_asked_about(server: AtsServer) -> None:
    server.script["GET /"] = [page(f'{EMBED}{EMBED}<a href="https://jobs.ashbyhq.com/Acme%20Labs">')]
    with pytest.raises(NoBoardFound) as refused:
        find(server.url)
    assert "names 2 boards; give the address of the one you mean" in str(refused.value)
    assert "https://job-boards.greenhouse.io/acme (greenhouse)" in str(refused.value)
    assert "https://jobs.ashbyhq.com/Acme%20Labs (ashby)" in str(refused.value)


@pytest.mark.parametrize(
    "reference",
    [
        ACME,
        BoardReference("lever", "acme"),
        BoardReference("lever", "acme", "https://api.eu.lever.co"),
        BoardReference("ashby", "Rose Rocket"),
        BoardReference("workable", "acme"),
        BoardReference("recruitee", "acme"),
    ],
    ids=str,
)
def test_the_address_that_is_shown_for_a_board_leads_to_it(reference: BoardReference) -> None:
    assert find(address_of(reference)) == reference


class TestRecruiteeOnTheEmployersDomain:
    def test_a_page_without_a_trace_is_recognised_by_what_its_api_answers(self, server: AtsServer) -> None:
        server.script["GET /jobs?x=1"] = [page("<h1>Work here</h1>")]
        server.script["GET /api/offers/"] = [Reply({"offers": [OFFER]})]
        assert find(f"{server.url}/jobs?x=1") == BoardReference("recruitee", "127.0.0.1", server.url)

    def test_the_address_of_its_api_is_enough(self, server: AtsServer) -> None:
        server.script["GET /api/offers/"] = [Reply({"offers": []})]
        assert find(f"{server.url}/api/offers").base_url == server.url
        assert server.lines() == ["GET /api/offers/"]

    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(Reply(status=404), id="no such path"),
            pytest.param(Reply({"jobs": []}), id="another shape"),
            pytest.param(Reply(b"<html>", kind="text/html"), id="a page for every path"),
        ],
    )
    def test_any_other_answer_is_no_board(self, server: AtsServer, reply: Reply) -> None:
        server.script["GET /jobs"] = [page("<h1>Work here</h1>")]
        server.script["GET /api/offers/"] = [reply]
        with pytest.raises(NoBoardFound, match="shows no board of Greenhouse, Lever, Ashby, Workable or Recruitee"):
            find(f"{server.url}/jobs")

    def test_an_api_that_is_down_leaves_the_question_open(self, server: AtsServer) -> None:
        server.script["GET /jobs"] = [page("<h1>Work here</h1>")]
        server.script["GET /api/offers/"] = [Reply(status=503)]
        with pytest.raises(TransientFetchError, match="whether it is a Recruitee site cannot be said"):
            find(f"{server.url}/jobs", attempts=1)


class TestRedirects:
    def test_one_within_the_host_is_followed(self, server: AtsServer) -> None:
        server.script["GET /careers"] = [Reply(status=301, headers={"Location": "/en/careers"})]
        server.script["GET /en/careers"] = [page(EMBED)]
        assert find(f"{server.url}/careers") == ACME

    def test_one_to_a_provider_is_the_answer_and_not_followed(self, server: AtsServer) -> None:
        server.script["GET /careers"] = [Reply(status=302, headers={"Location": "https://jobs.lever.co/acme"})]
        assert find(f"{server.url}/careers") == BoardReference("lever", "acme")

    def test_one_to_another_host_is_refused_and_named(self, server: AtsServer, elsewhere: AtsServer) -> None:
        target = elsewhere.url.replace("127.0.0.1", "localhost")
        server.script["GET /careers"] = [Reply(status=302, headers={"Location": f"{target}/internal"})]
        with pytest.raises(PermanentFetchError, match=f"redirected to {re.escape(target)}/internal, another host"):
            find(f"{server.url}/careers")
        assert elsewhere.seen == []

    def test_one_to_another_port_of_the_host_is_refused(self, server: AtsServer, elsewhere: AtsServer) -> None:
        server.script["GET /careers"] = [Reply(status=302, headers={"Location": elsewhere.url})]
        with pytest.raises(PermanentFetchError, match="another host"):
            find(f"{server.url}/careers")
        assert elsewhere.seen == []

    def test_one_to_another_scheme_is_refused(self, server: AtsServer) -> None:
        server.script["GET /careers"] = [Reply(status=302, headers={"Location": "file:///etc/hostname"})]
        with pytest.raises(FetchError):
            find(f"{server.url}/careers")

    def test_more_than_allowed_are_refused(self, server: AtsServer) -> None:
        server.script["GET /careers"] = [Reply(status=302, headers={"Location": "/careers"})]
        with pytest.raises(PermanentFetchError, match="redirected more than 2 times"):
            find(f"{server.url}/careers", max_redirects=2)
        assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        pytest.param(page("x", status=404), PermanentFetchError, "there is no such page", id="not there"),
        pytest.param(page("x", status=403), PermanentFetchError, "answered 403", id="refused"),
        pytest.param(page("x", status=503), TransientFetchError, "answered 503", id="down"),
        pytest.param(Reply(b"%PDF", kind="application/pdf"), PermanentFetchError, "content type", id="no page"),
        pytest.param(page("x" * 5000), PermanentFetchError, "max_response_bytes", id="too large"),
        pytest.param(
            page("x" * 5000, zipped=True), PermanentFetchError, "max_response_bytes", id="large once unpacked"
        ),
        pytest.param(page("x", cut=True), TransientFetchError, "did not answer completely", id="cut off"),
    ],
)
def test_a_page_that_cannot_be_had_says_why(
    server: AtsServer, reply: Reply, kind: type[FetchError], message: str
) -> None:
    server.script["GET /careers"] = [reply]
    with pytest.raises(kind, match=message):
        find(f"{server.url}/careers", max_response_bytes=1024)
    assert server.lines() == ["GET /careers"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("ftp://acme.example/", "http", id="another scheme"),
        pytest.param("https://user:secret@acme.example/", "without a user name", id="a password"),
        pytest.param("", "not a host", id="nothing"),
        pytest.param("https://[::1/x", "not an address", id="not a URL"),
    ],
)
def test_an_address_that_cannot_be_asked_is_refused(url: str, message: str) -> None:
    with pytest.raises((PermanentFetchError, UnrecognisedBoard), match=message) as refused:
        find(url)
    assert "secret" not in str(refused.value)


def test_the_page_is_asked_for_politely_and_past_a_proxy_on_loopback(
    server: AtsServer, elsewhere: AtsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", elsewhere.url)
    server.script["GET /careers"] = [page(EMBED)]
    find(f"{server.url}/careers", user_agent="acme-reader/1 (+mail)")
    assert server.seen[0].headers["user-agent"] == "acme-reader/1 (+mail)"
    assert elsewhere.seen == []


@pytest.mark.parametrize(
    ("board", "company"),
    [
        pytest.param("rose-rocket", "Rose Rocket", id="words"),
        pytest.param("GoToGroup", "GoToGroup", id="capitals are the company's"),
        pytest.param("kraken.com", "Kraken", id="a domain"),
        pytest.param("ambient.ai", "Ambient.ai", id="a domain that is the brand"),
        pytest.param("-", "-", id="nothing to make a name of"),
    ],
)
def test_a_company_is_guessed_from_a_boards_name(board: str, company: str) -> None:
    assert company_guess(board) == company
