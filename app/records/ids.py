"""How the id of a case is shown: `cs_` and the UUID in Crockford's base 32, 26 digits, capitals."""

from uuid import UUID

PREFIX = "cs_"
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SHIFTS = range(125, -1, -5)


def show_id(case_id: UUID) -> str:
    """The id of a case as callers see it."""
    return PREFIX + "".join(_DIGITS[case_id.int >> shift & 31] for shift in _SHIFTS)


def read_id(text: str) -> UUID | None:
    """The UUID of a shown id; None where it is none. One id has one spelling, so that it has one address."""
    digits = text.removeprefix(PREFIX)
    is_ours = text.startswith(PREFIX) and len(digits) == len(_SHIFTS) and digits[0] in "01234567"
    if not is_ours or any(digit not in _DIGITS for digit in digits):
        return None
    return UUID(int=sum(_DIGITS.index(digit) << shift for digit, shift in zip(digits, _SHIFTS, strict=True)))
