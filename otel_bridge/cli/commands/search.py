"""
`otel-bridge search`: where something was said.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from otel_bridge_queries import Result

from otel_bridge.cli.destination import write_binary
from otel_bridge.cli.formats import BINARY, Format
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import note, write_pieces, write_rows
from otel_bridge.cli.progress import progress
from otel_bridge.cli.reports import report, with_whole_run
from otel_bridge.cli.texts import counted, moment, text

_COLUMNS = (
    Column(key="said_at", header="said (UTC)", show=moment),
    Column(key="agent_name", header="agent"),
    Column(key="role", header="role"),
    Column(key="tool_name", header="tool"),
    Column(key="run_id", header="run"),
    Column(key="session_id", header="session"),
    Column(key="snippet", header="text"),
)
_STATES = ("condensed", "hidden", "rolled_back")
_SHORT_ID = 8
_MATCH = "bold red"


def search(
    *,
    db: str,
    form: Format,
    words: Sequence[str],
    filters: Mapping[str, Any],
    rank: bool,
    limit: int,
) -> int:
    """
    Print the hits, each with a line of the text around it.

    Args:
        words: What was typed; a word with spaces in it, which the shell had in quotes, is
            as good as its words.
    """
    chosen = with_whole_run(db, filters)
    typed = " ".join(words)
    with ExitStack() as stack:
        result = report(
            db,
            lambda queries: queries.search(
                typed, **chosen, rank=rank, limit=limit, progress=_shown(stack)
            ),
        )
    empty = f"nothing that was said matches {typed}"
    if form in BINARY:
        write_binary(result, form)
    elif form is Format.TABLE and result.rows:
        _print(result)
    else:
        write_rows(result.dicts(), _COLUMNS, form, empty=empty, keys=list(result.columns))
    if len(result) == limit:
        which = "best" if rank else "latest"
        note(f"the {which} {counted(limit, 'hit')}; --limit shows more")
    return 0


def _shown(stack: ExitStack) -> Callable[[int, int], None]:
    """
    Show how far the index is, from when it is known how much is to be done.
    """
    bars: list[Callable[[int], None]] = []
    seen = 0

    def advance(done: int, total: int) -> None:
        nonlocal seen
        if not bars:
            bars.append(stack.enter_context(progress("messages indexed", total)))
        bars[0](done - seen)
        seen = done

    return advance


def _print(result: Result) -> None:
    for number, row in enumerate(result):
        if number:
            write_pieces([("", "")])
        write_pieces([(moment(row["said_at"]), "bold"), (f"  {_place(row)}", "dim")])
        write_pieces([("  ", ""), *_pieces(row["snippet"], row["marks"])])


def _place(row: Mapping[str, Any]) -> str:
    who = " · ".join(
        text(row[key]) for key in ("agent_name", "role", "tool_name") if row[key] is not None
    )
    ids = [f"run {text(row['run_id'])[:_SHORT_ID]}"]
    ids += [
        f"{name} {text(row[key])}"
        for name, key in (("session", "session_id"), ("user", "user_id"))
        if row[key] is not None
    ]
    states = [key.replace("_", " ") for key in _STATES if row[key]]
    return "  ".join([who, *ids, *states])


def _pieces(snippet: str, marks: Sequence[Sequence[int]]) -> Iterator[tuple[str, str]]:
    at = 0
    for begun, ended in marks:
        yield snippet[at:begun], ""
        yield snippet[begun:ended], _MATCH
        at = ended
    yield snippet[at:], ""
