"""The unique identifier of a case (УИД) and its check digits."""

import re

_UID = re.compile(r"[0-9]{2}[A-Z]{2}[0-9]{4}-[0-9]{2}-[0-9]{4}-[0-9]{6}-[0-9]{2}")


def has_check_digits(uid: str) -> bool:
    """Whether a normalised identifier is well formed and its check digits are right.

    Source  ISO/IEC 7064 MOD 97-10, letters as A=10 … Z=35; holds for every real identifier known to us, but no
            official rule was found: a doubt, not a refusal
    """
    if not _UID.fullmatch(uid):
        return False
    return int("".join(str(int(character, 36)) for character in uid.replace("-", ""))) % 97 == 1
