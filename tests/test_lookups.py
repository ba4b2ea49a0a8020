"""
Look-ups by lists of keys: each goes through an index, however many keys there are.
"""

import importlib
import pkgutil
import sqlite3
from pathlib import Path

import otel_bridge_storage
import pytest
from otel_bridge_storage.columns import metadata
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.statements import Lookup
from sqlalchemy.dialects import sqlite


def lookups() -> dict[str, Lookup]:
    """
    Find every look-up of the storage by module and name.
    """
    names = [name for _, name, _ in pkgutil.walk_packages(otel_bridge_storage.__path__)]
    modules = [importlib.import_module(f"otel_bridge_storage.{name}") for name in names]
    found = {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Lookup)
    }
    for module in modules:
        for owner in vars(module).values():
            if type(owner).__name__ == "Links":
                nested = {"span": owner._by_span, "outer": owner._by_outer} | owner._by_key
                found |= {f"Links.{kind}": lookup for kind, lookup in nested.items()}
    return found


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A database with the schema and no rows.
    """
    path = tmp_path_factory.mktemp("lookups") / "runs.db"
    open_database(path).close()
    return path


@pytest.mark.parametrize("keys", [1, 2, 64])
@pytest.mark.parametrize("name", sorted(lookups()))
def test_no_lookup_reads_a_whole_table(name: str, keys: int, empty: Path) -> None:
    """
    The plan of a look-up searches the table of its keys, and scans no table.
    """
    lookup = lookups()[name]
    text = lookup._text(sqlite.dialect(paramstyle="qmark"), keys)
    connection = sqlite3.connect(empty)
    try:
        values = [0] * text.count("?")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]
    finally:
        connection.close()
    tables = set(metadata.tables)
    assert not [step for step in plan if step.startswith("SCAN") and step.split()[1] in tables]
    assert any(step.startswith("SEARCH") for step in plan)
