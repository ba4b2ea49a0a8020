"""
`install`: one line that attaches to what there is, and can be taken back.
"""

import threading
from pathlib import Path

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider
from otel_bridge_storage.errors import DatabaseError, NotADatabaseError
from recording_data import is_whole, names, rows, run_program, value

from otel_bridge.bridge import Bridge, install

IMPORTS = """
import sys
from opentelemetry import trace
from opentelemetry._logs import LogRecord, get_logger, get_logger_provider
from opentelemetry.sdk.trace import TracerProvider
from otel_bridge.bridge import install

def record(name):
    with trace.get_tracer("test").start_as_current_span(name):
        pass
"""


def private(path: Path) -> Bridge:
    """
    Install on providers of the test's own.
    """
    return install(
        path,
        tracer_provider=TracerProvider(shutdown_on_exit=False),
        logger_provider=LoggerProvider(shutdown_on_exit=False),
        threads=False,
    )


def run(source: str, path: Path, **variables: str) -> str:
    """
    Run a program that must succeed in silence.

    Returns:
        What it wrote.
    """
    program = run_program(IMPORTS + source, path, variables=variables)
    assert (program.returncode, program.stderr) == (0, "")
    return program.stdout


def test_install_makes_providers_where_there_are_none(tmp_path: Path) -> None:
    """
    One line records every tracer and event of a program that had set up nothing.
    """
    path = tmp_path / "runs.db"
    run(
        """
tracer = trace.get_tracer("early")
bridge = install(sys.argv[1], service_name="svc")
tracer.start_span("early").end()
record("late")
get_logger("test").emit(LogRecord(event_name="gen_ai.choice", body="hi"))
""",
        path,
    )
    assert names(path) == ["early", "late"]
    assert rows(path, "SELECT body FROM logs") == [('"hi"',)]
    assert ("svc",) in rows(path, "SELECT service FROM resources")


def test_install_attaches_to_a_provider_that_is_there(tmp_path: Path) -> None:
    """
    The program's own provider stays, and is recorded beside what it does already.
    """
    path = tmp_path / "runs.db"
    run(
        """
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
provider, memory = TracerProvider(), InMemorySpanExporter()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
bridge = install(sys.argv[1])
assert trace.get_tracer_provider() is provider
record("x")
assert [span.name for span in memory.get_finished_spans()] == ["x"]
""",
        path,
    )
    assert names(path) == ["x"]


def test_a_provider_of_another_kind_is_refused(tmp_path: Path) -> None:
    """
    A provider that takes no processors is named in one clear error.
    """
    output = run(
        """
from otel_bridge_storage.errors import OtelBridgeError
class Other(trace.TracerProvider):
    def get_tracer(self, *args, **kwargs):
        return trace.NoOpTracer()
trace.set_tracer_provider(Other())
try:
    install(sys.argv[1])
except OtelBridgeError as error:
    sys.stdout.write(str(error))
""",
        tmp_path / "runs.db",
    )
    assert "is a Other" in output
    assert list(tmp_path.iterdir()) == []


def test_a_second_install_counts_nothing_twice(tmp_path: Path) -> None:
    """
    A program that installs twice into one file has every span once, and closing one
    bridge leaves the other at work.
    """
    path = tmp_path / "runs.db"
    run(
        """
first = install(sys.argv[1])
second = install(sys.argv[1])
with first.run("planner"):
    pass
first.close()
with second.run("writer"):
    pass
assert second.force_flush()
second.close()
""",
        path,
    )
    assert names(path) == ["invoke_agent planner", "invoke_agent writer"]
    assert rows(path, "SELECT agent_name, status FROM runs ORDER BY 1") == [
        ("planner", "success"),
        ("writer", "success"),
    ]
    assert value(path, "SELECT count(*) FROM run_log") == 4
    assert is_whole(path)


def test_two_files_of_one_program_are_both_complete(tmp_path: Path) -> None:
    """
    Two bridges with files of their own record the same spans each.
    """
    path = tmp_path / "a.db"
    run(
        """
first, second = install(sys.argv[1]), install(sys.argv[1] + ".too")
record("x")
""",
        path,
    )
    assert names(path) == names(tmp_path / "a.db.too") == ["x"]


