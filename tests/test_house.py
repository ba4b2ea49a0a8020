"""
The house rules: imports go down, everything has a docstring, modules stay small.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]
PACKAGES = {
    "otel_bridge_storage": REPO / "storage" / "otel_bridge_storage",
    "otel_bridge_queries": REPO / "queries" / "otel_bridge_queries",
    "otel_bridge": REPO / "otel_bridge",
}
ABOVE = {
    "otel_bridge_storage": {"otel_bridge_queries", "otel_bridge"},
    "otel_bridge_queries": {"otel_bridge"},
    "otel_bridge": set[str](),
}
TOP_FLOOR = {"cli", "console", "demo", "integrations", "server"}
LONGEST = 400

if not PACKAGES["otel_bridge_storage"].is_dir():
    pytest.skip("the rules are about the sources, which are not here", allow_module_level=True)

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _modules() -> dict[str, Path]:
    """
    Every module of the three packages by its dotted name.
    """
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join((package, *(part for part in parts if part != "__init__")))] = path
    return found


MODULES = _modules()
every_module = pytest.mark.parametrize("name", MODULES)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _says_nothing(node: ast.Module | Definition) -> bool:
    return not (ast.get_docstring(node) or "").strip()


def _imported(name: str) -> Iterator[str]:
    """
    The dotted names a module imports, with relative imports made absolute.
    """
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level]
            module = ".".join([*(base if node.level else []), *([node.module or ""])]).strip(".")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """
    The public classes, functions and methods of a body, overloads left out.
    """
    for node in body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
        if "overload" in decorators or any(d.endswith(".setter") for d in decorators):
            continue
        yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from _public(node.body, f"{prefix}{node.name}.")


@every_module
def test_imports_go_down(name: str) -> None:
    """
    No module imports from a package above its own.
    """
    above = ABOVE[name.partition(".")[0]]
    assert [module for module in _imported(name) if module.partition(".")[0] in above] == []


@every_module
def test_lower_floor_imports_nothing_of_the_top_floor(name: str) -> None:
    """
    Inside `otel_bridge`, what people touch is imported by nothing below it.
    """
    package, _, rest = name.partition(".")
    if package != "otel_bridge" or rest.partition(".")[0] in TOP_FLOOR:
        return
    top = {f"otel_bridge.{part}" for part in TOP_FLOOR}
    upward = [module for module in _imported(name) if ".".join(module.split(".")[:2]) in top]
    assert upward == []


@every_module
def test_everything_public_has_a_docstring(name: str) -> None:
    """
    Modules, public classes, functions and methods say what they are.
    """
    tree = _tree(MODULES[name])
    assert not _says_nothing(tree)
    assert [where for where, node in _public(tree.body) if _says_nothing(node)] == []


@every_module
def test_modules_stay_small(name: str) -> None:
    """
    No module is longer than what can be read in one go.
    """
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize(
    "path",
    [p for p in MODULES.values() if p.name == "__init__.py"],
    ids=lambda path: path.parent.name,
)
def test_init_files_only_hand_names_on(path: Path) -> None:
    """
    An `__init__.py` holds a docstring, imports and `__all__`, nothing else.

    Imports that only type checkers make count as such.
    """
    _docstring, *rest = _tree(path).body
    for node in rest:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            assert all(isinstance(inner, ast.ImportFrom) for inner in node.body)
        elif isinstance(node, ast.Assign):
            assert [ast.unparse(target) for target in node.targets] == ["__all__"]
        elif isinstance(node, ast.AnnAssign):
            assert ast.unparse(node.target) == "__all__"
        else:
            assert isinstance(node, ast.Import | ast.ImportFrom), ast.unparse(node)


@pytest.mark.parametrize(
    "path", sorted((REPO / "tests").rglob("test_*.py")), ids=lambda path: path.name
)
def test_every_test_states_its_property(path: Path) -> None:
    """
    Each test has a docstring that says what holds.
    """
    tests = [
        node
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    ]
    assert [test.name for test in tests if _says_nothing(test)] == []
