"""Before anything heavy is there: the socket, and the service's secret."""

import os
import secrets
import socket

from app.settings import Settings


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
