"""
What can be typed to look after a database: check it, get out what it holds, make derived
rows or prices anew, erase.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from otel_bridge.cli import options
from otel_bridge.cli.formats import Format
from otel_bridge.cli.moments import parse_moment
from otel_bridge.cli.sizes import parse_size

Prices = Annotated[
    Path | None,
    typer.Option(
        "--prices",
        envvar="OTEL_BRIDGE_PRICES",
        metavar="FILE",
        help="A file of prices of your own, before the price list.",
    ),
]


def add_commands(command: options.Command) -> None:
    """
    Make the commands of this module part of the program.

    Args:
        command: Gives what registers a function under a name.
    """
    command("check")(_check)
    command("export")(_export)
    command("rebuild")(_rebuild)
    command("reprice")(_reprice)
    command("prune")(_prune)


def _check(
    db: options.Db = options.DEFAULT_DB,
    form: options.TextForm = Format.TABLE,
) -> int:
    """
    Look whether the database is whole; nothing in it is changed.

    Exit code 1 if something is wrong, with what to do about it.
    """
    from otel_bridge.cli.commands.check import check

    return check(db=db, form=form)


def _export(
    out: Annotated[
        str,
        typer.Argument(
            metavar="[OUT]",
            help="A file (compressed if it ends in .gz), a folder, or - for standard output.",
        ),
    ] = "-",
    db: options.Db = options.DEFAULT_DB,
    form: Annotated[
        Literal["otlp-json", "otlp-proto"] | None,
        typer.Option(
            "--format",
            "-f",
            case_sensitive=False,
            help="[default: otlp-proto for .pb and .bin, else otlp-json]",
        ),
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run", metavar="ID", help="Only this run and those it started; may be repeated."
        ),
    ] = None,
    session: options.Session = None,
    since: options.Since = None,
    until: options.Until = None,
    logs: Annotated[bool, typer.Option("--logs/--no-logs", help="Log records as well.")] = True,
    lake: Annotated[
        str | None,
        typer.Option(
            "--lake",
            metavar="DIR-or-URI",
            help="Parquet files by day instead, into a folder or s3://bucket/folder.",
        ),
    ] = None,
    tables: Annotated[
        list[str] | None,
        typer.Option(
            "--tables",
            metavar="NAME[,NAME]",
            help="Of a lake, only these: runs, llm_calls, tool_calls, steps, spans, messages.",
        ),
    ] = None,
    content: Annotated[
        bool,
        typer.Option("--content/--no-content", help="Of a lake, with what was said and done."),
    ] = True,
    exporter: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a lake, what this database's files are known by."),
    ] = None,
    s3_endpoint: Annotated[
        str | None,
        typer.Option(
            "--s3-endpoint", metavar="URL", help="Of a lake, a server other than Amazon's."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Of a lake, change nothing, and say what would.")
    ] = False,
) -> int:
    """
    Write spans and logs as OTLP, which `import` and other programs read.

    Of a damaged file, what can be read; exit code 1 if something was lost. With --lake,
    write what changed since the last time as Parquet, which Spark and others read.
    """
    only_lake = {
        "--tables": bool(tables),
        "--no-content": not content,
        "--exporter": exporter is not None,
        "--s3-endpoint": s3_endpoint is not None,
        "--dry-run": dry_run,
    }
    only_otlp = {
        "OUT": out != "-",
        "--format": form is not None,
        "--run": bool(run),
        "--session": session is not None,
        "--until": until is not None,
        "--no-logs": not logs,
    }
    if lake is not None:
        from otel_bridge.cli.commands.lake import lake as export_to_lake

        _refuse(only_otlp, "is not for --lake")
        return export_to_lake(
            db=db,
            place=lake,
            tables=tables or (),
            since=since,
            content=content,
            exporter=exporter,
            s3_endpoint=s3_endpoint,
            dry_run=dry_run,
        )
    _refuse(only_lake, "is only for --lake")
    from otel_bridge.cli.commands.export import export

    return export(
        db=db,
        out=out,
        form=form,
        runs=run or (),
        session=session,
        since=since,
        until=until,
        with_logs=logs,
    )


def _refuse(given: dict[str, bool], reason: str) -> None:
    """
    Refuse options that would be passed over.
    """
    for name, is_given in given.items():
        if is_given:
            raise typer.BadParameter(f"{name} {reason}")


def _rebuild(db: options.Db = options.DEFAULT_DB, prices: Prices = None) -> int:
    """
    Make runs, calls, steps and sessions anew from what was recorded.

    Brings a database of an older version up to date. Programs may record meanwhile.
    """
    from otel_bridge.cli.commands.rebuild import rebuild

    return rebuild(db=db, prices=prices)


def _reprice(
    db: options.Db = options.DEFAULT_DB,
    prices: Prices = None,
    since: options.Since = None,
    model: options.Model = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing, and say what would change.")
    ] = False,
) -> int:
    """
    Work out anew what the recorded calls cost, each at the prices of its time.

    Programs may record meanwhile; give them the same prices by OTEL_BRIDGE_PRICES.
    """
    from otel_bridge.cli.commands.reprice import reprice

    return reprice(db=db, prices=prices, since=since, model=model, dry_run=dry_run)


def _prune(
    db: options.Db = options.DEFAULT_DB,
    older_than: Annotated[
        datetime | None,
        typer.Option(
            "--older-than",
            parser=parse_moment,
            metavar="TIME",
            help="What was last heard of before: 30d, 12h, a date, or an ISO 8601 time.",
        ),
    ] = None,
    max_size: Annotated[
        int | None,
        typer.Option(
            "--max-size",
            parser=parse_size,
            metavar="SIZE",
            help="The oldest, until the database is no larger than 500MB, 2GB, 200MiB.",
        ),
    ] = None,
    keep_errors: Annotated[
        bool, typer.Option("--keep-errors", help="Keep runs that failed, and their families.")
    ] = False,
    run: options.Run = None,
    session: options.Session = None,
    user: options.User = None,
    tenant: Annotated[str | None, typer.Option(metavar="ID", help="Only this tenant.")] = None,
    hold: Annotated[
        list[str] | None,
        typer.Option(
            "--hold-tag",
            metavar="TAG",
            help="Keep runs with this tag too, as those tagged legal-hold; may be repeated.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Erase nothing, and say what would go by age.")
    ] = False,
) -> int:
    """
    Erase by age and size, or one run, session, user or tenant, with all runs below.

    Nothing of it is left in the file. Runs tagged legal-hold stay, with their families;
    exit code 1 if what was named stayed for that.
    """
    from otel_bridge.cli.commands.prune import prune

    named = {"run_id": run, "session_id": session, "user_id": user, "tenant_id": tenant}
    return prune(
        db=db,
        older_than=older_than,
        max_bytes=max_size,
        keep_errors=keep_errors,
        named=named,
        hold=hold or (),
        dry_run=dry_run,
    )
