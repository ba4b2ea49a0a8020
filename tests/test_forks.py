"""
Forks and program ends of every kind keep what was recorded, once.
"""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
from recording_data import environment, is_whole, names, recorded, rows, run_program, value

SETUP = """
import asyncio, os, signal, sys, threading
from pathlib import Path
from opentelemetry.sdk.trace import TracerProvider
from otel_bridge.processor import RunLogSpanProcessor
from otel_bridge_storage.opening import open_database

provider = TracerProvider()
processor = RunLogSpanProcessor(sys.argv[1], block_s=30)
provider.add_span_processor(processor)
tracer = provider.get_tracer("test")

def record(name, count):
    for number in range(count):
        with tracer.start_as_current_span(f"{name}-{number}"):
            pass
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

FORK = (
    SETUP
    + """
record("before", 30)
pid = os.fork()
if pid == 0:
    record("child", 30)
    sys.exit(0)
record("parent", 30)
assert os.waitpid(pid, 0)[1] == 0
record("after", 30)
"""
)

BUSY_FORK = (
    SETUP
    + """
enough = threading.Event()
counts = {}

def work(name):
    number = 0
    while not enough.is_set():
        with tracer.start_as_current_span(f"{name}-{number}"):
            number += 1
    counts[name] = number

threads = [threading.Thread(target=work, args=(f"thread{n}",)) for n in range(2)]
for thread in threads:
    thread.start()
for generation in range(8):
    pid = os.fork()
    if pid == 0:
        record(f"child{generation}", 10)
        assert processor.force_flush()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
enough.set()
for thread in threads:
    thread.join()
assert processor.force_flush()
assert processor.recording.stats.lost == 0
sys.stdout.write(str(sum(counts.values())))
"""
)

FORKS_IN_BATCHES = (
    SETUP
    + """
import multiprocessing, time

enough = threading.Event()
counts = {}

def work(name):
    number = 0
    while not enough.is_set():
        with tracer.start_as_current_span(f"{name}-{number}"):
            number += 1
        time.sleep(0.001)
    counts[name] = number

def child(name):
    record(name, 5)
    assert processor.force_flush()
    record(name + "-late", 5)

forks = int(sys.argv[2])
context = multiprocessing.get_context("fork")
threads = [threading.Thread(target=work, args=(f"thread{n}",)) for n in range(3)]
for thread in threads:
    thread.start()
for number in range(forks):
    while not processor.recording._queue._work.busy:
        pass
    if number % 2:
        process = context.Process(target=child, args=(f"child{number}",))
        process.start()
        process.join()
        assert process.exitcode == 0
    else:
        pid = os.fork()
        if pid == 0:
            child(f"child{number}")
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
enough.set()
for thread in threads:
    thread.join()
assert processor.force_flush()
assert processor.recording.stats.lost == 0
sys.stdout.write(str(sum(counts.values())))
"""
)

GENERATIONS = (
    SETUP
    + """
record("first", 3)
if os.fork() == 0:
    record("second", 3)
    pid = os.fork()
    if pid == 0:
        record("third", 3)
        sys.exit(0)
    os.waitpid(pid, 0)
    record("second-again", 3)
    sys.exit(0)
os.wait()
record("first-again", 3)
"""
)

MULTIPROCESSING = (
    SETUP
    + """
import multiprocessing

record("before", 3)
context = multiprocessing.get_context("fork")
children = [context.Process(target=record, args=(f"child{n}", 20)) for n in range(3)]
for child in children:
    child.start()
record("parent", 20)
for child in children:
    child.join()
    assert child.exitcode == 0
"""
)

CHILD_OF_ITS_OWN = """
import multiprocessing, sys
from opentelemetry.sdk.trace import TracerProvider
from otel_bridge import install
from otel_bridge.processor import RunLogSpanProcessor

def installed(path):
    bridge = install(path)
    with bridge.run("installed"):
        pass
    bridge.run("open").__enter__()

def bare(path):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(RunLogSpanProcessor(path))
    provider.get_tracer("test").start_span("bare").end()

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    for work in (installed, bare):
        child = context.Process(target=work, args=(sys.argv[1],))
        child.start()
        child.join()
        assert child.exitcode == 0
"""

OPEN_ACROSS = (
    SETUP
    + """
