"""Every knob: its default, its meaning, where it is read from; and the one clock.

What belongs here: the configuration models, how the file, the environment and the sandbox overlay are combined, and
the messages for what is wrong in them. What does not: what the knobs do, and the contents of profiles and tiers
(`matching/profiles.py` and `routing/tiers.py` read those files).

Precedence, highest first: environment variables (`SCORING_` + path joined by `__`, for example
`SCORING_ATS__GREENHOUSE__BOARDS='["acme"]'`), the file named by `SCORING_CONFIG` (default `config/pipeline.yaml`),
the defaults below.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

PROJECT = Path(__file__).resolve().parent.parent
DEFAULT_CONFIG = PROJECT / "config" / "pipeline.yaml"

ENV_PREFIX = "SCORING_"
STORE_SCHEMES = ("sqlite:///", "mongodb://", "mongodb+srv://")
# Never shown in a message: what was configured there may hold a password.
SECRET_FIELDS = frozenset({"store_url", "token"})
# With the sandbox on, these may still be set from outside; no other host can be reached through any of them.
SANDBOX_ENVIRONMENT = ("home", "clock_offset", "batch", "partitions", "retention")

ProviderName = Literal["greenhouse", "lever", "ashby", "workable", "recruitee"]
PROVIDERS: tuple[ProviderName, ...] = get_args(ProviderName)

DEFAULT_BASE_URLS: dict[ProviderName, str] = {
    "greenhouse": "https://boards-api.greenhouse.io",
    "lever": "https://api.lever.co",
    "ashby": "https://api.ashbyhq.com",
    "workable": "https://apply.workable.com",
    "recruitee": "https://{board}.recruitee.com",
}


class ConfigError(Exception):
    """Configuration that cannot be used; `problems` holds one line for each mistake, naming file and field."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Board(_Section):
    """One job board of one provider. In YAML a plain string stands for `{name: ...}`."""

    name: str = Field(min_length=1, description="the board's token, slug or account at the provider; case matters")
    company: str | None = Field(
        default=None, description="display name, for providers that do not send one (Lever, Ashby)"
    )
    base_url: str | None = Field(
        default=None, description="overrides the provider's, e.g. Lever's EU host or a custom domain"
    )
    token: str | None = Field(default=None, description="Workable v3 access token, where a board needs one")


class AtsProvider(_Section):
    """How one provider's boards are read."""

    base_url: str = Field(
        default="", description="scheme and host, optionally a path; `{board}` stands for the board's name"
    )
    boards: tuple[Board, ...] = ()
    page_size: int = Field(default=100, ge=1, le=1000, description="rows a page, where the API pages (Lever)")
    concurrency: int = Field(default=4, ge=1, le=64, description="simultaneous requests to one host")
    requests_per_second: float = Field(default=5.0, gt=0, description="to one host")

    @field_validator("boards", mode="before")
    @classmethod
    def _names_are_boards(cls, boards: Any) -> Any:
        if isinstance(boards, (list, tuple)):
            return [{"name": board} if isinstance(board, str) else board for board in boards]
        return boards


class WorkableProvider(AtsProvider):
    """Workable throttles hard, per address and over all its tenants."""

    concurrency: int = Field(default=1, ge=1, le=4, description="simultaneous requests to its one host")
    requests_per_second: float = Field(default=1.0, gt=0, description="to its one host")


