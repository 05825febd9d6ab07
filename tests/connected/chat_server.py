"""A chat server on loopback that takes what ntfy and Mattermost's webhooks take, and answers as it is told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from deploy.ports import free_port


@dataclass
class ChatServer:
    """Answers with the `status` it is given; keeps what it accepted. `before_answer` may take its time."""

    port: int = field(default_factory=free_port)
    status: int = 200
    before_answer: Callable[[], Any] = lambda: None
    accepted: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    _server: ThreadingHTTPServer | None = None

    def open(self) -> None:
        office = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                office.asked += 1
                status = office.status
                if status < 400:
                    office.accepted.append(said | {"path": self.path})
                office.before_answer()
                body = json.dumps({"code": status, "error": "as told"}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    server = ChatServer()
    server.open()
    try:
        yield server
    finally:
        server.close()
