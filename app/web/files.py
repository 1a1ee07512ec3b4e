"""Files that our pages load: each read and packed once, when it is first asked for, with its tag."""

import gzip
import mimetypes
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


def names() -> frozenset[str]:
    """The name of every file that is served."""
    return frozenset(path.name for path in FOLDER.iterdir() if path.suffix in _SERVED)


@cache
def read_asset(name: str) -> Asset:
    """A file of `names`; to pack a large one takes some hundredths of a second."""
    path = FOLDER / name
    body = path.read_bytes()
    packed = gzip.compress(body, mtime=0) if path.suffix in _TEXTS else None
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(body, packed, media_type, sha256(body).hexdigest()[:20])