class Ats(_Section):
    """The five providers, and what is common to reading them."""

    greenhouse: AtsProvider = AtsProvider()
    lever: AtsProvider = AtsProvider()
    ashby: AtsProvider = AtsProvider()
    workable: WorkableProvider = WorkableProvider()
    recruitee: AtsProvider = AtsProvider()
    timeout_seconds: float = Field(default=30.0, gt=0, description="for one HTTP exchange")
    attempts: int = Field(default=3, ge=1, le=10, description="tries of one request, the first included")
    max_retry_after_seconds: float = Field(
        default=60.0, ge=0, description="a longer Retry-After gives the board up for today"
    )
    backoff_seconds: float = Field(
        default=0.5, gt=0, description="longest first pause between tries; doubles with each try, full jitter"
    )
    host_refusals: int = Field(
        default=5, ge=1, description="readings in a row given up for 429 after which a host is not asked again today"
    )
    max_response_bytes: int = Field(default=64 * 1024 * 1024, ge=1024, description="of one response, decompressed")
    max_redirects: int = Field(default=3, ge=0, description="within the same host")
    user_agent: str = Field(
        default="scoring-pipeline/0.1 (+set ats.user_agent to say who you are)", description="say who reads the boards"
    )
    closed_after_days: int = Field(
        default=2, ge=1, description="consecutive complete readings without a posting that close it"
    )
    drop_flag_ratio: float = Field(
        default=0.4, gt=0, le=1, description="a board that shrinks by this share closes nothing until confirmed"
    )
    gone_after_days: int = Field(default=7, ge=1, description="days of 404 after which a board is reported as gone")

    def provider(self, name: ProviderName) -> AtsProvider:
        """Return one provider's section with its base URL filled in."""
        section: AtsProvider = getattr(self, name)
        return section if section.base_url else section.model_copy(update={"base_url": DEFAULT_BASE_URLS[name]})


class LlmProvider(_Section):
    """One OpenAI-compatible endpoint."""

    base_url: str = Field(default="https://api.openai.com/v1", description="up to and including the version")
    api_key_env: str = Field(
        default="OPENAI_API_KEY", description="name of the environment variable that holds the key"
    )
    timeout_seconds: float = Field(default=60.0, gt=0, description="for one HTTP exchange; uploads get ten times this")
    batch: bool = Field(default=True, description="whether it serves /batches")
    list_lag_seconds: float = Field(
        default=60.0, ge=0, description="how long a created batch may be missing from the provider's list"
    )
    sandbox: bool = Field(
        default=False, description="it is this project's stand-in: nothing is charged, its scores are marked"
    )


class Llm(_Section):
    """The endpoints, by the name that tiers use, and how batches there are watched."""

    providers: dict[str, LlmProvider] = {"openai": LlmProvider()}
    max_poll_seconds: float = Field(default=30.0, gt=0, description="longest pause between polls of a waiting command")


class Budget(_Section):
    """Limits in USD. Without both, a real endpoint is refused."""

    daily_usd: Decimal | None = Field(default=None, gt=0, description="most that one UTC day of spending may reserve")
    monthly_usd: Decimal | None = Field(default=None, gt=0, description="the same for a calendar month")


class BatchSizes(_Section):
    """How requests are grouped into batches; the provider's own limits are the upper bounds."""

    requests: int = Field(default=500, ge=1, le=50_000, description="requests a batch for ordinary days")
    target_batches: int = Field(default=100, ge=1, description="a larger day gets larger batches, about this many")
    max_requests: int = Field(default=50_000, ge=1, le=50_000, description="requests a batch at most")
    max_bytes: int = Field(default=150_000_000, ge=10_000, le=200_000_000, description="bytes a file at most")
    max_completion_tokens: int = Field(default=400, ge=64, description="an answer is cut there; reserved in full")
    tries: int = Field(default=3, ge=1, description="failures about a request itself after which it is dead")


class Retention(_Section):
    """How long what can be made again, or is only evidence, is kept."""

    transcripts_days: int = Field(default=30, ge=0, description="days that prompts and raw answers are kept")
    delete_provider_files: bool = Field(
        default=True, description="delete input and output files at the provider once collected"
    )


class Partitions(_Section):
    """Daily partitions in UTC, and how often the sensor looks after the open ones."""

    start: date = Field(default=date(2026, 10, 1), description="the first partition")
    sensor_seconds: int = Field(default=30, ge=1, description="shortest pause between two looks of the batch sensor")


@dataclass(frozen=True)
class Clock:
    """The one clock: real time plus a configured offset."""

    offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC) + self.offset

    def today(self) -> str:
        """Return the current partition, `YYYY-MM-DD`."""
        return self.now().date().isoformat()


