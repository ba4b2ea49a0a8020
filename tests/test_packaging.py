"""
What is built and installed: the wheel, its entry points and its public names.
"""

import importlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
import types
from importlib import metadata
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

REPO = Path(__file__).parents[1]
SOURCES = {
    "otel_bridge": REPO / "otel_bridge",
    "otel_bridge_storage": REPO / "storage" / "otel_bridge_storage",
    "otel_bridge_queries": REPO / "queries" / "otel_bridge_queries",
}
# Optional, or of use to the command line or the export only: too slow to import for an agent.
HEAVY = {"anthropic", "grpc", "numpy", "openai", "pandas", "pyarrow", "typer"}

packages = pytest.mark.parametrize("package", SOURCES)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """
    The files of the wheel: built here from the sources, or the installed ones without them.
    """
    if not SOURCES["otel_bridge"].is_dir():
        return {file.as_posix() for file in metadata.files("otel-bridge") or []}
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=REPO,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


@packages
def test_wheel_holds_each_package_and_its_types(package: str, shipped: set[str]) -> None:
    """
    Each import package is in the wheel, marked as typed.
    """
    assert {f"{package}/__init__.py", f"{package}/py.typed"} <= shipped


@packages
def test_wheel_holds_every_source_file(package: str, shipped: set[str]) -> None:
    """
    No module, SQL file, style or script of the tree is missing from the wheel.
    """
    source = SOURCES[package]
    if not source.is_dir():
        pytest.skip("the sources are not here")
    wanted = {
        (PurePosixPath(package) / path.relative_to(source).as_posix()).as_posix()
        for path in source.rglob("*")
        if path.suffix in {".py", ".sql", ".json", ".typed", ".css", ".js"}
        and "__pycache__" not in path.parts
    }
    assert wanted - shipped == set()


def test_queries_ship_their_sql(shipped: set[str]) -> None:
    """
    The SQL of the reports travels with the package that runs it.
    """
    assert any(re.fullmatch(r"otel_bridge_queries/.+\.sql", name) for name in shipped)


def test_wheel_holds_nothing_else(shipped: set[str]) -> None:
    """
    The wheel installs three packages and no stray top-level names.
    """
    tops = {name.partition("/")[0] for name in shipped if not name.startswith("..")}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(SOURCES)


def test_version_is_that_of_the_project() -> None:
    """
    The installed metadata, the project file and the changelog tell one version.
    """
    with (REPO / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert metadata.version("otel-bridge") == version
    assert f"## [{version}]" in (REPO / "CHANGELOG.md").read_text(encoding="utf-8")


def _required() -> set[str]:
    """
    The names of all requirements of the project, its extras and its groups.
    """
    with (REPO / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    extras = project["project"]["optional-dependencies"].values()
    groups = project["dependency-groups"].values()
    lines = [
        project["project"]["dependencies"],
        *extras,
        *groups,
        project["build-system"]["requires"],
    ]
    texts = [text for line in lines for text in line if isinstance(text, str)]
    return {re.split(r"[\[<>=;! ]", text, maxsplit=1)[0] for text in texts}


def test_constraints_are_plain_pins() -> None:
    """
    Every requirement is pinned to one version, without hosts, hashes or platforms.
    """
    lines = (REPO / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[a-z0-9-]+==[\w.]+", pin)] == []
    assert _required() - {pin.partition("==")[0] for pin in pins} == set()


def test_every_dependency_is_justified() -> None:
    """
    The page on dependencies has a row for each requirement, and for nothing else.
    """
    page = (REPO / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)) == _required()


@pytest.mark.parametrize(
    ("group", "name"),
    [("console_scripts", "otel-bridge"), ("opentelemetry_traces_exporter", "otel_bridge")],
)
def test_entry_points_load(group: str, name: str) -> None:
    """
    The command and the exporter for `opentelemetry-instrument` point at callables.
    """
    (entry,) = metadata.entry_points(group=group, name=name)
    assert callable(entry.load())


@pytest.mark.parametrize("module", ["otel_bridge", "otel_bridge.autoload"])
def test_import_is_light(module: str) -> None:
    """
    What an agent imports brings no optional, command-line or export-only library along.
    """
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert HEAVY.intersection(json.loads(run.stdout)) == set()


@packages
def test_public_names_are_listed_in_order(package: str) -> None:
    """
    `__all__` is sorted, complete, and names only what exists.
    """
    module = importlib.import_module(package)
    public = {
        name
        for name in dir(module)
        if not name.startswith("_") and not isinstance(getattr(module, name), types.ModuleType)
    }
    assert list(module.__all__) == sorted(public)


def test_no_file_names_a_registry_or_a_machine() -> None:
    """
    No tracked file tells where packages are fetched or where somebody's checkout lies.
    """
    git = shutil.which("git")
    if git is None or not (REPO / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        check=True,
        capture_output=True,
    )
    hosts = ("py" + "pi.org", "python" + "hosted", "npm" + "js.org", "proxy." + "golang")
    pattern = re.compile(
        "|".join(re.escape(host) for host in hosts)
        + r"|(?<![\w.$}-])/(?:ro"  # in two pieces, so that this file does not name one
        + r"ot|work|Users|home)/"
    )
    guilty = {
        f"{name}: {found.group()}"
        for name in listed.stdout.decode().split("\0")
        if name and (path := REPO / name).is_file()
        if (found := pattern.search(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert guilty == set()
