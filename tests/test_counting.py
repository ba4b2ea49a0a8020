"""
What is counted does not depend on how the captures of real instrumentations arrive.
"""

import random
from pathlib import Path

import captures
import pytest
from captures import arrivals
from stored import picture, store


@pytest.mark.parametrize("name", captures.names())
def test_order_and_batching_of_a_capture_do_not_matter(name: str, tmp_path: Path) -> None:
    """
    Shuffled and delivered one by one, a capture gives the same runs, calls and steps.
    """
    sent = arrivals(name)
    store(tmp_path / "whole.db", [sent])
    whole = picture(tmp_path / "whole.db")
    for seed in range(3):
        shuffled = sent[:]
        random.Random(seed).shuffle(shuffled)
        path = tmp_path / f"{seed}.db"
        store(path, [[arrival] for arrival in shuffled])
        assert picture(path) == whole


@pytest.mark.parametrize("name", captures.names())
def test_a_capture_delivered_twice_is_stored_and_counted_once(name: str, tmp_path: Path) -> None:
    """
    A second delivery, in the same batch and later, changes nothing and is told as such.
    """
    sent = arrivals(name)
    store(tmp_path / "once.db", [sent])
    first, second = store(tmp_path / "twice.db", [[*sent, *sent], sent])
    assert picture(tmp_path / "twice.db") == picture(tmp_path / "once.db")
    assert first.duplicates == len(sent)
    assert (second.spans, second.logs, second.facts) == (0, 0, 0)
    assert second.duplicates == len(sent)
