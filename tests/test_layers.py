"""The folder says what a file may import: the table of layers, and proof that the code keeps to it."""

from __future__ import annotations

import ast
import fnmatch
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parent.parent

INTERNALS = ("jax._src", "jax.extend", "jax.interpreters")
# jaxlib and ml_dtypes are parts of jax; optax and equinox are names that the user's code finds in scope.
ANALYSIS = ("jax", "jaxlib", "ml_dtypes", "numpy", "optax", "equinox")
# The plain modules: every file directly in explainer/, the lessons, and what reads a report.
PLAIN = (
    "explainer.lessons",
    "explainer.views",
    *(f"explainer.{path.stem}" for path in (ROOT / "explainer").glob("[!_]*.py")),
)
INSIDE = (*ANALYSIS, "msgspec", "explainer.analysis", "explainer.edits", *PLAIN)

UI = ("streamlit", "msgspec", "explainer.ui", "explainer.figures", "explainer.sandbox", *PLAIN)


@dataclass(frozen=True, slots=True)
class Layer:
    """Files of one kind and what they may import beside the standard library.

    `lazily`: only inside a function, so that importing the file costs nothing.
    `never`: parts of an allowed package that stay forbidden.
    """

    pattern: str
    may: tuple[str, ...]
    lazily: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


# The first row that matches a file is its layer. A file that no row matches is an error.
LAYERS = (
    Layer("app.py", ("streamlit", "explainer.ui")),
    Layer("pages/*.py", ("streamlit", "explainer.ui")),
    Layer("explainer/analysis/internals/*.py", (*ANALYSIS, "explainer.analysis", *PLAIN)),
    Layer("explainer/analysis/preload.py", INSIDE, lazily=("scipy",), never=INTERNALS),
    Layer("explainer/analysis/*.py", INSIDE, never=INTERNALS),
    Layer("explainer/analysis/fixing/*.py", INSIDE, never=INTERNALS),
    Layer("explainer/analysis/findings/*.py", INSIDE, never=INTERNALS),
    Layer("explainer/analysis/explaining/*.py", INSIDE, never=INTERNALS),
    Layer("explainer/analysis/failing/*.py", INSIDE, never=INTERNALS),
    Layer("explainer/analysis/reciting/*.py", INSIDE, never=INTERNALS),
    Layer("explainer/analysis/wanting/*.py", INSIDE, never=INTERNALS),
    Layer("explainer/edits/*.py", ("explainer.edits", *PLAIN)),
    # The worker is the one file that runs where jax is; it is started, never imported, by the rest.
    Layer(
        "explainer/sandbox/worker.py",
        ("msgspec", "explainer.sandbox", *PLAIN),
        lazily=("explainer.analysis", "jax"),
        never=INTERNALS,
    ),
    # The walls of the kernel: loaded where they are put up, since other systems do not have them.
    Layer("explainer/sandbox/files.py", ("explainer.sandbox", *PLAIN), lazily=("landlockpy",)),
    Layer("explainer/sandbox/syscalls.py", (), lazily=("pyseccomp",)),
    # Dask, for workers on other hosts, is optional: without EXPLAINER_CLUSTER nothing loads it.
    Layer("explainer/sandbox/cluster*.py", ("msgspec", "distributed", "explainer.sandbox", *PLAIN)),
    Layer("explainer/sandbox/*.py", ("msgspec", "explainer.sandbox", *PLAIN), lazily=("psutil",)),
    # Starts the app, so it knows Streamlit; nothing of the app knows it.
    Layer("explainer/ops/__main__.py", ("streamlit", "explainer.ops", "explainer.sandbox", *PLAIN)),
    Layer(
        "explainer/ops/*.py", ("msgspec", "prometheus_client", "explainer.ops", "explainer.sandbox", *PLAIN)
    ),
    Layer("explainer/figures/*.py", ("explainer.figures", *PLAIN)),
    # The fallback picture, where the player cannot load, is Streamlit's chart of a Plotly figure.
    Layer("explainer/ui/player.py", (*UI, "plotly")),
    Layer("explainer/ui/*.py", UI),
    Layer("explainer/lessons/*.py", ("msgspec", *PLAIN)),
    Layer("explainer/views/*.py", PLAIN),
    # `explain` in this process needs the analysis, but importing explainer must not.
    Layer("explainer/__init__.py", ("explainer.sandbox", *PLAIN), lazily=("explainer.analysis",)),
    Layer("explainer/api.py", ("msgspec", *PLAIN), lazily=("explainer.analysis", "jax")),
    Layer("explainer/debugging.py", PLAIN, lazily=("explainer.analysis",)),
    Layer("explainer/testing.py", PLAIN, lazily=("explainer.analysis",)),
    Layer(
        "explainer/cli.py",
        ("msgspec", *PLAIN),
        lazily=("explainer.sandbox", "explainer.analysis", "explainer.page"),
    ),
    # A report can show itself as a page, but reading reports must not load what draws.
    Layer("explainer/report.py", ("msgspec", *PLAIN), lazily=("explainer.page",)),
    Layer("explainer/page/*.py", ("explainer.page", "explainer.figures", *PLAIN)),
    Layer("explainer/*.py", ("msgspec", *PLAIN)),
    Layer("deploy/*.py", ()),  # runs before anything is installed
)

