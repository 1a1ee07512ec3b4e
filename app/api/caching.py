"""What a cache may keep of an answer, and how it asks whether that still holds."""

import re
from hashlib import blake2b

PRIVATE = "private, no-cache"
LATEST = "public, max-age=60, stale-while-revalidate=600"
IMMUTABLE = "public, max-age=31536000, immutable"
_GZIPPED = "-gzip"
_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def make_tag(*parts: object) -> str:
    """A strong entity tag of everything that an answer depends on, without quotes and coding."""
    return short_hash("\n".join(map(str, parts)).encode())


def quote_etag(tag: str, *, is_gzipped: bool) -> str:
    """A tag in its quotes; one for each content coding."""
    return f'"{tag}{_GZIPPED if is_gzipped else ""}"'


def short_hash(content: bytes) -> str:
    """20 hexadecimal digits that stand for some content."""
    return blake2b(content, digest_size=10).hexdigest()


def holds(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller already has the answer with this tag (RFC 9110, 13.1.2: weak comparison)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)


def cache_control(*, is_public: bool, is_immutable: bool = False) -> str:
    """What may be kept: by all only where an anonymous caller would get the same bytes."""
    if not is_public:
        return PRIVATE
    return IMMUTABLE if is_immutable else LATEST
