"""Serves the application: in one process, or in several workers."""

import gc
import os
import signal
import socket
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from app import __version__
from app.cli.connections import BoundedProtocol, raise_file_limit
from app.cli.printing import out
from app.cli.starting import secret_of
from app.main import create_app, settle_memory
from app.settings import Settings

# After so long without a sign of life a worker is replaced, seconds. One gives none until it has imported everything,
# which on a busy machine takes longer than uvicorn's own five: workers would be replaced as they start, for ever.
WORKER_PATIENCE_S = 60


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
    gc.enable()
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
