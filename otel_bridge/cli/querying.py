"""
What can be typed to ask in SQL.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from otel_bridge.cli import options
from otel_bridge.cli.formats import BINARY, Format

_TIMEOUT_S = 60.0


def add_commands(command: options.Command) -> None:
    """
    Make the commands of this module part of the program.

    Args:
        command: Gives what registers a function under a name.
    """
    command("sql")(_sql)


def _sql(
    query: Annotated[
        str | None,
        typer.Argument(metavar="[QUERY]", help="A query in DuckDB's SQL; - reads standard input."),
    ] = None,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    output: options.Output = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Read the query from a file.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="NAME=VALUE",
            help="The value of $NAME in the query, as JSON or as text; may be repeated.",
        ),
    ] = None,
    limit: options.Limit = None,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Stop a query after so long; 0: never.")
    ] = _TIMEOUT_S,
    schema: Annotated[
        bool, typer.Option("--schema", help="List the views and their columns instead.")
    ] = False,
    shell: Annotated[
        Literal["sqlite", "duckdb"] | None,
        typer.Option(
            case_sensitive=False,
            help="Give the views to a shell instead: sqlite prints a script for "
            "`sqlite3 -init`, duckdb writes files and a script into a folder.",
        ),
    ] = None,
    into: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder of --shell duckdb.")
    ] = None,
) -> int:
    """
    Ask anything in SQL, read only.

    The tables are runs, llm_calls, tool_calls, steps, sessions, spans, events, messages.
    """
    from otel_bridge.cli.commands import sql
    from otel_bridge.cli.destination import written_to

    wanted = [query is not None, file is not None, schema, shell is not None]
    if sum(wanted) != 1:
        raise typer.BadParameter("give one of QUERY, --file, --schema and --shell")
    if (shell == "duckdb") != (into is not None):
        raise typer.BadParameter("--shell duckdb and --into DIR go together")
    if schema:
        if form in BINARY:
            raise typer.BadParameter(f"--schema is for reading, and {form.value} is not")
        with written_to(output, form):
            return sql.print_views(form=form)
    if shell == "sqlite":
        with written_to(output, Format.TABLE):
            return sql.print_sqlite_script()
    if into is not None:
        return sql.write_duckdb_views(db=db, folder=into)
    with written_to(output, form):
        return sql.sql(
            db=db,
            form=form,
            query=sql.query_of(query, file),
            params=param or (),
            limit=limit,
            timeout=timeout or None,
        )
