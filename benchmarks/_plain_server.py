"""
The least that an OTLP server can do and still keep its word: decode a request, put each span
into one plain table, its attributes as JSON, and commit before answering.
"""

import json
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn
from _baselines import plain_database
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_Message = MutableMapping[str, Any]
_INSERT = (
    "INSERT INTO spans (trace_id, span_id, parent_id, name, kind, start_ns, end_ns, attributes)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


class PlainServer:
    """
    An ASGI application that stores spans, one request after the other.
    """

    def __init__(self, path: Path) -> None:
        self._connection = plain_database(path)
        self._connection.execute(
            "CREATE TABLE spans (id INTEGER PRIMARY KEY, trace_id TEXT, span_id TEXT,"
            " parent_id TEXT, name TEXT, kind INTEGER, start_ns INTEGER, end_ns INTEGER,"
            " attributes TEXT)"
        )

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """
        Answer a request.
        """
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if scope["method"] == "POST":
            self._store(bytes(body))
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _store(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        rows = [
            (
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                span.name,
                span.kind,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                json.dumps({item.key: _value(item.value) for item in span.attributes}),
            )
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(_INSERT, rows)
        self._connection.execute("COMMIT")


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: _value(item.value) for item in value.kvlist_value.values}
    return getattr(value, kind) if kind else None


if __name__ == "__main__":
    uvicorn.run(
        PlainServer(Path(sys.argv[1])),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        lifespan="off",
        log_level="warning",
    )
