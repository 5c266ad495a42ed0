"""Settings: what wins, what is refused, and that the message names the file or variable and the field."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from scoring_pipeline.settings import (
    DEFAULT_CONFIG,
    PROJECT,
    Board,
    Clock,
    ConfigError,
    Settings,
    load_settings,
    sandbox_config_path,
)


@pytest.fixture(autouse=True)
def _nothing_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    import os  # noqa: PLC0415 - only to know what is to be removed

    for name in [name for name in os.environ if name.startswith("SCORING_")]:
        monkeypatch.delenv(name)


def _file(folder: Path, data: Any) -> Path:
    path = folder / "pipeline.yaml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data), encoding="utf-8")
    return path


def _problems(path: Path, *, sandbox: bool = False) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(path, sandbox=sandbox)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_the_projects_own_file_is_valid_and_points_at_the_tiers_and_profiles_beside_it() -> None:
    settings = load_settings(DEFAULT_CONFIG, sandbox=False)
    assert settings.tiers == PROJECT / "config" / "tiers.yaml"
    assert settings.profiles == PROJECT / "config" / "profiles.yaml"
    assert settings.batch.requests == 500
    assert settings.budget.daily_usd is None


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(_file(tmp_path, ""), sandbox=False)
    assert settings.llm.providers["openai"].base_url == "https://api.openai.com/v1"
    assert settings.store == f"sqlite:///{settings.home.resolve() / 'store.db'}"


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(tmp_path, {"budget": {"daily_usd": 3, "monthly_usd": 50}, "batch": {"requests": 20}})
    monkeypatch.setenv("SCORING_BUDGET__DAILY_USD", "7.5")
    settings = load_settings(path, sandbox=False)
    assert settings.budget.daily_usd == Decimal("7.5")
    assert settings.budget.monthly_usd == Decimal(50)
    assert (settings.batch.requests, settings.batch.max_requests) == (20, 50_000)


def test_a_variable_can_hold_a_whole_section_as_json_and_replaces_single_fields_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(tmp_path, {"ats": {"lever": {"boards": ["filed"], "page_size": 7}}})
    monkeypatch.setenv("SCORING_ATS__LEVER__BOARDS", '["exported", {"name": "palantir", "company": "Palantir"}]')
    lever = load_settings(path, sandbox=False).ats.lever
    assert lever.boards == (Board(name="exported"), Board(name="palantir", company="Palantir"))
    assert lever.page_size == 7


def test_the_file_is_chosen_by_the_environment_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_CONFIG", str(_file(tmp_path, {"deployment": "from-the-file"})))
    assert load_settings().deployment == "from-the-file"


@pytest.mark.parametrize(
    ("entry", "board"),
    [
        pytest.param("acme", Board(name="acme"), id="a string is the board's name"),
        pytest.param("kraken.com", Board(name="kraken.com"), id="a name with a dot is a string too"),
        pytest.param({"name": "acme", "company": "Acme"}, Board(name="acme", company="Acme"), id="a mapping"),
        pytest.param(
            {"name": "bunq", "base_url": "https://careers.bunq.com"},
            Board(name="bunq", base_url="https://careers.bunq.com"),
            id="a mapping with a host of its own",
        ),
    ],
)
def test_boards_are_strings_or_mappings(tmp_path: Path, entry: Any, board: Board) -> None:
    path = _file(tmp_path, {"ats": {"recruitee": {"boards": [entry]}}})
    assert load_settings(path, sandbox=False).ats.recruitee.boards == (board,)


def test_a_providers_base_url_is_filled_in_where_the_file_is_silent(tmp_path: Path) -> None:
    ats = load_settings(_file(tmp_path, {"ats": {"lever": {"base_url": "https://api.eu.lever.co"}}}), sandbox=False).ats
    assert ats.provider("lever").base_url == "https://api.eu.lever.co"
    assert ats.provider("greenhouse").base_url == "https://boards-api.greenhouse.io"
    assert ats.provider("workable").concurrency == 1


def test_every_mistake_of_file_and_environment_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(
        tmp_path,
        {
            "budget": {"daily_usd": -1},
            "ats": {"greenhouse": {"boards": ["", {"nmae": "acme"}]}, "lever": {"page_size": "many"}},
            "deployment": "two words",
            "unheard_of": 1,
        },
    )
    monkeypatch.setenv("SCORING_BATCH__REQUESTS", "0")
    monkeypatch.setenv("SCORING_NO_SUCH", "1")
    problems = _problems(path)
    text = "\n".join(problems)
    for named in (
        f"{path}: budget.daily_usd:",
        f"{path}: ats.greenhouse.boards.0.name:",
        f"{path}: ats.greenhouse.boards.1.name:",
        f"{path}: ats.greenhouse.boards.1.nmae:",
        f"{path}: ats.lever.page_size:",
        f"{path}: deployment:",
        f"{path}: unheard_of:",
        "SCORING_BATCH__REQUESTS: batch.requests:",
        "SCORING_NO_SUCH: no such setting",
    ):
        assert named in text
    assert len(problems) == 9


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        pytest.param("SCORING_BUDGET__DAILY_USD", "much", "budget.daily_usd", id="the field's own variable"),
        pytest.param("SCORING_BUDGET", '{"daily_usd": -1}', "budget.daily_usd", id="the variable of its section"),
        pytest.param(
            "SCORING_ATS__LEVER__BOARDS", '[{"name": ""}]', "ats.lever.boards.0.name", id="the variable of its list"
        ),
        pytest.param("SCORING_BUDGET__DALY_USD", "5", "budget.daly_usd", id="a variable with a slip of the pen"),
    ],
)
def test_a_mistake_in_a_variable_names_the_variable_and_not_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, named: str
) -> None:
    monkeypatch.setenv(variable, value)
    (problem,) = _problems(_file(tmp_path, {}))
    assert problem.startswith(f"{variable}: {named}: ")


def test_a_variable_that_should_hold_json_and_does_not_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_BUDGET", "{daily")
    (problem,) = _problems(_file(tmp_path, {}))
    assert "environment" in problem
    assert "budget" in problem


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("a: [", "is not YAML", id="not YAML"),
        pytest.param("- a\n- b\n", "holds a list where a mapping", id="a list"),
        pytest.param("1: x\n", "1", id="a key that is no name"),
        pytest.param("tiers:\n", "tiers", id="a path left empty"),
        pytest.param("profiles: 5\n", "profiles", id="a path that is a number"),
    ],
)
def test_a_file_that_is_no_mapping_of_settings_is_refused_by_name(tmp_path: Path, content: str, said: str) -> None:
    path = _file(tmp_path, content)
    problems = _problems(path)
    assert all(problem.startswith(f"{path}: ") for problem in problems)
    assert said in "\n".join(problems)


def test_a_file_that_is_not_there_or_not_text_is_refused_by_name(tmp_path: Path) -> None:
    assert _problems(tmp_path / "absent.yaml") == [
        f"{tmp_path / 'absent.yaml'}: cannot be read: No such file or directory"
    ]
    path = tmp_path / "latin.yaml"
    path.write_bytes("deployment: Zürich\n".encode("latin-1"))
    (problem,) = _problems(path)
    assert problem.startswith(f"{path}: ")


def test_a_store_of_an_unknown_engine_is_refused_without_showing_its_password(tmp_path: Path) -> None:
    (problem,) = _problems(_file(tmp_path, {"store_url": "mongo://someone:hunter2@db/scores"}))
    assert "starts with none of sqlite:///, mongodb://, mongodb+srv://" in problem
    assert "hunter2" not in problem


def _sandbox_file(home: Path) -> Path:
    path = sandbox_config_path(home)
    path.parent.mkdir(parents=True)
    path.write_text(
        yaml.safe_dump(
            {
                "sandbox": True,
                "home": str(home),
                "ats": {"greenhouse": {"base_url": "http://127.0.0.1:1/ats/greenhouse", "boards": ["sample"]}},
                "llm": {"providers": {"openai": {"base_url": "http://127.0.0.1:1/v1", "sandbox": True}}},
            }
        )
    )
    return path


def test_no_exported_variable_points_the_sandbox_at_another_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _sandbox_file(tmp_path)
    monkeypatch.setenv("SCORING_HOME", str(tmp_path))
    for name, value in {
        "SCORING_LLM__PROVIDERS__OPENAI__BASE_URL": "https://api.openai.com/v1",
        "SCORING_LLM__PROVIDERS__OPENAI__SANDBOX": "false",
        "SCORING_ATS__GREENHOUSE__BASE_URL": "https://boards-api.greenhouse.io",
        "SCORING_STORE_URL": "mongodb://db.example.com/scores",
        "SCORING_BUDGET__DAILY_USD": "5",
        "SCORING_TIERS": "/elsewhere/tiers.yaml",
        "SCORING_SANDBOX": "0",
        "SCORING_BATCH__REQUESTS": "7",
        "SCORING_CLOCK_OFFSET": "P1D",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(sandbox=True)
    assert settings.sandbox
    assert settings.llm.providers["openai"].base_url == "http://127.0.0.1:1/v1"
    assert settings.llm.providers["openai"].sandbox
    assert settings.ats.greenhouse.base_url == "http://127.0.0.1:1/ats/greenhouse"
    assert settings.store == f"sqlite:///{tmp_path.resolve() / 'sandbox' / 'store.db'}"
    assert settings.budget.daily_usd is None
    assert settings.tiers == Path("tiers.yaml")
    # What reaches no other host may still be tried out.
    assert settings.batch.requests == 7
    assert settings.clock_offset == timedelta(days=1)


def test_the_sandbox_keeps_an_embedded_store_that_is_named_and_its_state_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _sandbox_file(tmp_path)
    monkeypatch.setenv("SCORING_HOME", str(tmp_path))
    monkeypatch.setenv("SCORING_STORE_URL", f"sqlite:///{tmp_path}/own.db")
    settings = load_settings(sandbox=True)
    assert settings.store == f"sqlite:///{tmp_path}/own.db"
    assert settings.state == tmp_path.resolve() / "sandbox"


def test_without_a_started_sandbox_the_message_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="run `scoring-pipeline sandbox` first"):
        load_settings(sandbox=True)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        pytest.param("1", True, id="one"),
        pytest.param("true", True, id="true"),
        pytest.param("0", False, id="zero"),
        pytest.param("no", False, id="no"),
        pytest.param("", False, id="empty"),
    ],
)
def test_the_sandbox_is_asked_for_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, wanted: bool
) -> None:
    _sandbox_file(tmp_path)
    monkeypatch.setenv("SCORING_HOME", str(tmp_path))
    monkeypatch.setenv("SCORING_CONFIG", str(_file(tmp_path, {})))
    monkeypatch.setenv("SCORING_SANDBOX", value)
    assert load_settings().sandbox is wanted


def test_who_asks_for_the_real_configuration_gets_it_whatever_is_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_SANDBOX", "1")
    settings = load_settings(_file(tmp_path, {"home": str(tmp_path)}), sandbox=False)
    assert not settings.sandbox
    assert settings.state == tmp_path.resolve()


def test_the_clock_is_real_time_plus_its_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORING_CLOCK_OFFSET", "-P2D")
    clock = load_settings(_file(tmp_path, {}), sandbox=False).clock
    assert clock.offset == timedelta(days=-2)
    before, shown, after = datetime.now(UTC), clock.now(), datetime.now(UTC)
    assert before - timedelta(days=2) <= shown <= after - timedelta(days=2)
    assert clock.today() in {(before - timedelta(days=2)).date().isoformat(), shown.date().isoformat()}
    assert Clock().offset == timedelta(0)


def test_settings_do_not_change(tmp_path: Path) -> None:
    settings = load_settings(_file(tmp_path, {}), sandbox=False)
    with pytest.raises(ValueError, match="frozen"):
        settings.deployment = "other"
    assert isinstance(settings, Settings)
