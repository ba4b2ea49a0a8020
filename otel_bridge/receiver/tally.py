"""
What a receiver counts of its own work.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from otel_bridge.receiver.jobs import Answer, Job, Outcome
from otel_bridge.receiver.refusals import Why
from otel_bridge.receiver.storing import Commit

COMMIT_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Tally:
    """
    Counts since the start. Changed and read by the event loop alone.

    Attributes:
        requests: Requests by signal, transport and `ok`, `partial` or the reason of
            their refusal.
        accepted: Records that are durable and data points that were acknowledged, by signal.
        stored: Records that were new to the database, by signal.
        duplicates: Records that the database had already.
        rejected: Records that will never be stored, by signal and reason.
        connections: HTTP connections that are open.
        refused_connections: Connections that found no room.
        slow_connections: Connections that were closed for being slow.
        commits: Transactions by the first of `COMMIT_BOUNDS_S` that they did not exceed;
            the last are those that took longer.
        commit_s: Seconds that all transactions took together.
    """

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.accepted: Counter[str] = Counter()
        self.stored: Counter[str] = Counter()
        self.duplicates = 0
        self.rejected: Counter[tuple[str, str]] = Counter()
        self.connections = 0
        self.refused_connections = 0
        self.slow_connections = 0
        self.commits = [0] * (len(COMMIT_BOUNDS_S) + 1)
        self.commit_s = 0.0

    def answered(self, job: Job, answer: Answer) -> None:
        """
        Take note of what became of a request.
        """
        signal = job.signal.name
        if not isinstance(answer, Outcome):
            self.refused(signal, job.transport, answer.why)
            return
        self.requests[signal, job.transport, "partial" if answer.rejected else "ok"] += 1
        self.accepted[signal] += answer.accepted
        for reason, items in (("malformed", job.unreadable), ("unstorable", job.unstorable)):
            if count := sum(item.count for item in items):
                self.rejected[signal, reason] += count

    def refused(self, signal: str, transport: str, why: Why) -> None:
        """
        Take note of a request that was refused.
        """
        self.requests[signal, transport, why.name.lower()] += 1

    def committed(self, commits: Sequence[Commit]) -> None:
        """
        Take note of transactions.
        """
        for commit in commits:
            self.commits[bisect_left(COMMIT_BOUNDS_S, commit.seconds)] += 1
            self.commit_s += commit.seconds
            self.stored["traces"] += commit.applied.spans
            self.stored["logs"] += commit.applied.logs
            self.duplicates += commit.applied.duplicates
