"""
Sending a batch: in order, nothing skipped, and only what is bad is given up.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_bridge_storage.ended_records import Ended
from trees import span

from otel_bridge.forwarder.backoff import Backoff
from otel_bridge.forwarder.delivery import deliver
from otel_bridge.forwarder.outcomes import Accepted, NotNow, NotSo, Outcome, Refused
from otel_bridge.otlp import decode_traces


def batch_of(count: int) -> list[Ended]:
    """
    Make so many records, named by their number.
    """
    return [Ended(n, n, span(1, n + 1, name=str(n))) for n in range(count)]


def names_in(request: bytes) -> list[int]:
    """
    The numbers of the records in a request.
    """
    return [int(each.name) for each in decode_traces(request).records]


@given(
    count=st.integers(1, 40),
    bad=st.sets(st.integers(0, 39)),
    away=st.lists(st.booleans(), max_size=30),
)
def test_each_good_record_arrives_in_order_and_each_bad_one_is_found(
    count: int, bad: set[int], away: list[bool]
) -> None:
    """
    Whichever records are bad and whenever the endpoint is away: what is good arrives once,
    in order, and what is refused is just what is bad.
    """
    batch, arrived, refused = batch_of(count), [], []
    outages = iter(away)

    def send(_: str, request: bytes) -> Outcome:
        if next(outages, False):
            return NotNow("away")
        numbers = names_in(request)
        if bad.intersection(numbers):
            return Refused("bad")
        arrived.extend(numbers)
        return Accepted()

    rest = batch
    while rest:
        done = deliver("traces", rest, send, trusted=True)
        refused += [each.row for each, _ in done.refused]
        assert done.settled == len(rest) or done.trouble == NotNow("away")
        rest = rest[done.settled :]
    assert arrived == [n for n in range(count) if n not in bad]
    assert refused == [n for n in range(count) if n in bad]


@pytest.mark.parametrize("count", [1, 2, 100])
def test_an_endpoint_that_refuses_everything_is_given_nothing_up_for(count: int) -> None:
    """
    As long as nothing was ever accepted, what is refused is kept, and the trouble told.
    """
    asked = 0

    def send(_: str, __: bytes) -> Outcome:
        nonlocal asked
        asked += 1
        return Refused("HTTP 400 what is this")

    done = deliver("traces", batch_of(count), send, trusted=False)
    assert (done.settled, done.refused) == (0, [])
    assert isinstance(done.trouble, NotSo)
    assert "HTTP 400 what is this" in done.trouble.reason
    assert asked < 80


def test_one_accepted_record_is_enough_to_give_up_the_bad_one() -> None:
    """
    A destination that takes the neighbours of a record refuses the record itself.
    """

    def send(_: str, request: bytes) -> Outcome:
        return Refused("bad") if 0 in names_in(request) else Accepted()

    done = deliver("traces", batch_of(4), send, trusted=False)
    assert [each.row for each, _ in done.refused] == [0]
    assert (done.settled, done.accepted, done.trouble) == (4, 3, None)


def test_what_the_destination_rejects_in_part_is_counted_and_not_sent_again() -> None:
    """
    A partial success settles the whole request.
    """
    done = deliver("traces", batch_of(5), lambda *_: Accepted(2, "too old"), trusted=False)
    assert (done.settled, done.accepted, done.rejected) == (5, 5, 2)
    assert done.message == "too old"


@pytest.mark.parametrize(("told", "counted"), [(-5, 0), (6, 5), (2**63 - 1, 5)])
def test_no_more_can_be_rejected_than_was_sent(told: int, counted: int) -> None:
    """
    A number that makes no sense is brought to one that does.
    """
    done = deliver("traces", batch_of(5), lambda *_: Accepted(told), trusted=True)
    assert (done.settled, done.rejected) == (5, counted)


def test_large_batches_go_in_requests_that_servers_take() -> None:
    """
    No request of several records is above 4 MiB; a single larger record goes alone.
    """
    sizes: list[int] = []
    large = [
        each._replace(
            record=span(1, each.row + 1, name=str(each.row), attributes={"text": "x" * size})
        )
        for each, size in zip(batch_of(6), [10, 2**21, 2**21, 10, 5 * 2**20, 10], strict=True)
    ]

    def send(_: str, request: bytes) -> Outcome:
        sizes.append(len(request))
        return Accepted()

    assert deliver("traces", large, send, trusted=True).settled == 6
    assert sum(size > 4 * 2**20 for size in sizes) == 1


@given(
    chance=st.floats(0, 1),
    failures=st.integers(1, 200),
    asked_s=st.none() | st.floats(0, 10_000),
    mistaken=st.booleans(),
)
def test_waits_grow_up_to_a_bound_and_heed_the_endpoint(
    chance: float, failures: int, asked_s: float | None, mistaken: bool
) -> None:
    """
    A wait is never longer than the bound nor shorter than half of its turn, and never
    shorter than what the endpoint asks for, within an hour.
    """
    backoff = Backoff(lambda: chance)
    trouble = NotSo("no") if mistaken else NotNow("no", asked_s)
    waits = [backoff.next_s(trouble) for _ in range(failures)]
    bound = 300.0 if mistaken else max(60.0, min(asked_s or 0, 3600))
    assert all(0.25 <= wait <= bound for wait in waits)
    assert waits == sorted(waits)
    if asked_s is not None and not mistaken:
        assert waits[0] >= min(asked_s, 3600)
    backoff.succeeded()
    assert backoff.next_s(trouble) == waits[0]
