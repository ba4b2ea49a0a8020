"""
A program that records what it is told to, and answers each word with a line of JSON.

Usage: fault_child.py DATABASE MAX_ITEMS BLOCK_S [USER]. With a user, it takes on that user's
rights before it opens the database. It reads `record PREFIX COUNT BYTES`,
`flush SECONDS`, `stats`, `limit BYTES` (of any file it writes; -1 for none), `fork PREFIX` and
`close`; a `record` is answered with the seconds that its slowest call took. What is logged
goes to stderr.
"""

import contextlib
import json
import logging
import os
import sys
import tempfile
import time
from dataclasses import asdict
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider
from recording_data import CHAT

from otel_bridge import install

with contextlib.suppress(ImportError):
    import resource


class Program:
    """
    The program.
    """

    def __init__(self, path: str, max_items: str, block_s: str) -> None:
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._bridge = install(
            path,
            tracer_provider=self._provider,
            logger_provider=LoggerProvider(shutdown_on_exit=False),
            threads=False,
            max_items=int(max_items),
            block_s=float(block_s),
        )

    def record(self, prefix: str, count: str, size: str) -> float:
        """
        Record spans.
        """
        tracer = self._provider.get_tracer("fault")
        slowest = 0.0
        for number in range(int(count)):
            text = f"{prefix}-{number} " + "x" * int(size)
            begun = time.perf_counter()
            tracer.start_span(
                f"{prefix}-{number:05}", attributes=CHAT | {"gen_ai.input.messages": text}
            ).end()
            slowest = max(slowest, time.perf_counter() - begun)
        return slowest

    def flush(self, seconds: str) -> bool:
        """
        Flush.
        """
        return self._bridge.force_flush(float(seconds))

    def stats(self) -> dict[str, int]:
        """
        Say what became of the records.
        """
        stats = self._bridge.stats()
        return asdict(stats) | {"lost": stats.lost}

    def limit(self, size: str) -> int:
        """
        Bound the size of every file that this process writes, as a full disk does.
        """
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        wanted = hard if int(size) < 0 else int(size)
        resource.setrlimit(resource.RLIMIT_FSIZE, (wanted, hard))
        return wanted

    def fork(self, prefix: str) -> Any:
        """
        Record in a forked child, and give what it says of itself.
        """
        out, into = os.pipe()
        if (pid := os.fork()) == 0:
            self.record(prefix, "5", "10")
            flushed = self._bridge.force_flush(5)
            os.write(into, json.dumps({"flushed": flushed, **self.stats()}).encode())
            os._exit(0)
        os.close(into)
        with os.fdopen(out, encoding="utf-8") as answer:
            told = json.load(answer)
        os.waitpid(pid, 0)
        return told

    def close(self) -> bool:
        """
        Close the bridge.
        """
        self._bridge.close()
        return True


def become(name: str) -> None:
    """
    Take on the rights of a user, with all modules loaded that are needed afterwards: they
    may be where that user has no access.
    """
    import pwd

    with tempfile.TemporaryDirectory() as place:
        first = Program(f"{place}/x.db", "10", "1")
        first.record("warm", "1", "10")
        first.close()
    user = pwd.getpwnam(name)
    os.setgroups([])
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)


def main(path: str, max_items: str, block_s: str, *user: str) -> None:
    """
    Do what is told until there is no more.
    """
    logging.basicConfig(format="%(levelname)s %(message)s")
    if user:
        become(*user)
    begun = time.perf_counter()
    program = Program(path, max_items, block_s)
    sys.stdout.write(json.dumps(time.perf_counter() - begun) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        word, *arguments = line.split()
        answer = getattr(program, word)(*arguments)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
