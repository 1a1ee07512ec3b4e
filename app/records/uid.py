"""The unique identifier of a case (УИД) and its check digits.

Source  ISO/IEC 7064 MOD 97-10, letters as A=10 … Z=35; it holds for every real identifier known to us, but no official
        rule was found: what fails is doubted, not refused
"""

import re
from string import ascii_uppercase

_PREFIX = re.compile(r"[0-9]{2}[A-Z]{2}[0-9]{4}-[0-9]{2}-[0-9]{4}-[0-9]{6}")
_DIGITS = {ord("-"): None} | {ord(letter): str(value) for value, letter in enumerate(ascii_uppercase, start=10)}


def has_check_digits(uid: str) -> bool:
    """Whether a normalised identifier is well formed and its check digits are right."""
    prefix = uid[:-3]
    return _PREFIX.fullmatch(prefix) is not None and uid == make_uid(prefix)


def make_uid(prefix: str) -> str:
    """The identifier that begins with `77GV0005-01-2023-000123`, its check digits added.

    Errors  ValueError when the prefix has another form
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("a UID prefix looks like 77GV0005-01-2023-000123")
    return f"{prefix}-{98 - int(prefix.translate(_DIGITS)) * 100 % 97:02d}"


def has_check_digits_in_sql(uid: str) -> str:
    """The same in SQL, of an expression that is a UID: for the many rows of an export."""
    digits = (
        f"(left({uid}, 2) || (ascii(substr({uid}, 3, 1)) - 55) || (ascii(substr({uid}, 4, 1)) - 55)"
        f" || translate(substr({uid}, 5, 19), '-', ''))::numeric"
    )
    return (
        f"CASE WHEN {uid} ~ '^{_PREFIX.pattern}-[0-9]{{2}}$'"
        f" THEN right({uid}, 2) = lpad((98 - {digits} * 100 % 97)::int::text, 2, '0') ELSE false END"
    )
