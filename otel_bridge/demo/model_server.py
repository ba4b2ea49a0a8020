"""
A model server on this machine that speaks OpenAI's chat completions from a script.
"""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from uuid import uuid4

from otel_bridge.demo.script import Reply, reply_to

_VERSIONS = {"gpt-4o": "gpt-4o-2024-08-06", "gpt-4o-mini": "gpt-4o-mini-2024-07-18"}
_LONGEST_REQUEST = 1 << 20


class ModelServer:
    """
    Serves while it is entered, on a free port of 127.0.0.1.

    Attributes:
        url: What to give a client as its base URL.
    """

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> "ModelServer":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if not 0 < length <= _LONGEST_REQUEST:
            self._send(413, {"error": {"message": "The request has no or too much content."}})
            return
        request = json.loads(self.rfile.read(length))
        reply = reply_to(request)
        time.sleep(reply.seconds)
        if reply.error is not None:
            status, message = reply.error
            error = {"message": message, "type": "invalid_request_error", "code": None}
            self._send(status, {"error": error})
        elif request.get("stream"):
            self._stream(request, reply)
        else:
            self._send(200, completion(request, reply))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """
        Keep the demo's output free of access logs.
        """

    def _send(self, status: int, document: Mapping[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, request: Mapping[str, Any], reply: Reply) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for chunk in chunks(request, reply):
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


def completion(request: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    """
    Build the document of a chat completion.
    """
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.tools:
        message["tool_calls"] = [
            {
                "id": call_id,
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for call_id, name, arguments in reply.tools
        ]
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": "tool_calls" if reply.tools else "stop",
        "logprobs": None,
    }
    head = _head(request, "chat.completion")
    return {**head, "choices": [choice], "usage": _usage(reply)}


def chunks(request: Mapping[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    """
    Build the documents of a streamed chat completion, a word at a time.
    """
    head = _head(request, "chat.completion.chunk")
    words = re.findall(r"\S+\s*", reply.text)
    for delta in ({"role": "assistant", "content": ""}, *({"content": word} for word in words)):
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    if (request.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": _usage(reply)}


def _head(request: Mapping[str, Any], kind: str) -> dict[str, Any]:
    model = str(request["model"])
    return {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": _VERSIONS.get(model, model),
    }


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning, "audio_tokens": 0},
    }
