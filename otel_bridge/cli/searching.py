"""
What can be typed to search.
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
    command("search")(_search)


def _search(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORDS...",
            help='Words, "a phrase", prefix*, one OR another; -word, after --, excludes.',
        ),
    ],
    db: options.Db = options.DEFAULT_DB,
    form: options.Form = Format.TABLE,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Said then or later: 7d, 36h or 90m ago, a date, or an ISO 8601 time; in "
            "--timezone if it names no offset.",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Said before then.")
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE",
            help="Only what was said by: user, assistant, tool, system, 'tool arguments' or "
            "'tool result'; may be repeated.",
        ),
    ] = None,
    tool: Annotated[str | None, typer.Option(metavar="NAME", help="Only this tool.")] = None,
    agent: options.Agent = None,
    session: options.Session = None,
    user: options.User = None,
    run: options.Run = None,
    service: options.Service = None,
    tag: options.Tag = None,
    timezone: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Of --since and --until, as an IANA name such as Europe/Paris."
        ),
    ] = "UTC",
    rank: Annotated[
        bool, typer.Option("--rank", help="The best matches first, not the latest.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many hits.")] = 20,
    output: options.Output = None,
) -> int:
    """
    Find what people, models and tools said, the latest first.

    All words must be in one message, whatever their case and accents. The first search
    makes an index beside the database; later ones add what is new to it.
    """
    from otel_bridge.cli.commands.search import search
    from otel_bridge.cli.destination import written_to

    filters = {
        "since": since,
        "until": until,
        "role": role,
        "tool_name": tool,
        "agent_name": agent,
        "session_id": session,
        "user_id": user,
        "run_id": run,
        "service": service,
        "tag": tag,
        "timezone": timezone,
    }
    with written_to(output, form):
        return search(db=db, form=form, words=words, filters=filters, rank=rank, limit=limit)
