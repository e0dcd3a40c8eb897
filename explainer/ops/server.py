"""Server: /metrics, /health and /health/deep on a port of this machine only; nginx does not pass it on.

prometheus, systemd, docker ─▶ 127.0.0.1:EXPLAINER_OPS_PORT ─▶ metrics, health
"""

from __future__ import annotations

import socket
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST

from explainer.ops.health import DeepCheck
from explainer.ops.metrics import Metrics

HOST = "127.0.0.1"
JSON = "application/json"


class Server:
    """An HTTP server on a thread of its own."""

    def __init__(self, port: int, metrics: Metrics, health: DeepCheck) -> None:
        self._server = ThreadingHTTPServer((HOST, port), partial(_Handler, metrics, health))
        self._thread = threading.Thread(target=self._server.serve_forever, name="ops", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    timeout = 30

    def __init__(
        self,
        metrics: Metrics,
        health: DeepCheck,
        connection: socket.socket,
        address: tuple[str, int],
        server: BaseServer,
    ) -> None:
        self._metrics, self._health = metrics, health
        super().__init__(connection, address, server)  # answers the request

    def do_GET(self) -> None:
        """Answers one of the three."""
        match self.path:
            case "/metrics":
                self._say(200, CONTENT_TYPE_LATEST, self._metrics.text())
            case "/health":
                self._say(200, JSON, b'{"ok":true}')
            case "/health/deep":
                checked = self._health.result()
                self._say(200 if checked.ok else 503, JSON, msgspec.json.encode(checked))
            case _:
                self._say(404, JSON, b'{"ok":false}')

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: who watches asks every few seconds."""

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
