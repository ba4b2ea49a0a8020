"""
Talking to a program that records while its database has a fault; see `fault_child.py`.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recording_data import environment, eventually

CHILD = Path(__file__).with_name("fault_child.py")
BLOCK_S = 0.2
# What a call of the agent may take, on a slow machine with all else that it does.
BOUND_S = BLOCK_S + 2.0


class FaultProgram:
    """
    A program that records what it is told to.

    Attributes:
        installed_s: How many seconds `install` took.
    """

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process = process
        self._log = log
        self.installed_s = float(self._answer())

    def ask(self, word: str, *arguments: object) -> Any:
        """
        Have something done.

        Returns:
            What came of it.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, (word, *arguments))) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def record(self, prefix: str, count: int, size: int = 100) -> None:
        """
        Record spans; no call may raise or take long.
        """
        assert self.ask("record", prefix, count, size) < BOUND_S

    def stats(self) -> dict[str, int]:
        """
        Say what became of its records.
        """
        stats: dict[str, int] = self.ask("stats")
        return stats

    def warned(self, text: str) -> bool:
        """
        Whether it logs a text before a deadline.
        """
        return eventually(lambda: text in self.log())

    def log(self) -> str:
        """
        Give all that it logged.
        """
        return self._log.read_text(encoding="utf-8")

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.log()
        return json.loads(line)


@contextmanager
def fault_program(
    target: object, *, max_items: int = 2000, user: str | None = None
) -> Iterator[FaultProgram]:
    """
    Start a program that records, and end it.

    Args:
        user: Whose rights it has; by default those of who runs the test.
    """
    command = [sys.executable, str(CHILD), str(target), str(max_items), str(BLOCK_S)]
    with (
        tempfile.TemporaryDirectory() as place,
        (Path(place) / "log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            [*command, user] if user else command,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            yield FaultProgram(process, Path(place) / "log")
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(60) == 0
        finally:
            process.kill()
