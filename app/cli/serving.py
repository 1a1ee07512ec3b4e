"""Serves the application: the socket, the workers, the secret they share."""

import os
import secrets
import signal
import socket
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from app import __version__
from app.cli.connections import BoundedProtocol, raise_file_limit
from app.cli.printing import out
from app.main import create_app, settle_memory
from app.settings import Settings

# After so long without a sign of life a worker is replaced, seconds. One gives none until it has imported everything,
# which on a busy machine takes longer than uvicorn's own five: workers would be replaced as they start, for ever.
WORKER_PATIENCE_S = 60


class CannotStart(Exception):
    """Why a command cannot do its work; one line for a person."""


def listening(settings: Settings) -> socket.socket:
    """A socket bound to the address to serve on."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((settings.host, settings.port))
        sock.listen()  # at once, so that a second start fails now and not when it has made everything ready
    except OSError as error:
        sock.close()
        why = error.strerror or str(error)
        raise CannotStart(f"cannot listen on {settings.host}:{settings.port}: {why}; try another --port") from None
    sock.set_inheritable(True)
    return sock


def serve_on(sock: socket.socket, settings: Settings, url: str) -> None:
    """Serve until stopped."""
    host, port = sock.getsockname()[:2]
    held = (
        "an embedded Postgres in " + str(settings.data_dir) if settings.database_url is None else "the given Postgres"
    )
    out.print(f"Sudstat {__version__} on http://{host}:{port} with {held}; Ctrl-C stops it.", soft_wrap=True)
    secret = secret_of(settings)
    raise_file_limit()
    if settings.workers == 1:
        app = create_app(settings, database_url=url, secret=secret)
        settle_memory()
        uvicorn.Server(uvicorn_config(app, settings)).run(sockets=[sock])
        return
    os.environ["SUDSTAT_DATABASE_URL"] = url  # the workers read their settings anew
    os.environ["SUDSTAT_SECRET"] = secret.decode()
    os.environ["SUDSTAT_WORKERS"] = str(settings.workers)  # each lets through its share of a quota
    config = uvicorn_config("app.main:from_environment", settings, factory=True)
    _Workers(config, sockets=[sock]).run()


class _Workers(Multiprocess):
    """Workers that do not hear Ctrl-C while they start, when nobody in them could answer it: we stop them then."""

    def init_processes(self) -> None:
        heard = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a new program inherits what is ignored
        try:
            super().init_processes()
        finally:
            signal.signal(signal.SIGINT, heard)


def uvicorn_config(app: Any, settings: Settings, *, factory: bool = False) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=factory,
        workers=settings.workers,
        root_path=settings.root_path,
        log_config=None,
        access_log=False,
        server_header=False,
        http=BoundedProtocol,
        proxy_headers=False,  # who is believed is our own setting
        timeout_graceful_shutdown=10,
        timeout_worker_healthcheck=WORKER_PATIENCE_S,
    )


def secret_of(settings: Settings) -> bytes:
    """The service's secret: the one given, else one made once and kept in the data folder, for the owner alone."""
    if settings.secret is not None:
        given = settings.secret.get_secret_value()
        if len(given) < 32:
            raise CannotStart("SUDSTAT_SECRET is too short; give at least 32 characters")
        return given.encode()
    path = settings.data_dir / "secret"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(32), encoding="ascii")
        fresh.rename(path)
    return path.read_bytes().strip()
