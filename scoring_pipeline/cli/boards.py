"""`boards`: adding job boards to the configuration, and seeing how the configured ones do.

What belongs here: the order of recognising, verifying and writing, and what is said about it. What does not: each of
these (`ats/`, `config_file.py`), and tables (`boards_view.py`).
"""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.markup import escape

from scoring_pipeline.ats.board_list import BoardListRefused, ListedBoard, read_board_list
from scoring_pipeline.ats.boards import BoardReference, UnrecognisedBoard
from scoring_pipeline.ats.discover import NoBoardFound, company_guess, discover_board
from scoring_pipeline.ats.errors import FetchError, PermanentFetchError, TransientFetchError
from scoring_pipeline.ats.health import board_health
from scoring_pipeline.ats.probing import Probe, list_url, probe_boards
from scoring_pipeline.cli.boards_view import Checked, added_text, check_json, print_check
from scoring_pipeline.cli.context import (
    JsonOption,
    RunError,
    SandboxOption,
    UsageError,
    console_for,
    print_json,
    settings_for,
    store_for,
)
from scoring_pipeline.config_file import add_boards
from scoring_pipeline.settings import (
    DEFAULT_CONFIG,
    PROVIDERS,
    Ats,
    Board,
    ConfigError,
    ProviderName,
    Settings,
    load_settings,
    problems_of,
    read_yaml,
    sandbox_from_environment,
)

# Their payloads name no company.
_NAMELESS: tuple[ProviderName, ...] = ("lever", "ashby")
_SHOWN_DUPLICATES = 20


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The job boards that are read.", no_args_is_help=True)
    group.command("add")(add)
    group.command("check")(check)
    group.command("import")(import_list)
    app.add_typer(group, name="boards")


