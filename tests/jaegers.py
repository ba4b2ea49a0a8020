"""
A real Jaeger for the tests, and what it says it has.
"""

import base64
import json
import urllib.error
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from peers import Program, fetch, free_port, program_of

_MIB = 64


@dataclass
class Jaeger:
    """
    A Jaeger of the test's own.

    Attributes:
        grpc: The port of OTLP/gRPC.
        http: The port of OTLP/HTTP.
    """

    program: Program
    grpc: int
    http: int
    query: int

    def trace(self, trace_id: str) -> Any:
        """
        Ask Jaeger's query API for a trace; an OTLP request, empty if it has none.
        """
        request = ExportTraceServiceRequest()
        # Raw is as it came, without what Jaeger's page would be told beside it.
        url = f"http://127.0.0.1:{self.query}/api/v3/traces/{trace_id}?raw_traces=true"
        try:
            answer = json.loads(fetch(url))
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return request
            raise
        ParseDict(_with_base64_ids(answer["result"]), request)
        return request

    def span_ids(self, trace_id: str) -> list[str]:
        """
        List the ids of the spans of a trace, one for each copy that it has.
        """
        return [
            span.span_id.hex()
            for group in self.trace(trace_id).resource_spans
            for scoped in group.scope_spans
            for span in scoped.spans
        ]


def jaeger(folder: Path, *, durable: bool = False) -> Jaeger:
    """
    Give a Jaeger that is not yet started.

    Args:
        durable: Whether it keeps its spans on disk, by Badger, which knows fewer types of
            attributes; else in memory, as they came.
    """
    grpc, http, query, health = (free_port() for _ in range(4))
    badger = {"directories": {"keys": str(folder / "keys"), "values": str(folder / "values")}}
    backend: Any = {"badger": {**badger, "ephemeral": False}} if durable else {}
    settings = {
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
            "pipelines": {
                "traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}
            },
            "telemetry": {"metrics": {"level": "none"}},
        },
        "extensions": {
            "healthcheckv2": {
                "use_v2": True,
                "http": {"endpoint": f"127.0.0.1:{health}"},
            },
            "jaeger_storage": {
                "backends": {"store": backend or {"memory": {"max_traces": 100_000}}}
            },
            "jaeger_query": {
                "storage": {"traces": "store"},
                "http": {"endpoint": f"127.0.0.1:{query}"},
                "grpc": {"endpoint": f"127.0.0.1:{free_port()}"},
            },
        },
        "receivers": {
            "otlp": {
                "protocols": {
                    "grpc": {
                        "endpoint": f"127.0.0.1:{grpc}",
                        "max_recv_msg_size_mib": _MIB,
                    },
                    "http": {"endpoint": f"127.0.0.1:{http}"},
                }
            }
        },
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "store"}},
    }
    config = folder / "jaeger.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    words: list[str | Path] = [program_of("jaeger"), "--config", config]
    program = Program(words, f"http://127.0.0.1:{health}/status", folder / "jaeger.log")
    return Jaeger(program, grpc, http, query)


def _with_base64_ids(value: Any) -> Any:
    """
    Turn the ids of OTLP JSON, which are hex digits, into the base64 of protobuf JSON.
    """
    if isinstance(value, list):
        return [_with_base64_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64encode(bytes.fromhex(item)).decode()
        if name in ("traceId", "spanId", "parentSpanId")
        else _with_base64_ids(item)
        for name, item in value.items()
    }
