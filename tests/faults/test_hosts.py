"""Poor hosts: a full disk, a read-only system, no /dev/shm, no bubblewrap, an old kernel, a strange clock.

Each serves, at the level that it can have, and says what is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.browser import ROOT
from tests.faults.conftest import CONTAINED, HONEST, SEALED, asked, is_right, real
from tests.offered import missing, needs

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="these hosts are made with Linux's namespaces"
)

READ_ONLY = ("bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "--die-with-parent")
DEVICES = (
    "--tmpfs",
    "/dev",
    *(w for name in ("null", "urandom") for w in ("--dev-bind", *(f"/dev/{name}",) * 2)),
)
NO_FILE_GROWS = ("/bin/sh", "-c", 'ulimit -f 0 && exec "$@"', "sh")
PLACES = (str(ROOT), os.path.realpath(sys.prefix))  # they may be below /tmp
HERE = tuple(word for path in PLACES for word in ("--ro-bind", path, path))
SMALL_TMP = ("--size", str(1 << 16), "--tmpfs", "/tmp", *HERE)


def served(kind: str, *wrapper: str, **environment: str) -> dict[str, object]:
    """Returns what an app says that is started by `wrapper` in this environment."""
    command = [*wrapper, sys.executable, "-B", "-m", "tests.faults.host", *kind.split()]
    result = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@needs("sealed")
def test_a_read_only_system_without_shared_memory_serves():
    found = served("real", *READ_ONLY, *DEVICES)
    assert (found["right"], found["failure"]) == (True, None)
    assert found["level"] in ("sealed", "contained")  # the latter where no namespaces can be made in others
    assert found["level"] == "sealed" or "No namespaces: bubblewrap" in str(found["reasons"])


@needs("sealed")
def test_a_disk_that_fills_up_under_the_app_serves():
    found = served("real full", *READ_ONLY, "--dev", "/dev", *SMALL_TMP)
    assert (found["right"], found["failure"]) == (True, None)
    assert found["level"] in ("sealed", "contained")


def test_an_app_that_may_write_no_file_serves():
    found = served("standin", *NO_FILE_GROWS)
    assert (found["right"], found["failure"]) == (True, None)


def test_a_folder_for_temporary_files_that_is_missing_is_no_obstacle(tmp_path):
    found = served("standin", TMPDIR=str(tmp_path / "none"))
    assert (found["right"], found["failure"]) == (True, None)


@needs("contained")
def test_without_bubblewrap_on_the_path_workers_are_contained(tmp_path):
    found = served("standin", PATH=str(tmp_path))
    assert (found["right"], found["level"]) == (True, "contained")
    assert "apt-get install bubblewrap" in str(found["reasons"])


@needs("contained")
def test_a_bubblewrap_that_fails_leaves_contained_and_its_own_words(tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'Creating new namespace failed' >&2\nexit 1\n")
    fake.chmod(0o755)
    found = served("standin", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert (found["right"], found["level"]) == (True, "contained")
    assert "Creating new namespace failed" in str(found["reasons"])


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        ({"walls": SEALED, "landlock_abi": 1}, "sealed"),
        ({"walls": CONTAINED, "landlock_abi": 1}, "contained"),
        ({"walls": CONTAINED}, "contained"),
        ({"walls": ("seccomp",)}, "bare"),
        ({"walls": ()}, "bare"),
    ],
    ids=["old kernel", "old kernel, no bwrap", "no bwrap", "no landlock", "none"],
)
def test_every_level_gives_the_right_answer(make_pool, settings, level):
    if why := missing(level):
        pytest.skip(why)
    pool = make_pool(**real(warmup="", **settings))
    report = asked(pool, HONEST)
    assert is_right(report)
    assert report.isolation.level == level


@needs("sealed")
def test_clocks_that_count_from_elsewhere_change_nothing():
    far = ("--monotonic", "100000000", "--boottime", "100000000")
    wrapper = ("unshare", "--user", "--map-root-user", "--time", "--fork", *far)
    if shutil.which("unshare") is None or subprocess.run([*wrapper, "true"], check=False).returncode:
        pytest.skip("this system makes no time namespaces")
    found = served("standin", *wrapper)
    assert (found["right"], found["failure"]) == (True, None)
