"""How the id of a case is shown: `cs_` and the UUID in Crockford's base 32, 26 digits, capitals."""

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

PREFIX = "cs_"
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SHIFTS = range(125, -1, -5)


def show_id(case_id: UUID) -> str:
    """The id of a case as callers see it."""
    return PREFIX + "".join(_DIGITS[case_id.int >> shift & 31] for shift in _SHIFTS)


_LANE_BYTES = 32  # of one id while its digits are spread: room for 32 digits of a byte each, six of which are no digits
_SPREAD = bytes.maketrans(bytes(range(32)), _DIGITS.encode())


def spell_ids(uuids: bytes) -> Sequence[bytes]:
    """What follows the prefix in the ids of many cases, whose UUIDs have 16 bytes each.

    All are spread together, as one number: each lane's upper half of digits moves up, then that of each half, until
    each digit has a byte of its own. One by one they would take thirty times as long.
    """
    lanes = bytearray(2 * len(uuids))
    for place in range(16):
        lanes[16 + place :: _LANE_BYTES] = uuids[place::16]
    spread = int.from_bytes(lanes)
    for digits, lower in _halves(len(uuids) // 16):
        kept = spread & lower
        spread = kept | (spread ^ kept) << 3 * digits
    spelt = spread.to_bytes(len(lanes)).translate(_SPREAD)
    skipped = _LANE_BYTES - len(_SHIFTS)
    return [spelt[start + skipped : start + _LANE_BYTES] for start in range(0, len(spelt), _LANE_BYTES)]


@lru_cache(8)
def _halves(count: int) -> Sequence[tuple[int, int]]:
    """For each step, how many digits a half has, and a mask of all lower halves in so many lanes."""
    return [
        (digits, int.from_bytes(((1 << 5 * digits) - 1).to_bytes(2 * digits) * (_LANE_BYTES * count // (2 * digits))))
        for digits in (16, 8, 4, 2, 1)
    ]


# Ten bits at a time, from a table of 1,024 pairs of digits.
_PAIRS = "".join(first + second for first in _DIGITS for second in _DIGITS)
# The bits of a UUID as numbers: the upper 64, the lower 64, and those from 60 to 71, which stand in both.
_HALVES = (
    "SELECT ('x' || left(h, 16))::bit(64)::int8 AS hi, ('x' || right(h, 16))::bit(64)::int8 AS lo,"
    f" ('x' || substr(h, 15, 3))::bit(12)::int8 AS mid, '{_PAIRS}'::bytea AS pairs"
    " FROM replace({uuid}::text, '-', '') AS h OFFSET 0"
)


def show_id_in_sql(uuid: str) -> str:
    """The same in SQL, of an expression that is a UUID: for the many rows of an export."""
    digits = " || ".join(f"substr(pairs, ({_bits(low)})::int * 2 + 1, 2)" for low in range(120, -1, -10))
    return f"(SELECT '{PREFIX}' || convert_from({digits}, 'UTF8') FROM ({_HALVES.format(uuid=uuid)}) AS half)"


def _bits(low: int) -> str:
    """Ten bits of a UUID from bit `low` on, of which there are but eight at the end."""
    if low == 60:
        return "mid & 1023"
    return f"hi >> {low - 64} & {255 if low == 120 else 1023}" if low > 60 else f"lo >> {low} & 1023"


def read_id(text: str) -> UUID | None:
    """The UUID of a shown id; None where it is none. One id has one spelling, so that it has one address."""
    digits = text.removeprefix(PREFIX)
    is_ours = text.startswith(PREFIX) and len(digits) == len(_SHIFTS) and digits[0] in "01234567"
    if not is_ours or any(digit not in _DIGITS for digit in digits):
        return None
    return UUID(int=sum(_DIGITS.index(digit) << shift for digit, shift in zip(digits, _SHIFTS, strict=True)))
