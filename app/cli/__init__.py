"""The `sudstat` command."""

import gc
import sys

gc.disable()  # what is imported stays: to look for garbage among it takes a fifth of the time
from app.cli import early  # noqa: E402

early.begin(sys.argv[1:])
from app.cli.commands import main  # noqa: E402

gc.freeze()
gc.enable()

__all__ = ["main"]