TOP_LEVEL = (
    *("app.py", "explainer", "pages", "tests", "requirements.txt", "README.md", "SECURITY.md"),
    *("static", "bench", "deploy", "Makefile", "pyproject.toml", "LICENSE"),
    *("SECURITY.md", ".ci", ".dockerignore", ".git", ".gitignore", ".streamlit"),
)
PYTHON_FOLDERS = ("app.py", "explainer", "pages", "deploy")  # tests and benchmarks may import anything


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name and its line; `lazy` when it stands inside a function."""

    name: str
    line: int
    lazy: bool


def test_every_file_keeps_to_its_layer():
    assert [fault for path in _python_files() for fault in faults(path, (ROOT / path).read_text())] == []


def test_every_top_level_entry_is_in_the_table():
    assert {entry.name for entry in ROOT.iterdir() if not _ignored(entry.name)} <= set(TOP_LEVEL)


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("app.py", "import streamlit as st\nfrom explainer.ui import views", None),
        ("app.py", "import explainer.sandbox.client", "app.py:1: explainer.sandbox.client"),
        ("pages/play.py", "def f():\n    import jax.numpy", "pages/play.py:2: jax.numpy"),
        ("explainer/spec.py", "import msgspec, json", None),
        ("explainer/spec.py", "import numpy", "explainer/spec.py:1: numpy"),
        ("explainer/report.py", "from explainer.spec import Request", None),
        ("explainer/report.py", "from explainer import spec", None),
        ("explainer/report.py", "from . import figures", "explainer/report.py:1: explainer.figures"),
        ("explainer/report.py", "from .ui import views", "explainer/report.py:1: explainer.ui.views"),
        ("explainer/report.py", "from explainer import page", "explainer/report.py:1: explainer.page"),
        ("explainer/report.py", "def f():\n    from explainer import page", None),
        ("explainer/page/document.py", "from explainer.figures.animation import animation", None),
        ("explainer/api.py", "def f():\n    from explainer.analysis import pipeline", None),
        ("explainer/api.py", "from explainer.analysis import x", "explainer/api.py:1: explainer.analysis.x"),
        ("explainer/figures/scene.py", "import plotly", "explainer/figures/scene.py:1: plotly"),
        ("explainer/figures/scene.py", "from explainer.figures import style", None),
        ("explainer/ui/a.py", "if x:\n    import jax", "explainer/ui/a.py:2: jax"),
        ("explainer/sandbox/client.py", "import explainer.analysis", "client.py:1: explainer.analysis"),
        ("explainer/sandbox/client.py", "def f():\n    import distributed", "client.py:2: distributed"),
        ("explainer/sandbox/cluster_link.py", "from distributed.comm.core import connect", None),
        ("explainer/sandbox/worker.py", "def f():\n    import explainer.analysis.pipeline", None),
        ("explainer/analysis/a.py", "import jax\njax.vmap, jax.numpy", None),
        ("explainer/analysis/a.py", "from jax._src import core", "a.py:1: jax._src.core"),
        ("explainer/analysis/a.py", "import jax\nx = jax._src.core", "a.py:2: jax._src"),
        ("explainer/analysis/a.py", "from jax.interpreters import batching", "a.py:1: jax.interpreters"),
        ("explainer/analysis/internals/probes.py", "from jax.interpreters import batching", None),
        ("explainer/spec.py", "import importlib\nimportlib.import_module('jax')", "spec.py:2: jax"),
        ("explainer/spec.py", "__import__('jax.numpy')", "spec.py:1: jax.numpy"),
        ("explainer/tools/a.py", "", "explainer/tools/a.py: no layer"),
        ("explainer/figures/deep/a.py", "", "explainer/figures/deep/a.py: no layer"),
        ("tools/a.py", "", "tools/a.py: no layer"),
    ],
)
def test_the_checker_finds_what_the_table_forbids(path, source, expected):
    found = faults(PurePosixPath(path), source)
    assert (found == []) if expected is None else (len(found) == 1 and expected in found[0]), found


@pytest.mark.parametrize("heavy", ["jax", "streamlit", "numpy", "plotly", "distributed"])
def test_importing_explainer_loads_nothing_heavy(heavy):
    assert heavy not in _loaded_by("import explainer")


def test_the_web_process_never_loads_jax():
    ours = [_module(path) for path in _python_files() if path.parts[0] == "explainer"]
    web = [name for name in ours if not name.startswith(("explainer.analysis", "explainer.sandbox.worker"))]
    web = [name for name in web if not name.endswith("__main__")]
    loaded = _loaded_by("\n".join(f"import {name}" for name in web))
    assert "explainer.spec" in loaded
    assert not {"jax", "jaxlib"} & loaded


def faults(path: PurePosixPath, source: str) -> list[str]:
    """Returns what `source`, standing at `path`, imports against the table, one line each."""
    layer = next((layer for layer in LAYERS if _matches(path, layer.pattern)), None)
    if layer is None:
        return [f"{path}: no layer of tests/test_layers.py holds this file"]
    return [
        f"{path}:{found.line}: {found.name} may not be imported here"
        for found in _imports(path, ast.parse(source))
        if not _allowed(found, layer)
    ]


def _matches(path: PurePosixPath, pattern: str) -> bool:
    return len(path.parts) == len(PurePosixPath(pattern).parts) and path.match(pattern)


def _allowed(found: Import, layer: Layer) -> bool:
    if _under(found.name, layer.never):
        return False
    if found.name.partition(".")[0] in sys.stdlib_module_names or _under(found.name, layer.may):
        return True
    return found.lazy and _under(found.name, layer.lazily)


def _under(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def _imports(path: PurePosixPath, tree: ast.AST, lazy: bool = False) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        yield from (Import(name, getattr(node, "lineno", 0), lazy) for name in _names(path, node))
        inside = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        if not _dotted(node):
            yield from _imports(path, node, lazy or inside)


def _names(path: PurePosixPath, node: ast.AST) -> list[str]:
    """Returns what one node imports: a statement, a call of import_module, or `jax._src.x` by attribute."""
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom(level=0, module=str(module)):
            return [f"{module}.{alias.name}" for alias in node.names]
        case ast.ImportFrom(level=level, module=module):
            base = [*path.parts[: len(path.parts) - level], *([module] if module else [])]
            return [".".join([*base, alias.name]) for alias in node.names]
        case ast.Call(
            func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return [name]
        case ast.Attribute():
            return [name for name in [_dotted(node)] if _under(name, INTERNALS)]
    return []


def _dotted(node: ast.AST) -> str:
    """Returns "a.b.c" of an attribute chain on a plain name, else ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


def _python_files() -> list[PurePosixPath]:
    found = [path for top in PYTHON_FOLDERS for path in [ROOT / top, *(ROOT / top).rglob("*.py")]]
    return sorted(PurePosixPath(path.relative_to(ROOT).as_posix()) for path in found if path.is_file())


def _ignored(name: str) -> bool:
    patterns = [line.strip("/ ") for line in (ROOT / ".gitignore").read_text().splitlines()]
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns if pattern)


def _module(path: PurePosixPath) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _loaded_by(code: str) -> set[str]:
    """Returns the modules a fresh process has loaded after `code`."""
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"]
    return set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())
