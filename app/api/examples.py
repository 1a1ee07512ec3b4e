"""Examples that OpenAPI shows; no real case is in them."""

from typing import Any

CASE: dict[str, Any] = {
    "id": "cs_01J8Z3V5N2Q4R6T8W0Y2A4C6E8",
    "etag": '"3-5d0c2f6b8e9a41c7d203"',
    "version": 3,
    "revision": 57,
    "court": "61GV0012",
    "instance": "first",
    "identifiers": [
        {"type": "case_number", "value": "1-45/2023", "current": True},
        {"type": "case_number", "value": "1-201/2022", "current": False},
        {"type": "uid", "value": "61GV0012-01-2023-000123-60", "current": True, "check_digits": True},
    ],
    "received_on": "2023-03-14",
    "arrival": "new",
    "decided_on": "2023-04-21",
    "disposition": "verdict",
    "in_force_on": "2023-05-06",
    "is_withdrawn": False,
    "merged_into": None,
    "deny": [],
    "defendants": [
        {
            "id": "d1",
            "ordinal": 1,
            "service_status": "mobilised",
            "disposition": "convicted",
            "is_presumed": False,
            "decided_on": "2023-04-21",
            "principal_offence": "337:5",
            "deny": [],
            "charges": [{"offence": "337:5", "role": "filed", "stage": "completed", "episodes": 1, "principal": False}],
            "sentence": {
                "class": "suspended",
                "kind": "imprisonment",
                "execution": "suspended",
                "term_months": 30,
                "probation_months": 24,
                "fine_rub": None,
                "regime": None,
                "source": "verdict_text",
            },
        }
    ],
    "layers": {"disposition": "court_card", "defendants.d1.sentence": "newsroom"},
    "conflicts": 0,
    "sources": [{"kind": "court_card", "url": "https://court.example/card/1", "seen_on": "2023-05-10"}],
    "related": [
        {
            "id": "cs_01J8Z3V5N2Q4R6T8W0Y2A4C6E7",
            "court": "77GV0003",
            "instance": "first",
            "received_on": "2023-02-01",
            "arrival": "new",
            "decided_on": "2023-03-10",
            "disposition": "transferred_jurisdiction",
        }
    ],
}

_META: dict[str, Any] = {
    "revision": 57,
    "as_of": "2025-06-26T00:00:00Z",
    "published_at": "2025-06-26T00:00:00Z",
    "synthetic": True,
    "backdated": False,
    "release": "1.0.0",
    "question": "court=61GV0012",
    "cite": "Sudstat, revision 57 of 2025-06-26, /v1/cases?court=61GV0012",
    "licence": "CC BY 4.0",
    "attribution": "Sudstat",
}

CASE_LIST: dict[str, Any] = {
    "results": [{name: value for name, value in CASE.items() if name not in ("etag", "related")}],
    "paging": {"limit": 100, "has_more": False, "next": None, "total": None},
    "meta": _META,
    "warnings": [],
}

STATISTICS: dict[str, Any] = {
    "results": [
        {
            "week": "2023-W23",
            "week_start": "2023-06-05",
            "week_end": "2023-06-11",
            "partial": False,
            "status": "final",
            "completeness": 0.998,
            "service_status": "mobilised",
            "persons_convicted": 19,
            "coverage": 0.28,
            "coverage_of": "persons_convicted, all service statuses",
        }
    ],
    "dimensions": [
        {"id": "week", "type": "iso_week"},
        {"id": "service_status", "codelist": "service_status", "additive": True},
    ],
    "measures": [
        {
            "id": "persons_convicted",
            "unit": "person",
            "event": "decided",
            "unit_of_value": "person",
            "additive": True,
            "additive_over": ["week", "service_status"],
            "definition": "Persons in whose matter a judgment was given that is not known to acquit.",
            "definition_version": 1,
        }
    ],
    "paging": {"limit": None, "has_more": False, "next": None, "total": 1},
    "meta": {
        **_META,
        "definition": 1,
        "coverage": {"first": "2021-01-01", "last": "2025-05-31"},
        "breaks": [],
        "question": "measures=persons_convicted&group_by=week,service_status&offence=337",
        "cite": "Sudstat, revision 57 of 2025-06-26, /v1/statistics?measures=persons_convicted",
    },
    "warnings": [],
}

SKILL: dict[str, Any] = {
    "results": [
        {
            "measure": "persons_convicted",
            "age_weeks": "1",
            "n": 40,
            "coverage_50": 0.55,
            "coverage_80": 0.83,
            "bias": -0.004,
            "error": 0.05,
            "error_of_count": 0.31,
            "status": "normal",
        }
    ],
    "paging": {"limit": None, "has_more": False, "next": None, "total": 1},
    "meta": {**_META, "question": "measures=persons_convicted"},
    "warnings": [],
}

