"""
A clock that is set back or forward changes times, and neither order nor what is alive.
"""

import itertools
import time
from pathlib import Path

import pytest
from otel_bridge_storage.dead_writers import SILENCE_S, is_dead
from otel_bridge_storage.liveness import HEARTBEAT_S
from otel_bridge_storage.run_store import RunStore
from recording_data import AGENT, CHAT, is_whole, recorded, rows

S = 1_000_000_000
NOW = 1_800_000_000 * S
HOUR = 3600 * S


class Clock:
    """
    A clock that a test sets.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = NOW
        self._ticks = itertools.count(1)
        monkeypatch.setattr(time, "time_ns", self.read)
        # The SDK has its own name for it.
        monkeypatch.setattr("opentelemetry.sdk.trace.time_ns", self.read)

    def read(self) -> int:
        """
        Give the time, a microsecond later at each look.
        """
        return self.now_ns + next(self._ticks) * 1000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """
    Put a clock in the place of the system's.
    """
    return Clock(monkeypatch)


JUMPS = (0, -HOUR, 2 * HOUR, -3 * HOUR, HOUR)


def test_sequence_numbers_follow_commits_and_not_the_clock(tmp_path: Path, clock: Clock) -> None:
    """
    What is flushed earlier has lower numbers, whatever time it claims to be.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        tracer = provider.get_tracer("test")
        for number, jump in enumerate(JUMPS):
            clock.now_ns += jump
            tracer.start_span(f"chat {number}", attributes=CHAT).end()
            assert processor.force_flush()
    found = rows(
        path,
        "SELECT s.name, l.seq FROM run_log l JOIN spans s ON s.id = l.span "
        "WHERE l.kind = 'llm_call.completed' ORDER BY l.seq",
    )
    assert [name for name, _ in found] == [f"chat {n}" for n in range(len(JUMPS))]
    starts = [start for (start,) in rows(path, "SELECT start_ns FROM spans ORDER BY name")]
    assert starts != sorted(starts)
    assert is_whole(path)


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
async def test_a_run_across_a_jump_ends_as_it_should(
    tmp_path: Path, clock: Clock, jump: int
) -> None:
    """
    A run and a call during which the clock jumps are complete, with their tokens.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        tracer = provider.get_tracer("test")
        with tracer.start_as_current_span("invoke_agent planner", attributes=AGENT):
            assert processor.force_flush()
            with tracer.start_as_current_span("chat", attributes=CHAT):
                clock.now_ns += jump
        assert processor.force_flush()
    async with RunStore.from_url(path) as store:
        (run,) = await store.list_runs()
        assert run.status == "success"
    assert rows(path, "SELECT llm_calls, input_tokens FROM runs") == [(1, 10)]


async def test_a_duration_is_never_negative(tmp_path: Path, clock: Clock) -> None:
    """
    A run that ended before it began, by the clock, took no time at all.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        tracer = provider.get_tracer("test")
        with (
            tracer.start_as_current_span("invoke_agent planner", attributes=AGENT),
            tracer.start_as_current_span("chat", attributes=CHAT),
        ):
            clock.now_ns -= HOUR
        assert processor.force_flush()
    async with RunStore.from_url(path) as store:
        (run,) = await store.list_runs()
        (call,) = await store.get_llm_calls(run.run_id)
        assert run.duration_ms == 0
        assert call.duration_ms == 0


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_writer_lives_across_a_jump(tmp_path: Path, clock: Clock, jump: int) -> None:
    """
    From the next sign of life on, at most one heartbeat after a jump, a writer with an open
    run is taken for alive; further signs of life follow the new clock.
    """
    path = tmp_path / "runs.db"
    assert HEARTBEAT_S < SILENCE_S
    with recorded(path) as (provider, processor):
        span = provider.get_tracer("test").start_span("invoke_agent", attributes=AGENT)
        assert processor.force_flush()
        clock.now_ns += jump
        for _ in range(3):
            clock.now_ns += int(HEARTBEAT_S * S)
            assert processor.recording._queue.hold(5)
            processor.recording._upkeep()
            processor.recording._queue.release()
            (writer,) = rows(path, "SELECT host, pid, last_seen_ns, closed_ns FROM writers")
            assert abs(writer[2] - clock.now_ns) < S
            assert not is_dead(*writer, now_ns=clock.now_ns)
        span.end()
        assert processor.force_flush()
    (writer,) = rows(path, "SELECT host, pid, last_seen_ns, closed_ns FROM writers")
    assert is_dead(*writer, now_ns=clock.now_ns)
