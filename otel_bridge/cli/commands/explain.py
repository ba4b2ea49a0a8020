"""
`otel-bridge explain`: how one span was read, and why it was counted or not.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otel_bridge_storage.errors import OtelBridgeError
from otel_bridge_storage.explaining import SpanExplained
from otel_bridge_storage.fitting import FittingReader
from otel_bridge_storage.run_store import RunStore

from otel_bridge.cli.explained import document_of
from otel_bridge.cli.explained_lines import claimed_line, header, price_line, title, unused
from otel_bridge.cli.explained_rows import (
    field_rows,
    flat_rows,
    member_rows,
    part_rows,
)
from otel_bridge.cli.formats import Format
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import write_json, write_line, write_rows, write_table
from otel_bridge.cli.stories import ask
from otel_bridge.cli.tables import Row
from otel_bridge.cli.texts import count, money
from otel_bridge.dialects import Dialects
from otel_bridge.dialects.provenance import trace_reading
from otel_bridge.pricing import prices_of

_FIELDS = (
    Column(key="field", header="field", show=str),
    Column(key="value", header="value", show=str, least=18),
    Column(key="from", header="from", show=str, least=41),
)
_CALLS = (
    Column(key="span_id", header="span", show=str),
    Column(key="relation", header="connected by", rank=1),
    Column(key="name", header="name", rank=3, least=10),
    Column(key="scope", header="scope", rank=2, least=12),
    Column(key="what", header="model or tool", rank=4, least=10),
    Column(key="input_tokens", header="in", show=count, right=True, rank=5),
    Column(key="output_tokens", header="out", show=count, right=True, rank=5),
)
_PARTS = (
    Column(key="part", header="part"),
    Column(key="tokens", header="tokens", show=count, right=True),
    Column(key="usd_per_million", header="USD per million", show=str, right=True),
    Column(key="cost_usd", header="cost", show=money, right=True),
)
_CHECK = (
    Column(key="field", header="sum"),
    Column(key="told", header="the span tells", show=count, right=True, rank=1),
    Column(key="calls", header="its calls", show=count, right=True, rank=1),
    Column(key="with_runs_below", header="with runs below", show=count, right=True, rank=2),
    Column(key="verdict", header="check value"),
    Column(key="from", header="from", rank=3, least=12),
)
_KEYS = ("part", "name", "value", "from")
_FLAT = tuple(Column(key=key, header=key) for key in _KEYS)
_LISTS = (
    ("counted_instead", "counted instead:"),
    ("copies", "the same call, not counted again:"),
    ("summed_up_by", "summed up, and not counted, by:"),
)


def explain(*, db: str, form: Format, span_id: str, trace_id: str | None = None) -> int:
    """
    Print what is known of a span and how.

    Args:
        db: The database.
        form: JSON is one document; CSV and Markdown are its lines.
        span_id: The span's id or the beginning of it.
        trace_id: Its trace's id or the beginning of it.
    """

    async def asked(store: RunStore) -> SpanExplained | None:
        return await store.explain(span_id, trace_id=trace_id)

    found = ask(db, asked)
    if found is None:
        of = "" if trace_id is None else f" in a trace whose id begins with {trace_id!r}"
        raise OtelBridgeError(
            f"no span's id is or begins with {span_id!r}{of}; `otel-bridge trace RUN` lists spans"
        )
    reader = FittingReader(Dialects())
    said = document_of(found, trace_reading(reader, found.span), reader, prices_of())
    if form is Format.JSON:
        write_json(said)
    elif form is Format.TABLE:
        _print(said)
    else:
        write_rows(flat_rows(said), _FLAT, form, empty="", keys=_KEYS)
    return 0


def _print(said: Mapping[str, Any]) -> None:
    write_line(*title(said))
    for name, text in header(said):
        write_line(f"  {name:<9}{text}")
    for heading, rows, columns in _tables(said):
        if rows:
            write_line()
            write_line(heading, "bold")
            write_table(rows, columns)
    if said["price"]:
        _print_price(said["price"])
    left = unused(said)
    if left:
        write_line()
        write_line(left, "dim")


def _print_price(price: Mapping[str, Any]) -> None:
    write_line()
    write_line(price_line(price), "bold")
    if price["parts"]:
        write_table(list(part_rows(price)), _PARTS)
    claimed = claimed_line(price)
    if claimed:
        write_line(claimed)


def _tables(said: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Row], Sequence[Column]]]:
    yield "what it says, and where that is from:", list(field_rows(said)), _FIELDS
    for key, heading in _LISTS:
        yield heading, member_rows(said[key]), _CALLS
    yield "sums that the span tells, which nothing is counted by:", said["check"], _CHECK
