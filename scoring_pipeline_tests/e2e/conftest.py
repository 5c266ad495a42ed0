"""One day run once for all tests that only read it."""

import pytest
from e2e_kit import FirstDay, new_cli


@pytest.fixture(scope="session")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> FirstDay:
    cli = new_cli(tmp_path_factory.mktemp("first"))
    return FirstDay(cli, cli.ok("run", "--sandbox", "--json"))
