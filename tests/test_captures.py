"""
What the database says of each recording of a real instrumentation is what truly happened.
"""

import random
from pathlib import Path

import captures
import pytest
from capture_truth import FIELDS, compare, compare_all, known, lacking, tables
from otel_bridge_storage.records import Arrival
from stored import store

DOCUMENT = Path(__file__).parents[1] / "docs" / "dialects.md"


def wrong(name: str, path: Path) -> dict[str, tuple[object, object]]:
    """
    Give the fields in which the database differs from the truth, stored and true.
    """
    return {
        each.field: (each.stored, each.truth) for each in compare(name, path) if not each.equal
    }


@pytest.mark.parametrize("way", ["pb", "json", "shuffled"])
@pytest.mark.parametrize("name", captures.names())
def test_what_is_stored_is_what_happened(name: str, way: str, tmp_path: Path) -> None:
    """
    Every field is right in both encodings, and shuffled one by one, but for what is said
    to be lacking in the telemetry; and what is said to be lacking is.
    """
    sent = captures.arrivals(name, "json" if way == "json" else "pb")
    batches: list[list[Arrival]] = [sent]
    if way == "shuffled":
        random.Random(name).shuffle(sent)
        batches = [[arrival] for arrival in sent]
    path = tmp_path / "runs.db"
    store(path, batches)
    found = wrong(name, path)
    assert {n: both for n, both in found.items() if n not in lacking().get(name, {})} == {}
    assert found.keys() == lacking().get(name, {}).keys()


def test_what_is_lacking_is_never_too_much() -> None:
    """
    Where telemetry lacks something, less is stored and nothing is made up: no tokens, no
    tools and no calls beyond the true ones.
    """
    for name, fields in compare_all().items():
        for each in fields:
            if each.field not in lacking().get(name, {}) or each.field in ("cost", "runs"):
                continue
            if isinstance(each.truth, int):
                assert (each.stored or 0) <= each.truth, (name, each)
            elif isinstance(each.truth, list):
                assert len(each.stored) <= len(each.truth), (name, each)


def test_the_document_shows_what_the_tests_find() -> None:
    """
    The tables of docs/dialects.md are those of the registry and of the comparison, and name
    known fields.
    """
    assert {field for fields in lacking().values() for field in fields} <= set(FIELDS)
    document = DOCUMENT.read_text(encoding="utf-8")
    assert known() in document
    assert document.endswith(tables(compare_all()))
