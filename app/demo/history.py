"""The whole invented history, every case with everything that happens to it, and its files."""

from pathlib import Path

from app.demo.arrivals import arrivals
from app.demo.calendar import stream
from app.demo.files import DemoFile, write_files
from app.demo.findings import with_findings
from app.demo.hearings import heard
from app.demo.numbers import numbered
from app.demo.sightings import sighted
from app.demo.timeline import Case

__all__ = ["SEED", "DemoFile", "history", "write_demonstration"]

SEED = 337


def write_demonstration(folder: Path, *, seed: int = SEED) -> tuple[DemoFile, ...]:
    """Write the whole demonstration record into a folder, the same bytes for the same seed.

    Shape   a file for each revision to be, in order of `published_at`; beside each scrape its
            `<name>_meta.json`, and in the folder a README.txt that says that everything is invented
    Errors  ValueError for a seed with which some published figure cannot be met
    """
    return tuple(write_files(folder, history(seed), seed))


def history(seed: int) -> tuple[Case, ...]:
    """Every card that some file will show, from receipt to what the newsroom found; equal for equal seeds."""
    received = tuple(arrivals(stream(seed, "arrivals")))
    decided = heard(received, stream(seed, "hearings"))
    return numbered(with_findings(sighted(decided, seed), seed), seed)
