"""A cache of one's own, and a web server on this machine that misbehaves as asked."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aebench.datasets import sources


class Server(ThreadingHTTPServer):
    """Serves `answers`: path -> bytes, an HTTP status, or one of the faults below.

    ("truncated", body): the head announces the whole body, half of it comes, then a regular end.
    ("dropped", body): half the body comes, then the connection is reset.
    ("silent",): no answer at all. ("stalled", body): half the body comes, then nothing.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, object] = {}
        self.asked: list[str] = []
        self.over = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        answer = self.server.answers.get(self.path, 404)
        if isinstance(answer, int):
            self.send_error(answer)
        elif isinstance(answer, bytes):
            self.body(answer, len(answer))
        elif answer[0] == "silent":
            self.server.over.wait(30)
        else:
            fault, body = answer
            self.body(body[: len(body) // 2], len(body))
            if fault == "stalled":
                self.server.over.wait(30)
            if fault == "dropped":
                # Linger 0: the kernel sends a reset instead of a regular end.
                off = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, off)
                self.wfile.flush()
                self.connection.close()

    def body(self, content: bytes, announced: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # dropped on purpose
            super().finish()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no mirror, and no patience with dead servers."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("AEBENCH_CACHE", str(folder))
    monkeypatch.delenv("AEBENCH_MIRROR", raising=False)
    monkeypatch.setattr(sources, "CONNECT_TIMEOUT", 1.0)
    monkeypatch.setattr(sources, "READ_TIMEOUT", 0.3)
    return folder


@pytest.fixture
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's cache and the official sources, whatever mirror the user works with."""
    monkeypatch.delenv("AEBENCH_MIRROR", raising=False)
