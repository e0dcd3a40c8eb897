"""The range of JAX versions: stated once, agreed on everywhere, and refused in words outside of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from explainer.analysis import versions
from explainer.errors import VersionError
from explainer.sandbox.client import stream_from
from explainer.sandbox.pool import Pool
from explainer.sandbox.settings import Limits, Settings
from explainer.spec import Request

ROOT = Path(__file__).parent.parent
CURE = 'pip install "jax>=0.9.2,<=0.10.2" "jaxlib>=0.9.2,<=0.10.2"'
TOO_NEW = (
    f"jax 0.11.2 and jaxlib 0.11.2 cannot be explained: this needs JAX {versions.OLDEST} to {versions.NEWEST}"
)


@pytest.fixture
def too_new(tmp_path: Path) -> str:
    """A folder of packages that, first on the path, makes JAX 0.11.2 the installed one; workers read it."""
    packages = tmp_path / "site-packages"
    for name in ("jax", "jaxlib"):
        folder = packages / f"{name}-0.11.2.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.11.2\n")
    return str(packages)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.9.2", True),
        ("0.10.0", True),
        ("0.10.2", True),
        ("0.10.2+cuda12", True),
        ("0.10.1.post1", True),
        ("0.9.1", False),
        ("0.9.2.dev20260101", False),
        ("0.10.3", False),
        ("0.11.2", False),
        ("1.0", False),
        ("0.10.2rc1", False),
        ("unknown", False),
    ],
)
def test_only_released_versions_in_the_range_are_supported(version, expected):
    assert versions.supported(version) is expected


def test_the_jax_of_this_run_is_supported():
    versions.require()


def test_requirements_state_the_range():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    stated = [line for line in lines if re.match(r"jax(lib)?\b", line)]
    assert stated == [f"jax{versions.RANGE}", f"jaxlib{versions.RANGE}"]


def test_the_readme_states_the_range():
    assert f"JAX {versions.OLDEST} to {versions.NEWEST}" in (ROOT / "README.md").read_text()


def test_no_jax_is_named_with_the_cure(monkeypatch):
    def missing(name: str) -> str:
        raise versions.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(versions.importlib.metadata, "version", missing)
    with pytest.raises(VersionError, match=r"jax \(none\) and jaxlib \(none\) cannot") as refused:
        versions.require()
    assert CURE in str(refused.value)


def test_in_this_process_another_version_is_an_error_before_jax_is_imported(too_new):
    code = """
import sys, explainer
from explainer.errors import VersionError
for _ in range(2):
    try:
        explainer.explain(explainer.Request("x = 1"))
    except VersionError as error:
        print(error, "jax" in sys.modules)
"""
    done = _python(too_new, "-c", code)
    assert done.stdout.count(TOO_NEW) == 2
    assert f"{CURE} False" in done.stdout
    assert done.returncode == 0


def test_on_the_command_line_another_version_is_a_message(too_new, tmp_path):
    file = tmp_path / "f.py"
    file.write_text("def f(x):\n    return x\n")
    done = _python(too_new, "-m", "explainer", f"{file}:f", "--arg", "f32[3]")
    assert done.returncode == 2
    assert done.stderr.startswith(f"explainer: {TOO_NEW}")
    assert CURE in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("strategy", ["fork", "exec"])
def test_of_a_worker_another_version_is_a_failure_in_words(strategy, too_new, monkeypatch):
    monkeypatch.syspath_prepend(too_new)
    pool = Pool(Settings(jobs=1, spares=1, strategy=strategy))
    try:
        report = list(stream_from(pool, Request("x = 1"), "time", Limits()))[-1]
    finally:
        pool.close()
    assert report.failure is not None
    assert report.failure.error_type == "WorkerUnavailable"
    assert TOO_NEW in report.failure.explanation
    assert CURE in report.failure.explanation


def _python(path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((path, str(ROOT)))}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