with tracer.start_as_current_span("outer", attributes={"gen_ai.operation.name": "invoke_agent"}):
    pid = os.fork()
    if pid == 0:
        record("child", 2)
        assert processor.force_flush()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""
)

LOCKED_FORK = (
    SETUP
    + """
database = open_database(sys.argv[1])
with database.transaction():
    record("before", 3)
    while not processor.recording._queue._work.busy:
        pass
    pid = os.fork()
    if pid == 0:
        record("child", 3)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
database.close()
record("after", 3)
assert processor.force_flush()
assert processor.recording.stats.lost == 0
"""
)


def expected(**counts: int) -> list[str]:
    """
    List the names of recorded spans, in order.
    """
    return sorted(f"{name}-{n}" for name, count in counts.items() for n in range(count))


@needs_fork
def test_parent_and_child_go_on_recording(tmp_path: Path) -> None:
    """
    After a fork both processes record into the same file; nothing is lost or doubled.
    """
    path = tmp_path / "runs.db"
    program = run_program(FORK, path)
    assert (program.returncode, program.stderr) == (0, "")
    assert names(path) == expected(before=30, child=30, parent=30, after=30)
    assert is_whole(path)
    assert value(path, "SELECT count(*) FROM writers WHERE closed_ns IS NULL") == 0


@needs_fork
def test_forks_amid_recording_threads(tmp_path: Path) -> None:
    """
    Fork after fork while threads record: neither side deadlocks, loses or doubles a span.
    """
    path = tmp_path / "runs.db"
    program = run_program(BUSY_FORK, path)
    assert program.returncode == 0, program.stderr
    found = names(path)
    assert len([n for n in found if n.startswith("thread")]) == int(program.stdout)
    children = {f"child{g}": 10 for g in range(8)}
    assert [n for n in found if n.startswith("child")] == expected(**children)
    assert is_whole(path)


def assert_forks_keep_everything(path: Path, forks: int) -> None:
    """
    Fork so many times in the middle of batches, and look at what is there.
    """
    program = run_program(FORKS_IN_BATCHES, path, forks)
    assert program.returncode == 0, program.stderr
    found = names(path)
    of_threads = int(program.stdout)
    assert len([name for name in found if name.startswith("thread")]) == of_threads
    children = {f"child{n}{late}": 5 for n in range(forks) for late in ("", "-late")}
    assert [name for name in found if name.startswith("child")] == expected(**children)
    assert len(set(found)) == len(found)
    assert is_whole(path)
    sys.stdout.write(
        f"{forks} forks amid batches: {of_threads} spans of the parent's threads and "
        f"{10 * forks} of the children, each there once\n"
    )


@needs_fork
def test_forks_in_the_middle_of_batches(tmp_path: Path) -> None:
    """
    By os.fork and by multiprocessing, while a batch is being written and threads record:
    what either side recorded is there once, and the file is sound.
    """
    assert_forks_keep_everything(tmp_path / "runs.db", 6)


@needs_fork
@pytest.mark.slow
def test_many_forks_in_the_middle_of_batches(tmp_path: Path) -> None:
    """
    The same, ten times as often.
    """
    assert_forks_keep_everything(tmp_path / "runs.db", 60)


@needs_fork
def test_a_child_may_fork_again(tmp_path: Path) -> None:
    """
    Every generation keeps its own spans.
    """
    path = tmp_path / "runs.db"
    program = run_program(GENERATIONS, path)
    assert (program.returncode, program.stderr) == (0, "")
    wanted = {"first": 3, "second": 3, "third": 3, "second-again": 3, "first-again": 3}
    assert names(path) == expected(**wanted)
    assert is_whole(path)


