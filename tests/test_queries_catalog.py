import re
from importlib import resources

import pytest
from otel_bridge_queries import catalog
from otel_bridge_queries.engine import open_engine
from otel_bridge_queries.relations import RELATIONS


def test_every_report_has_a_file_and_every_file_a_report() -> None:
    """
    The catalog and the folder of `.sql` files name the same reports.
    """
    folder = resources.files("otel_bridge_queries").joinpath("sql")
    files = {item.name for item in folder.iterdir() if item.is_file()}
    assert files == {f"{report.name}.sql" for report in catalog.REPORTS}


@pytest.mark.parametrize("report", catalog.REPORTS, ids=lambda report: report.name)
def test_every_report_prepares_against_an_empty_schema(report: catalog.Report) -> None:
    """
    DuckDB accepts each report where no table holds a row.
    """
    with open_engine() as engine:
        engine.execute(f"PREPARE report AS {report.sql}")


@pytest.mark.parametrize("report", catalog.REPORTS, ids=lambda report: report.name)
def test_every_report_documents_its_parameters(report: catalog.Report) -> None:
    """
    The header comment of a report names its parameters, all of them and no others.
    """
    header = "\n".join(line for line in report.sql.splitlines() if line.startswith("--"))
    with open_engine() as engine:
        (statement,) = engine.extract_statements(report.sql)
    assert header.startswith("-- ")
    assert set(re.findall(r"\$(\w+)", header)) == statement.named_parameters


def test_every_report_and_view_declares_tables_that_are_copied() -> None:
    """
    No report or view waits for a table that nothing fills.
    """
    read = {name for report in catalog.REPORTS for name in report.relations}
    read |= {name for tables in catalog.VIEWS.values() for name in tables}
    assert read == set(RELATIONS)


def test_every_view_is_declared() -> None:
    """
    The views of `Queries.sql` and the list of what they read name the same views.
    """
    with open_engine() as engine:
        names = engine.execute(
            "SELECT view_name FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal"
        ).fetchall()
    assert {name for (name,) in names} == set(catalog.VIEWS)