RECORDS_BEHIND: dict[str, Any] = {
    "results": [
        {
            "case_id": CASE["id"],
            "defendant_id": "d1",
            "court": "61GV0012",
            "offence": "337:5",
            "day": "2023-04-21",
        }
    ],
    "paging": {"limit": 100, "has_more": False, "next": None, "total": None},
    "meta": {**_META, "question": "measures=persons_convicted&court=61GV0012"},
    "warnings": [],
}

_STATE = {"as_of": "2025-06-26T00:00:00Z", "published_at": "2025-06-26T00:00:00Z", "backdated": False}
_CAUSES = {"new": 120, "late_reported": 70, "newly_found": 0, "reclassified": 5, "corrected": 0, "merged_duplicate": -2}
COMPARISON: dict[str, Any] = {
    "results": [
        {
            "year": "2023",
            "year_start": "2023-01-01",
            "year_end": "2023-12-31",
            "partial": False,
            "cases_received": {
                "before": 5400,
                "after": 5593,
                "delta": 193,
                "causes": {**_CAUSES, "withdrawn": 0, "restored": 0, "undone": 0, "removed": 0, "method": 0},
            },
        }
    ],
    "from": {"revision": 40, **_STATE},
    "to": {"revision": 57, **_STATE},
    "dimensions": [{"id": "year", "type": "year"}],
    "measures": [
        {
            "id": "cases_received",
            "unit": "case",
            "event": "received",
            "unit_of_value": "case",
            "additive": True,
            "additive_over": ["year"],
            "definition": "Criminal cases received by a court, by the day of receipt.",
            "definition_version": 1,
        }
    ],
    "paging": {"limit": None, "has_more": False, "next": None, "total": 1},
    "meta": {**_META, "question": "from=40&to=57&measures=cases_received&group_by=year"},
    "warnings": [],
}

REVISION: dict[str, Any] = {
    "revision": 57,
    "published_at": "2025-06-26T00:00:00Z",
    "recorded_at": "2025-06-26T00:00:00Z",
    "cause": "source",
    "source": "garrison-cards",
    "layer": "court_card",
    "layout": "house",
    "author": "4fGh7Kq2LmNp",
    "synthetic": True,
    "backdated": False,
    "counts": {"created": 1, "changed": 2, "withdrawn": 0},
}

CHANGE_LIST: dict[str, Any] = {
    "results": [
        {
            "revision": 57,
            "published_at": "2025-06-26T00:00:00Z",
            "id": CASE["id"],
            "court": "61GV0012",
            "version": 3,
            "change": "changed",
            "cause": "source",
            "causes": ["corrected"],
            "source": "garrison-cards",
            "layer": "court_card",
            "author": "4fGh7Kq2LmNp",
            "note": None,
            "differences": [
                {"field": "decided_on", "before": "2023-04-20", "after": "2023-04-21", "layer": "court_card"}
            ],
        }
    ],
    "paging": {"limit": 100, "has_more": False, "next": None, "total": None},
    "meta": {**_META, "question": "after_revision=56"},
    "warnings": [],
}

CONFLICT: dict[str, Any] = {
    "id": "cf_01J8Z3V5N2Q4R6T8W0Y2A4C6E85D0C2F6B8E9A",
    "kind": "values_differ",
    "court": "61GV0012",
    "case": CASE["id"],
    "other": None,
    "field": "decided_on",
    "court_card": {"value": "2023-04-20", "seen_on": "2023-05-10", "revision": 41, "sources": CASE["sources"]},
    "newsroom": {"value": "2023-04-21", "seen_on": "2023-05-12", "revision": 57, "sources": []},
    "reasons": [],
    "since": 57,
}
CONFLICT_LIST: dict[str, Any] = {
    "results": [CONFLICT],
    "paging": {"limit": 100, "has_more": False, "next": None, "total": None},
    "meta": {**_META, "question": "court=61GV0012"},
    "warnings": [],
}

RECEIPT: dict[str, Any] = {
    "batch_id": "0199d3f0-8a3c-7b41-9a57-2f6d1c0e4b7a",
    "revision": 58,
    "applied": True,
    "counts": {
        "received": 3,
        "created": 1,
        "changed": 1,
        "unchanged": 1,
        "stale": 0,
        "superseded_in_file": 0,
        "suppressed": 0,
        "skipped": 0,
        "refused": 0,
    },
    "skipped": {},
    "refused": [],
    "warnings": [],
    "possible_duplicates": [],
    "defendants_changed": [],
    "effect": [{"measure": "cases_received", "period": "2023-W11", "before": 118, "after": 119}],
    "effect_total": 1,
}
