"""
What can be typed to look at one run, at its trace, or at what happens in it.
"""

from typing import Annotated, Literal

import typer

from otel_bridge.cli import options
from otel_bridge.cli.formats import Format


def add_commands(command: options.Command) -> None:
    """
    Make the commands of this module part of the program.

    Args:
        command: Gives what registers a function under a name.
    """
    command("run")(_run)
    command("trace")(_trace)
    command("tail")(_tail)


def _run(
    run_id: Annotated[str, typer.Argument(help="The run's id, or the beginning of it.")],
    db: options.Db = options.DEFAULT_DB,
    form: options.TextForm = Format.TABLE,
    events: Annotated[bool, typer.Option("--events", help="Show the run log instead.")] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Show what a reader of its stream was told instead.")
    ] = False,
    decisions: Annotated[
        bool,
        typer.Option("--decisions", help="Show the latest decisions and compactions instead."),
    ] = False,
    as_of: Annotated[
        int | None,
        typer.Option("--as-of", metavar="N", help="Show how it stood at this sequence_index."),
    ] = None,
) -> int:
    """
    Show one run: all that happened in it, with times and cost.

    --as-of alone shows status, steps, open calls and totals as they were known then; with
    --replay or --decisions it leaves out what came later.
    """
    if sum((events, replay, decisions)) > 1 or (events and as_of is not None):
        raise typer.BadParameter(
            "ask for one of --events, --replay and --decisions; --events goes without --as-of"
        )
    if replay:
        from otel_bridge.cli.commands.run_stream import run_stream

        return run_stream(db=db, form=form, run_id=run_id, as_of=as_of)
    if decisions:
        from otel_bridge.cli.commands.run_decisions import run_decisions

        return run_decisions(db=db, form=form, run_id=run_id, as_of=as_of)
    if as_of is not None:
        from otel_bridge.cli.commands.run_state import run_state

        return run_state(db=db, form=form, run_id=run_id, as_of=as_of)
    from otel_bridge.cli.commands.run import run

    return run(db=db, form=form, run_id=run_id, events=events)


def _trace(
    trace_or_run: Annotated[
        str, typer.Argument(metavar="TRACE_or_RUN", help="The id of a trace or of a run.")
    ],
    db: options.Db = options.DEFAULT_DB,
    form: options.TextForm = Format.TABLE,
) -> int:
    """
    Show the spans of one trace on a time axis.
    """
    from otel_bridge.cli.commands.trace import trace

    return trace(db=db, form=form, trace_or_run=trace_or_run)


def _tail(
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="The run's id, or the beginning of it."),
    ] = None,
    db: options.Db = options.DEFAULT_DB,
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
