"""
`otel-bridge`: what can be typed, and which function of `commands` answers.
"""

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal, ParamSpec

import typer

from otel_bridge.cli import analysing, explaining, maintenance, options, planning
from otel_bridge.cli.failures import guard
from otel_bridge.cli.formats import Format, Status

P = ParamSpec("P")

DEFAULT_DB = options.DEFAULT_DB

app = typer.Typer(
    name="otel-bridge",
    help="The flight recorder for AI agents: runs, their steps, tokens and cost, on your disk.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """
    Run the program with the arguments it was started with.
    """
    sys.exit(run_with(sys.argv[1:]))


def run_with(arguments: Sequence[str]) -> int:
    """
    Run one command line.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(list(arguments), prog_name="otel-bridge")
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0 if exc.code is None else 1
    return 0


def _command(name: str) -> Callable[[Callable[P, int]], Callable[P, None]]:
    """
    Register a function as a command whose result is the exit code.
    """

    def register(function: Callable[P, int]) -> Callable[P, None]:
        @app.command(name)
        @wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
            raise typer.Exit(guard(lambda: function(*args, **kwargs)))

        return guarded

    return register


def _print_version(wanted: bool) -> None:
    if wanted:
        from otel_bridge.cli.output import write_line

        write_line(f"otel-bridge {version('otel-bridge')}")
        raise typer.Exit


@app.callback()
def _program(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


@_command("demo")
def _demo(
    db: Annotated[
        str | None,
        typer.Option(
            "--db",
            metavar="PATH-or-URL",
            help="A fresh database. [default: ./otel-bridge-demo.db]",
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Add to the database of an earlier demo.")
    ] = False,
) -> int:
    """
    Record a small multi-agent program and show it.
    """
    from otel_bridge.cli.commands.demo import demo

    return demo(db=db, keep=keep)


@_command("import")
def _import(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="OTLP files, or folders of them.")
    ],
    db: options.Db = DEFAULT_DB,
    prices: maintenance.Prices = None,
) -> int:
    """
    Store OTLP traces and logs from files, protobuf or JSON.

    Exit code 1 if a file that was named could not be used; what could be is stored.
    """
    from otel_bridge.cli.commands.import_ import import_files

    return import_files(db=db, paths=files, prices=prices)


@_command("runs")
def _runs(
    db: options.Db = DEFAULT_DB,
    form: options.Form = Format.TABLE,
    status: Annotated[
        list[Status] | None, typer.Option(help="Only runs that stand so; may be repeated.")
    ] = None,
    agent: options.Agent = None,
    session: options.Session = None,
    user: options.User = None,
    tenant: Annotated[str | None, typer.Option(metavar="ID", help="Only this tenant.")] = None,
    parent: Annotated[
        str | None, typer.Option(metavar="RUN", help="Only runs that this run started.")
    ] = None,
    tag: options.Tag = None,
    service: options.Service = None,
    since: options.Since = None,
    until: options.Until = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many runs.")] = 50,
    cursor: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on after an earlier list.")
    ] = None,
) -> int:
    """
    List runs, the latest first.
    """
    from otel_bridge.cli.commands.runs import runs

    return runs(
        db=db,
        form=form,
        status=[each.value for each in status or ()],
        agent=agent,
        session=session,
        user=user,
        tenant=tenant,
        parent=parent,
        tag=tag,
        service=service,
        since=since,
        until=until,
        limit=limit,
        cursor=cursor,
    )


@_command("run")
def _run(
    run_id: Annotated[str, typer.Argument(help="The run's id, or the beginning of it.")],
    db: options.Db = DEFAULT_DB,
    form: options.Form = Format.TABLE,
    events: Annotated[bool, typer.Option("--events", help="Show the run log instead.")] = False,
) -> int:
    """
    Show one run: all that happened in it, with times and cost.
    """
    from otel_bridge.cli.commands.run import run

    return run(db=db, form=form, run_id=run_id, events=events)


@_command("trace")
def _trace(
    trace_or_run: Annotated[
        str, typer.Argument(metavar="TRACE_or_RUN", help="The id of a trace or of a run.")
    ],
    db: options.Db = DEFAULT_DB,
    form: options.Form = Format.TABLE,
) -> int:
    """
    Show the spans of one trace on a time axis.
    """
    from otel_bridge.cli.commands.trace import trace

    return trace(db=db, form=form, trace_or_run=trace_or_run)


