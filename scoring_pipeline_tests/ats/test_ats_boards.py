"""Recognising boards by their addresses."""

import pytest

from scoring_pipeline.ats.boards import BoardReference, UnrecognisedBoard, recognise

EU = "https://api.eu.lever.co"


@pytest.mark.parametrize(
    ("url", "provider", "board", "base_url"),
    [
        pytest.param("https://boards.greenhouse.io/acme", "greenhouse", "acme", None, id="Greenhouse, old pages"),
        pytest.param("https://job-boards.greenhouse.io/acme/jobs/12", "greenhouse", "acme", None, id="a posting"),
        pytest.param("https://job-boards.eu.greenhouse.io/zero", "greenhouse", "zero", None, id="EU has the same API"),
        pytest.param(
            "https://boards.greenhouse.io/embed/job_board?for=acme&b=x", "greenhouse", "acme", None, id="embedded board"
        ),
        pytest.param(
            "https://boards.greenhouse.io/embed/job_app?for=acme&token=1",
            "greenhouse",
            "acme",
            None,
            id="embedded form",
        ),
        pytest.param(
            "https://boards-api.greenhouse.io/v1/boards/acme/jobs?content=true", "greenhouse", "acme", None, id="API"
        ),
        pytest.param("https://jobs.lever.co/GoToGroup/", "lever", "GoToGroup", None, id="Lever keeps case"),
        pytest.param("https://jobs.eu.lever.co/acme/uuid/apply", "lever", "acme", EU, id="Lever in the EU"),
        pytest.param("https://api.lever.co/v0/postings/acme?mode=json", "lever", "acme", None, id="Lever's API"),
        pytest.param("https://api.eu.lever.co/v0/postings/acme", "lever", "acme", EU, id="Lever's API in the EU"),
        pytest.param("https://jobs.ashbyhq.com/Rose%20Rocket", "ashby", "Rose Rocket", None, id="Ashby, a space"),
        pytest.param("https://jobs.ashbyhq.com/kraken.com/uuid", "ashby", "kraken.com", None, id="Ashby, a dot"),
        pytest.param("https://api.ashbyhq.com/posting-api/job-board/Acme", "ashby", "Acme", None, id="Ashby's API"),
        pytest.param("https://apply.workable.com/acme/?lng=en", "workable", "acme", None, id="Workable"),
        pytest.param("https://apply.workable.com/acme/j/996AE60304/", "workable", "acme", None, id="Workable posting"),
        pytest.param(
            "https://apply.workable.com/api/v3/accounts/acme/jobs", "workable", "acme", None, id="Workable's API"
        ),
        pytest.param("https://www.workable.com/api/accounts/acme", "workable", "acme", None, id="Workable, documented"),
        pytest.param("https://acme.workable.com/jobs/1", "workable", "acme", None, id="Workable, old pages"),
        pytest.param("https://acme.recruitee.com/o/cook", "recruitee", "acme", None, id="Recruitee"),
        pytest.param("jobs.lever.co/acme", "lever", "acme", None, id="without a scheme"),
        pytest.param(" HTTPS://Jobs.Lever.co/Acme#x ", "lever", "Acme", None, id="a host in capitals, spaces around"),
    ],
)
def test_a_careers_address_names_its_board(url: str, provider: str, board: str, base_url: str | None) -> None:
    reference = recognise(url)
    assert reference == BoardReference(reference.provider, board, base_url)
    assert reference.provider == provider


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("https://stripe.com/jobs?gh_jid=1", "employer's own domain", id="the employer's own domain"),
        pytest.param("https://jobs.lever.co.evil.example/acme", "not a host of", id="a host that looks alike"),
        pytest.param("https://jobs.lever.co@evil.example/acme", "not a host of", id="the host as a user name"),
        pytest.param("https://jobs.lever.co/", "expected for example https://jobs.lever.co/acme", id="no board"),
        pytest.param("https://api.lever.co/v1/x", "api.lever.co/v0/postings/acme", id="another path of the API"),
        pytest.param("https://apply.workable.com/j/996AE60304", "names no board", id="a short link has no account"),
        pytest.param("https://jobs.workable.com/view/1", "https://acme.workable.com", id="Workable's marketplace"),
        pytest.param("https://api.recruitee.com/c/1", "https://acme.recruitee.com", id="Recruitee's other API"),
        pytest.param("https://a.b.recruitee.com/", "not a host of", id="two levels"),
        pytest.param("https://jobs.ashbyhq.com/a%2Fb", "names no board", id="a slash in a name"),
        pytest.param("https://boards.greenhouse.io/embed/job_board", "names no board", id="an embed for nobody"),
        pytest.param("ftp://jobs.lever.co/acme", "not an http", id="another scheme"),
        pytest.param("https://[::1/acme", "not an address", id="not a URL"),
        pytest.param("", "not a host of", id="nothing"),
    ],
)
def test_an_address_without_a_board_is_refused_with_a_hint(url: str, message: str) -> None:
    with pytest.raises(UnrecognisedBoard, match=message):
        recognise(url)
