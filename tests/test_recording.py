"""
Recording: what is offered is stored once, in an order that a reader can follow, or counted.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import format_trace_id
from otel_bridge_storage.ingest import Applied, Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.readings import Reading
from otel_bridge_storage.records import SpanRecord
from otel_bridge_storage.sqlite_files import open_reader
from recording_data import (
    AGENT,
    CHAT,
    environment,
    eventually,
    is_whole,
    names,
    recorded,
    rows,
    value,
)
from writer_child import record

from otel_bridge.dialects.registry import Dialects
from otel_bridge.pricing import GenaiPrices
from otel_bridge.processor import RunLogSpanProcessor
from otel_bridge.recording import Recording
from otel_bridge.sdk_records import SdkRecords

WRITER = Path(__file__).parent / "writer_child.py"


class Follower(threading.Thread):
    """
    A reader that follows the run log with a cursor until it is told that no more comes.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.seen: list[tuple[int, str, int]] = []
        self._path = path
        self._over = threading.Event()

    def finish(self) -> list[tuple[int, str, int]]:
        """
        Read to the end.
        """
        self._over.set()
        self.join()
        return self.seen

    def run(self) -> None:
        """
        Follow.
        """
        cursor = 0
        with closing(open_reader(self._path)) as connection:
            while True:
                over = self._over.is_set()
                new = connection.execute(
                    "SELECT seq, kind, span FROM run_log WHERE seq > ? ORDER BY seq", (cursor,)
                ).fetchall()
                self.seen += new
                cursor = new[-1][0] if new else cursor
                if over:
                    return


