"""
A process that writes into a database of any kind; see `test_backends_shared`.
"""

import sys

from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from sqlalchemy import text
from stored import PRICER, READER
from trees import agent, chat, span


def say(word: str) -> None:
    """
    Tell the parent.
    """
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def write(target: str, number: int, batches: int) -> None:
    """
    Store some batches, each a run with a call.
    """
    with open_database(target) as database:
        ingestor = Ingestor(database, reader=READER, pricer=PRICER)
        for each in range(batches):
            trace = number * 1000 + each + 1
            call = span(trace, 2, 1, **chat(f"r{trace}", 1))
            ingestor.apply([span(trace, 1, **agent("a")), call])


def hang(target: str) -> None:
    """
    Leave a run open until somebody ends the process.
    """
    with open_database(target) as database:
        ingestor = Ingestor(database, reader=READER, pricer=PRICER)
        call = span(1, 2, 1, **chat("r", 1))
        ingestor.apply([span(1, 1, end_ns=None, **agent("a")), call])
        say("written")
        sys.stdin.readline()


def lock(target: str) -> None:
    """
    Stay in the middle of a transaction until somebody ends the process.
    """
    with open_database(target) as database, database.transaction() as connection:
        connection.execute(text("UPDATE counters SET value = 9"))
        say("locked")
        sys.stdin.readline()


if __name__ == "__main__":
    target, task, *numbers = sys.argv[1:]
    say("ready")
    sys.stdin.readline()
    if task == "write":
        write(target, *map(int, numbers))
    else:
        {"hang": hang, "lock": lock}[task](target)
