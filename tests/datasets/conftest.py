"""A cache of one's own, and a web server on this machine that misbehaves as asked."""

import contextlib
import ctypes
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
    ("trickled", body), ("trickled head", body): a byte every 50 ms, of the body or from the start.
    ("announced", body, length): the body comes under a length that is not its own.
    ("endless",): zeros without an end. ("moved", place): look there. ("bytes", answer): just that.
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
        elif answer[0] == "moved":
            self.send_response(302)
            self.send_header("Location", answer[1])
            self.end_headers()
        elif answer[0] in ("bytes", "trickled head"):
            self.trickle(answer[1]) if answer[0] != "bytes" else self.wfile.write(answer[1])
        elif answer[0] == "endless":
            self.send_response(200)
            self.end_headers()
            for _ in range(1600):  # 100 MB are without an end to the tests, not to the disk
                self.wfile.write(bytes(2**16))
        elif answer[0] == "announced":
            self.body(answer[1], answer[2])
        elif answer[0] == "trickled":
            self.body(b"", len(answer[1]))
            self.trickle(answer[1])
        else:
            self.break_off(*answer)

    def break_off(self, fault: str, body: bytes) -> None:
        self.body(body[: len(body) // 2], len(body))
        if fault == "stalled":
            self.server.over.wait(30)
        if fault == "dropped":
            # Linger 0: the kernel sends a reset instead of a regular end.
            off = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, off)
            self.wfile.flush()
            self.connection.close()

    def trickle(self, content: bytes) -> None:
        for byte in content:
            if self.server.over.wait(0.05):
                return
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def body(self, content: bytes, announced: object) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client hung up
            super().handle()

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
    monkeypatch.setattr(sources, "READ_TIMEOUT", 1.0)
    monkeypatch.setattr(sources, "PATIENCE", 5.0)
    return folder


def drop_rights() -> None:
    """In a child before its program starts: heed the rights of files even as root (Linux)."""
    prctl = ctypes.CDLL(None).prctl
    for right in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        prctl(24, right, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.fixture
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's cache and the official sources, whatever mirror the user works with."""
    monkeypatch.delenv("AEBENCH_MIRROR", raising=False)
