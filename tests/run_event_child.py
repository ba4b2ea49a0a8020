"""
A program that puts run events, and tells which numbers it was promised.

Usage: run_event_child.py URL NAME COUNT. It puts COUNT events, or for ever if that is 0, of
the run NAME of the thread `t`, by turns one, a batch of three, and four at once. Each line
it prints is the number of an event and its content.
"""

import asyncio
import sys
from typing import Any

from otel_bridge.event_stores import RunEventStore


def say(records: list[dict[str, Any]]) -> None:
    """
    Tell the parent, past all buffers.
    """
    sys.stdout.write("".join(f"{record['seq']} {record['content']}\n" for record in records))
    sys.stdout.flush()


async def main(url: str, name: str, count: int) -> None:
    """
    Put events until there are enough.
    """

    def event(number: int) -> dict[str, Any]:
        content = f"{name}-{number}"
        return {
            "thread_id": "t",
            "run_id": name,
            "event_type": "step",
            "category": "message",
            "content": content,
            "metadata": {"filler": "x" * (number * 37 % 900)},
        }

    number = 0
    async with RunEventStore.from_url(url) as store:
        while not count or number < count:
            say([await store.put(**event(number))])
            say(await store.put_batch([event(number + more) for more in (1, 2, 3)]))
            puts = [store.put(**event(number + more)) for more in (4, 5, 6, 7)]
            say(await asyncio.gather(*puts))
            number += 8


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
