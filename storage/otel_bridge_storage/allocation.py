"""
Numbers given out inside a write transaction, so that their order is the order of commit.
"""

from sqlalchemy import Connection, bindparam, select, update

from otel_bridge_storage.schema import counters
from otel_bridge_storage.statements import KEYS, Lookup, Rows

_NAMES = ("sequence", "span", "message", "log", "erasures", "ended")

_READ = Lookup(select(counters.c.name, counters.c.value).where(KEYS), counters.c.name)
_WRITE = Rows(
    update(counters).where(counters.c.name == bindparam("counter")).values(value=bindparam("last"))
)


class Allocation:
    """
    The counters of one write transaction.

    A number is given once: what a rolled-back transaction took was never seen by anyone.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stored: dict[str, int] = dict(_READ.rows(connection, _NAMES))
        self._values = dict(self._stored)

    def next(self, counter: str) -> int:
        """
        Give the next number of a counter.
        """
        self._values[counter] += 1
        return self._values[counter]

    def last(self, counter: str) -> int:
        """
        Give the last number of a counter.
        """
        return self._values[counter]

    def save(self) -> None:
        """
        Write the counters back; part of the transaction.
        """
        changed = [
            {"counter": name, "last": value}
            for name, value in self._values.items()
            if value != self._stored[name]
        ]
        _WRITE.write(self._connection, changed)
