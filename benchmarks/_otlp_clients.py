"""
The clients of a benchmark: connections that are kept open, in a process of their own.

Each client sends a request, waits for the answer, and sends the next. One that is told to
come back does so when it was told, with the same request, so that nothing is lost.
"""

import http.client
import itertools
import multiprocessing
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

from _otlp_load import Load
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

_PROTO = "application/x-protobuf"
_COME_BACK = (429, 502, 503, 504)
_TIMEOUT_S = 600.0
_RETRY_S = 1.0
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What is sent, and how.

    Attributes:
        url: Where traces are taken, over plain HTTP.
        spans: After how many it ends; None for no end.
        seconds: After what time it ends; None for no end.
        rate: Spans a second; None for as fast as they are taken.
        first_round: See `Load`.
        report_s: How often progress is told.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    spans: int | None = None
    seconds: float | None = None
    rate: float | None = None
    clients: int = 16
    per_request: int = 500
    seed: int = 1
    first_round: int = 0
    report_s: float = 10.0


@dataclass(slots=True)
class Progress:
    """
    What came of a plan so far.

    Attributes:
        seconds: Since the first request.
        acknowledged: Spans whose request was answered with success.
        sent_bytes: The bodies of these requests.
        rejected: Of these, spans that the answer said were not taken.
        retries: How often a request was sent again.
        failed: Spans whose request was refused for good.
        trouble: The first such refusal.
        answer_s: How long each answer took, since the last report. With a rate, since the
            request was due.
        done: Whether this is the last report.
    """

    seconds: float = 0.0
    acknowledged: int = 0
    sent_bytes: int = 0
    rejected: int = 0
    retries: int = 0
    failed: int = 0
    trouble: str = ""
    answer_s: list[float] = field(default_factory=list)
    done: bool = False

    @property
    def rate(self) -> float:
        """
        Spans acknowledged in a second.
        """
        return self.acknowledged / self.seconds if self.seconds else 0.0


class Clients:
    """
    Clients that are ready, in a process that waits.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def run(self) -> Iterator[Progress]:
        """
        Send, and give each report; the last one is `done`.
        """
        self._pipe.send("go")
        while True:
            report = self._pipe.recv()
            if isinstance(report, OSError):
                raise SystemExit(f"the clients gave up: {report}")
            yield report
            if report.done:
                return

    def finish(self) -> Progress:
        """
        Send all, and give the last report.
        """
        return list(self.run())[-1]


@contextmanager
def clients(plan: Plan) -> Iterator[Clients]:
    """
    Prepare clients in a process of their own.
    """
    ours, theirs = multiprocessing.Pipe()
    context: Any = multiprocessing.get_context("spawn")
    process = context.Process(target=_work, args=(plan, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        if (said := ours.recv()) != "ready":
            raise SystemExit(f"the clients could not be prepared: {said}")
        yield Clients(ours)
    finally:
        process.kill()
        process.join()
        ours.close()


def _work(plan: Plan, pipe: Connection) -> None:
    try:
        load = Load(plan.per_request, seed=plan.seed, first_round=plan.first_round)
        load.check()
        pipe.send("ready")
        pipe.recv()
        _Crowd(plan, load, pipe).send_all()
    except (OSError, http.client.HTTPException, SystemExit) as error:
        pipe.send(OSError(f"{plan.url}: {error!r}"))


class _Crowd:
    """
    All clients of a plan, each in a thread.
    """

    def __init__(self, plan: Plan, load: Load, pipe: Connection) -> None:
        self._plan = plan
        self._load = load
        self._pipe = pipe
        self._address = urlsplit(plan.url)
        self._headers = {"Content-Type": _PROTO, **plan.headers}
        self._last = None if plan.spans is None else load.requests_for(plan.spans)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._found = Progress()
        self._began = 0.0

    def send_all(self) -> None:
        self._began = due = time.monotonic()
        with ThreadPoolExecutor(self._plan.clients) as pool:
            pending = {pool.submit(self._client) for _ in range(self._plan.clients)}
            while pending:
                due += self._plan.report_s
                ended, pending = wait(pending, timeout=max(0.0, due - time.monotonic()))
                for each in ended:
                    each.result()
                if pending:
                    self._report()
        self._report(done=True)

    def _report(self, *, done: bool = False) -> None:
        with self._lock:
            found = self._found
            found.done = done
            if not done:
                found.seconds = time.monotonic() - self._began
            self._pipe.send(found)
            found.answer_s = []

    def _client(self) -> None:
        line = _Line(self._address.hostname or "", self._address.port or 80)
        try:
            while (number := self._next()) is not None:
                self._send(line, number)
        finally:
            line.close()

    def _next(self) -> int | None:
        with self._lock:
            number = next(self._numbers)
        if self._last is not None and number >= self._last:
            return None
        due = self._due(number) or time.monotonic()
        if self._plan.seconds is not None and due - self._began >= self._plan.seconds:
            return None
        time.sleep(max(0.0, due - time.monotonic()))
        return number

    def _due(self, number: int) -> float | None:
        if self._plan.rate is None:
            return None
        return self._began + number * self._plan.per_request / self._plan.rate

    def _send(self, line: "_Line", number: int) -> None:
        body, count = self._load.request(number), self._load.spans_of(number)
        began = self._due(number) or time.monotonic()
        while True:
            status, headers, answer = line.post(self._address.path, body, self._headers)
            if status not in _COME_BACK:
                break
            with self._lock:
                self._found.retries += 1
            time.sleep(_seconds(headers.get("retry-after")))
        now = time.monotonic()
        with self._lock:
            found = self._found
            found.seconds = max(found.seconds, now - self._began)
            found.answer_s.append(now - began)
            if status < 300:
                found.acknowledged += count
                found.sent_bytes += len(body)
                found.rejected += _rejected(headers, answer)
            else:
                found.failed += count
                found.trouble = found.trouble or f"{status} {answer[:200]!r}"


class _Line:
    """
    One connection; a broken one is made anew for a while.
    """

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)

    def post(
        self, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self._connection.request("POST", path, body, headers)
                answer = self._connection.getresponse()
                named = {name.lower(): value for name, value in answer.getheaders()}
                return answer.status, named, answer.read()
            except (OSError, http.client.HTTPException):
                self._connection.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_S)

    def close(self) -> None:
        self._connection.close()


def _seconds(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return _RETRY_S


def _rejected(headers: Mapping[str, str], answer: bytes) -> int:
    if not answer or not headers.get("content-type", "").startswith(_PROTO):
        return 0
    message = ExportTraceServiceResponse.FromString(answer)
    return int(message.partial_success.rejected_spans)
