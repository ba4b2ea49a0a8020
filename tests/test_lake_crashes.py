"""
An export that is broken off anywhere harms no reader, and the next one ends it.
"""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lakes import DAY, files, read
from otel_bridge_queries.lake import LakeExport
from otel_bridge_queries.lake.store import LakeStore
from queries_data import NOON
from test_lake import Edited

TABLES = ("runs", "llm_calls")
CHANGING = ("open_output_stream", "move", "delete_file", "create_dir")


class BrokenOffError(BaseException):
    """
    The end of the process, which nothing may catch.
    """


class Ending:
    """
    A file system that ends the process at one of the calls that change something.

    Args:
        calls: How many such calls there are before the end.
        after: Whether the last call still has its effect.
    """

    def __init__(self, files: Any, calls: int, *, after: bool) -> None:
        self._files = files
        self._calls = calls
        self._after = after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._files, name)
        if name not in CHANGING:
            return method

        def call(*given: Any, **named: Any) -> Any:
            self._calls -= 1
            if self._calls < 0 and not self._after:
                raise BrokenOffError
            answer = method(*given, **named)
            if self._calls < 0:
                if name == "open_output_stream":
                    answer.write(b"PAR1 and no more")
                    answer.close()
                raise BrokenOffError
            return answer

        return call


def broken_off(database: Path, lake: Path, calls: int, *, after: bool) -> bool:
    """
    Export until so many calls were made, and say whether that was before the end.
    """
    store = LakeStore(lake, exporter="here")
    store._files = Ending(store._files, calls, after=after)
    try:
        LakeExport(database, store, exporter="here").run(TABLES)
    except BrokenOffError:
        return True
    return False


def unbroken(database: Path, lake: Path) -> None:
    """
    Export to the end.
    """
    LakeExport(database, LakeStore(lake, exporter="here"), exporter="here").run(TABLES)


def days(lake: Path) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    """
    Read what a reader sees of each day of the runs and calls.
    """
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for table in TABLES:
        for row in read(lake, table, ["date::VARCHAR", "agent_name", "span_id", "cost_picousd"]):
            found.setdefault((table, row[0]), []).append(row)
    return found


def edited(folder: Path) -> Iterator[Path]:
    """
    Give a database as it is before and after an edit of every kind.
    """
    database = Edited(folder / "runs.db")
    for day in range(3):
        database.apply("run", NOON + day * DAY, 10**12 + day, f"agent {day}")
    yield database.path
    database.apply("erase", 1)
    database.apply("rename", 2, "renamed")
    database.apply("run", NOON + 2 * DAY, 5, "late")
    database.apply("run", NOON + 9 * DAY, 5, "new")
    yield database.path
    database.recorded.close()


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_export_can_end_anywhere(tmp_path: Path, after: bool) -> None:
    """
    Wherever an export ends, a reader sees each day as it was or as it is, whole; and the
    next export leaves the lake that an unbroken one makes.
    """
    states = edited(tmp_path)
    database, start, whole = next(states), tmp_path / "start", tmp_path / "whole"
    unbroken(database, start)
    next(states)
    unbroken(database, whole)
    old, new = days(start), days(whole)
    for calls in itertools.count():
        lake = tmp_path / f"{calls}"
        shutil.copytree(start, lake)
        ended = not broken_off(database, lake, calls, after=after)
        for key, rows in days(lake).items():
            assert rows in (old.get(key), new.get(key)), (calls, key)
        unbroken(database, lake)
        assert days(lake) == new, calls
        assert files(lake).keys() == files(whole).keys()
        left = [p for p in (lake / "_otel_bridge" / "unfinished").rglob("*") if p.is_file()]
        assert left == []
        shutil.rmtree(lake)
        if ended:
            break
    assert calls > 20
    assert list(states) == []


def test_a_first_export_goes_on_where_it_ended(tmp_path: Path) -> None:
    """
    A table that was finished before the end is not written again.
    """
    states = edited(tmp_path)
    database, lake = next(states), tmp_path / "lake"
    assert broken_off(database, lake, 20, after=False)
    there = files(lake)
    unbroken(database, lake)
    now = files(lake)
    finished = [path for path in there if path.startswith("runs/")]
    assert len(finished) == 3
    assert len(there) > len(finished)
    assert [path for path in finished if now[path] != there[path]] == []
    assert len(list(states)) == 1
