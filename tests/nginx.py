"""The hosted page on loopback: nginx with the shipped configuration, app processes behind it, TLS of our own.

`python -m tests.nginx` finds nginx, installs Debian's when it may, and else says what to do.
`make test` runs it first, so that no test of the hosting is ever skipped in silence.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy import render
from tests.browser import ROOT, free_port, wait_until_healthy

NAME = "explainer.test"  # the browser is told that it means 127.0.0.1
ADVICE = """\
No nginx found for the tests of the hosting. Do one of these, then run `make test` again:
  - install your system's package (Debian: apt-get install nginx-light; macOS: brew install nginx)
  - name one you have: NGINX=/path/to/nginx make test"""
# What nginx wants beside the site: a place for each thing it would put into /var or /run.
MAIN = """\
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/main-error.log warn;
worker_processes 1;
events {{ worker_connections 2000; }}
http {{
    types {{ text/html html; }}
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/explainer.conf;
}}
"""


def find_nginx() -> Path | None:
    """Returns NGINX from the environment, or one on PATH or where Debian puts it; None without any."""
    named = os.environ.get("NGINX")
    if named:
        return Path(named) if os.access(named, os.X_OK) else None
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def install_nginx() -> Path | None:
    """Installs Debian's package when this is Debian and we are root; returns what is then found."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    print("No nginx found: installing Debian's package", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # not to be started
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "nginx-light"]):
        subprocess.run(command, env=environment, check=False)
    return find_nginx()


def main() -> int:
    """Prints the nginx that the tests will use; 1 and advice when there is none."""
    named = os.environ.get("NGINX")
    found = find_nginx() or (None if named else install_nginx())
    if found is None:
        print(f"NGINX={named} is not a program.\n{ADVICE}" if named else ADVICE, file=sys.stderr)
        return 1
    print(f"Tests of the hosting use {found}")
    return 0


@dataclass(slots=True)
class App:
    """One app process: its port, the port of its private figures, its log."""

    port: int
    ops: int
    log: Path
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Ends it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@dataclass(slots=True)
class Site:
    """A hosted page: where it answers, what it writes down, the processes behind it."""

    port: int
    plain_port: int
    logs: Path
    folder: Path
    environment: dict[str, str]
    apps: list[App]

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.port}"

    def written(self) -> str:
        """Returns all that nginx and the apps have logged."""
        logs = [*self.logs.glob("*.log"), *self.folder.glob("*.log")]
        return "\n".join(log.read_text(encoding="utf-8", errors="replace") for log in logs)

    def revive(self, app: App) -> None:
        """Starts a killed process again, as systemd does."""
        app.process = _start(app.port, app.ops, app.log, self.environment)
        wait_until_healthy(f"http://127.0.0.1:{app.port}", app.process, app.log)


@contextmanager
def hosted(folder: Path, environment: dict[str, str], processes: int = 2) -> Iterator[Site]:
    """Serves the app as deploy/ says, on loopback; everything is written below `folder`."""
    logs = folder / "logs"
    logs.mkdir()
    ports = [free_port() for _ in range(2 + 2 * processes)]
    with ExitStack() as stack:
        apps = []
        for n in range(processes):
            port, ops = ports[2 + 2 * n : 4 + 2 * n]
            log = folder / f"app-{n}.log"
            apps.append(App(port, ops, log, _start(port, ops, log, environment)))
            stack.callback(_stop, apps[-1])
        for app in apps:
            wait_until_healthy(f"http://127.0.0.1:{app.port}", app.process, app.log)
        site = Site(ports[0], ports[1], logs, folder, environment, apps)
        stack.enter_context(proxy(site, [app.port for app in apps]))
        yield site


def _start(port: int, ops: int, log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "explainer.ops", f"--server.port={port}"]
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment, "EXPLAINER_OPS_PORT": str(ops)},
        )


def _stop(app: App) -> None:
    app.process.terminate()
    try:
        app.process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        app.kill()


@contextmanager
def proxy(site: Site, ports: list[int]) -> Iterator[None]:
    """Runs nginx in front of what listens on these ports."""
    program = find_nginx()
    if program is None:
        raise RuntimeError(ADVICE)
    folder = site.folder
    _write_certificate(folder)
    values = {
        "SERVER_NAME": NAME,
        "APPS": ", ".join(f"127.0.0.1:{port}" for port in ports),
        "HTTP": f"127.0.0.1:{site.plain_port}",
        "HTTPS": f"127.0.0.1:{site.port}",
        "CERTIFICATE": f"{folder}/certificate.pem",
        "KEY": f"{folder}/key.pem",
        "ACME": str(folder),
        "LOGS": str(site.logs),
        "CACHE": f"{folder}/cache",
        "FRAME_ANCESTORS": "'none'",
    }
    text = render.render(values, render.TEMPLATE.read_text(encoding="utf-8"))
    (folder / "explainer.conf").write_text(text, encoding="utf-8")
    user = "user root;" if os.geteuid() == 0 else ""  # else root's workers would be nobody
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user), encoding="utf-8")
    with (folder / "nginx.log").open("wb") as output:
        server = subprocess.Popen(
            [program, "-e", folder / "main-error.log", "-p", folder, "-c", folder / "nginx.conf"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for_tls(site, server)
        yield
    finally:
        server.terminate()
        server.wait(timeout=10)


def _write_certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        + ["-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
        + ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")],
        check=True,
        capture_output=True,
    )


def _wait_for_tls(site: Site, server: subprocess.Popen[bytes]) -> None:
    context = ssl.create_default_context(cafile=site.folder / "certificate.pem")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if server.poll() is not None:
            said = (site.folder / "nginx.log").read_text()
            raise RuntimeError(f"nginx ended with code {server.returncode}:\n{said}")
        try:
            with socket.create_connection(("127.0.0.1", site.port), timeout=5) as plain:
                context.wrap_socket(plain, server_hostname=NAME).close()
                return
        except (ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise RuntimeError("nginx did not answer within 10 s")


if __name__ == "__main__":
    sys.exit(main())