@_command("tail")
def _tail(
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="The run's id, or the beginning of it."),
    ] = None,
    db: options.Db = DEFAULT_DB,
    form: Annotated[
        Literal["table", "json"],
        typer.Option(
            "--format",
            "-f",
            case_sensitive=False,
            help="Lines for people, or JSON, one object per line.",
        ),
    ] = "table",
    after: Annotated[
        int | None, typer.Option(metavar="N", help="Begin after this sequence_index.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="Only facts of this kind; may be repeated."),
    ] = None,
    stay: Annotated[bool, typer.Option("--stay", help="Go on after the run's end.")] = False,
) -> int:
    """
    Follow a run to its end, or all runs until Ctrl-C.

    A run is shown from its beginning, all runs from now on, either from --after N where
    that is given. In the log of all runs sequence_index has numbers of its own.
    """
    from otel_bridge.cli.commands.tail import tail

    return tail(db=db, form=form, run_id=run_id, after=after, kinds=kind or (), stay=stay)


@_command("cost")
def _cost(
    db: options.Db = DEFAULT_DB,
    form: options.Form = Format.TABLE,
    by: options.By = None,
    since: options.SinceText = None,
    until: options.UntilText = None,
    agent: options.Agent = None,
    model: options.Model = None,
    provider: options.Provider = None,
    session: options.Session = None,
    user: options.User = None,
    run: options.Run = None,
    service: options.Service = None,
    tag: options.Tag = None,
    timezone: options.Timezone = "UTC",
    limit: options.Limit = None,
    unpriced: Annotated[
        bool, typer.Option("--unpriced", help="List the calls without a price, by reason.")
    ] = False,
    emitted: Annotated[
        bool,
        typer.Option("--emitted", help="Compare with the cost that the telemetry claims."),
    ] = False,
) -> int:
    """
    Report calls, tokens and cost in groups.

    Calls without a known price are counted, and are not in the cost. The groups of
    --unpriced are provider and model, that of --emitted is source, unless --by says more.
    """
    from otel_bridge.cli.commands.cost import cost

    filters = _filters(since, until, agent, session, user, run, service, tag, timezone)
    filters |= {"model": model, "provider": provider}
    return cost(
        db=db,
        form=form,
        by=by,
        filters=filters,
        limit=limit,
        unpriced=unpriced,
        emitted=emitted,
    )


@_command("tokens")
def _tokens(
    db: options.Db = DEFAULT_DB,
    form: options.Form = Format.TABLE,
    by: options.By = None,
    since: options.SinceText = None,
    until: options.UntilText = None,
    agent: options.Agent = None,
    model: options.Model = None,
    provider: options.Provider = None,
    session: options.Session = None,
    user: options.User = None,
    run: options.Run = None,
    service: options.Service = None,
    tag: options.Tag = None,
    timezone: options.Timezone = "UTC",
    limit: options.Limit = None,
) -> int:
    """
    Report tokens in groups.
    """
    from otel_bridge.cli.commands.tokens import tokens

    filters = _filters(since, until, agent, session, user, run, service, tag, timezone)
    filters |= {"model": model, "provider": provider}
    return tokens(db=db, form=form, by=by or ["model"], filters=filters, limit=limit)


@_command("tools")
def _tools(
    db: options.Db = DEFAULT_DB,
    form: options.Form = Format.TABLE,
    since: options.SinceText = None,
    until: options.UntilText = None,
    agent: options.Agent = None,
    tool: Annotated[str | None, typer.Option(metavar="NAME", help="Only this tool.")] = None,
    session: options.Session = None,
    user: options.User = None,
    run: options.Run = None,
    service: options.Service = None,
    tag: options.Tag = None,
    timezone: options.Timezone = "UTC",
    limit: options.Limit = None,
) -> int:
    """
    Report how often tools ran and failed, and how long they took.
    """
    from otel_bridge.cli.commands.tools import tools

    filters = _filters(since, until, agent, session, user, run, service, tag, timezone)
    return tools(db=db, form=form, filters=filters | {"tool_name": tool}, limit=limit)


@_command("sql")
def _sql(
    query: Annotated[str, typer.Argument(help="A query in DuckDB's SQL; - reads standard input.")],
    db: options.Db = DEFAULT_DB,
    form: options.Form = Format.TABLE,
) -> int:
    """
    Ask anything in SQL, read only.

    The tables are runs, llm_calls, tool_calls, steps, sessions, spans, events, messages.
    """
    from otel_bridge.cli.commands.sql import sql

    return sql(db=db, form=form, query=query)


def _filters(
    since: str | None,
    until: str | None,
    agent: str | None,
    session: str | None,
    user: str | None,
    run: str | None,
    service: str | None,
    tag: str | None,
    timezone: str,
) -> dict[str, str | None]:
    return {
        "since": since,
        "until": until,
        "agent_name": agent,
        "session_id": session,
        "user_id": user,
        "run_id": run,
        "service": service,
        "tag": tag,
        "timezone": timezone,
    }


analysing.add_commands(_command)
planning.add_commands(_command)
maintenance.add_commands(_command)
explaining.add_commands(_command)
