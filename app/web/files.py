"""Files that our pages load: read once, each with its tag, plain and gzipped."""

import gzip
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).with_name("assets")
_SERVED = (".js", ".css", ".png")
_TEXTS = (".js", ".css")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served; `packed` is its gzipped form, None where that is no smaller."""

    body: bytes
    packed: bytes | None
    media_type: str
    tag: str


@cache
def read_assets() -> Mapping[str, Asset]:
    """Every file that is served, by its name; read and packed once in a process."""
    return {path.name: _read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in _SERVED}


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    packed = gzip.compress(body, mtime=0) if path.suffix in _TEXTS else None
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(body, packed, media_type, sha256(body).hexdigest()[:20])
