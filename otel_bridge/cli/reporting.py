"""
What can be typed to ask for sums: cost, tokens, tools.
"""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from otel_bridge.cli import options
from otel_bridge.cli.formats import Format, Spark

Command = Callable[[str], Callable[[Callable[..., int]], Any]]
SparkOption = Annotated[
    Spark | None,
    typer.Option(
        "--spark",
        case_sensitive=False,
        help="Draw each group over time in a table. [default: by day, on a terminal with --since]",
    ),
]


def add_commands(command: Command) -> None:
    """
    Make the commands of this module part of the program.

    Args:
        command: Gives what registers a function under a name.
    """
    command("cost")(_cost)
    command("tokens")(_tokens)
    command("tools")(_tools)


def filters_of(
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
    """
    Name the filters as reports do.
    """
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


def _cost(
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    output: options.Output = None,
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
    spark: SparkOption = None,
) -> int:
    """
    Report calls, tokens and cost in groups.

    Calls without a known price are counted, and are not in the cost. The groups of
    --unpriced are provider and model, that of --emitted is source, unless --by says more.
    """
    from otel_bridge.cli.commands.cost import cost
    from otel_bridge.cli.destination import written_to

    filters = filters_of(since, until, agent, session, user, run, service, tag, timezone)
    filters |= {"model": model, "provider": provider}
    with written_to(output, form):
        return cost(
            db=db,
            form=form,
            by=by,
            filters=filters,
            limit=limit,
            unpriced=unpriced,
            emitted=emitted,
            spark=spark,
        )


def _tokens(
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    output: options.Output = None,
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
    spark: SparkOption = None,
) -> int:
    """
    Report tokens in groups.
    """
    from otel_bridge.cli.commands.tokens import tokens
    from otel_bridge.cli.destination import written_to

    filters = filters_of(since, until, agent, session, user, run, service, tag, timezone)
    filters |= {"model": model, "provider": provider}
    with written_to(output, form):
        return tokens(
            db=db, form=form, by=by or ["model"], filters=filters, limit=limit, spark=spark
        )


def _tools(
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    output: options.Output = None,
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
    spark: SparkOption = None,
) -> int:
    """
    Report how often tools ran and failed, and how long they took.
    """
    from otel_bridge.cli.commands.tools import tools
    from otel_bridge.cli.destination import written_to

    filters = filters_of(since, until, agent, session, user, run, service, tag, timezone)
    filters |= {"tool_name": tool}
    with written_to(output, form):
        return tools(db=db, form=form, filters=filters, limit=limit, spark=spark)
