"""
The tour: record the demo's agents, import spans of others, and show what is there.
"""

import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from subprocess import list2cmdline

from otel_bridge_storage.errors import NotInstalledError
from otel_bridge_storage.rows import RunSummary
from otel_bridge_storage.run_store import RunStore

from otel_bridge.cli.commands.cost import cost
from otel_bridge.cli.commands.import_ import store_files
from otel_bridge.cli.commands.run import print_story
from otel_bridge.cli.commands.runs import print_runs
from otel_bridge.cli.formats import Format
from otel_bridge.cli.output import write_line
from otel_bridge.cli.stories import Story, ask, tell
from otel_bridge.demo.fresh import SAMPLES, make_way

DEFAULT_PATH = Path("otel-bridge-demo.db")

_RUNS_SHOWN = 20

_NAME = "otel-bridge"


def tour(path: Path, *, keep: bool) -> None:
    """
    Run the demo and print what it left.

    Args:
        path: The database; must not exist, or be that of an earlier demo.
        keep: Add to the database of an earlier demo instead of replacing it.

    Raises:
        NotInstalledError: The `openai` package is missing.
        DatabaseError: Something else is at the path.
    """
    if find_spec("openai") is None:
        raise NotInstalledError(
            "the demo calls its models with the openai client, which is not installed: "
            "run `pip install openai`"
        )
    make_way(path, keep=keep)
    _heading("Three agents plan a trip, on models served from this machine")
    _record(path)
    _heading("Spans that other frameworks' instrumentations made are imported beside them")
    write_line(store_files(str(path), [SAMPLES]).summary())
    found, planned = ask(str(path), _what_is_there)
    _heading("All runs")
    print_runs(found)
    _heading("One run with all that happened in it")
    print_story(planned)
    _heading("What it cost, by agent and model")
    cost(db=str(path), form=Format.TABLE, by=["agent_name", "model"], filters={}, limit=None)
    _heading("Try next")
    for command in commands_to_try(path, planned.run.run_id):
        write_line(f"  {command}")


def commands_to_try(path: Path, run_id: str) -> list[str]:
    """
    Give commands that work as they are, for the shell of this system.
    """
    quote = (lambda word: list2cmdline([word])) if sys.platform == "win32" else shlex.quote
    program = quote(_program())
    db = f"--db {quote(str(path))}"
    return [
        f"{program} runs --status error {db}",
        f"{program} trace {quote(run_id)} {db}",
        f"{program} cost --by user_id,day {db}",
    ]


def _program() -> str:
    """
    Name this program as the shell can find it, which may not have it on its path.
    """
    running = Path(sys.argv[0])
    if running.stem != _NAME or shutil.which(_NAME):
        return _NAME
    try:
        return str(running.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(running)


def _record(path: Path) -> None:
    from otel_bridge.demo.program import record

    for line in record(path):
        write_line(line)


async def _what_is_there(store: RunStore) -> tuple[list[RunSummary], Story]:
    found = list(await store.list_runs(limit=_RUNS_SHOWN))
    planners = await store.list_runs(agent_name="planner", limit=1)
    return found, await tell(store, planners[0].run_id)


def _heading(text: str) -> None:
    write_line()
    write_line(text, "bold")
    write_line()
