"""The recount: what an answer has to be, reckoned entry by entry from the model and not from the code."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import product
from statistics import mean, quantiles
from typing import Any

import pytest

from app.statistics.intervals import wilson_interval

LAST_REVISION = 6
PUBLISHED_ON = date(2021, 1, 20)
FIRST_DAY = date(2020, 12, 21)  # around a week 53
COURTS = {  # code: level, region, district
    "61GV0001": ("garrison", "61", "61OV0000"),
    "77GV0001": ("garrison", "77", "unknown"),
    "61OV0000": ("district", "61", "61OV0000"),
}
OFFENCES = {  # article and part: group, is_wartime
    "337": ("absence", "unknown"),
    "337:3": ("absence", "false"),
    "337:5": ("absence", "true"),
    "352": ("weapons_vehicles", "unknown"),
    "352.1": ("surrender", "true"),
    "158:2": ("other", "unknown"),
}
KNOWN_CLASSES = ("custodial", "suspended", "deferred", "non_custodial")
ORDER = {  # codes of each dimension in the order of rows
    "court": ["61GV0001", "61OV0000", "77GV0001"],
    "court_level": ["garrison", "district"],
    "region": ["61", "77"],
    "district": ["61OV0000", "unknown"],
    "offence": ["158", "337", "352", "352.1"],
    "offence_part": ["158:2", "337", "337:3", "337:5", "352", "352.1"],
    "offence_group": ["absence", "other", "surrender", "weapons_vehicles"],
    "is_wartime": ["true", "false", "unknown"],
    "arrival": ["new", "transfer"],
    "disposition": [
        "verdict", "returned_to_prosecutor", "transferred_jurisdiction", "convicted", "acquitted", "terminated",
        "returned", "transferred", "joined", "other", "pending",
    ],
    "service_status": ["mobilised", "contract", "mixed", "unknown"],
    "sentence_class": [*KNOWN_CLASSES, "no_penalty", "unknown"],
    "sentence_kind": ["imprisonment", "fine", "unknown"],
    "sentence_execution": ["immediate", "suspended", "unknown"],
}  # fmt: skip
LEARNT = {
    "service_status": "service statuses",
    "sentence_class": "sentence classes",
    "sentence_kind": "kinds of sentence",
    "sentence_execution": "executions of sentence",
}
KEYS: dict[str, Callable[[date], str]] = {
    "day": date.isoformat,
    "week": lambda day: day.strftime("%G-W%V"),
    "month": lambda day: day.strftime("%Y-%m"),
    "quarter": lambda day: f"{day.year}-Q{(day.month + 2) // 3}",
    "half_year": lambda day: f"{day.year}-H{(day.month + 5) // 6}",
    "year": lambda day: str(day.year),
}


@cache
def key_of(grain: str, day: date) -> str:
    return KEYS[grain](day)


@dataclass(frozen=True)
class Entry:
    """What a ledger entry is counted by."""

    unit: str
    event: str
    day: date | None
    court: str
    court_level: str
    region: str
    district: str
    offence: str
    offence_part: str
    offence_group: str
    is_wartime: str
    arrival: str
    service_status: str
    disposition: str
    is_presumed: bool
    sentence_class: str
    sentence_kind: str
    sentence_execution: str
    days: int | None = None
    term_months: int | None = None
    offences: tuple[str, ...] = ()


Posted = tuple[int, Entry, int]  # revision, entry, n
Look = tuple[str, int, date, date, int | None, bool]  # court, revision, from, until, superseded in, whole
Given = dict[str, tuple[str, ...]]
Row = dict[str, Any]


def _person_decided(*dispositions: str) -> Callable[[Entry], bool]:
    return lambda e: e.unit == "person" and e.event == "decided" and e.disposition in dispositions


def _sentenced(*classes: str) -> Callable[[Entry], bool]:
    return lambda e: COUNTS["persons_convicted"](e) and e.sentence_class in classes


COUNTS: dict[str, Callable[[Entry], bool]] = {
    "cases_received": lambda e: e.unit == "case" and e.event == "received",
    "persons_received": lambda e: e.unit == "person" and e.event == "received",
    "charges": lambda e: e.unit == "charge" and e.event == "received",
    "cases_decided": lambda e: (
        e.unit == "case"
        and e.event == "decided"
        and e.disposition not in ("transferred_jurisdiction", "returned_to_prosecutor", "joined")
    ),
    "persons_decided": lambda e: (
        e.unit == "person" and e.event == "decided" and e.disposition not in ("transferred", "returned", "joined")
    ),
    "persons_convicted": _person_decided("convicted"),
    "persons_convicted_presumed": lambda e: COUNTS["persons_convicted"](e) and e.is_presumed,
    "persons_acquitted": _person_decided("acquitted"),
    "sentences_known": _sentenced(*KNOWN_CLASSES),
    "custodial": _sentenced("custodial"),
    "suspended": _sentenced("suspended"),
    "deferred": _sentenced("deferred"),
    "non_custodial": _sentenced("non_custodial"),
}
SHARES = {"custodial_share": "custodial", "suspended_share": "suspended"}
COHORTS = {f"decided_within_{days}_days_share": days for days in (30, 60, 90)}


def is_imprisoned(entry: Entry) -> bool:
    is_convicted = COUNTS["persons_convicted"](entry)
    return is_convicted and entry.sentence_kind == "imprisonment" and entry.term_months is not None


SPREADS: dict[str, tuple[str, float | None, Callable[[Entry], bool]]] = {
    "term_months_p25": ("term_months", 0.25, is_imprisoned),
    "term_months_median": ("term_months", 0.5, is_imprisoned),
    "term_months_p75": ("term_months", 0.75, is_imprisoned),
    "term_months_mean": ("term_months", None, is_imprisoned),
    "days_to_decision_median": ("days", 0.5, COUNTS["cases_decided"]),
}
ANY_CHARGE = {"persons_charged": "persons_received", "cases_charged": "cases_received"}
OF_CHARGE = {"offence", "offence_part", "offence_group", "is_wartime"}
OF_SENTENCES = {"sentences_known", *SHARES, "share", "coverage", *SHARES.values(), "deferred", "non_custodial"}
OF_SENTENCES |= {name for name in SPREADS if name.startswith("term_months")}


def count(name: str, held: Mapping[Entry, int]) -> int:
    return sum(n for entry, n in held.items() if COUNTS[ANY_CHARGE.get(name, name)](entry))


def faces(name: str, entry: Entry) -> list[Entry]:
    """An entry as a measure sees it: one by any charge once with each charge in the place of the gravest."""
    if name not in ANY_CHARGE:
        return [entry]
    charges = entry.offences or ("unknown",)
    return [
        replace(
            entry,
            offence=code.split(":")[0],
            offence_part=code,
            offence_group=OFFENCES.get(code, ("other", ""))[0],
            is_wartime=OFFENCES.get(code, ("", "unknown"))[1],
        )
        for code in charges
    ]


def is_asked(entry: Entry, given: Given, *, without: Iterable[str] = ()) -> bool:
    """Whether an entry passes the filters, but for those on some dimensions."""
    for parameter, codes in given.items():
        dimension = parameter.removesuffix("__ne")
        if dimension not in ORDER or dimension in without:
            continue
        found = getattr(entry, dimension) in codes
        if dimension == "offence":
            found = entry.offence_part in codes or entry.offence_part.split(":")[0] in codes
        if found == parameter.endswith("__ne"):
            return False
    return True


@dataclass(frozen=True)
class Recount:
    """The answer to a question, reckoned entry by entry."""

    posted: list[Posted]
    given: Given
    preset: str | None
    revision: int
    covered: tuple[date, date] | None
    looks: Sequence[Look] = ()

    @property
    def measures(self) -> tuple[str, ...]:
        default = (
            ("persons_convicted", "share") if self.preset == "sentences" else ("cases_received", "persons_convicted")
        )
        return self.given.get("measures", default)

    @property
    def grain(self) -> str | None:
        asked = [name for name in self.given.get("group_by", ()) if name in KEYS]
        return "week" if self.preset == "weekly" else next(iter(asked), None)

    @property
    def dimensions(self) -> tuple[str, ...]:
        asked = [name for name in self.given.get("group_by", ()) if name in ORDER]
        added = ["sentence_class"] if self.preset == "sentences" and "sentence_class" not in asked else []
        return (*asked, *added)

    @property
    def learnt(self) -> list[str]:
        named = {*self.dimensions, *(parameter.removesuffix("__ne") for parameter in self.given)}
        return [name for name in LEARNT if name in named]

    @property
    def has_coverage(self) -> bool:
        return bool(self.learnt or OF_SENTENCES.intersection(self.measures))

    def held(self) -> Counter[Entry]:
        held: Counter[Entry] = Counter()
        for revision, entry, n in self.posted:
            if revision <= self.revision:
                held[entry] += n
        return held

    def covered_by_hand(self) -> tuple[date, date] | None:
        days = [entry.day for entry, n in self.held().items() if n and entry.day]
        days += [day for _, _, first, last, *_ in self.looked() for day in (first, last)]
        if not days or min(days) > PUBLISHED_ON:
            return None
        return min(days), min(max(days), PUBLISHED_ON)

    def looked(self) -> list[Look]:
        """The looks that are known at the revision, and were whole."""
        return [
            look
            for look in self.looks
            if look[1] <= self.revision and (look[4] is None or look[4] > self.revision) and look[5]
        ]

    def ends(self, court: str) -> date | None:
        """The last day of which it is known what a court did; None: it is not known of any."""
        lasts = [look[3] for look in self.looked() if look[0] == court]
        if self.covered is None or (self.looked() and not lasts):
            return None
        return min(max(lasts), self.covered[1]) if lasts else self.covered[1]

    def window(self) -> tuple[date, date] | None:
        bounds = ("start_period", "end_period", "last_n")
        if not self.grain and not any(name in self.given for name in bounds):
            return None
        if self.covered is None and not ("start_period" in self.given and "end_period" in self.given):
            return date(2000, 1, 2), date(2000, 1, 1)
        first, last = self.covered or (date.max, date.min)
        if "end_period" in self.given:
            last = date.fromisoformat(self.given["end_period"][0])
        if "start_period" in self.given:
            first = date.fromisoformat(self.given["start_period"][0])
        if "last_n" in self.given and self.grain:
            grain = self.grain
            before = [last - timedelta(step) for step in range(max(1, (last - first).days + 1))]
            wanted = list(dict.fromkeys(key_of(grain, day) for day in before))[: int(self.given["last_n"][0])]
            first = max(first, min(day for day in before if key_of(grain, day) in wanted))
        return first, last

    def periods(self) -> list[tuple[str, date, date, bool]]:
        """Key, first and last day of each period in the window, and whether it is cut."""
        window = self.window()
        if not self.grain or not window or window[0] > window[1]:
            return []
        days: dict[str, list[date]] = {}
        for step in range(-400, (window[1] - window[0]).days + 400):
            day = window[0] + timedelta(step)
            days.setdefault(key_of(self.grain, day), []).append(day)
        days = {name: d for name, d in days.items() if d[0] <= window[1] and d[-1] >= window[0]}
        return [(name, d[0], d[-1], d[0] < window[0] or d[-1] > window[1]) for name, d in days.items()]

    def rows(self) -> list[Row]:
        window, held = self.window(), self.held()
        inside = held
        if window:
            inside = Counter({e: n for e, n in held.items() if e.day and window[0] <= e.day <= window[1]})
        combinations = self.combinations(inside, held)
        if not self.grain:
            return [self._row({}, inside, self._pending(held, window and window[1]), c) for c in combinations]
        return [
            self._row(
                {self.grain: key, f"{self.grain}_start": first, f"{self.grain}_end": last, "partial": is_cut},
                Counter({e: n for e, n in inside.items() if e.day and first <= e.day <= last}),
                self._pending(held, min(last, window[1])),
                combination,
            )
            for key, first, last, is_cut in self.periods()
            if window
            for combination in combinations
        ]

    def combinations(self, inside: Mapping[Entry, int], held: Mapping[Entry, int]) -> list[tuple[str, ...]]:
        observed = set()
        for name in self.measures:
            for pool in self._pools(name, inside, held):
                observed |= {
                    tuple(getattr(face, dimension) for dimension in self.dimensions)
                    for entry, n in pool.items()
                    for face in faces(name, entry)
                    if n and is_asked(face, self.given)
                }
        if not self.dimensions:
            return [()]
        if self.preset == "sentences":
            place = self.dimensions.index("sentence_class")
            rest = {(*entry[:place], *entry[place + 1 :]) for entry in observed}
            rest |= {()} if len(self.dimensions) == 1 else set()
            observed = {(*entry[:place], code, *entry[place:]) for entry in rest for code in ORDER["sentence_class"]}
        orders = [[*ORDER[name], *(["unknown"] if "unknown" not in ORDER[name] else [])] for name in self.dimensions]
        return [entry for entry in product(*orders) if entry in observed]

    def _pools(self, name: str, inside: Mapping[Entry, int], held: Mapping[Entry, int]) -> list[Mapping[Entry, int]]:
        """Entries that make a row be there, where a measure is asked."""
        counted = ANY_CHARGE.get(name, name)
        pools: list[Mapping[Entry, int]] = []
        if counted in COUNTS:
            pools.append({e: n for e, n in inside.items() if COUNTS[counted](e)})
        if name in OF_SENTENCES:
            pools.append({e: n for e, n in inside.items() if COUNTS["persons_convicted"](e)})
        if name in SPREADS:
            column, _, is_counted = SPREADS[name]
            pools.append({e: n for e, n in inside.items() if is_counted(e) and getattr(e, column) is not None})
        if name in COHORTS:
            pools += self._cohort(inside, COHORTS[name])
        if name == "cases_pending":
            window = self.window()
            ends = [min(last, window[1]) for _, _, last, _ in self.periods()] if window and self.grain else []
            pools += [self._pending(held, end) for end in (ends if self.grain else [window and window[1]])]
        return pools

    def _pending(self, held: Mapping[Entry, int], day: date | None) -> dict[Entry, int]:
        """Cases received and not closed by the end of a day; without one, all that are not closed."""
        received = {e: n for e, n in held.items() if n and COUNTS["cases_received"](e)}
        is_open = {e: e.disposition in ("pending", "unknown") for e in received}
        if day is None:
            return {e: n for e, n in received.items() if is_open[e]}
        return {
            e: n
            for e, n in received.items()
            if e.day and e.day <= day
            if is_open[e] or (e.days is not None and e.day + timedelta(e.days) > day)
        }

    def _cohort(self, held: Mapping[Entry, int], days: int) -> tuple[dict[Entry, int], dict[Entry, int]]:
        """Cases of which it is known whether they were decided within so many days, and those too young for that."""
        ended: dict[Entry, int] = {}
        running: dict[Entry, int] = {}
        for e, n in held.items():
            is_usable = e.days is not None or e.disposition in ("pending", "unknown")
            if COUNTS["cases_received"](e) and e.day and self.covered and is_usable:
                last = self.ends(e.court)
                (ended if last and e.day + timedelta(days) <= last else running)[e] = n
        return ended, running

    def _row(self, period: Row, held: Mapping[Entry, int], pending: Mapping[Entry, int], entry: tuple[str, ...]) -> Row:
        codes = dict(zip(self.dimensions, entry, strict=True))

        def of(
            name: str = "",
            pool: Mapping[Entry, int] = held,
            without: Iterable[str] = (),
            filters_without: Iterable[str] = (),
        ) -> dict[Entry, int]:
            return {
                entry: n
                for entry, n in pool.items()
                if any(
                    is_asked(face, self.given, without=filters_without)
                    and all(getattr(face, d) == code for d, code in codes.items() if d not in without)
                    for face in faces(name, entry)
                )
            }

        row = period | codes
        for name in self.measures:
            if name in COUNTS or name in ANY_CHARGE:
                row[name] = count(name, of(name))
                if name in ANY_CHARGE and OF_CHARGE.intersection(self.dimensions):
                    row[f"{name}_distinct"] = count(name, of(name, without=OF_CHARGE))
            elif name in SHARES:
                row |= ratio(name, count(SHARES[name], of()), count("sentences_known", of()))
            elif name == "share":
                row |= class_share(codes["sentence_class"], of(), of(without=["sentence_class"]))
            elif name == "cases_pending":
                row[name] = sum(of(pool=pending).values())
            elif name in SPREADS:
                row |= spread(name, of())
            elif name in COHORTS:
                ended, running = (of(pool=pool) for pool in self._cohort(held, COHORTS[name]))
                row |= within(name, ended, running)
            if name in OF_SENTENCES and "coverage" not in row:
                row |= self._coverage(of(without=self.learnt, filters_without=self.learnt))
        if self.has_coverage and "coverage" not in row:
            row |= self._coverage(of(without=self.learnt, filters_without=self.learnt))
        return row

    def _coverage(self, base: Mapping[Entry, int]) -> Row:
        convicted = count("persons_convicted", base)
        is_known = {e: n for e, n in base.items() if all(getattr(e, name) != "unknown" for name in self.learnt)}
        names = " and ".join(LEARNT[name] for name in self.learnt)
        return {
            "coverage": count("sentences_known", is_known) / convicted if convicted else None,
            "coverage_status": "normal" if convicted else "undefined",
            "coverage_of": f"persons_convicted, all {names}" if names else "persons_convicted",
        }

    def undated(self) -> dict[str, int]:
        """How many undated events are left out, by measure."""
        undated = {e: n for e, n in self.held().items() if not e.day}
        found = {}
        for name in self.measures:
            if not self.window() and name not in COHORTS:
                continue
            own = {e: n for e, n in undated.items() if any(is_asked(face, self.given) for face in faces(name, e))}
            if name in SPREADS and name.startswith("term"):
                found[name] = sum(n for e, n in own.items() if is_imprisoned(e))
            elif name == "cases_pending":
                found[name] = sum(self._pending(own, None).values())
            else:
                found[name] = count(_POPULATION.get(name, name), own)
        return {name: n for name, n in found.items() if n}


_POPULATION = {
    "coverage": "persons_convicted",
    **dict.fromkeys((*SHARES, "share"), "sentences_known"),
    **dict.fromkeys(COHORTS, "cases_received"),
    "days_to_decision_median": "cases_decided",
}


def ratio(name: str, successes: int, trials: int, **more: int) -> Row:
    low, high = wilson_interval(successes, trials) if trials else (None, None)
    return {
        name: successes / trials if trials else None,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_n": trials,
        f"{name}_numerator": successes,
        **{f"{name}_{suffix}": n for suffix, n in more.items()},
        f"{name}_small_n": trials < 30,
        f"{name}_status": "normal" if trials else "undefined",
    }


def class_share(code: str, own: Mapping[Entry, int], every_class: Mapping[Entry, int]) -> Row:
    trials = count("sentences_known", every_class)
    if code in KNOWN_CLASSES:
        return ratio("share", count("persons_convicted", own), trials)
    named = {"share_n": trials, "share_numerator": None, "share_small_n": trials < 30}
    return ratio("share", 0, 0) | named | {"share_status": "not_applicable"}


def within(name: str, ended: Mapping[Entry, int], running: Mapping[Entry, int]) -> Row:
    is_late = ("transferred_jurisdiction", "returned_to_prosecutor", "joined", "pending", "unknown")
    early = [n for e, n in ended.items() if e.disposition not in is_late and e.days is not None]
    decided = [n for e, n in ended.items() if e.disposition not in is_late and (e.days or 0) <= COHORTS[name]]
    assert len(decided) <= len(early)
    return ratio(name, sum(decided), sum(ended.values()), not_yet=sum(running.values()))


def spread(name: str, held: Mapping[Entry, int]) -> Row:
    """Quartiles by the standard library's inclusive method, which is numpy's linear one."""
    column, fraction, is_counted = SPREADS[name]
    values = [getattr(e, column) for e, n in held.items() for _ in range(n) if is_counted(e)]
    values = [value for value in values if value is not None]
    found = None
    if values and fraction is None:
        found = mean(values)
    elif values and fraction is not None:
        found = quantiles(values * (2 if len(values) == 1 else 1), n=4, method="inclusive")[int(fraction * 4) - 1]
    return {
        name: None if found is None else pytest.approx(found),
        f"{name}_n": len(values),
        f"{name}_small_n": len(values) < 30,
        f"{name}_status": "normal" if values else "undefined",
    }
