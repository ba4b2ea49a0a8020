"""
What can be typed to see how calls went: times, failures, the largest runs and sessions.
"""

from typing import Annotated, Literal

import typer

from otel_bridge.cli import options
from otel_bridge.cli.filtering import Filters, filtered
from otel_bridge.cli.formats import Format, Status

Every = Annotated[
    Literal["minute", "quarter_hour", "hour", "day", "week", "month", "year"],
    typer.Option(help="How long a period is."),
]
Statuses = Annotated[
    list[Status] | None,
    typer.Option("--status", help="Only runs that stand so; may be repeated."),
]


def add_commands(command: options.Command) -> None:
    """
    Make the commands of this module part of the program.

    Args:
        command: Gives what registers a function under a name.
    """
    command("latency")(_latency)
    command("throughput")(_throughput)
    command("cache")(_cache)
    command("errors")(_errors)
    command("retries")(_retries)
    command("top")(_top)
    command("sessions")(_sessions)


@filtered()
def _latency(
    *,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    by: options.By = None,
    limit: options.Limit = None,
    filters: Filters,
) -> int:
    """
    Report how long calls took, to their first token and in all, and how fast they wrote.
    """
    from otel_bridge.cli.commands.latency import latency

    return latency(db=db, form=form, by=by or ["model"], filters=filters, limit=limit)


@filtered()
def _throughput(
    *,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY[,KEY]", help="A series for each group, such as model or agent_name."
        ),
    ] = None,
    every: Every = "hour",
    limit: options.Limit = None,
    filters: Filters,
) -> int:
    """
    Report calls and tokens over time, and how many calls ran at once.

    Periods without calls are shown too, from --since or the first call to --until or the
    last one.
    """
    from otel_bridge.cli.commands.throughput import throughput

    return throughput(db=db, form=form, by=by or (), every=every, filters=filters, limit=limit)


@filtered()
def _cache(
    *,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    by: options.By = None,
    limit: options.Limit = None,
    filters: Filters,
) -> int:
    """
    Report how much of the input was read from a cache.

    The shares are over the calls that told how much they read.
    """
    from otel_bridge.cli.commands.cache import cache

    return cache(db=db, form=form, by=by or ["model"], filters=filters, limit=limit)


@filtered()
def _errors(
    *,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY[,KEY]", help="Group by more than the error, such as model or day."
        ),
    ] = None,
    tool: Annotated[str | None, typer.Option(metavar="NAME", help="Only this tool.")] = None,
    limit: options.Limit = None,
    filters: Filters,
) -> int:
    """
    Report what failed, by type: calls to models, tools and runs.
    """
    from otel_bridge.cli.commands.errors import errors

    filters["tool_name"] = tool
    return errors(db=db, form=form, by=by or (), filters=filters, limit=limit)


@filtered()
def _retries(
    *,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    by: options.By = None,
    limit: options.Limit = None,
    filters: Filters,
) -> int:
    """
    Report how often failed calls were tried again, how that ended and what was wasted.

    A retry is the next call to the same model for the same operation in the same run,
    begun after the call before it had failed.
    """
    from otel_bridge.cli.commands.retries import retries

    return retries(db=db, form=form, by=by or ["model"], filters=filters, limit=limit)


@filtered(without=("operation",))
def _top(
    *,
    what: Annotated[Literal["runs", "sessions"], typer.Argument(help="What to list.")],
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    by: Annotated[
        Literal["cost", "tokens", "duration", "runs", "llm_calls", "errors"],
        typer.Option(help="What to order by; runs is for sessions."),
    ] = "cost",
    status: Statuses = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many.")] = 10,
    filters: Filters,
) -> int:
    """
    List the runs or sessions that cost, took, called or failed most.

    A run's figures are its own; `rollup` has those with the runs that it started.
    """
    from otel_bridge.cli.commands.top import top

    filters["status"] = _values(status)
    return top(db=db, form=form, what=what, by=by, filters=filters, limit=limit)


@filtered(without=("operation",))
def _sessions(
    *,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    status: Statuses = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many sessions.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="Pass over so many.")] = 0,
    filters: Filters,
) -> int:
    """
    List sessions with the sums over their runs, the latest active first.

    Filters choose runs: a session is listed with those of its runs that match.
    """
    from otel_bridge.cli.commands.sessions import sessions

    filters["status"] = _values(status)
    return sessions(db=db, form=form, filters=filters, limit=limit, offset=offset)


def _values(status: list[Status] | None) -> list[str] | None:
    return None if not status else [each.value for each in status]
