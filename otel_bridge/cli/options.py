"""
The options that several commands share, and how commands become part of the program.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from otel_bridge.cli.formats import BINARY, Format
from otel_bridge.cli.moments import parse_moment

DEFAULT_DB = "otel-bridge.db"
# What registers a function under a name.
Command = Callable[[str], Callable[[Callable[..., int]], Any]]

Db = Annotated[
    str,
    typer.Option(
        "--db",
        envvar="OTEL_BRIDGE_DB",
        metavar="PATH-or-URL",
        help="The database.",
    ),
]
Form = Annotated[
    Format,
    typer.Option("--format", "-f", case_sensitive=False, help="How rows are printed."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write there instead of to standard output."
    ),
]
_TEXTS = tuple(form.value for form in Format if form not in BINARY)


def _text_form(typed: str) -> Format:
    if typed.lower() in _TEXTS:
        return Format(typed.lower())
    raise typer.BadParameter(f"{typed!r} is not one of {', '.join(_TEXTS)}")


TextForm = Annotated[
    Format,
    typer.Option(
        "--format",
        "-f",
        parser=_text_form,
        metavar=f"[{'|'.join(_TEXTS)}]",
        help="How it is printed.",
    ),
]
Destinations = Annotated[
    Path | None,
    typer.Option(
        "--destinations", metavar="FILE", help="A TOML file that describes destinations."
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many rows.")]
By = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY[,KEY]",
        help="Group by agent_name, model, provider, session_id, user_id, run_id, service, "
        "tenant_id, operation, status, minute, quarter_hour, hour, day, week, month, year, "
        "weekday, hour_of_day, root_agent_name, root_run_id, tag or metadata.KEY. "
        "[default: model]",
    ),
]
Agent = Annotated[str | None, typer.Option(metavar="NAME", help="Only this agent.")]
Session = Annotated[str | None, typer.Option(metavar="ID", help="Only this session.")]
User = Annotated[str | None, typer.Option(metavar="ID", help="Only this user.")]
Run = Annotated[str | None, typer.Option("--run", metavar="ID", help="Only this run.")]
Model = Annotated[str | None, typer.Option(metavar="NAME", help="Only this model.")]
Provider = Annotated[str | None, typer.Option(metavar="NAME", help="Only this provider.")]
Service = Annotated[str | None, typer.Option(metavar="NAME", help="Only this service.")]
Tag = Annotated[str | None, typer.Option(metavar="TAG", help="Only runs with this tag.")]
Tenant = Annotated[str | None, typer.Option(metavar="ID", help="Only this tenant.")]
Operation = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only this operation, such as chat.")
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="Only runs with this in their metadata; may be repeated, for other keys or "
        "further values of one.",
    ),
]
Timezone = Annotated[
    str,
    typer.Option(metavar="NAME", help="Where days begin, as an IANA name such as Europe/Paris."),
]

_TIMES = "7d, 36h or 90m ago, a date, or an ISO 8601 time; UTC if it names no offset."

SinceText = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help=f"Started then or later: {_TIMES}")
]
UntilText = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Started before then.")
]
SinceAnew = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        parser=parse_moment,
        metavar="TIME",
        help=f"Begin again with what ended then or later: {_TIMES}",
    ),
]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        parser=parse_moment,
        metavar="TIME",
        help=f"Started then or later: {_TIMES}",
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option("--until", parser=parse_moment, metavar="TIME", help="Started before then."),
]
