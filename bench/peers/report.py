"""What was measured, as Markdown: for each question who was how fast, and whether the goals were reached."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.peers.load import CONNECTIONS, Run
from bench.peers.questions import QUESTIONS, Question
from bench.peers.sides import Side

OURS, SQL_ALONE = "Sudstat", "pgbench"
OURSELVES: Mapping[str, Mapping[str, str]] = {
    OURS: {},
    "Sudstat, 2 workers": {"SUDSTAT_WORKERS": "2"},
    "Sudstat, SQL alone": {"SUDSTAT_DAYS_MB": "0"},
}
"""Ourselves as by default, which the goals are about; and with these settings."""
_PEERS = ("PostGraphile", "Datasette", "roapi")
_NOTES = Path(__file__).with_name("notes.md")
_BAR = 40
Runs = Mapping[tuple[str, str], Sequence[Run]]


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the bench: who was asked, and each round by question and side."""

    size: int
    revisions: int
    seconds: int
    versions: Sequence[tuple[str, str, str]]
    about: Sequence[str]
    runs: Runs
    is_direct: bool = False

    def _rounds(self, question: str, side: str) -> Sequence[Run]:
        return self.runs.get((question, side), ())

    def ahead(self, question: str, side: str) -> float | None:
        """Requests a second of Sudstat by those of a side: the median of rounds side by side."""
        pairs = zip(self._rounds(question, OURS), self._rounds(question, side), strict=False)
        ratios = [ours.per_s / theirs.per_s for ours, theirs in pairs if theirs.per_s]
        return median(ratios) if ratios else None

    def sooner(self, question: str, side: str) -> float | None:
        """Milliseconds of a side by those of Sudstat, likewise."""
        pairs = zip(self._rounds(question, OURS), self._rounds(question, side), strict=False)
        ratios = [theirs.ms / ours.ms for ours, theirs in pairs if ours.ms and theirs.ms]
        return median(ratios) if ratios else None

    def slower(self, question: str, other: str) -> float | None:
        """Milliseconds of one question by those of another, both of Sudstat."""
        pairs = zip(self._rounds(question, OURS), self._rounds(other, OURS), strict=False)
        ratios = [one.ms / base.ms for one, base in pairs if base.ms]
        return median(ratios) if ratios else None

    def ms(self, question: str, side: str) -> float | None:
        """Milliseconds of one request at one connection."""
        rounds = [run.ms for run in self._rounds(question, side) if run.ms]
        return median(rounds) if rounds else None

    def per_s(self, question: str, side: str) -> float | None:
        """Requests a second."""
        rounds = [run.per_s for run in self._rounds(question, side)]
        return median(rounds) if rounds else None


def versions_of(sides: Sequence[Side], pgbench: str) -> list[tuple[str, str, str]]:
    """Who was asked: name, version, and the command or why there is none."""
    rows = [(side.name, side.version or "–", _shown(side.command) or f"not here: {side.missing}") for side in sides]
    return [*rows, (SQL_ALONE, pgbench, "pgbench -n -M prepared: the peers' statement alone, without HTTP and JSON")]


def _shown(command: Sequence[str] | None) -> str:
    """A command without the folders and addresses of this run."""
    parts = (part if "://" not in part else "…" for part in command or ())
    return " ".join(Path(part).name if part.startswith("/") else part for part in parts)


