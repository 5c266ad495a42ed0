"""Reading what came back: only a whole answer within its bounds is a score, and no line can stop the reading."""

import json
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_kit import GOOD, USAGE, body, line, message

from scoring_pipeline.llm.prices import TokenUsage
from scoring_pipeline.scoring.answers import Outcome, Row, Score, UnreadableLineError, read_line


def _with(**changes: Any) -> bytes:
    arguments = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    return line(body(message(json.dumps(arguments))))


def _refused(status: Any, code: str | None = None, kind: str = "invalid_request_error") -> bytes:
    error = {"message": "no", "type": kind, "param": None, "code": code}
    return line({"error": error}, status=status)


def _ended(code: str) -> bytes:
    error = {"code": code, "message": "not executed"}
    return orjson.dumps({"id": "b", "custom_id": "a-1", "response": None, "error": error})


_CALL = message()["tool_calls"][0]
_OTHER = {**_CALL, "function": {"name": "delete_everything", "arguments": "{}"}}
_TEXT = json.dumps(GOOD)


def test_a_whole_answer_is_a_score_with_its_usage_and_provenance() -> None:
    row = read_line(line(body()))
    assert row == Row(
        "a-1",
        "valid",
        score=Score.model_validate(GOOD),
        usage=TokenUsage(1500, 120),
        model="gpt-6-luna",
        answered_at=1_795_230_000,
    )


@pytest.mark.parametrize(
    "good",
    [
        pytest.param(_with(), id="as asked for"),
        pytest.param(line(body(finish_reason="tool_calls")), id="finish_reason tool_calls, as some servers say"),
        pytest.param(line(body(finish_reason=None)), id="no finish_reason, as some servers say"),
        pytest.param(_with(overall_score=0, confidence=0), id="the lowest bounds, confidence as an integer"),
        pytest.param(_with(overall_score=100, confidence=1.0), id="the highest bounds"),
        pytest.param(_with(reasons=["a", "b", "c"]), id="three reasons"),
        pytest.param(_with(reasons=["<script>alert(1)</script>"]), id="markup is text like any other"),
        pytest.param(line(body(usage={**USAGE, "prompt_tokens_details": None})), id="no details of the usage"),
        pytest.param(line(body(created=...)), id="no time of the answer"),
    ],
)
def test_what_is_within_bounds_is_valid(good: bytes) -> None:
    row = read_line(good)
    assert (row.outcome, row.error) == ("valid", None)
    assert row.score is not None


