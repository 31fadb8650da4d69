"""A page that is served on this machine alone, and read again as the loop goes on."""

import secrets
import sys
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any, final

from loopsim.core.errors import ConfigError, LoopsimError
from loopsim.core.run_folder import STATE
from loopsim.report.page.write import page_of
from loopsim.store.rows import AddedSealRow, PhaseRow
from loopsim.store.store import Store

HOST = "127.0.0.1"


@final
class LivePage:
    """The page of runs, made anew when one of them has finished a phase; loops may write meanwhile."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self._directories, self._lock = directories, Lock()
        self._session = secrets.token_hex(4)
        self._made_for, self._page = "", ""

    def state(self) -> str:
        """Return a word that changes whenever the page would."""
        counts = []
        for directory in self._directories:
            with Store(directory / STATE, readonly=True) as store:
                counts.append(f"{store.count(PhaseRow)}.{store.count(AddedSealRow)}")
        return "-".join([self._session, *counts])

    def page(self) -> str:
        """Return the page as it is now."""
        with self._lock:
            state = self.state()
            if state != self._made_for:
                self._made_for, self._page = state, page_of(self._directories, state)
            return self._page


@final
class _Handler(BaseHTTPRequestHandler):
    """Answers / and /state, to browsers of this machine alone."""

    server_version, sys_version = "loopsim", ""

    def __init__(self, live: LivePage, *arguments: Any) -> None:
        self._live = live
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer with the page, or with its state."""
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host not in (HOST, "localhost"):  # another site's name that leads here
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        answers = {"/": ("text/html", self._live.page), "/state": ("text/plain", self._live.state)}
        kind, answer = answers.get(self.path, ("", None))
        if answer is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            body = answer().encode()
        except (LoopsimError, OSError) as error:
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, explain=str(error))
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a request each three seconds is no news."""


@final
class _Server(ThreadingHTTPServer):
    """A server that a browser may leave in the middle of an answer."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that was closed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def server_of(directories: Sequence[Path], port: int) -> ThreadingHTTPServer:
    """Return a server of the runs' page on this machine, on a port (0: a free one). Raises ConfigError if it
    is taken.
    """
    try:
        return _Server((HOST, port), partial(_Handler, LivePage(directories)))
    except OSError as error:
        raise ConfigError(
            f"--port {port}: cannot listen there ({error.strerror}); name another, or 0 for a free one"
        ) from error