def write(found: Measured, place: Path) -> None:
    """The page."""
    command = f"make bench SIZE={found.size} REVISIONS={found.revisions}" + (" DIRECTLY=1" if found.is_direct else "")
    taken = "taken in by Sudstat"
    if found.is_direct:
        taken = (
            "written as versions by a side door of the bench, ledger and tally by Sudstat's own statements (taking"
            " files in is measured in `bench/ingest.md`)"
        )
    parts = [
        f"# Beside what one would use instead\n\n`{command}`: {found.size:,} house records of one"
        f" person each in {found.revisions} revisions, {taken}; the same rows as flat tables with"
        f" indexes for the others. Every side gave the same answer to each question before it was measured. Sudstat"
        " answers from one worker that keeps no answer (`SUDSTAT_CACHE_MB=0`), but the days of what is asked again and"
        " again, as it does by default (`SUDSTAT_DAYS_MB`); two more lines tell of two workers, and of answers that are"
        " all SQL; it"
        " lets callers wait as the peers do (`SUDSTAT_POOL_WAIT_S=60`),"
        " and every request is one of 64 variants,"
        f" so that no two at once are the same. wrk, one thread, {CONNECTIONS} connections for {found.seconds} s, then"
        " one connection; sides by turns; figures are medians of rounds, ratios medians of the ratios of rounds side"
        " by side. Made by the command; what is said at the end is `bench/peers/notes.md`.",
        *found.about,
        _table(("side", "version", "command"), found.versions),
        "## Goals\n\n" + _table(("goal", "measured", "reached"), list(_goals(found))),
        *(_question(found, question) for question in QUESTIONS),
        _NOTES.read_text(encoding="utf-8"),
    ]
    place.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _question(found: Measured, question: Question) -> str:
    rows = []
    most = max((found.per_s(question.id, side) or 0 for side in _sides()), default=0)
    for side in _sides():
        rate, ms = found.per_s(question.id, side), found.ms(question.id, side)
        if rate is None:
            continue
        is_ours = side == OURS
        rows.append((
            side, f"{rate:,.1f}", "" if is_ours else _times(found.ahead(question.id, side)),
            f"{ms:,.2f}" if ms else "–", "" if is_ours else _times(found.sooner(question.id, side)), _bar(rate, most),
        ))  # fmt: skip
    head = ("side", f"a second at {CONNECTIONS}", "Sudstat ÷ side", "ms at 1", "side ÷ Sudstat", "a second, log scale")
    sql = f"`{question.sql or question.recount}`"
    return f"## {question.caption}\n\n`{question.ours}`\n\n{sql}\n\n{_table(head, rows)}"


def _sides() -> tuple[str, ...]:
    return (*OURSELVES, *_PEERS, SQL_ALONE)


def _bar(rate: float, most: float) -> str:
    if rate <= 0 or most <= 0:
        return ""
    return "█" * max(1, round(_BAR * (math.log10(rate) + 1) / (math.log10(most) + 1)))


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:,.2f}"


def _goals(found: Measured) -> Sequence[tuple[str, str, str]]:
    rows = []
    for side, least in (("PostGraphile", 4), ("Datasette", 10), ("roapi", 15)):
        ratio = found.ahead("court", side)
        rows.append(_row(f"2 one court and year: ≥ {least} × {side}", ratio, "×", ratio is not None and ratio >= least))
    for question, what in (("weekly", "weekly series"), ("status", "sentences by status"), ("terms", "median terms")):
        ms = found.ms(question, OURS)
        rows.append(_row(f"3 {what} of the country: ≤ 4 ms", ms, "ms", ms is not None and ms <= 4))
        known = [ratio for side in _PEERS if (ratio := found.sooner(question, side)) is not None]
        best = min(known, default=None)
        least = 80 if found.size >= 10_000_000 else 10
        rows.append(_row(f"3 {what}: ≥ {least} × the best peer", best, "×", best is not None and best >= least))
    deep = found.slower("deep", "first")
    rows.append(_row("4 a deep page costs what the first does (≤ 1.2)", deep, "×", deep is not None and deep <= 1.2))
    old = found.slower("weekly_then", "weekly")
    rows.append(_row("5 as of an old revision, weekly: ≤ 5 × the present", old, "×", old is not None and old <= 5))
    recount = found.sooner("terms_then", SQL_ALONE)
    rows.append(
        _row("5 median terms as of then: ≥ 10 × recounting", recount, "×", recount is not None and recount >= 10)
    )
    page = found.ahead("first", "PostGraphile")
    rows.append(_row("6 a page of cases: ≥ 3 × PostGraphile", page, "×", page is not None and page >= 3))
    return rows


def _row(goal: str, value: float | None, unit: str, is_reached: bool) -> tuple[str, str, str]:
    if value is None:
        return goal, "not measured", "–"
    return goal, f"{value:,.2f} {unit}", "yes" if is_reached else "**no**"
