"""
What can be typed to plan by: sums through delegation, comparisons, forecasts, budgets.
"""

from typing import Annotated, Literal

import typer

from otel_bridge.cli import options
from otel_bridge.cli.filtering import Filters, filtered
from otel_bridge.cli.formats import Format


def add_commands(command: options.Command) -> None:
    """
    Make the commands of this module part of the program.

    Args:
        command: Gives what registers a function under a name.
    """
    command("rollup")(_rollup)
    command("compare")(_compare)
    command("forecast")(_forecast)
    command("budget")(_budget)


@filtered()
def _rollup(
    *,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY[,KEY]",
            help="Groups instead of trees: agent_name, root_agent_name, root_run_id, "
            "session_id, user_id, tenant_id, run_id or service.",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many trees.")] = None,
    filters: Filters,
) -> int:
    """
    Report what runs took with all the runs that they started.

    --run shows one run and those below it. Each call counts once in each total.
    """
    from otel_bridge.cli.commands.rollup import rollup

    return rollup(db=db, form=form, by=by, filters=filters, limit=limit)


@filtered(without=("since", "until"))
def _compare(
    *,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    a: Annotated[
        str | None,
        typer.Option(
            "--a", metavar="NAME=VALUE[,…]", help="The first side, such as since=14d,until=7d."
        ),
    ] = None,
    b: Annotated[
        str | None,
        typer.Option("--b", metavar="NAME=VALUE[,…]", help="The second, such as since=7d."),
    ] = None,
    models: Annotated[str | None, typer.Option(metavar="A,B", help="Compare two models.")] = None,
    tags: Annotated[str | None, typer.Option(metavar="A,B", help="Compare two tags.")] = None,
    periods: Annotated[
        str | None,
        typer.Option(metavar="LENGTH", help="Compare the last 7d, say, with those before."),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY[,KEY]", help="Compare each group, such as model."),
    ] = None,
    limit: options.Limit = None,
    filters: Filters,
) -> int:
    """
    Compare two periods, models, tags or other choices of calls.

    A group that one side has no calls in costs nothing there, and has no times.
    """
    from otel_bridge.cli.commands.compare import compare, sides_of

    sides = sides_of(a, b, models, tags, periods)
    return compare(db=db, form=form, sides=sides, by=by, filters=filters, limit=limit)


@filtered(without=("since", "until"))
def _forecast(
    *,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    month: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="[default: the running month]")
    ] = None,
    filters: Filters,
) -> int:
    """
    Tell what a month has cost so far and is expected to cost in all.

    From the mean of the last 28 days, by weekday; in four of five cases it ends between
    the two bounds. With fewer than 7 whole days there is no forecast.
    """
    from otel_bridge.cli.commands.forecast import forecast

    return forecast(db=db, form=form, month=month, filters=filters)


@filtered()
def _budget(
    *,
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    limit: Annotated[float, typer.Option("--limit", metavar="USD", help="What it may cost.")],
    per: Annotated[
        Literal["day", "week", "month", "year", "run", "session"] | None,
        typer.Option(
            help="The limit is for each of these; of days and longer, for the running one "
            "unless --since is given."
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY[,KEY]", help="Each group has the limit for itself."),
    ] = None,
    warn: Annotated[
        float, typer.Option(min=0, max=1, help="From what share of the limit on to warn.")
    ] = 0.8,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail as well where calls have no known price.")
    ] = False,
    filters: Filters,
) -> int:
    """
    Check costs against a limit; exit code 1 if they are over it.

    Calls without a known price make the answer uncertain, which is said.
    """
    from otel_bridge.cli.commands.budget import budget

    return budget(
        db=db,
        form=form,
        limit_usd=limit,
        per=per,
        by=by,
        warn=warn,
        strict=strict,
        filters=filters,
    )
