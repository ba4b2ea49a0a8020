"""
`otel-bridge`: what can be typed, and which function of `commands` answers.
"""

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from otel_bridge.cli import (
    analysing,
    drawing,
    explaining,
    forwarding,
    maintenance,
    options,
    planning,
    querying,
    reporting,
    searching,
    serving,
    single_runs,
)
from otel_bridge.cli.failures import guard
from otel_bridge.cli.formats import Format, Status
from otel_bridge.own_process import prepare_own_process

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
    prepare_own_process()
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
    output: options.Output = None,
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
        output=output,
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


serving.add_commands(_command)
single_runs.add_commands(_command)
reporting.add_commands(_command)
drawing.add_commands(_command)
analysing.add_commands(_command)
planning.add_commands(_command)
maintenance.add_commands(_command)
forwarding.add_commands(_command)
explaining.add_commands(_command)
querying.add_commands(_command)
searching.add_commands(_command)
