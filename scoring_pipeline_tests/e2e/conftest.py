"""One day run once for all tests that only read it."""

from dataclasses import dataclass

import pytest
from e2e_kit import Cli, Done, new_cli


@dataclass(frozen=True)
class FirstDay:
    """A command line on whose sandbox today was run once, with `--json`, and what that printed."""

    cli: Cli
    done: Done


@pytest.fixture(scope="session")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> FirstDay:
    cli = new_cli(tmp_path_factory.mktemp("first"))
    return FirstDay(cli, cli.ok("run", "--sandbox", "--json"))