class Settings(BaseSettings):
    """The whole configuration, validated. Build it with `load_settings`."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    home: Path = Field(
        default=PROJECT / ".scoring", description="where the embedded store, the Dagster instance and the sandbox live"
    )
    store_url: str = Field(
        default="", description="sqlite:///path or mongodb://...; empty: the embedded store in `home`"
    )
    deployment: str = Field(
        default="default", pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="names this installation in batch metadata"
    )
    clock_offset: timedelta = Field(default=timedelta(0), description="added to real time, for trying out another day")
    partitions: Partitions = Partitions()
    ats: Ats = Ats()
    llm: Llm = Llm()
    budget: Budget = Budget()
    batch: BatchSizes = BatchSizes()
    retention: Retention = Retention()
    tiers: Path = Field(default=Path("tiers.yaml"), description="beside the file, else in the project's config/")
    profiles: Path = Field(default=Path("profiles.yaml"), description="beside the file, else in the project's config/")
    sandbox: bool = Field(default=False, description="set by the sandbox's own file: everything is a loopback stand-in")

    @field_validator("store_url")
    @classmethod
    def _known_engine(cls, url: str) -> str:
        if url and not url.startswith(STORE_SCHEMES):
            raise ValueError(f"starts with none of {', '.join(STORE_SCHEMES)}")
        return url

    @property
    def clock(self) -> Clock:
        """The one clock."""
        return Clock(self.clock_offset)

    @property
    def store(self) -> str:
        """The URL of the document store, the embedded default filled in."""
        return self.store_url or f"sqlite:///{self.state / 'store.db'}"

    @property
    def state(self) -> Path:
        """The folder of the store and the Dagster instance; the sandbox's is apart from a real account's."""
        return self.home.resolve() / "sandbox" if self.sandbox else self.home.resolve()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, and read nothing else."""
        del env_settings, dotenv_settings, file_secret_settings
        return _Environment(settings_cls), init_settings


class _Environment(EnvSettingsSource):
    """The environment but `SCORING_SANDBOX`, which chooses the file and is no field of it."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        chooser = f"{ENV_PREFIX}sandbox".lower()
        return {name: value for name, value in super()._load_env_vars().items() if name.lower() != chooser}


class _SandboxEnvironment(EnvSettingsSource):
    """The part of the environment that may still speak when everything runs against the sandbox."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        allowed = tuple(f"{ENV_PREFIX}{name}".lower() for name in SANDBOX_ENVIRONMENT)
        store = f"{ENV_PREFIX}store_url".lower()
        return {
            name: value
            for name, value in super()._load_env_vars().items()
            if name.lower().startswith(allowed) or (name.lower() == store and (value or "").startswith("sqlite:"))
        }


class SandboxSettings(Settings):
    """Settings that no exported variable can point away from the sandbox."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment through `SANDBOX_ENVIRONMENT` only."""
        del env_settings, dotenv_settings, file_secret_settings
        return _SandboxEnvironment(settings_cls), init_settings


def load_settings(config: Path | None = None, *, sandbox: bool | None = None) -> Settings:
    """Read the file and the environment.

    Args:
        config: the file; default `SCORING_CONFIG`, then `config/pipeline.yaml`.
        sandbox: run against the sandbox's own file in `home`; default whether `SCORING_SANDBOX` is set (to `1`).

    Raises:
        ConfigError: naming every field that is wrong, and in which file or variable.
    """
    if sandbox if sandbox is not None else sandbox_from_environment():
        path = sandbox_config_path(home_from_environment())
        if not path.is_file():
            raise ConfigError([f"{path}: the sandbox has not been started yet: run `scoring-pipeline sandbox` first"])
        return _validated(SandboxSettings, path, read_yaml(path))
    path = config or Path(os.environ.get("SCORING_CONFIG", DEFAULT_CONFIG))
    data = read_yaml(path)
    for name in ("tiers", "profiles"):
        # Anything but text is left for the validation to refuse by name.
        if isinstance(given := data.get(name, f"{name}.yaml"), str):
            data[name] = str(_beside(path, Path(given)))
    return _validated(Settings, path, data)


