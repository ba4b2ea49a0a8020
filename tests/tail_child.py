"""
A program that writes its share of one run's spans, in an order and in batches made up by
a seed; or one span of a run, and then waits to be killed.

Usage: tail_child.py DATABASE SEED SHARE SHARES | tail_child.py DATABASE open
"""

import random
import sys
from collections.abc import Sequence

from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.records import SpanRecord
from stored import PRICER, READER
from trees import agent, chat, span, tool

RUN = "followed"


def spans_of_run(seed: int) -> list[SpanRecord]:
    """
    Make a run whose calls lie below spans that bind them to it only when they arrive.
    """
    chance = random.Random(seed)
    made = [span(seed, 1, None, **agent("planner", **{"otel_bridge.run.id": RUN}))]
    holders = [1]
    for number in range(2, 62):
        parent = chance.choice(holders[-5:])
        kind = chance.choice(("plain", "chat", "tool"))
        fields = {"plain": {"name": "plain"}, "chat": chat(f"r-{number}"), "tool": tool("t")}[kind]
        if kind == "plain":
            holders.append(number)
        made.append(span(seed, number, parent, **fields))
    return made


def batches(seed: int, share: int, shares: int) -> list[list[SpanRecord]]:
    """
    Give one writer's share of the spans, shuffled and cut into batches.
    """
    spans = spans_of_run(seed)
    random.Random(seed).shuffle(spans)
    mine = spans[share::shares]
    chance = random.Random(f"{seed} {share}")
    cut = []
    while mine:
        size = chance.randrange(1, 5)
        cut.append(mine[:size])
        mine = mine[size:]
    return cut


def write(database: str, cut: Sequence[Sequence[SpanRecord]]) -> None:
    """
    Store batches one after another.
    """
    with open_database(database) as opened:
        ingestor = Ingestor(opened, reader=READER, pricer=PRICER)
        for batch in cut:
            ingestor.apply(batch)


def wait() -> None:
    """
    Tell that it is ready, and wait for a word.
    """
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


def main() -> None:
    """
    Write when told to.
    """
    database, *told = sys.argv[1:]
    if told == ["open"]:
        own = agent("planner", **{"otel_bridge.run.id": RUN})
        write(database, [[span(1, 1, None, end_ns=None, **own)]])
        wait()
        return
    seed, share, shares = map(int, told)
    wait()
    write(database, batches(seed, share, shares))


if __name__ == "__main__":
    main()
