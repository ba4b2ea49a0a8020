"""
Through which span another one got its run, its session and its user.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from otel_bridge_storage.binding import Node, home_of, parent_key, stored_node
from otel_bridge_storage.schema import runs, spans
from otel_bridge_storage.span_rows import PLACE_COLUMNS, Key

OWN, ABOVE, LINK, COPY = "own", "above", "link", "copy"
SESSION, TRACE, RUN, RUN_ABOVE = "session", "trace", "run", "run above"
_PLACE = select(*PLACE_COLUMNS, spans.c.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundThrough:
    """
    One thing that a span is in, and how that is known.

    Attributes:
        what: `run`, `session` or `user`.
        value: Its id.
        how: `own`: the span says it itself; `above`: a span above it does; `link`: so
            does one that is reached by a link; `copy`: another span that shows the same
            call does; `session` or `trace`: no agent is above it, so that this stands
            for a run; `run`: no span above it says it, another one of its run does;
            `run above`: the run above its run does.
        trace_id: With `span_id`, the span that says it, where it is one.
        span_name: The name of that span.
        steps: How many spans up that is.
    """

    what: str
    value: str
    how: str
    trace_id: str | None = None
    span_id: str | None = None
    span_name: str | None = None
    steps: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    node: Node
    name: str
    steps: int
    over_link: bool


def bound_through(connection: Connection, key: Key) -> list[BoundThrough]:
    """
    Tell what a stored span is in, and through which span.
    """
    way = list(_way_up(connection, key))
    bound = way[0].node.bound
    home = home_of(bound.run_id, key[0], bound.session_id)
    if bound.run_id is None:
        how = TRACE if bound.session_id is None else SESSION
        found = [BoundThrough(what="run", value=home, how=how)]
    else:
        found = _through(way, "run", home, lambda node: node.own_run_id)
    query = select(runs).where(runs.c.run_id == home)
    run = connection.execute(query).mappings().one_or_none()
    own: tuple[tuple[str, str | None, Callable[[Node], str | None]], ...] = (
        ("session", bound.session_id, lambda node: node.own_session_id),
        ("user", bound.user_id, lambda node: node.own_user_id),
    )
    for what, value, told in own:
        if value is not None:
            found += _through(way, what, value, told)
        elif run is not None and run[f"{what}_id"] is not None:
            found.append(_of_run(connection, what, run))
    return found


def has_lost_parent(connection: Connection, row: Mapping[Any, Any]) -> bool:
    """
    Say whether the parent that a row of `spans` names, or what stands for it, is missing.
    """
    above = parent_key(row["trace_id"], row["parent_span_id"]) or parent_key(
        row["link_trace_id"], row["link_span_id"]
    )
    return above is not None and _place(connection, above) is None


def _through(
    way: list[_Place], what: str, value: str, told: Callable[[Node], str | None]
) -> list[BoundThrough]:
    for place in way:
        if told(place.node) == value:
            how = LINK if place.over_link else ABOVE if place.steps else OWN
            trace_id, span_id = place.node.key
            return [
                BoundThrough(
                    what=what,
                    value=value,
                    how=how,
                    trace_id=trace_id,
                    span_id=span_id,
                    span_name=place.name,
                    steps=place.steps,
                )
            ]
    return [BoundThrough(what=what, value=value, how=ABOVE)]


def _of_run(connection: Connection, what: str, run: Mapping[Any, Any]) -> BoundThrough:
    value = run[f"{what}_id"]
    above = connection.execute(
        select(runs.c.trace_id, runs.c.span_id, runs.c[f"{what}_id"], runs.c.agent_name).where(
            runs.c.run_id == run["parent_run_id"]
        )
    ).one_or_none()
    if above is None or above[2] != value:
        return BoundThrough(what=what, value=value, how=RUN)
    return BoundThrough(
        what=what,
        value=value,
        how=RUN_ABOVE,
        trace_id=above.trace_id,
        span_id=above.span_id,
        span_name=above.agent_name,
    )


def _way_up(connection: Connection, key: Key) -> Iterator[_Place]:
    """
    Walk from a span to its root as binding does.
    """
    row, seen, over_link, steps = _place(connection, key), {key}, False, 0
    while row is not None:
        node = stored_node(row)
        yield _Place(node, row.name, steps, over_link)
        over_link, steps = over_link or node.linked, steps + 1
        if node.parent_key is None or node.parent_key in seen:
            return
        seen.add(node.parent_key)
        row = _place(connection, node.parent_key)
        if row is not None and node.linked and row.start_ns >= node.start_ns:
            return


def _place(connection: Connection, key: Key) -> Any:
    query = _PLACE.where(spans.c.trace_id == key[0], spans.c.span_id == key[1])
    return connection.execute(query).one_or_none()
