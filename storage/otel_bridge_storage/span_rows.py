"""
Spans as rows, and rows as spans: nothing of a span is lost on the way.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, select

from otel_bridge_storage.interning import Origins, Texts
from otel_bridge_storage.records import (
    EntityRecord,
    EventRecord,
    LinkRecord,
    ResourceRecord,
    ScopeRecord,
    SpanRecord,
)
from otel_bridge_storage.schema import messages, resources, scopes, spans
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.values import (
    canonical,
    clean,
    load,
    map_references,
    prepare,
    resolve,
    resolve_map,
)

Key = tuple[str, str]


def with_origins(table: Table) -> Select[Any]:
    """
    Select a table of spans or logs with the resource and the scope of each row.
    """
    return (
        select(
            table,
            resources.c.attributes.label("resource_attributes"),
            resources.c.dropped_attributes.label("resource_dropped"),
            resources.c.schema_url.label("resource_schema_url"),
            resources.c.entities,
            scopes.c.name.label("scope_name"),
            scopes.c.version.label("scope_version"),
            scopes.c.attributes.label("scope_attributes"),
            scopes.c.dropped_attributes.label("scope_dropped"),
            scopes.c.schema_url.label("scope_schema_url"),
        )
        .join(resources, resources.c.id == table.c.resource_id)
        .join(scopes, scopes.c.id == table.c.scope_id)
    )


_TEXTS = Lookup(select(messages.c.id, messages.c.body).where(KEYS), messages.c.id)
_FULL = with_origins(spans)
_FULL_BY_ID = Lookup(_FULL.where(KEYS), spans.c.id)
FULL_BY_TRACE = _FULL.where(
    spans.c.trace_id == bindparam("trace_id"), spans.c.log_hash.is_(None)
).order_by(spans.c.start_ns, spans.c.span_id)
PLACE_COLUMNS = (
    spans.c.id,
    spans.c.trace_id,
    spans.c.span_id,
    spans.c.parent_span_id,
    spans.c.end_ns,
    spans.c.log_hash,
    spans.c.role,
    spans.c.run_id,
    spans.c.outer_call,
    spans.c.session_id,
    spans.c.user_id,
    spans.c.names,
    spans.c.link_trace_id,
    spans.c.link_span_id,
    spans.c.start_ns,
)
FIND_BY_KEY = Lookup(select(*PLACE_COLUMNS).where(KEYS), spans.c.trace_id, spans.c.span_id)


@dataclass(slots=True)
class PreparedSpan:
    """
    A span whose long texts have been announced and have no ids yet.
    """

    record: SpanRecord
    attributes: dict[str, Any]
    events: list[list[Any]] | None
    links: list[list[Any]] | None

    def row(self, texts: Texts, origins: Origins) -> dict[str, Any]:
        """
        Give the columns of `spans` that hold the span itself.
        """
        span = self.record
        linked = link_key(span) or (None, None)
        return {
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "parent_span_id": span.parent_span_id,
            "trace_state": clean(span.trace_state),
            "flags": span.flags,
            "name": clean(span.name),
            "kind": span.kind,
            "start_ns": span.start_ns,
            "end_ns": span.end_ns,
            "status_code": span.status_code,
            "status_message": clean(span.status_message),
            "attributes": texts.dump(self.attributes),
            "dropped_attributes": span.dropped_attributes,
            "events": None if self.events is None else texts.dump(self.events),
            "dropped_events": span.dropped_events,
            "links": None if self.links is None else texts.dump(self.links),
            "link_trace_id": linked[0],
            "link_span_id": linked[1],
            "dropped_links": span.dropped_links,
            "resource_id": origins.resource_id(span.resource),
            "scope_id": origins.scope_id(span.scope),
        }


def link_key(span: SpanRecord) -> Key | None:
    """
    Give the key of the span that stands for the parent of one that has none: the only one
    that it has links to.

    Work that goes on elsewhere, by way of a queue for instance, is linked so.
    """
    if span.parent_span_id:
        return None
    targets = {(link.trace_id, link.span_id) for link in span.links} - {span.key}
    return targets.pop() if len(targets) == 1 else None


def prepare_span(span: SpanRecord, found: Callable[[str], None]) -> PreparedSpan:
    """
    Make a span ready to be a row, telling `found` of every long text in it.
    """
    events = [
        [clean(e.name), e.time_ns, prepare(e.attributes, found), e.dropped_attributes]
        for e in span.events
    ]
    links = [
        [
            k.trace_id,
            k.span_id,
            clean(k.trace_state),
            prepare(k.attributes, found),
            k.dropped_attributes,
            k.flags,
        ]
        for k in span.links
    ]
    return PreparedSpan(span, prepare(span.attributes, found), events or None, links or None)


def load_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, SpanRecord]:
    """
    Read spans back in full, by row id.
    """
    rows = [row._asdict() for row in _FULL_BY_ID.rows(connection, ids)]
    records = records_of(rows, lambda wanted: records_texts(connection, wanted))
    return dict(zip((row["id"] for row in rows), records, strict=True))


def records_of(
    rows: Sequence[Mapping[str, Any]], texts_of: Callable[[set[int]], Mapping[int, str]]
) -> list[SpanRecord]:
    """
    Turn rows of the full select into spans; `texts_of` fetches messages by id.
    """
    loaded = [(load(r["attributes"]), load(r["events"]), load(r["links"])) for r in rows]
    texts = texts_of({ref for parts in loaded for ref in _references(*parts)})
    resources_seen: dict[int, ResourceRecord] = {}
    scopes_seen: dict[int, ScopeRecord] = {}
    result = []
    for row, (attributes, events, links) in zip(rows, loaded, strict=True):
        resource = resources_seen.setdefault(row["resource_id"], resource_of(row))
        scope = scopes_seen.setdefault(row["scope_id"], scope_of(row))
        result.append(
            SpanRecord(
                trace_id=row["trace_id"],
                span_id=row["span_id"],
                parent_span_id=row["parent_span_id"],
                trace_state=row["trace_state"],
                flags=row["flags"],
                name=row["name"],
                kind=row["kind"],
                start_ns=row["start_ns"],
                end_ns=row["end_ns"],
                status_code=row["status_code"],
                status_message=row["status_message"],
                attributes=resolve_map(attributes, texts),
                dropped_attributes=row["dropped_attributes"],
                events=tuple(_event(item, texts) for item in events or ()),
                dropped_events=row["dropped_events"],
                links=tuple(_link(item, texts) for item in links or ()),
                dropped_links=row["dropped_links"],
                resource=resource,
                scope=scope,
            )
        )
    return result


def _references(
    attributes: dict[str, Any], events: list[Any] | None, links: list[Any] | None
) -> Iterable[int]:
    yield from map_references(attributes)
    for _, _, of_event, _ in events or ():
        yield from map_references(of_event)
    for _, _, _, of_link, _, _ in links or ():
        yield from map_references(of_link)


def richness(span: SpanRecord) -> tuple[bool, int, int, str]:
    """
    Rank versions of one span: an ended one before an open one, then the fuller one.

    The last part only makes the choice the same whatever came first.
    """
    size = len(span.attributes) + len(span.events) + len(span.links)
    return (span.end_ns is not None, span.end_ns or 0, size, _content(span))


def _content(span: SpanRecord) -> str:
    events = [[e.name, e.time_ns, e.attributes] for e in span.events]
    links = [[k.trace_id, k.span_id, k.attributes] for k in span.links]
    return canonical(
        [
            span.name,
            span.start_ns,
            span.status_code,
            span.status_message,
            span.attributes,
            events,
            links,
        ]
    )


def records_texts(connection: Connection, ids: set[int]) -> dict[int, str]:
    """
    Fetch stored texts by row id.
    """
    return {row.id: row.body for row in _TEXTS.rows(connection, sorted(ids))}


def resource_of(row: Mapping[str, Any]) -> ResourceRecord:
    """
    Read the resource that a full row carries.
    """
    entities: Iterable[list[Any]] = json.loads(row["entities"])
    return ResourceRecord(
        attributes=resolve(json.loads(row["resource_attributes"]), {}),
        dropped_attributes=row["resource_dropped"],
        schema_url=row["resource_schema_url"],
        entities=tuple(
            EntityRecord(kind, tuple(ids), tuple(description), url)
            for kind, ids, description, url in entities
        ),
    )


def scope_of(row: Mapping[str, Any]) -> ScopeRecord:
    """
    Read the scope that a full row carries.
    """
    return ScopeRecord(
        name=row["scope_name"],
        version=row["scope_version"],
        attributes=resolve(json.loads(row["scope_attributes"]), {}),
        dropped_attributes=row["scope_dropped"],
        schema_url=row["scope_schema_url"],
    )


def _event(item: list[Any], texts: Mapping[int, str]) -> EventRecord:
    name, time_ns, attributes, dropped = item
    return EventRecord(name, time_ns, resolve_map(attributes, texts), dropped)


def _link(item: list[Any], texts: Mapping[int, str]) -> LinkRecord:
    trace_id, span_id, trace_state, attributes, dropped, flags = item
    return LinkRecord(
        trace_id, span_id, trace_state, resolve_map(attributes, texts), dropped, flags
    )