def sandbox_from_environment() -> bool:
    """Whether `SCORING_SANDBOX` asks for the sandbox."""
    return os.environ.get("SCORING_SANDBOX", "0").lower() not in {"", "0", "false", "no"}


def home_from_environment() -> Path:
    """Return the state folder before any file is read: the sandbox's file lives in it."""
    return Path(os.environ.get(f"{ENV_PREFIX}HOME", PROJECT / ".scoring")).resolve()


def sandbox_config_path(home: Path) -> Path:
    """Return where a running sandbox leaves the configuration that points at it."""
    return home / "sandbox" / "pipeline.yaml"


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        ConfigError: if the file is missing, not YAML or not a mapping.
    """
    try:
        # Five thousand boards take a second in pure Python; libyaml, where PyYAML was built with it, takes a fifth.
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except OSError as e:
        raise ConfigError([f"{path}: cannot be read: {e.strerror}"]) from e
    except UnicodeDecodeError as e:
        raise ConfigError([f"{path}: is not UTF-8 text: {e.reason} at byte {e.start}"]) from e
    except yaml.YAMLError as e:
        raise ConfigError([f"{path}: is not YAML: {str(e).replace(chr(10), ' ')}"]) from e
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError([f"{path}: holds a {type(data).__name__} where a mapping of settings is expected"])
    if strange := [key for key in data if not isinstance(key, str)]:
        raise ConfigError([f"{path}: {key!r}: is no name of a setting: write names as text" for key in strange])
    return data


def problems_of(error: ValidationError, path: Path, *, overridden: bool = False) -> list[str]:
    """Return one line for each mistake, naming the file and the field.

    Args:
        error: what the validation found.
        path: the file that was validated.
        overridden: whether variables win over the file; then the variable is named where the mistake came from one.
    """
    lines = []
    for item in error.errors():
        field = ".".join(str(part) for part in item["loc"])
        origin = (_variable(item["loc"]) if overridden else None) or path
        lines.append(f"{origin}: {field}: {item['msg']}{_shown(item['loc'], item['input'])}")
    return lines


def _variable(loc: tuple[int | str, ...]) -> str | None:
    """Return the variable that a field was read from: its own, or that of a section or list above it."""
    names = [ENV_PREFIX + "__".join(str(part) for part in loc[:end]).upper() for end in range(len(loc), 0, -1)]
    return next((name for name in names if name in os.environ), None)


def _shown(loc: tuple[int | str, ...], value: Any) -> str:
    if SECRET_FIELDS & {*loc}:
        return ""
    text = f"a mapping of {', '.join(map(str, value))}" if isinstance(value, dict) else str(value)
    return f" (got {text[:80]!r})"


def _validated(kind: type[Settings], path: Path, data: dict[str, Any]) -> Settings:
    problems = _unknown_variables()
    try:
        settings = kind(**data)
    except ValidationError as e:
        raise ConfigError(problems + problems_of(e, path, overridden=True)) from e
    except SettingsError as e:
        raise ConfigError([*problems, f"environment: {e}"]) from e
    if problems:
        raise ConfigError(problems)
    return settings


def _unknown_variables() -> list[str]:
    known = {name.upper() for name in Settings.model_fields} | {"CONFIG", "SANDBOX", "TEST_MONGODB_URI"}
    variables = [name for name in os.environ if name.startswith(ENV_PREFIX)]
    return [
        f"{name}: no such setting; {ENV_PREFIX}* variables are {', '.join(sorted(known))} and paths below them"
        for name in variables
        if name.removeprefix(ENV_PREFIX).split("__")[0] not in known
    ]


def _beside(config: Path, path: Path) -> Path:
    beside = config.resolve().parent / path
    return beside if beside.is_file() or path.is_absolute() else PROJECT / "config" / path
