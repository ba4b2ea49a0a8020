"""
Where the decoder's thread leaves requests for the writer's.
"""

import threading
from collections import deque

from otel_bridge.receiver.jobs import Job
from otel_bridge.receiver.limits import Limits


class Handover:
    """
    Decoded requests in their order; what waits here is bounded.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._jobs: deque[Job] = deque()
        self._size = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, job: Job, *, wait: bool = True) -> None:
        """
        Leave a request, once there is room for it.
        """
        with self._changed:
            while wait and self._jobs and self._size >= self._limits.ahead_bytes:
                self._changed.wait()
            self._jobs.append(job)
            self._size += job.share.size
            self._changed.notify_all()

    def close(self) -> None:
        """
        Say that nothing more will come.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self) -> list[Job]:
        """
        Take all that waits, as far as it fits one transaction, and at least one request.

        Returns:
            The requests; none once nothing more will come.
        """
        with self._changed:
            while not self._jobs and not self._closed:
                self._changed.wait()
            taken: list[Job] = []
            records = size = 0
            while self._jobs:
                job = self._jobs[0]
                records += len(job.arrivals)
                size += job.share.size
                if taken and not self._fits(records, size):
                    break
                taken.append(self._jobs.popleft())
                self._size -= job.share.size
            self._changed.notify_all()
            return taken

    def _fits(self, records: int, size: int) -> bool:
        limits = self._limits
        return records <= limits.transaction_records and size <= limits.transaction_bytes
