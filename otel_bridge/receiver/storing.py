"""
Requests into the database: together if that works, else each alone, and of a request that
the database refuses all but the records at fault.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from otel_bridge_storage.batch_writer import GiveUpError, TryAgainError
from otel_bridge_storage.ingest import Applied
from otel_bridge_storage.rare_warnings import RareWarnings, in_short
from otel_bridge_storage.read_ahead import Incoming, ReadSpan
from otel_bridge_storage.records import LogRecord

from otel_bridge.otlp.decoded import Rejected
from otel_bridge.receiver.jobs import Job
from otel_bridge.receiver.limits import Limits
from otel_bridge.receiver.refusals import Refusal, Why

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5
# A sender of the Python SDK gives up 10 seconds after its first try.
_RETRY_S = 2
_LONG_RETRY_S = 30


class Writes(Protocol):
    """
    Stores batches; `DatabaseWriter` does.
    """

    def write(self, arrivals: Iterable[Incoming]) -> Applied:
        """
        Store a batch durably, or nothing of it.

        Raises:
            TryAgainError: It cannot be stored now, and may be later.
            GiveUpError: Nothing can be stored any more.
        """


@dataclass(frozen=True, slots=True)
class Commit:
    """
    A transaction: how long it took, and what it came to.
    """

    seconds: float
    applied: Applied


class Storer:
    """
    Stores requests, one group at a time, by one thread.

    Args:
        writer: Where to.

    Attributes:
        works: Whether the last try found that the database can be written.
        stopping: Whether what cannot be written is not tried again, group by group: the end
            would take longer than whoever stops a server waits for.
    """

    def __init__(
        self,
        writer: Writes,
        limits: Limits,
        *,
        complain: RareWarnings,
    ) -> None:
        self.works = True
        self.stopping = False
        self._writer = writer
        self._limits = limits
        self._complain = complain

    def store(self, jobs: Sequence[Job]) -> list[Commit]:
        """
        Store what the jobs hold, and note on each what was not stored.

        Returns:
            The transactions that it took.
        """
        commits: list[Commit] = []
        records = [record for job in jobs for record in job.arrivals]
        if len(records) <= self._limits.transaction_records:
            try:
                commits.append(self._write(records))
            except Refusal as refusal:
                for job in jobs:
                    job.refusal = refusal
                return commits
            except Exception as error:  # noqa: BLE001 - one request must not take others along
                self._complain.warn(
                    "refused", "otel-bridge looks for a record at fault: %s", in_short(error)
                )
            else:
                return commits
        for job in jobs:
            self._store_alone(job, commits)
        return commits

    def _store_alone(self, job: Job, commits: list[Commit]) -> None:
        """
        Store one request piece by piece; what a piece loses is looked for by halves.
        """
        records, step = job.arrivals, self._limits.transaction_records
        pending = [records[at : at + step] for at in range(0, len(records), step)][::-1]
        while pending:
            piece = pending.pop()
            try:
                commits.append(self._write(piece))
            except Refusal as refusal:
                job.refusal = refusal
                return
            except Exception as error:  # noqa: BLE001 - one record must not take others along
                if len(piece) == 1:
                    self._reject(job, piece[0], error)
                else:
                    middle = len(piece) // 2
                    pending += [piece[middle:], piece[:middle]]

    def _reject(self, job: Job, record: Incoming, error: Exception) -> None:
        reason = in_short(error)
        self._complain.warn("unstorable", "otel-bridge cannot store a record: %s", reason)
        job.unstorable.append(Rejected(_place(record), "the database refuses it"))

    def _write(self, records: Sequence[Incoming]) -> Commit:
        """
        Write a batch with patience, as long as the last one could be written.

        Raises:
            Refusal: The database cannot be written now.
        """
        if self.stopping and not self.works:
            raise self._refusal(_RETRY_S)
        deadline = time.monotonic() + (self._limits.patience_s if self.works else 0)
        pause = _FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            try:
                applied = self._writer.write(records)
            except TryAgainError as error:
                if time.monotonic() + pause > deadline:
                    raise self._unavailable(error, _RETRY_S) from error
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            except GiveUpError as error:
                raise self._unavailable(error, _LONG_RETRY_S) from error
            else:
                self.works = True
                return Commit(time.monotonic() - began, applied)

    def _unavailable(self, error: Exception, retry_s: int) -> Refusal:
        self.works = False
        self._complain.warn("unavailable", "otel-bridge cannot write and says so: %s", error)
        return self._refusal(retry_s)

    def _refusal(self, retry_s: int) -> Refusal:
        return Refusal(
            Why.UNAVAILABLE,
            "the database cannot be written now; send it again later",
            retry_s=retry_s,
        )


def _place(arrival: Incoming) -> str:
    record = arrival.record if isinstance(arrival, ReadSpan) else arrival
    if isinstance(record, LogRecord):
        return f"log record of {record.time_ns or record.observed_ns} ns"
    return f"span {record.span_id} of trace {record.trace_id}"
