"""
What can be typed to see why something is shown as it is.
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
    command("explain")(_explain)


def _explain(
    span_id: Annotated[
        str, typer.Argument(metavar="SPAN_ID", help="The span's id, or the beginning of it.")
    ],
    db: options.Db = options.DEFAULT_DB,
    form: options.TextForm = Format.TABLE,
    trace: Annotated[
        str | None,
        typer.Option(
            "--trace",
            metavar="TRACE",
            help="The trace's id, or the beginning of it, where several have such a span.",
        ),
    ] = None,
) -> int:
    """
    Show how one span was read, and why it was counted or not.

    Which dialect read it, from which attribute each field came, which other spans show
    the same call, how it was priced, and through which span it got its run and session.
    """
    from otel_bridge.cli.commands.explain import explain

    return explain(db=db, form=form, span_id=span_id, trace_id=trace)
