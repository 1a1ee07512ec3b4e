"""The service in a process of its own, for what is measured or generated from outside."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BIN = Path(sys.executable).parent


_NO_QUOTAS = {f"SUDSTAT_{who}_QUOTA_{window}": "0" for who in ("ANONYMOUS", "KEY") for window in ("MINUTE", "DAY")}


class Served(str):
    """The address of a service; `process` is its process."""

    process: subprocess.Popen[bytes]


@contextmanager
def served(url: str, port: int, **settings: str) -> Iterator[Served]:
    """The service in a process of its own, without quotas unless `settings` (`SUDSTAT_…`) say otherwise."""
    said = {
        **os.environ,
        **_NO_QUOTAS,
        "SUDSTAT_DATABASE_URL": url,
        "SUDSTAT_PORT": str(port),
        "SUDSTAT_SECRET": "s" * 40,
        "SUDSTAT_REQUEST_LOG": "false",
        **settings,
    }
    process = subprocess.Popen([BIN / "sudstat", "serve"], env=said)  # noqa: S603
    address = Served(f"http://127.0.0.1:{port}")
    address.process = process
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{address}/readyz", timeout=1)  # noqa: S310
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(20)
