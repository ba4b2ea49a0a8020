"""
A progress bar on standard error, where a person is looking.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """
    Show a bar while the block runs, and nothing where standard error is no terminal.

    Args:
        what: What is counted, such as `files`.
        total: How many there are; None if that is not known.

    Yields:
        A function to call with how many more are done.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(what), TimeElapsedColumn())
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda done: shown.advance(task, done)


@contextmanager
def share_of(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """
    Show a bar for each thing that is told of while the block runs, from the first word on.

    Args:
        what: What is done with them.

    Yields:
        A function to call with a thing's name, how far it has come, and how far it has to go.
    """
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    console = Console(file=sys.stderr)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as shown:
        tasks: dict[str, TaskID] = {}

        def show(name: str, done: int, whole: int) -> None:
            if name not in tasks:
                tasks[name] = shown.add_task(f"{name} {what}")
            shown.update(tasks[name], completed=done, total=whole)

        yield show