@needs_fork
def test_children_of_multiprocessing_keep_what_they_recorded(tmp_path: Path) -> None:
    """
    Such a child runs no exit handlers; its spans are written all the same.
    """
    path = tmp_path / "runs.db"
    program = run_program(MULTIPROCESSING, path)
    assert (program.returncode, program.stderr) == (0, "")
    children = {f"child{n}": 20 for n in range(3)}
    assert names(path) == expected(before=3, parent=20, **children)
    assert is_whole(path)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_children_of_multiprocessing_that_record_by_themselves(
    tmp_path: Path, method: str
) -> None:
    """
    A child that sets up recording itself leaves its spans written and its writer closed,
    however it was started.
    """
    path, program = tmp_path / "runs.db", tmp_path / "program.py"
    program.write_text(CHILD_OF_ITS_OWN, encoding="utf-8")
    child = subprocess.run(
        [sys.executable, program, path, method],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (child.returncode, child.stderr) == (0, "")
    assert names(path) == ["bare", "invoke_agent installed"]
    assert value(path, "SELECT count(*) FROM writers WHERE closed_ns IS NULL") == 0


@needs_fork
def test_a_span_that_is_open_at_a_fork_is_the_parents(tmp_path: Path) -> None:
    """
    A child's end does not end, or interrupt, what the parent has open.
    """
    path = tmp_path / "runs.db"
    program = run_program(OPEN_ACROSS, path)
    assert (program.returncode, program.stderr) == (0, "")
    assert names(path) == ["child-0", "child-1", "outer"]
    assert rows(path, "SELECT status FROM runs") == [("success",)]


@needs_fork
def test_a_fork_while_the_file_is_locked(tmp_path: Path) -> None:
    """
    A fork in the middle of a write that cannot end is not held up for long; the parent
    loses nothing, and the child either records or says that it does not.
    """
    path = tmp_path / "runs.db"
    program = run_program(LOCKED_FORK, path)
    assert program.returncode == 0, program.stderr
    assert names(path) == expected(before=3, after=3)
    assert is_whole(path)


@needs_fork
def test_the_file_is_closed_during_a_fork(tmp_path: Path) -> None:
    """
    No connection of SQLite crosses a fork, and recording goes on afterwards.
    """
    path = tmp_path / "runs.db"
    with recorded(path) as (provider, processor):
        tracer = provider.get_tracer("test")
        tracer.start_span("before").end()
        assert processor.force_flush()
        assert Path(f"{path}-wal").exists()
        processor.recording.before_fork()
        assert not Path(f"{path}-wal").exists()
        tracer.start_span("after").end()
        processor.recording.after_fork_in_parent()
        assert processor.force_flush()
    assert names(path) == ["after", "before"]


@needs_fork
def test_a_child_that_cannot_record_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Where the file could not be let go before a fork, the child touches nothing of it,
    counts what it is offered as lost, and tells.
    """
    with recorded(tmp_path / "runs.db") as (provider, processor):
        recording = processor.recording
        assert processor.force_flush()
        recording._held = False
        recording.after_fork_in_child()
        assert "records nothing in process" in caplog.text
        provider.get_tracer("test").start_span("x").end()
        assert recording.stats.refused == 2
        assert not processor.force_flush()
        assert not recording.close()
        recording._writer.close()


ENDS: dict[str, tuple[int | None, str]] = {
    "the end": (0, ""),
    "an error": (1, "raise ValueError('unhandled')"),
    "an exit": (3, "sys.exit(3)"),
    "an exit in a thread": (
        0,
        "threading.Thread(target=lambda: (record('t', 5), sys.exit(3))).start()",
    ),
    "an interrupt": (None, "signal.raise_signal(signal.SIGINT)"),
    "an event loop": (
        0,
        "async def main():\n    record('loop', 5)\nasyncio.run(main())",
    ),
    "an exit in an event loop": (
        4,
        "async def main():\n    record('loop', 5)\n    sys.exit(4)\nasyncio.run(main())",
    ),
    "an exit handler": (0, "import atexit\natexit.register(record, 'last', 5)"),
    "an open span": (0, "span = tracer.start_span('open')"),
}
MORE = {
    "an exit in a thread": {"t": 5},
    "an event loop": {"loop": 5},
    "an exit in an event loop": {"loop": 5},
    "an exit handler": {"last": 5},
}


@pytest.mark.parametrize("end", ENDS)
def test_every_end_of_a_program_keeps_what_was_recorded(tmp_path: Path, end: str) -> None:
    """
    Without any flush, whatever way a program ends, all that it recorded is there.
    """
    path = tmp_path / "runs.db"
    code, source = ENDS[end]
    program = run_program(SETUP + "record('span', 50)\n" + source, path)
    assert code is None or program.returncode == code, program.stderr
    assert names(path) == expected(span=50, **MORE.get(end, {}))
    assert is_whole(path)