def test_the_variable_names_the_file(tmp_path: Path) -> None:
    """
    Without a path `$OTEL_BRIDGE_DB` decides.
    """
    path = tmp_path / "runs.db"
    run("install()\nrecord('x')", tmp_path, OTEL_BRIDGE_DB=str(path))
    assert names(path) == ["x"]


def test_a_bridge_is_a_context_manager(tmp_path: Path) -> None:
    """
    At the end of the block all is on disk and the bridge is closed.
    """
    path = tmp_path / "runs.db"
    with private(path) as bridge:
        assert bridge.database == str(path)
        assert not bridge.closed
        with bridge.run("planner"):
            pass
    assert bridge.closed
    assert names(path) == ["invoke_agent planner"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["runs.db"]


def test_an_error_in_the_block_goes_through(tmp_path: Path) -> None:
    """
    The bridge closes and swallows nothing.
    """
    with pytest.raises(KeyError, match="mine"), private(tmp_path / "runs.db") as bridge:
        raise KeyError("mine")
    assert bridge.closed


def test_closing_is_idempotent_and_may_be_done_by_many(tmp_path: Path) -> None:
    """
    Every call after the first does nothing, from whatever thread.
    """
    bridge = private(tmp_path / "runs.db")
    threads = [threading.Thread(target=bridge.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bridge.close()
    assert bridge.closed
    assert bridge.force_flush()


def test_a_closed_bridge_lets_the_program_go_on(tmp_path: Path) -> None:
    """
    Runs after the end are not recorded and cost nothing.
    """
    path = tmp_path / "runs.db"
    bridge = private(path)
    bridge.close()
    with bridge.run("late") as run:
        run.finish("done")
    assert names(path) == []


def test_stats_tell_what_became_of_the_records(tmp_path: Path) -> None:
    """
    What was offered is written, waiting or lost.
    """
    with private(tmp_path / "runs.db") as bridge:
        assert bridge.stats().offered == 0
        with bridge.run("planner"):
            pass
        assert bridge.force_flush()
        stats = bridge.stats()
        assert stats.offered == stats.written >= 2
        assert stats.lost == stats.waiting == 0


def test_a_bad_database_is_one_clear_error(tmp_path: Path) -> None:
    """
    `install` is the place to fail: it says what is wrong, and attaches nothing.
    """
    provider = TracerProvider(shutdown_on_exit=False)
    with pytest.raises(NotADatabaseError, match="is a folder"):
        install(tmp_path, tracer_provider=provider)
    with pytest.raises(DatabaseError, match="no folder"):
        install(tmp_path / "nowhere" / "runs.db", tracer_provider=provider)
    with pytest.raises(ValueError, match="http"):
        install(tmp_path / "runs.db", otlp_endpoint="nonsense", tracer_provider=provider)
    assert list(tmp_path.iterdir()) == []


def test_a_bad_database_sets_no_provider(tmp_path: Path) -> None:
    """
    An install that failed can be done again with a better path.
    """
    path = tmp_path / "runs.db"
    run(
        """
from otel_bridge_storage.errors import DatabaseError
try:
    install(sys.argv[1] + "/nowhere/x.db")
except DatabaseError:
    pass
assert not isinstance(trace.get_tracer_provider(), TracerProvider)
install(sys.argv[1])
record("x")
""",
        path,
    )
    assert names(path) == ["x"]


def test_limits_of_the_sdk_do_not_cut_what_install_records(tmp_path: Path) -> None:
    """
    A provider that `install` makes keeps all attributes and events of a long run.
    """
    path = tmp_path / "runs.db"
    run(
        """
install(sys.argv[1])
with trace.get_tracer("test").start_as_current_span("x") as span:
    for number in range(500):
        span.set_attribute(f"a{number}", number)
        span.add_event(f"e{number}")
""",
        path,
    )
    assert rows(path, "SELECT dropped_attributes, dropped_events FROM spans") == [(0, 0)]


def test_an_exit_without_a_close_keeps_everything(tmp_path: Path) -> None:
    """
    A program that just ends, with a run open, keeps its spans and signs off.
    """
    path = tmp_path / "runs.db"
    run(
        """
bridge = install(sys.argv[1])
run = bridge.run("planner").__enter__()
record("x")
""",
        path,
    )
    assert "x" in names(path)
    assert value(path, "SELECT closed_ns IS NOT NULL FROM writers") == 1
