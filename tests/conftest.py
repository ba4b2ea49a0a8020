"""
What all tests may ask for: the kinds of database, and a server where one can be had.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from backends import KINDS, POSTGRES, Backend
from postgres_server import NOT_RUN, any_server, is_there


def pytest_report_header() -> str:
    """
    Say which kinds of database the tests run on.
    """
    run = [kind for kind in KINDS if kind != POSTGRES or is_there()]
    missing = "" if is_there() else f"; {NOT_RUN}"
    return f"databases: {', '.join(run)}{missing}"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """
    Give the URL of a PostgreSQL server, or skip the test.
    """
    if not is_there():
        pytest.skip(NOT_RUN)
    with any_server() as url:
        yield url


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """
    Give each kind of database in turn, with an empty one.
    """
    server = request.getfixturevalue("postgres_url") if request.param == POSTGRES else None
    made = Backend(request.param, tmp_path, server)
    try:
        yield made
    finally:
        made.close()
