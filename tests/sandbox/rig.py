"""A cluster on this machine: certificates, a real Dask scheduler and real Dask workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from explainer.sandbox.cluster_settings import ClusterSettings
from tests.browser import ROOT

HOST = "tests.sandbox.cluster_host"
ROGUE = "tests.sandbox.cluster_rogue"
REAL = "explainer.sandbox.cluster_worker"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")

Process = subprocess.Popen[bytes]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(slots=True)
class Rig:
    """A scheduler and its workers, which know each other by certificates of one authority."""

    folder: Path
    port: int = field(default_factory=free_port)
    scheduler: Process | None = None
    workers: list[Process] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"tls://127.0.0.1:{self.port}"

    @property
    def settings(self) -> ClusterSettings:
        return settings_with(self.folder, self.address)

    def start_scheduler(self) -> Process:
        self.scheduler = self._dask("dask_scheduler", "--host", "tls://127.0.0.1", "--port", str(self.port))
        return self.scheduler

    def add(self, preload: str = "", **environment: str) -> Process:
        """Starts a worker process; it has no nanny, so it stays dead once killed."""
        loaded = ("--local-directory", str(self.folder), *(("--preload", preload) if preload else ()))
        worker = self._dask(
            "dask_worker", self.address, "--host", "127.0.0.1", "--protocol", "tls", "--nthreads", "1",
            "--memory-limit", "0", "--no-nanny", *loaded, **environment,
        )  # fmt: skip
        self.workers.append(worker)
        return worker

    def keep(self, preload: str, count: int) -> Sequence[Process]:
        """Returns `count` living workers of a kind, alone in the cluster."""
        alive = [each for each in self.workers if each.poll() is None and preload in str(each.args)]
        for worker in self.workers:
            if worker not in alive[:count]:
                kill(worker)
        self.workers = alive[:count]
        while len(self.workers) < count:
            self.add(preload)
        return self.workers

    def close(self) -> None:
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            kill(process)

    def _dask(self, command: str, *arguments: str, **environment: str) -> Process:
        files = ("--tls-ca-file", "ca.pem", "--tls-cert", "dask.pem", "--tls-key", "dask-key.pem")
        files = tuple(str(self.folder / each) if each.endswith(".pem") else each for each in files)
        line = (sys.executable, "-m", f"distributed.cli.{command}", *arguments, *files)
        own = {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True", **environment}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*line, "--dashboard-address", "127.0.0.1:0", "--no-dashboard"],
                cwd=ROOT, env=os.environ | own, stdout=log, stderr=log,
            )  # fmt: skip


def settings_with(folder: Path, address: str, name: str = "web") -> ClusterSettings:
    """Returns the settings of a web process that shows the certificate of this name."""
    return ClusterSettings(
        address, *(str(folder / file) for file in ("ca.pem", f"{name}.pem", f"{name}-key.pem"))
    )


def make_certificates(folder: Path) -> None:
    """Makes an authority, two certificates of it, and one of another authority under the name "stranger"."""
    _authority(folder, "ca")
    _certificate(folder, "dask", "ca")
    _certificate(folder, "web", "ca")
    _authority(folder, "other")
    _certificate(folder, "stranger", "other")


def kill(process: Process) -> None:
    """Kills a process of ours and waits for its end."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()


def _authority(folder: Path, name: str) -> None:
    made = ("-keyout", f"{name}-key.pem", "-out", f"{name}.pem")
    _openssl(folder, "req", "-x509", *NEW_KEY, "-days", "2", "-subj", f"/CN={name}", *made)


def _certificate(folder: Path, name: str, authority: str) -> None:
    signer = ("-CA", f"{authority}.pem", "-CAkey", f"{authority}-key.pem", "-CAcreateserial")
    _openssl(
        folder, "req", *NEW_KEY, "-subj", f"/CN={name}", "-keyout", f"{name}-key.pem", "-out", f"{name}.csr"
    )
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signer, "-days", "2", "-out", f"{name}.pem")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
