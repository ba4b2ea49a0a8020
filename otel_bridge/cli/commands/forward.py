"""
`otel-bridge forward`: send what is stored on to other OTLP endpoints.
"""

import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import typer
from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.forward_cursors import forget_destination
from otel_bridge_storage.forward_states import ForwardState, forward_states, set_aside_of
from otel_bridge_storage.opening import open_existing
from otel_bridge_storage.tolerant_reading import tolerant_reading

from otel_bridge.cli.formats import Format
from otel_bridge.cli.forward_columns import FORWARD_COLUMNS, forward_notes, forward_row
from otel_bridge.cli.output import note, write_line, write_rows
from otel_bridge.cli.texts import counted
from otel_bridge.forwarder.destination import Destination
from otel_bridge.forwarder.destination_files import all_destinations
from otel_bridge.forwarder.forwarder import Forwarder
from otel_bridge.forwarder.route import Route
from otel_bridge.forwarder.worker import sender_for
from otel_bridge.own_threads import unrecorded

_NOTHING = "nothing is forwarded from here yet: `otel-bridge forward URL` begins"


def forward(
    *,
    db: str,
    urls: Sequence[str],
    destinations: Path | None,
    since: datetime | None,
    follow: bool,
    again: bool,
) -> int:
    """
    Send what waits, or with `follow` what is stored later too.

    Returns:
        0; 1 if a destination did not take all of it.
    """
    wanted = all_destinations(urls, destinations, since="all")
    if not wanted:
        raise typer.BadParameter("say where to: a URL, or a file with --destinations")
    if since is not None:
        wanted = [replace(each, since=since) for each in wanted]
    with unrecorded():
        sent = [_send(db, each, anew=since is not None, again=again) for each in wanted]
    if follow and not again:
        _follow(db, wanted)
        return 0
    return 0 if all(sent) else 1


def forget_all(*, db: str, names: Sequence[str]) -> int:
    """
    Forget destinations, by name.

    Returns:
        0; 1 if one of them is not known.
    """
    with open_existing(address_of(db)) as database:
        known = [forget_destination(database, name) for name in names]
    for name, was_known in zip(names, known, strict=True):
        if was_known:
            write_line(f"{name}: forgotten")
        else:
            note(f"otel-bridge: no destination is called {name}; --status lists them")
    return 0 if all(known) else 1


def show_states(*, db: str, form: Format) -> int:
    """
    Say how forwarding to each destination stands.
    """
    with tolerant_reading(db) as connection:
        states = forward_states(connection)
        notes = [
            line
            for state in states
            for line in forward_notes(state, set_aside_of(connection, state.destination))
        ]
    write_rows([*map(forward_row, states)], FORWARD_COLUMNS, form, empty=_NOTHING)
    if notes and form in (Format.TABLE, Format.MD):
        for line in ("", *notes):
            write_line(line)
    return 0


def _send(db: str, destination: Destination, *, anew: bool, again: bool) -> bool:
    label = destination.label
    with open_existing(db) as database, closing(sender_for(destination)) as sender:
        route = Route(database, destination, sender)
        route.begin(anew=anew)
        if again:
            taken, left = route.retry_set_aside()
            write_line(f"{label}: took {counted(taken, 'record')} of {taken + left:,} set aside")
            return not left
        before = _state(db, label)
        trouble = _drain(route)
        after = _state(db, label)
    trouble = trouble or (after.trouble if after.untaken else None)
    spans, logs = after.sent_spans - before.sent_spans, after.sent_logs - before.sent_logs
    write_line(f"{label}: sent {counted(spans, 'span')} and {counted(logs, 'log record')}")
    if trouble is not None:
        note(f"otel-bridge: {label} takes nothing now, the rest waits: {trouble}")
    return trouble is None


def _drain(route: Route) -> str | None:
    """
    Send until nothing waits.

    Returns:
        Why something still does.
    """
    places = route.claim()
    if places is None:
        return "another process is sending to it"
    trouble = route.drain(places)
    route.release()
    return None if trouble is None else trouble.reason


def _state(db: str, label: str) -> ForwardState:
    with tolerant_reading(db) as connection:
        return next(each for each in forward_states(connection) if each.destination == label)


def _follow(db: str, wanted: Sequence[Destination]) -> None:
    forwarder = Forwarder(address_of(db), wanted)
    forwarder.start()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        note("otel-bridge: stopping")
    finally:
        forwarder.close()
