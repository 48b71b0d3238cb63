"""Set-up of pytest. The fixtures are in `tests/fixtures.py`."""

import pytest
from hypothesis import settings as hypothesis_settings

# The same examples each time, however long they take.
hypothesis_settings.register_profile("stable", derandomize=True, deadline=None, database=None)
hypothesis_settings.load_profile("stable")


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures, except in the controller of several processes: it runs no test, and torch takes seconds."""
    is_controller = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if not is_controller:
        config.pluginmanager.import_plugin("tests.fixtures")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run a test on Postgres too: in `make test` if SQL is its subject, otherwise in `make test-long`."""
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if parameters.get("settings") == "postgres" and item.get_closest_marker("sql") is None:
            item.add_marker("long")
