"""
`otel-bridge check`: is the database whole?
"""

from dataclasses import asdict

from otel_bridge_storage.integrity import check as findings_of
from otel_bridge_storage.integrity import count_rows

from otel_bridge.cli.formats import Format
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import write_line, write_rows

_COLUMNS = (
    Column(key="where", header="where"),
    Column(key="what", header="what is wrong"),
    Column(key="count", header="how many", right=True),
    Column(key="remedy", header="what to do"),
)
_KEYS = ("where", "what", "count", "remedy")
_FINE = "everything is in order"


def check(*, db: str, form: Format) -> int:
    """
    Print what is wrong, and what to do about it.

    Returns:
        0 if nothing is; else 1.
    """
    found = findings_of(db)
    if form is not Format.TABLE:
        rows = [{key: asdict(finding)[key] for key in _KEYS} for finding in found]
        write_rows(rows, _COLUMNS, form, empty=_FINE, keys=_KEYS)
    elif found:
        for finding in found:
            write_line(str(finding))
    else:
        held = ", ".join(f"{count:,} {name}" for name, count in count_rows(db).items())
        write_line(f"{_FINE}: {held}")
    return 1 if found else 0
