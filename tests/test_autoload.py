"""
Recording without a line of code, through the SDK's own configuration.
"""

from importlib.metadata import entry_points
from pathlib import Path

from recording_data import names, rows, run_program

from otel_bridge.autoload import RunLogSpanExporter

CONFIGURE = """
import sys
from importlib.metadata import entry_points
from opentelemetry import trace
from opentelemetry._logs import LogRecord, get_logger, set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
trace.set_tracer_provider(provider)
(entry,) = entry_points(group="opentelemetry_traces_exporter", name="otel_bridge")
provider.add_span_processor(BatchSpanProcessor(entry.load()()))
set_logger_provider(LoggerProvider())
"""

WORK = """
tracer = trace.get_tracer("test")
with tracer.start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}) as span:
    span.set_attribute("gen_ai.input.messages", "the secret")
    get_logger("test").emit(LogRecord(event_name="gen_ai.choice", body="the secret"))
tracer.start_span("open")
sys.stdout.write("done")
"""

HEAVY = """
import sys
import otel_bridge.autoload
heavy = ("grpc", "anthropic", "openai", "numpy", "pandas", "pyarrow", "typer", "duckdb", "rich")
sys.stdout.write(" ".join(name for name in heavy if name in sys.modules))
"""


def test_the_entry_point_is_the_exporter() -> None:
    """
    `OTEL_TRACES_EXPORTER=otel_bridge` finds the exporter.
    """
    (entry,) = entry_points(group="opentelemetry_traces_exporter", name="otel_bridge")
    assert entry.load() is RunLogSpanExporter


def test_a_program_is_recorded(tmp_path: Path) -> None:
    """
    Set up as the SDK's configurator does it, spans are recorded at their start and end,
    and so are events of the logger provider that is set up afterwards.
    """
    path = tmp_path / "runs.db"
    program = run_program(CONFIGURE + WORK, variables={"OTEL_BRIDGE_DB": str(path)})
    assert (program.returncode, program.stdout, program.stderr) == (0, "done", "")
    assert names(path) == ["chat"]
    assert rows(path, "SELECT name FROM spans WHERE end_ns IS NULL") == [("open",)]
    assert rows(path, "SELECT event_name FROM logs") == [("gen_ai.choice",)]
    assert b"the secret" in path.read_bytes()


def test_content_may_be_left_out(tmp_path: Path) -> None:
    """
    A variable leaves content out.
    """
    path = tmp_path / "runs.db"
    variables = {"OTEL_BRIDGE_DB": str(path), "OTEL_BRIDGE_CAPTURE_CONTENT": " False "}
    program = run_program(CONFIGURE + WORK, variables=variables)
    assert (program.returncode, program.stderr) == (0, "")
    assert names(path) == ["chat"]
    assert b"the secret" not in path.read_bytes()


def test_a_bad_database_is_logged_and_the_program_runs(tmp_path: Path) -> None:
    """
    A database that can never be opened costs the recording, not the program.
    """
    for path in (tmp_path, tmp_path / "nowhere" / "runs.db", "mysql://host/db"):
        program = run_program(CONFIGURE + WORK, variables={"OTEL_BRIDGE_DB": str(path)})
        assert (program.returncode, program.stdout) == (0, "done")
        assert "otel-bridge records nothing: " in program.stderr
        assert "Traceback" not in program.stderr


def test_nothing_heavy_is_loaded() -> None:
    """
    A program that is only recorded does not pay for exporters, reports or the command line.
    """
    program = run_program(HEAVY)
    assert (program.returncode, program.stdout, program.stderr) == (0, "", "")
