"""
What can be typed to ask for sums: cost, tokens, tools.
"""

from typing import Annotated

import typer

from otel_bridge.cli import options
from otel_bridge.cli.filtering import Filters, filtered
from otel_bridge.cli.formats import Format, Spark

SparkOption = Annotated[
    Spark | None,
    typer.Option(
        "--spark",
        case_sensitive=False,
        help="Draw each group over time in a table. [default: by day, on a terminal with --since]",
    ),
]


def add_commands(command: options.Command) -> None:
    """
    Make the commands of this module part of the program.

    Args:
        command: Gives what registers a function under a name.
    """
    command("cost")(_cost)
    command("tokens")(_tokens)
    command("tools")(_tools)


@filtered()
def _cost(
    *,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    by: options.By = None,
    limit: options.Limit = None,
    unpriced: Annotated[
        bool, typer.Option("--unpriced", help="List the calls without a price, by reason.")
    ] = False,
    emitted: Annotated[
        bool,
        typer.Option("--emitted", help="Compare with the cost that the telemetry claims."),
    ] = False,
    spark: SparkOption = None,
    filters: Filters,
) -> int:
    """
    Report calls, tokens and cost in groups.

    Calls without a known price are counted, and are not in the cost. The groups of
    --unpriced are provider and model, that of --emitted is source, unless --by says more.
    """
    from otel_bridge.cli.commands.cost import cost

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


@filtered()
def _tokens(
    *,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    by: options.By = None,
    limit: options.Limit = None,
    spark: SparkOption = None,
    filters: Filters,
) -> int:
    """
    Report tokens in groups.
    """
    from otel_bridge.cli.commands.tokens import tokens

    return tokens(db=db, form=form, by=by or ["model"], filters=filters, limit=limit, spark=spark)


@filtered(without=("model", "provider", "operation"))
def _tools(
    *,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    tool: Annotated[str | None, typer.Option(metavar="NAME", help="Only this tool.")] = None,
    limit: options.Limit = None,
    spark: SparkOption = None,
    filters: Filters,
) -> int:
    """
    Report how often tools ran and failed, and how long they took.
    """
    from otel_bridge.cli.commands.tools import tools

    chosen = {**filters, "tool_name": tool}
    return tools(db=db, form=form, filters=chosen, limit=limit, spark=spark)