def add(
    url: Annotated[str, typer.Argument(help="A careers page, a posting or an API address of one of the providers.")],
    company: Annotated[str, typer.Option("--company", help="Display name, where the provider sends none.")] = "",
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Find the board behind an address, read it once, and add it to the configuration file."""
    file = _file()
    found = _discovered(file.settings, url)
    board, guessed = _named(found.provider, Board(name=found.board, base_url=found.base_url), company)
    known = _Known(file)
    if clash := known.clash(found.provider, board):
        raise UsageError(f"{found.provider}/{board.name} was not added: {clash}")
    probe = probe_boards(file.settings.ats, {found.provider: [board]}, now=file.settings.clock.now)[0]
    if probe.error is not None:
        _refuse(probe.error, f"{found.provider}/{board.name} was not added: it could not be read: {probe.error}")
    add_boards(file.path, [(found.provider, board)])
    hidden = _hidden([(found.provider, board)])
    if as_json:
        about = {"provider": found.provider, **board.model_dump(exclude={"token"})}
        outcome = {"company_guessed": guessed, "postings": probe.rows, "company_found": probe.company}
        print_json({"added": about, **outcome, "file": str(file.path), "overridden_by_environment": bool(hidden)})
        return
    console = console_for(as_json=False)
    for line in [*added_text(probe, file.path, guessed=guessed), *hidden]:
        console.print(line, soft_wrap=True)


def check(
    live: Annotated[bool, typer.Option("--live", help="Read each board once now as well; nothing is stored.")] = False,
    sandbox: Annotated[bool, SandboxOption] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Show how every configured board does; ends with 1 if one is gone or failing."""
    with settings_for(sandbox=sandbox) as settings, store_for(settings) as store:
        boards = {name: list(dict.fromkeys(settings.ats.provider(name).boards)) for name in PROVIDERS}
        if not any(boards.values()):
            raise UsageError("no board is configured: add one with `scoring-pipeline boards add URL`")
        today, console = settings.clock.today(), console_for(as_json=as_json)
        healths = [
            board_health(store, settings.ats, name, board, today=today) for name in PROVIDERS for board in boards[name]
        ]
        probes: Sequence[Probe | None] = [None] * len(healths)
        if live:
            with console.status(f"reading {len(healths):,} boards"):
                probes = probe_boards(settings.ats, boards, now=settings.clock.now)
        checked = [Checked(health, probe) for health, probe in zip(healths, probes, strict=True)]
        if as_json:
            print_json(check_json(checked, today))
        else:
            print_check(console, checked, gone_after_days=settings.ats.gone_after_days)
        if any(item.state in {"gone", "failing"} for item in checked):
            raise typer.Exit(1)


def import_list(
    file: Annotated[Path, typer.Argument(help="A CSV file: provider,board[,company][,base_url], or url alone.")],
    verify: Annotated[bool, typer.Option("--verify", help="Read each board once first; all must answer.")] = False,
    as_json: Annotated[bool, JsonOption] = False,
) -> None:
    """Add the boards of a CSV file to the configuration, all or none; those that are there already are skipped."""
    config = _file()
    try:
        listed = read_board_list(file, config.settings.ats)
    except BoardListRefused as e:
        raise ConfigError(e.problems) from e
    fresh, duplicates = _sorted_out(listed, _Known(config), file)
    if verify:
        _verify(config.settings, fresh, file)
    named = [(item.provider, *_named(item.provider, item.board, "")) for item in fresh]
    boards = [(provider, board) for provider, board, _ in named]
    if boards:
        add_boards(config.path, boards)
    by_provider = Counter(provider for provider, _ in boards)
    guessed = sum(was_guessed for _, _, was_guessed in named)
    if as_json:
        about = {"by_provider": by_provider, "companies_guessed": guessed, "duplicates": duplicates}
        print_json({"added": len(boards), **about, "verified": verify, "file": str(config.path)})
        return
    console = console_for(as_json=False)
    counts = ", ".join(f"{count:,} {provider}" for provider, count in by_provider.items())
    lines = [f"{len(boards):,} boards added to {config.path}" + (f": {counts}" if counts else "")]
    if guessed:
        lines.append(f"{guessed:,} company names were made from boards' names: Lever and Ashby send none")
    if duplicates:
        lines += [f"{len(duplicates):,} duplicates were skipped:", *duplicates[:_SHOWN_DUPLICATES]]
        lines += [f"and {len(duplicates) - _SHOWN_DUPLICATES:,} more"] if len(duplicates) > _SHOWN_DUPLICATES else []
    for line in [*map(escape, lines), *_hidden(boards)]:
        console.print(line, soft_wrap=True)


@dataclass(frozen=True)
class _File:
    """The configuration file, as it is in force."""

    path: Path
    settings: Settings


class _Known:
    """The boards that are configured, in the file or by the environment, and those that are about to be."""

    def __init__(self, file: _File) -> None:
        self._ats = file.settings.ats
        self._names: dict[tuple[ProviderName, str], str] = {}
        self._urls: dict[str, str] = {}
        for ats in (self._ats, _ats_of_file(file.path)):
            for provider in PROVIDERS:
                for board in ats.provider(provider).boards:
                    self.note(provider, board, f"{board.name!r} is in ats.{provider}.boards already")

    def note(self, provider: ProviderName, board: Board, where: str) -> None:
        """Remember a board."""
        self._names.setdefault((provider, board.name), where)
        try:
            self._urls.setdefault(list_url(self._ats, provider, board), where)
        except PermanentFetchError:
            # Configured by hand with an address that cannot be asked: it is at least no other board's.
            return

    def clash(self, provider: ProviderName, board: Board) -> str | None:
        """Return where the board, or another of its name or its address, is known from."""
        return self._names.get((provider, board.name)) or self._urls.get(list_url(self._ats, provider, board))


def _file() -> _File:
    if sandbox_from_environment():
        raise UsageError("SCORING_SANDBOX is set, and the sandbox has boards of its own: unset it to change yours")
    return _File(Path(os.environ.get("SCORING_CONFIG", DEFAULT_CONFIG)), load_settings(sandbox=False))


def _ats_of_file(path: Path) -> Ats:
    try:
        return Ats.model_validate(read_yaml(path).get("ats") or {})
    except ValidationError as e:
        raise ConfigError(problems_of(e, path)) from e


def _discovered(settings: Settings, url: str) -> BoardReference:
    try:
        found = discover_board(settings.ats, url, now=settings.clock.now())
        list_url(settings.ats, found.provider, Board(name=found.board, base_url=found.base_url))
    except (UnrecognisedBoard, NoBoardFound) as e:
        raise UsageError(f"nothing was added: {e}") from e
    except FetchError as e:
        _refuse(e, f"nothing was added: {e}")
    return found


def _refuse(error: FetchError, message: str) -> NoReturn:
    """End with what fits: an address that is wrong, or a host that may answer later."""
    if isinstance(error, TransientFetchError):
        raise RunError(f"{message}; try again later") from error
    raise UsageError(message) from error


def _named(provider: ProviderName, board: Board, company: str) -> tuple[Board, bool]:
    """Return the board with the company that is to be written, and whether that was guessed."""
    name = company.strip() or board.company
    guessed = not name and provider in _NAMELESS
    return board.model_copy(update={"company": company_guess(board.name) if guessed else name}), guessed


def _sorted_out(listed: list[ListedBoard], known: _Known, file: Path) -> tuple[list[ListedBoard], list[str]]:
    """Return the boards that are new, and a line for each that is not."""
    fresh, duplicates = [], []
    for item in listed:
        clash = known.clash(item.provider, item.board)
        if clash:
            duplicates.append(f"{file}: line {item.line}: {item.provider}/{item.board.name}: {clash}")
            continue
        fresh.append(item)
        known.note(item.provider, item.board, f"the same board is on line {item.line}")
    return fresh, duplicates


def _verify(settings: Settings, fresh: list[ListedBoard], file: Path) -> None:
    """Read each board once.

    Raises:
        ConfigError: naming every one that could not be read.
    """
    by_provider = {name: [item for item in fresh if item.provider == name] for name in PROVIDERS}
    boards = {name: [item.board for item in items] for name, items in by_provider.items()}
    with console_for(as_json=True).status(f"reading {len(fresh):,} boards"):
        probes = probe_boards(settings.ats, boards, now=settings.clock.now)
    items = [item for name in PROVIDERS for item in by_provider[name]]
    failed = [(item.line, probe) for item, probe in zip(items, probes, strict=True) if probe.error is not None]
    if failed:
        raise ConfigError(
            [
                f"{file}: line {line}: {probe.provider}/{probe.board.name} could not be read: {probe.error}"
                for line, probe in sorted(failed, key=lambda pair: pair[0])
            ]
        )


def _hidden(boards: Iterable[tuple[ProviderName, Board]]) -> list[str]:
    """Return a warning where boards that were just written are not in force: the environment wins over the file."""
    ats = load_settings(sandbox=False).ats
    listed = {name: set(ats.provider(name).boards) for name in PROVIDERS}
    hidden = sorted({provider for provider, board in boards if board not in listed[provider]})
    return [
        f"[yellow]note:[/] an environment variable (SCORING_ATS__{name.upper()}__BOARDS) wins over the file's list, so "
        "what was added is not read until it is unset"
        for name in hidden
    ]
