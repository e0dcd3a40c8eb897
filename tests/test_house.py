"""The house: pinned requirements, a Makefile that sets up .venv by itself, a Chromium found or asked for."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import browser
from tests.browser import ROOT

# Stands for CPython: makes a .venv with itself in it, notes each installation, fails while "offline" exists.
FAKE_PYTHON = """#!/bin/bash
case "$*" in
  --version) echo "Python 3.12.0" ;;
  *"-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  *"-m venv --clear .venv-oldest") mkdir -p .venv-oldest/bin && cp "$0" .venv-oldest/bin/python ;;
  -c*) echo True ;;
  *install*) [ ! -e offline ] && echo "${@: -1}" >> installed ;;
esac
"""


def test_every_requirement_but_jax_is_pinned_to_one_version():
    loose = [line for line in _pins() if not re.fullmatch(r"[\w\-.]+(\[\w+\])?==[\w.]+(; .+)?", line)]
    assert [Requirement(line).name for line in loose] == ["jax", "jaxlib"]


def test_whatever_a_requirement_needs_is_pinned_too():
    pinned = {canonicalize_name(Requirement(line).name): Requirement(line) for line in _pins()}
    needed = {
        (name, canonicalize_name(need.name))
        for name, pin in pinned.items()
        for need in map(Requirement, importlib.metadata.requires(name) or [])
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *pin.extras))
    }
    assert ("streamlit", "starlette") in needed
    assert sorted(pair for pair in needed if pair[1] not in pinned) == []


def test_what_a_cluster_needs_is_pinned_and_tested_in_the_same_versions():
    lines = (ROOT / "deploy" / "requirements-cluster.txt").read_text().splitlines()
    pins = {line for line in lines if line and not line.startswith("#")}
    assert "distributed" in {Requirement(pin).name for pin in pins}
    assert sorted(pins - set(_pins())) == []
    pinned = {canonicalize_name(Requirement(pin).name) for pin in {*pins, *_pins("requirements.txt")}}
    needed = {
        canonicalize_name(need.name)
        for pin in pins
        for need in map(Requirement, importlib.metadata.requires(Requirement(pin).name) or [])
        if need.marker is None or need.marker.evaluate({"extra": ""})
    }
    assert sorted(needed - pinned) == []


def test_the_app_answers_this_machine_only_and_tells_nobody():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["enableStaticServing"] is True
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["showErrorLinks"] is False


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the Makefile in a folder with a space in its name, and a stand-in for CPython."""
    folder = tmp_path / "a house"
    (folder / "tests").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.txt").touch()
    (folder / "tests" / "requirements.txt").touch()
    (folder / "python").write_text(FAKE_PYTHON)
    (folder / "python").chmod(0o755)
    return folder


def test_setup_installs_once_and_again_when_the_requirements_change(house):
    assert _make(house).returncode == 0
    assert _installed(house) == ["requirements.txt", "tests/requirements.txt"]
    assert _make(house).returncode == 0
    assert len(_installed(house)) == 2
    _change(house / "tests" / "requirements.txt")
    assert _make(house).returncode == 0
    assert _installed(house)[2:] == ["tests/requirements.txt"]
    _change(house / "requirements.txt")
    assert _make(house).returncode == 0
    assert _installed(house)[3:] == ["requirements.txt", "tests/requirements.txt"]


def test_the_oldest_jax_is_installed_once_beside_the_newest(house):
    (house / "requirements.txt").write_text("jax>=0.9.2,<=0.10.2\njaxlib>=0.9.2,<=0.10.2\n")
    assert _make(house, "test-oldest").returncode == 0
    assert _installed(house) == ["requirements.txt", "jaxlib==0.9.2"]
    assert _make(house, "test-oldest").returncode == 0
    assert len(_installed(house)) == 2


def test_an_interrupted_setup_is_taken_up_again(house):
    (house / "offline").touch()
    assert _make(house).returncode != 0
    (house / "offline").unlink()
    assert _make(house).returncode == 0
    assert _installed(house) == ["requirements.txt", "tests/requirements.txt"]


def test_a_broken_environment_is_made_anew(house):
    assert _make(house).returncode == 0
    (house / ".venv" / "bin" / "python").unlink()
    assert _make(house).returncode == 0
    assert len(_installed(house)) == 4


def test_without_a_suitable_python_setup_says_what_to_do(house, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "make", "rm", "touch"):
        (tools / name).symlink_to(str(shutil.which(name)))
    result = _make(house, python="", path=str(tools))
    assert result.returncode != 0
    assert "No CPython 3.11 to 3.14 found" in result.stderr
    assert "make PYTHON=/path/to/python3.12" in result.stderr


def test_a_bench_without_benchmarks_says_so(house):
    result = _make(house, "bench")
    assert result.returncode == 0
    assert "No benchmarks" in result.stdout


def test_a_named_chromium_is_the_one_used(monkeypatch, tmp_path):
    named = tmp_path / "my chromium"
    named.touch(mode=0o755)
    monkeypatch.setenv("CHROMIUM", str(named))
    assert browser.find_chromium() == named


def test_a_named_chromium_that_is_missing_is_an_error_with_advice(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "none"))
    assert browser.main() == 1
    message = capsys.readouterr().err
    assert f"CHROMIUM={tmp_path / 'none'} is not a program" in message
    assert "apt-get install chromium" in message


def test_chromium_is_looked_for_on_the_path(monkeypatch, tmp_path):
    (tmp_path / "chromium-browser").touch(mode=0o755)
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser.find_chromium() == tmp_path / "chromium-browser"


def test_only_root_on_debian_installs_chromium(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert browser.install_chromium() is None


def _pins(*files: str) -> list[str]:
    texts = [(ROOT / file).read_text() for file in files or ("requirements.txt", "tests/requirements.txt")]
    return [line for text in texts for line in text.splitlines() if line and not line.startswith("#")]


def _make(
    house: Path, target: str = "setup", python: str = "./python", path: str | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path or os.environ["PATH"]}
    command = ["make", "--no-print-directory", target, f"PYTHON={python}"]
    return subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, check=False)


def _installed(house: Path) -> list[str]:
    return (house / "installed").read_text().splitlines()


def _change(path: Path) -> None:
    """Makes a file newer than every stamp, whatever the clock's resolution."""
    stamps = [stamp for parent in path.parents[:2] for stamp in (parent / ".venv").glob(".stamp-*")]
    newest = max(stamp.stat().st_mtime for stamp in stamps)
    os.utime(path, (newest + 1, newest + 1))
