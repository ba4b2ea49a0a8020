"""
Spans that are read before the transaction that stores them.
"""

from itertools import count

import captures
from backends import picture, store
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.read_ahead import ReadsAhead
from stored import READER
from trees import span

from otel_bridge.dialects.registry import Dialects

ARRIVALS = [record for name in captures.names()[::7] for record in captures.arrivals(name)]
_numbers = count(1)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_what_is_read_ahead_is_stored_as_all_else(data: st.DataObject) -> None:
    """
    Whichever spans are read ahead, and whatever versions of one come together, the rows are
    the same.
    """
    versions = [span(9, 9, end_ns=None), span(9, 9), span(9, 9, attributes={"more": 1})]
    arrivals = data.draw(st.permutations([*ARRIVALS, *versions, *versions]))
    ahead = ReadsAhead(Dialects())
    mixed = [ahead.read([one])[0] if data.draw(st.booleans()) else one for one in arrivals]
    size = data.draw(st.integers(1, len(mixed)))
    batches = [mixed[at : at + size] for at in range(0, len(mixed), size)]
    number = next(_numbers)
    one, other = f"memory://ahead-{number}", f"memory://plain-{number}"
    with open_database(one), open_database(other):
        store(one, batches)
        store(other, [arrivals])
        assert picture(one) == picture(other)


def test_a_span_that_cannot_be_read_stays_as_it_is() -> None:
    """
    A reader that fails at one span costs no other its reading, and nobody the span.
    """

    class Moody(Dialects):
        """
        Fails at one name.
        """

        def read_span(self, span):  # type: ignore[no-untyped-def]
            """
            Read a span, or not.
            """
            if span.name == "bad":
                raise ValueError("a bad day")
            return READER.read_span(span)

    good, bad = span(1, 1, name="good"), span(1, 2, name="bad")
    found = ReadsAhead(Moody()).read([good, bad])
    assert [one is bad for one in found] == [False, True]
    assert found[0].record is good  # type: ignore[union-attr]
