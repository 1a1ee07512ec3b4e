"""What schemathesis cannot know: ids that are there, and a state to name. Every second request is given some."""

import json
import os
import random
from typing import Any

import schemathesis

_KNOWN = json.loads(os.environ["SUDSTAT_FUZZ"])
_DICE = random.Random(1)  # noqa: S311


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Put ids of the record where ids belong; never end the key that asks."""
    del context, kwargs
    kind = next((kind for kind in _KNOWN["ids"] if case.path.startswith(kind)), None)
    given = case.path_parameters or {}
    if kind and given and (_DICE.random() < 0.5 or _KNOWN["own"] in given.values()):
        case.path_parameters = {name: _DICE.choice(_KNOWN["ids"][kind]) for name in given}
        if case.method.upper() == "PATCH":
            case.headers["If-Match"] = "*"
