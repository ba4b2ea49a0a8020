"""
The note in a lake that says what is in it.
"""

from otel_bridge_queries.engine import open_engine, read_sql
from otel_bridge_queries.lake.rows import LakeRows
from otel_bridge_queries.lake.store import OWN_FOLDER
from otel_bridge_queries.lake.tables import TABLES

README = f"{OWN_FOLDER}/README.md"

_ABOUT = """\
# A lake of otel-bridge

Parquet files, one folder for each table, partitioned by the UTC day on which a row's run,
call, step or span began (`messages`: by number). `otel-bridge export --lake` keeps them up
to date; each file is of the exporter that its name and the column `exporter` tell.

- `*_at` are moments in UTC, to the microsecond; `*_ns` the same in nanoseconds since the epoch.
- `cost_usd` is exact; `cost_picousd` is the same as an integer, USD x 10^12.
- NULL is unknown, not zero. A call without a cost is one without a known price.
- A call is listed once, whatever number of spans showed it. Input includes cached tokens,
  output includes reasoning.
- A text in `spans.attributes` of the form {"$text": id} is `messages.body` of that exporter
  and id; `spans.message_ids` lists the ids.
"""


def readme() -> str:
    """
    Say what the tables and their columns are.
    """
    engine = open_engine()
    try:
        engine.execute(read_sql("lake/macros.sql"))
        rows = LakeRows(engine, exporter="", content=True)
        parts = [_ABOUT]
        for table in TABLES.values():
            kinds = [*rows.columns(table), (table.by, "DATE" if table.by == "date" else "BIGINT")]
            lines = "\n".join(f"| `{name}` | {kind} |" for name, kind in kinds)
            parts.append(f"## {table.name}\n\n| column | type |\n|---|---|\n{lines}\n")
    finally:
        engine.close()
    return "\n".join(parts)