@contextmanager
def writing_process(path: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """
    Start a program that records, and let it wait for a word.
    """
    command = [sys.executable, str(WRITER), str(path), *map(str, arguments)]
    with subprocess.Popen(
        command,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def everything(path: Path) -> list[tuple[int, str, int]]:
    """
    Read the whole run log at the end.
    """
    return rows(path, "SELECT seq, kind, span FROM run_log ORDER BY seq")


def test_a_reader_with_a_cursor_misses_nothing(tmp_path: Path) -> None:
    """
    While sixteen threads write, a reader that asks for what comes after the last entry it
    saw sees every entry once, in order.
    """
    path = tmp_path / "runs.db"
    with recorded(path, block_s=10) as (provider, processor):
        follower = Follower(path)
        follower.start()
        record(provider, "t", 16, 25)
        assert processor.force_flush()
        seen = follower.finish()
    assert seen == everything(path)
    kinds = [kind for _, kind, _ in seen]
    assert kinds.count("run.finished") == kinds.count("run.started") == 16
    assert kinds.count("llm_call.completed") == kinds.count("llm_call.started") == 16 * 25


def test_a_reader_misses_nothing_of_two_processes(tmp_path: Path) -> None:
    """
    The same with two processes that write into one file at once.
    """
    path = tmp_path / "runs.db"
    open_database(path).close()
    follower = Follower(path)
    follower.start()
    with ExitStack() as stack:
        writers = [
            stack.enter_context(writing_process(path, prefix, 4, 40)) for prefix in ("a", "b")
        ]
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.close()
        for writer in writers:
            assert writer.wait(60) == 0
            assert writer.stderr is not None
            assert writer.stderr.read() == ""
    seen = follower.finish()
    assert seen == everything(path)
    assert [kind for _, kind, _ in seen].count("llm_call.completed") == 2 * 4 * 40
    assert len(names(path)) == 2 * 4 * 41
    assert value(path, "SELECT count(*) FROM runs WHERE status = 'success'") == 8
    assert value(path, "SELECT sum(llm_calls) FROM runs") == 2 * 4 * 40
    assert is_whole(path)


def made_spans() -> list[ReadableSpan]:
    """
    Make the spans of one run with a call.
    """
    ended: list[ReadableSpan] = []

    class Keep(RunLogSpanProcessor):
        """
        Keeps what ends.
        """

        def __init__(self) -> None:
            pass

        def on_start(self, span: object, parent_context: object = None) -> None:
            """
            Do nothing.
            """

        def on_end(self, span: ReadableSpan) -> None:
            """
            Keep it.
            """
            ended.append(span)

        def shutdown(self) -> None:
            """
            Do nothing.
            """

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Keep())
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("invoke_agent planner", attributes=AGENT) as run:
        run.add_event("otel_bridge.run.paused", {"otel_bridge.fact.id": "f-1"})
        with tracer.start_as_current_span("chat gpt-4o", attributes=CHAT):
            pass
    return ended


def deliver(path: Path, batches: Sequence[Sequence[ReadableSpan]]) -> list[Applied]:
    """
    Store batches of spans as a writer of its own.
    """
    make = SdkRecords()
    with open_database(path) as database:
        ingestor = Ingestor(database, reader=Dialects(), pricer=GenaiPrices())
        return [ingestor.apply([make.span(span) for span in batch]) for batch in batches]


def totals(path: Path) -> list[tuple[object, ...]]:
    """
    Say what a run came to, and how many entries tell so.
    """
    return rows(
        path,
        "SELECT llm_calls, input_tokens, output_tokens, cost_picousd, "
        "(SELECT count(*) FROM spans), (SELECT count(*) FROM run_log) FROM runs",
    )


def test_spans_delivered_twice_count_once(tmp_path: Path) -> None:
    """
    The same spans in one batch, in a later one, and through another writer are stored
    once and counted once.
    """
    spans = made_spans()
    deliver(tmp_path / "once.db", [spans])
    path = tmp_path / "often.db"
    first = deliver(path, [[*spans, *spans], spans, spans[::-1]])
    again = deliver(path, [spans[:1], spans[1:]])
    assert [applied.spans for applied in (*first, *again)] == [2, 0, 0, 0, 0]
    assert [applied.duplicates for applied in (*first, *again)] == [2, 2, 2, 1, 1]
    assert totals(path) == totals(tmp_path / "once.db")
    assert totals(path)[0][:3] == (1, 10, 2)


def test_two_recordings_of_one_provider_count_once(tmp_path: Path) -> None:
    """
    Two processors that record the same spans into one file count them once.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        second = RunLogSpanProcessor(path)
        provider.add_span_processor(second)
        record(provider, "t", 1, 5)
        assert processor.force_flush()
        assert second.force_flush()
    assert len(names(path)) == 6
    assert rows(path, "SELECT llm_calls, input_tokens, status FROM runs") == [(5, 50, "success")]
    assert is_whole(path)


def test_an_open_span_is_a_row_and_is_completed(tmp_path: Path) -> None:
    """
    A run is in the database when it starts; its end completes the same row.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        span = provider.get_tracer("test").start_span("invoke_agent planner", attributes=AGENT)
        assert processor.force_flush()
        assert rows(path, "SELECT status, agent_name FROM runs") == [("running", "planner")]
        span.set_attribute("late", "1")
        span.end()
        assert processor.force_flush()
        assert rows(path, "SELECT status FROM runs") == [("success",)]
        assert rows(path, "SELECT count(*), min(end_ns) > 0 FROM spans") == [(1, 1)]
        assert '"late"' in value(path, "SELECT attributes FROM spans")


def test_spans_reach_the_disk_without_a_flush(tmp_path: Path) -> None:
    """
    The writer needs no flush and no timer to store what ended.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, _):
        record(provider, "t", 2, 3)
        assert eventually(lambda: len(names(path)) == 8)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """
    Hold the write lock of a file, as another program may.
    """
    with open_database(path) as database, database.transaction():
        yield


def test_a_locked_database_delays_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    While another program holds the file the agent goes on; afterwards all is written.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        with locked(path):
            record(provider, "t", 4, 20)
            assert eventually(lambda: "goes on trying" in caplog.text)
            record(provider, "u", 4, 20)
            assert not processor.force_flush(10)
            assert processor.recording.stats.waiting > 0
        assert processor.force_flush()
        assert processor.recording.stats.lost == 0
    assert len(names(path)) == 2 * 4 * 21


def test_a_full_disk_delays_and_is_survived(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    What a full disk refuses waits, and is written whole when there is room again.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        assert processor.force_flush()
        database = processor.recording._writer.database
        assert database is not None
        with database.transaction() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
        tracer = provider.get_tracer("test")
        for number in range(50):
            body = {"gen_ai.input.messages": f"{number} " + "x" * 3000}
            with tracer.start_as_current_span(f"chat {number}", attributes=CHAT | body):
                pass
        assert eventually(lambda: "full" in caplog.text)
        assert not processor.force_flush(10)
        assert processor.recording._queue.hold(5)
        with database.transaction() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 100000")
        processor.recording._queue.release()
        assert processor.force_flush()
        assert processor.recording.stats.lost == 0
    assert len(names(path)) == 50
    assert is_whole(path)


def test_a_close_on_a_locked_database_is_bounded_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A file that stays locked does not keep a program from ending, and the loss is told.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor), locked(path):
        record(provider, "t", 1, 5)
        assert not processor.recording.close(0.05)
        assert processor.recording.stats.lost > 0
    assert "could not write" in caplog.text
    assert is_whole(path)


def test_a_lost_table_costs_records_and_not_the_agent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A fault that no patience mends is counted and told, and holds nothing up.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        with open_database(path) as database, database.transaction() as connection:
            connection.exec_driver_sql("ALTER TABLE steps RENAME TO elsewhere")
            connection.exec_driver_sql("ALTER TABLE llm_calls RENAME TO elsewhere_too")
        record(provider, "t", 1, 3)
        assert not processor.force_flush()
        assert processor.recording.stats.failed > 0
        assert processor.recording.stats.waiting == 0
    assert "cannot be stored" in caplog.text


def test_what_is_lost_is_not_told_to_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A log line about a record that cannot be stored does not hold what people wrote in it.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        with open_database(path) as database, database.transaction() as connection:
            connection.exec_driver_sql("DROP TABLE run_log")
            connection.exec_driver_sql(
                "CREATE TABLE run_log (seq INTEGER CHECK (seq < 0), bound_seq, span, fact_key, "
                "kind, time_ns, iteration, run_id, data)"
            )
        with provider.get_tracer("test").start_as_current_span(
            "invoke_agent", attributes=AGENT
        ) as span:
            span.set_attribute("gen_ai.input.messages", "the secret")
            span.set_attribute("note", "the other secret")
        assert not processor.force_flush()
    assert "cannot be stored" in caplog.text
    assert "secret" not in caplog.text


class Poisoned(Dialects):
    """
    A reader that fails on one span, against its contract.
    """

    def read_span(self, span: SpanRecord) -> Reading:
        """
        Read a span.
        """
        if span.name == "t0-2":
            raise ValueError("poison")
        return super().read_span(span)


def test_one_poison_span_costs_no_neighbour(tmp_path: Path) -> None:
    """
    A span that cannot be stored is counted; all others of its batch are stored.
    """
    path = tmp_path / "runs.db"
    recording = Recording(path, reader=Poisoned(), pricer=GenaiPrices())
    provider = TracerProvider(shutdown_on_exit=False)
    processor = RunLogSpanProcessor(recording)
    provider.add_span_processor(processor)
    record(provider, "t", 1, 5)
    assert not processor.force_flush()
    assert names(path) == ["invoke_agent t0", "t0-0", "t0-1", "t0-3", "t0-4"]
    assert 1 <= recording.stats.failed <= 2
    provider.shutdown()


def test_a_stalled_writer_bounds_what_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    With the file locked and the queue full the agent goes on, and the loss is counted.
    """
    path = tmp_path / "runs.db"
    with recorded(path, max_items=20, block_s=0.01) as (provider, processor):
        with locked(path):
            record(provider, "t", 1, 3)
            assert eventually(lambda: "goes on trying" in caplog.text)
            record(provider, "u", 1, 50)
        assert not processor.force_flush()
        stats = processor.recording.stats
        assert stats.refused > 0
        assert stats.offered == stats.written + stats.lost
        assert "records lost" in caplog.text
        record(provider, "v", 1, 1)
        assert processor.force_flush()
    assert {"v0-0", "invoke_agent v0", "t0-0"} <= set(names(path))


def test_closing_twice_and_recording_afterwards_is_harmless(tmp_path: Path) -> None:
    """
    A closed recording ignores what comes, and may be closed again.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        record(provider, "t", 1, 1)
        processor.shutdown()
        processor.shutdown()
        assert processor.recording.closed
        record(provider, "u", 1, 1)
        assert processor.force_flush()
    assert names(path) == ["invoke_agent t0", "t0-0"]


def test_a_closed_recording_has_signed_off(tmp_path: Path) -> None:
    """
    What was open at a close in good order belongs to a writer that is known to be gone.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        span = provider.get_tracer("test").start_span("invoke_agent planner", attributes=AGENT)
        processor.shutdown()
        context = span.get_span_context()
    assert rows(path, "SELECT closed_ns IS NOT NULL FROM writers") == [(1,)]
    assert value(path, "SELECT trace_id FROM runs") == format_trace_id(context.trace_id)


def test_a_failed_renewal_does_not_cost_later_spans(tmp_path: Path) -> None:
    """
    A writer whose sign of life could not be stored writes its row with the next batch.
    """
    path = tmp_path / "runs.db"
    with open_database(path, busy_timeout_s=0.01) as database:
        ingestor = Ingestor(database, reader=Dialects(), pricer=GenaiPrices())
        provider = TracerProvider(shutdown_on_exit=False)
        span = provider.get_tracer("test").start_span("chat", attributes=CHAT)
        transaction = database.transaction

        @contextmanager
        def failing() -> Iterator[object]:
            with transaction() as connection:
                yield connection
                raise OSError("disk")

        database.transaction = failing  # type: ignore[assignment, method-assign]
        with pytest.raises(OSError, match="disk"):
            ingestor.renew()
        database.transaction = transaction  # type: ignore[method-assign]
        assert ingestor.apply([SdkRecords().span(span)]).spans == 1  # type: ignore[arg-type]