@pytest.mark.parametrize(
    ("bad", "outcome", "said"),
    [
        pytest.param(line(body(message(refusal="I'm sorry"))), "invalid", "refused: I'm sorry", id="a refusal"),
        pytest.param(line(body(finish_reason="length")), "invalid", "finish_reason length", id="cut off"),
        pytest.param(line(body(finish_reason="content_filter")), "invalid", "content_filter", id="filtered"),
        pytest.param(line(body(finish_reason="paused")), "invalid", "finish_reason paused", id="ended in a new way"),
        pytest.param(line(body(message(tool_calls=None))), "invalid", "0 calls", id="no call"),
        pytest.param(line(body(message(tool_calls=[]))), "invalid", "0 calls", id="an empty list of calls"),
        pytest.param(line(body(message(tool_calls=[_CALL, _CALL]))), "invalid", "2 calls", id="two calls"),
        pytest.param(line(body(message(tool_calls=[_OTHER]))), "invalid", "0 calls", id="another function"),
        pytest.param(line(body(message(tool_calls=["call"]))), "invalid", "0 calls", id="a call that is text"),
        pytest.param(line(body(message(tool_calls=7))), "invalid", "calls", id="calls that are a number"),
        pytest.param(line(body(message(tool_calls={"0": _CALL}))), "invalid", "calls", id="calls that are a mapping"),
        pytest.param(line(body(message("{"))), "invalid", "arguments are not JSON", id="arguments that break off"),
        pytest.param(line(body(message(_TEXT + "}"))), "invalid", "not JSON", id="arguments with something behind"),
        pytest.param(line(body(message(""))), "invalid", "not JSON", id="arguments that are empty"),
        pytest.param(line(body(message("[1]"))), "invalid", "no JSON object", id="arguments that are a list"),
        pytest.param(line(body(message("null"))), "invalid", "no JSON object", id="arguments that are null"),
        pytest.param(line(body(message('{"a": 1e999}'))), "invalid", "not JSON", id="a number without end"),
        pytest.param(line(body(message(_TEXT.replace("0.8", "NaN")))), "invalid", "not JSON", id="NaN"),
        pytest.param(_with(overall_score=101), "invalid", "overall_score", id="over 100"),
        pytest.param(_with(skill_match=-1), "invalid", "skill_match", id="under 0"),
        pytest.param(_with(location_match=70.0), "invalid", "location_match", id="a score as a float"),
        pytest.param(_with(experience_match="70"), "invalid", "experience_match", id="a score as text"),
        pytest.param(_with(overall_score=True), "invalid", "overall_score", id="a score as a truth value"),
        pytest.param(_with(confidence=1.01), "invalid", "confidence", id="surer than sure"),
        pytest.param(_with(confidence=-0.1), "invalid", "confidence", id="less sure than not at all"),
        pytest.param(_with(confidence=None), "invalid", "confidence", id="no confidence"),
        pytest.param(_with(confidence="0.8"), "invalid", "confidence", id="confidence as text"),
        pytest.param(_with(confidence="NaN"), "invalid", "confidence", id="confidence as the word NaN"),
        pytest.param(_with(confidence=True), "invalid", "confidence", id="confidence as a truth value"),
        pytest.param(_with(skill_match=...), "invalid", "skill_match", id="a missing score"),
        pytest.param(_with(reasons=...), "invalid", "reasons", id="missing reasons"),
        pytest.param(_with(reasons=[]), "invalid", "reasons", id="no reasons"),
        pytest.param(_with(reasons=["a", "b", "c", "d"]), "invalid", "reasons", id="four reasons"),
        pytest.param(_with(reasons=["a", ""]), "invalid", "reasons.1", id="an empty reason"),
        pytest.param(_with(reasons=["a" * 601]), "invalid", "reasons.0", id="a reason without end"),
        pytest.param(_with(reasons="good"), "invalid", "reasons", id="reasons as one text"),
        pytest.param(_with(salary=1), "invalid", "salary", id="a field nobody asked for"),
        pytest.param(line(body(choices=[])), "invalid", "no choice", id="no choice"),
        pytest.param(line(body(choices=None)), "invalid", "no choice", id="choices that are null"),
        pytest.param(line(body(choices=[None])), "invalid", "no choice", id="a choice that is null"),
        pytest.param(line(body(choices=[{"message": None}])), "invalid", "no choice", id="no message"),
        pytest.param(line(body(finish_reason=["length"])), "invalid", "finish_reason", id="finish_reason as a list"),
        pytest.param(line(body(usage=None)), "invalid", "usage", id="usage that is null"),
        pytest.param(line(body(usage=...)), "invalid", "usage", id="no usage"),
        pytest.param(line(body(usage=[1])), "invalid", "usage", id="usage that is a list"),
        pytest.param(line(body(usage={**USAGE, "prompt_tokens": -1})), "invalid", "usage", id="negative usage"),
        pytest.param(line({}, status=0), "errored", "HTTP 0", id="status 0, as lost rows have"),
        pytest.param(line(None), "errored", "HTTP 200", id="status 200 and nothing else"),
        pytest.param(line({"object": "list"}), "errored", "HTTP 200", id="status 200 and something else"),
        pytest.param(line(body(), status="200"), "errored", "HTTP 200", id="a status as text"),
        pytest.param(line(body(), status=None), "errored", "HTTP None", id="no status"),
        pytest.param(_refused(200), "errored", "HTTP 200: invalid_request_error: no", id="an error with status 200"),
        pytest.param(_refused(400, "context_length_exceeded"), "rejected", "context_length_exceeded", id="400"),
        pytest.param(_refused(404, "model_not_found"), "rejected", "model_not_found", id="404"),
        pytest.param(_refused(422), "rejected", "HTTP 422", id="422"),
        pytest.param(_refused(408), "errored", "HTTP 408", id="408"),
        pytest.param(_refused(409), "errored", "HTTP 409", id="409"),
        pytest.param(_refused(429, "rate_limit_exceeded"), "errored", "rate_limit_exceeded", id="429"),
        pytest.param(_refused(500, "server_error"), "errored", "server_error", id="500"),
        pytest.param(_refused(503), "errored", "HTTP 503", id="503"),
        pytest.param(_refused(429, "insufficient_quota"), "stopped", "insufficient_quota", id="no quota, by code"),
        pytest.param(_refused(429, None, "insufficient_quota"), "stopped", "quota", id="no quota, by type"),
        pytest.param(_refused(400, "billing_hard_limit_reached"), "stopped", "billing", id="billing"),
        pytest.param(line({"error": "overloaded"}, status=500), "errored", "overloaded", id="an error that is text"),
        pytest.param(line("<html>bad gateway</html>", status=502), "errored", "bad gateway", id="a proxy's page"),
        pytest.param(_ended("batch_expired"), "expired", "batch_expired: not executed", id="expired"),
        pytest.param(_ended("batch_cancelled"), "cancelled", "batch_cancelled", id="cancelled"),
        pytest.param(_ended("mystery"), "errored", "mystery", id="ended for a reason unheard of"),
        pytest.param(b'{"custom_id": "a-1"}', "errored", "None", id="neither response nor error"),
    ],
)
def test_anything_else_has_its_outcome_says_why_and_is_never_a_score(bad: bytes, outcome: Outcome, said: str) -> None:
    row = read_line(bad)
    assert (row.custom_id, row.outcome) == ("a-1", outcome)
    assert row.error is not None
    assert said in row.error
    assert row.score is None


