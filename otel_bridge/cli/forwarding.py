"""
What can be typed to send what is stored on to other OTLP endpoints.
"""

from typing import Annotated

import typer

from otel_bridge.cli import options
from otel_bridge.cli.formats import Format


def add_commands(command: options.Command) -> None:
    """
    Make the commands of this module part of the program.

    Args:
        command: Gives what registers a function under a name.
    """
    command("forward")(_forward)


def _forward(
    urls: Annotated[
        list[str] | None,
        typer.Argument(metavar="[URL]...", help="OTLP endpoints, such as http://localhost:4317."),
    ] = None,
    db: options.Db = options.DEFAULT_DB,
    destinations: options.Destinations = None,
    since: options.SinceAnew = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what is stored later, until interrupted.")
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--set-aside", help="Send what was set aside once more, and nothing else."),
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Send nothing; say what waits for whom, and why.")
    ] = False,
    forget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Send nothing; forget a destination that --status shows."
        ),
    ] = None,
    form: options.TextForm = Format.TABLE,
) -> int:
    """
    Send stored spans and log records on, from where each destination left off.

    A destination that is new gets everything; with --since, each begins at that time
    again. Exit code 1 if something could not be sent; it waits for the next time.
    """
    from otel_bridge.cli.commands.forward import forget_all, forward, show_states

    modes = (status, bool(forget), again, since is not None or follow)
    if sum(modes) > 1 or ((status or forget) and (urls or destinations)):
        raise typer.BadParameter(
            "--status tells of all destinations, --forget NAME names one, and both send nothing; "
            "--set-aside sends nothing else: none goes with another, with --since or with --follow"
        )
    if status:
        return show_states(db=db, form=form)
    if forget:
        return forget_all(db=db, names=forget)
    return forward(
        db=db,
        urls=urls or (),
        destinations=destinations,
        since=since,
        follow=follow,
        again=again,
    )
