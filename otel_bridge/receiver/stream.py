"""
The way of requests from the event loop into the database and back.

One thread decodes and reads and one writes, so that the next requests are made ready while
the last ones are being committed, and the event loop does neither. What waits for the
writer shares its next transaction. A request is answered after that.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Awaitable, Sequence

from otel_bridge_storage.errors import MalformedTelemetryError
from otel_bridge_storage.rare_warnings import RareWarnings, in_short
from otel_bridge_storage.read_ahead import ReadsAhead
from otel_bridge_storage.readings import Reader
from otel_bridge_storage.records import SpanRecord

from otel_bridge.content import ContentPolicy
from otel_bridge.otlp.signals import TRACES, Form, Record, Signal
from otel_bridge.receiver.bodies import gunzip
from otel_bridge.receiver.budget import Budget, Share
from otel_bridge.receiver.handover import Handover
from otel_bridge.receiver.jobs import Answer, Job, Outcome
from otel_bridge.receiver.limits import Limits
from otel_bridge.receiver.refusals import Refusal, Why
from otel_bridge.receiver.storing import Commit, Storer, Writes
from otel_bridge.receiver.tally import Tally

_DRAINING_RETRY_S = 2


class IngestStream:
    """
    Takes requests and answers them once they are durable.

    Made and used on the event loop; `close` ends its threads.

    Args:
        writer: Where records go; used by one thread.
        reader: Says what telemetry means, as the writer's does; used by another thread.
        policy: What happens to content.
        complain: Logs what goes wrong.

    Attributes:
        tally: What became of requests so far.
        budget: The room for requests in hand.
        draining: Whether nothing more is taken.
    """

    def __init__(
        self,
        writer: Writes,
        limits: Limits,
        *,
        reader: Reader,
        policy: ContentPolicy,
        complain: RareWarnings,
    ) -> None:
        self.tally = Tally()
        self.budget = Budget(limits)
        self.draining = False
        self._closed = False
        self._limits = limits
        self._policy = policy
        self._ahead = ReadsAhead(reader)
        self._complain = complain
        self._loop = asyncio.get_running_loop()
        self._storer = Storer(writer, limits, complain=complain)
        self._arrived: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._decoded = Handover(limits)
        self._threads = [
            threading.Thread(target=work, name=f"otel-bridge {name}", daemon=True)
            for name, work in (("decoder", self._decode_all), ("writer", self._write_all))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def works(self) -> bool:
        """
        Whether the database could be written when that was last tried.
        """
        return self._storer.works

    def enter(self) -> Share:
        """
        Make room for a request.

        Raises:
            Refusal: The server is stopping, or too many are in hand.
        """
        if self.draining:
            raise _stopping()
        return self.budget.enter()

    async def receive(self, signal: Signal, transport: str, reading: Awaitable[Job]) -> Outcome:
        """
        Store a request as soon as it is read; see `submit`.

        Args:
            reading: Reads it, or raises why it is not taken.

        Raises:
            Refusal: It is not taken; counted as refused.
        """
        try:
            job = await reading
        except Refusal as refusal:
            self.tally.refused(signal.name, transport, refusal.why)
            raise
        return await self.submit(job)

    async def submit(self, job: Job) -> Outcome:
        """
        Store a request; it is durable when this returns, and goes on if this is cancelled.

        Raises:
            Refusal: It cannot be read at all, or cannot be stored now.
        """
        if self._closed:
            job.share.release()
            raise _stopping()
        self._arrived.put(job)
        return await _answered(job)

    async def probe(self) -> None:
        """
        Try whether the database can be written.

        Raises:
            Refusal: It cannot, or the server is stopping.
        """
        if self.draining:
            raise _stopping()
        nothing = Job(signal=TRACES, transport="", form=Form.PROTO, body=b"", share=Share(None))
        self._decoded.put(nothing, wait=False)
        await _answered(nothing)

    def drain(self) -> None:
        """
        Take nothing new.
        """
        self.draining = self._storer.stopping = True

    async def close(self) -> None:
        """
        Answer what is in hand, and end the threads.
        """
        self.drain()
        self._closed = True
        self._arrived.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _decode_all(self) -> None:
        while (job := self._arrived.get()) is not None:
            try:
                self._decode(job)
            except Refusal as refusal:
                job.refusal = refusal
            except MalformedTelemetryError as error:
                job.refusal = Refusal(Why.MALFORMED, str(error))
            except Exception as error:  # noqa: BLE001 - one request must not end the thread
                self._complain.warn("decoding", "otel-bridge cannot decode: %s", in_short(error))
                job.refusal = Refusal(Why.BROKEN, "the request could not be decoded")
            job.body = b""
            if job.refusal is None and job.arrivals:
                self._decoded.put(job)
            else:
                self._finish([job], ())
        self._decoded.close()

    def _decode(self, job: Job) -> None:
        data = job.body
        if job.packed:
            data = gunzip(data, self._limits)
            job.share.resize(len(data))
        contents = job.signal.read(data, job.form)
        job.points, job.unreadable = contents.points, contents.rejected
        job.arrivals = self._ahead.read(self._allowed(contents.records))

    def _allowed(self, records: list[Record]) -> list[Record]:
        policy = self._policy
        if policy.changes_nothing:
            return records
        return [
            policy.span(record) if isinstance(record, SpanRecord) else policy.log(record)
            for record in records
        ]

    def _write_all(self) -> None:
        while jobs := self._decoded.take():
            commits: Sequence[Commit] = ()
            try:
                commits = self._storer.store(jobs)
            except Exception as error:  # noqa: BLE001 - one group must not end the thread
                self._complain.warn("storing", "otel-bridge cannot store: %s", in_short(error))
                for job in jobs:
                    job.refusal = Refusal(Why.BROKEN, "the request could not be stored")
            self._finish(jobs, commits)

    def _finish(self, jobs: Sequence[Job], commits: Sequence[Commit]) -> None:
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, jobs, commits)

    def _settle(self, jobs: Sequence[Job], commits: Sequence[Commit]) -> None:
        self.tally.committed(commits)
        for job in jobs:
            answer = job.outcome()
            job.share.release()
            if job.transport:
                self.tally.answered(job, answer)
            if not job.answer.done():
                job.answer.set_result(answer)


async def _answered(job: Job) -> Outcome:
    answer: Answer = await asyncio.shield(job.answer)
    if isinstance(answer, Refusal):
        raise answer
    return answer


def _stopping() -> Refusal:
    return Refusal(
        Why.UNAVAILABLE, "the server is stopping; send it again", retry_s=_DRAINING_RETRY_S
    )