@pytest.mark.parametrize(
    "unreadable",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"not JSON", id="not JSON"),
        pytest.param(line(body())[:-20], id="a line that breaks off"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(line(body(), custom_id=None), id="a custom_id that is null"),
        pytest.param(line(body(), custom_id=7), id="a custom_id that is a number"),
        pytest.param(b'{"response": {}}', id="no custom_id"),
        pytest.param('{"custom_id": "ü"}'.encode("latin-1"), id="not UTF-8"),
    ],
)
def test_a_line_that_belongs_to_nobody_is_unreadable(unreadable: bytes) -> None:
    with pytest.raises(UnreadableLineError):
        read_line(unreadable)


def test_an_answer_that_is_not_accepted_is_metered_all_the_same() -> None:
    assert read_line(_with(overall_score=1000)).usage == TokenUsage(1500, 120)
    assert read_line(line(body(message(refusal="no")))).usage == TokenUsage(1500, 120)


def test_an_answer_by_the_sandbox_is_known_by_its_fingerprint() -> None:
    assert read_line(line(body(system_fingerprint="scoring-pipeline-sandbox"))).sandbox
    assert not read_line(line(body(system_fingerprint=None))).sandbox


def test_what_a_provider_says_of_an_error_is_kept_within_bounds() -> None:
    flood = "x" * 1_000_000
    lines = [
        _refused(500, flood),
        line({"error": flood}, status=500),
        line(flood, status=500),
        line(body(message(refusal=flood))),
        line(body(), status=flood),
        _with(**{flood: 1}),
        orjson.dumps({"custom_id": "a-1", "response": None, "error": {"code": flood, "message": flood}}),
        orjson.dumps({"custom_id": "a-1", "response": None, "error": flood}),
    ]
    for flooded in lines:
        assert len(read_line(flooded).error or "") < 4000


_LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text()
_JSON = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


def _survives(data: Any) -> None:
    try:
        encoded = orjson.dumps(data)
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        return
    try:
        row = read_line(encoded)
    except UnreadableLineError:
        return
    assert row.outcome in get_args(Outcome)
    assert (row.score is not None) == (row.outcome == "valid")
    # Whatever is kept of a row must fit into a document.
    orjson.dumps([row.error, row.model, row.answered_at, vars(row.usage) if row.usage else None])


@given(_JSON)
def test_no_json_whatever_raises_anything_else(data: Any) -> None:
    _survives(data)


@st.composite
def _mutated(draw: st.DrawFn) -> Any:
    """A good line of which one part, at any depth, is something else."""
    whole = orjson.loads(line(body(system_fingerprint="x", usage={**USAGE, "prompt_tokens_details": {}})))
    node: Any = whole
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = draw(st.sampled_from(keys))
        if not isinstance(node[key], (dict, list)) or not node[key] or draw(st.booleans()):
            node[key] = draw(_JSON)
            return whole
        node = node[key]


@given(_mutated())
def test_no_answer_with_one_part_gone_wrong_raises_anything_else(data: Any) -> None:
    _survives(data)


@given(_JSON)
def test_no_arguments_whatever_raise_anything(arguments: Any) -> None:
    row = read_line(line(body(message(json.dumps(arguments)))))
    assert row.outcome in {"valid", "invalid"}
