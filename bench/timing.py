"""Does the time of a refusal tell a wrong secret from an id that there is not? `make bench-timing`.

Keys of three kinds are presented in turn, many times, in the process and over HTTP on loopback; for each pair the
Mann-Whitney test says whether one kind takes longer. By hand: a machine at work at something else tells nothing.
"""

import argparse
import asyncio
import math
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from statistics import median

from app import migrations
from app.access.keys import Caller, HeldKey, check_key, digest, make_key, read_key_id
from app.access.register import create_key
from app.db.database import Database
from app.db.embedded import embedded_postgres
from app.errors import KeyInvalid
from app.ingest.restate import bring_method
from bench.limits import Line
from bench.service import served

Samples = Mapping[str, list[float]]
ALPHA = 0.001
_KEYS = 500
_WRONG = ("wrong secret, first digit right", "wrong secret")


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> float:
    """Two-sided p of the rank-sum test, by the normal approximation with ties.

    Source   Mann and Whitney 1947, Ann. Math. Stat. 18, 50-60
    """
    ordered = sorted([(value, True) for value in one] + [(value, False) for value in other])
    ranks, ties, place = 0.0, 0.0, 0
    while place < len(ordered):
        end = place
        while end < len(ordered) and ordered[end][0] == ordered[place][0]:
            end += 1
        ranks += (place + end + 1) / 2 * sum(is_one for _, is_one in ordered[place:end])
        ties += (end - place) ** 3 - (end - place)
        place = end
    n, m, total = len(one), len(other), len(ordered)
    spread = math.sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))))
    z = (ranks - n * (n + 1) / 2 - n * m / 2) / spread if spread else 0.0
    return math.erfc(abs(z) / math.sqrt(2))


def presented(key: str) -> dict[str, str]:
    """Keys that are refused: one digit of a good key's secret changed, all of it changed, an id that there is not."""
    known = read_key_id(key)
    near = next(made for made in (make_key(known)[1] for _ in range(10_000)) if made[17] == key[17])
    return {_WRONG[0]: near, _WRONG[1]: make_key(known)[1], "unknown id": make_key()[1]}


def in_process(rounds: int) -> Samples:
    """Nanoseconds of a check, kinds in random order."""
    key = make_key()[1]
    held = {read_key_id(key): HeldKey(digest(key), Caller(read_key_id(key), frozenset()))}
    # Many keys of each kind: one is told from another by where it happens to lie in memory.
    many, dice = [presented(key) for _ in range(_KEYS)], random.Random(1)  # noqa: S311
    took: dict[str, list[float]] = {kind: [] for kind in many[0]}
    for turn in range(rounds):
        kinds = many[turn % _KEYS]
        for kind, given in dice.sample(list(kinds.items()), len(kinds)):
            begun = time.perf_counter_ns()
            with suppress(KeyInvalid):
                check_key(given, held.get(read_key_id(given)))
            took[kind].append(time.perf_counter_ns() - begun)
    return took


async def over_http(port: int, key: str, rounds: int) -> Samples:
    """Milliseconds of a refusal, kinds in random order, on one connection each."""
    kinds, dice = presented(key), random.Random(2)  # noqa: S311
    lines = {kind: Line(port, given) for kind, given in kinds.items()}
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in dice.sample(list(kinds), len(kinds)):
            begun = time.perf_counter()
            status, _ = await lines[kind].ask("/v1/statistics")
            assert status == 401
            took[kind].append((time.perf_counter() - begun) * 1000)
    return took


def tell(where: str, took: Samples, unit: str, *kinds: str) -> bool:
    """Print medians and tests; whether some pair differs, of all or of some kinds."""
    for kind, each in took.items():
        print(f"| {where} | {kind} | {len(each):,} | {median(each):.3f} {unit} |")
    found = [(one, other, mann_whitney(took[one], took[other])) for one, other in combinations(took, 2)]
    for one, other, p in found:
        print(f"| {where} | {one} or {other} | | p = {p:.3f} |")
    judged = [p for one, other, p in found if not kinds or {one, other} <= set(kinds)]
    return any(p < ALPHA / len(found) for p in judged)


def main() -> int:
    """Measure, and print a table in Markdown; 1 where the time tells of a secret, or tells a caller anything."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=20_000, help="in the process")
    asked.add_argument("--http-rounds", type=int, default=120)
    asked.add_argument("--port", type=int, default=8768)
    given = asked.parse_args()
    print("| where | refused for | times | median |\n|---|---|---|---|")
    # A dictionary takes some nanoseconds longer to have nothing; whether a caller could see that, HTTP tells.
    tells = tell("in the process", in_process(given.rounds), "ns", *_WRONG)
    with tempfile.TemporaryDirectory() as folder, embedded_postgres(Path(folder) / "data") as url:
        migrations.upgrade(url)
        key = asyncio.run(_prepare(url))
        with served(url, given.port):
            tells |= tell("over HTTP", asyncio.run(over_http(given.port, key, given.http_rounds)), "ms")
    return int(tells)


async def _prepare(url: str) -> str:
    await bring_method(Database(url))
    async with Database(url).owner() as connection:
        return await create_key(connection, "bench", scopes=["statistics"])


if __name__ == "__main__":
    sys.exit(main())
