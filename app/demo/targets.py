"""What the invented record is calibrated to: published figures, exact and near, and the tables behind them.

Every number about the world in this room stands here. Source of the published figures: Mediazona,
through the pages named in the documentation; the rest of the tables is invented to lead up to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

Measure = Literal["received", "convicted"]

MOBILISATION = date(2022, 9, 21)
WARTIME_PARTS_IN_FORCE = date(2022, 9, 24)
FIRST_RECEIPT = date(2021, 1, 1)
FIRST_FILE = date(2022, 10, 3)
LAST_FILE = date(2025, 6, 26)

PUBLICATION_DAYS = (
    date(2023, 5, 12),
    date(2023, 7, 19),
    date(2023, 11, 24),
    date(2023, 12, 29),
    date(2024, 4, 12),
    date(2024, 6, 18),
    date(2024, 12, 27),
    LAST_FILE,
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A published count: cases received or persons convicted, by day of the event, as of a day."""

    measure: Measure
    articles: tuple[str, ...]
    start: date
    end: date
    as_of: date
    count: int
    is_wartime: bool = False  # only the parts added in September 2022

    def covers(self, day: date) -> bool:
        """Whether an event of that day is counted."""
        return self.start <= day <= self.end


def _figure(
    measure: Measure, articles: str, period: str, as_of: str, count: int, *, is_wartime: bool = False
) -> Figure:
    start, _, end = period.partition("/")
    return Figure(
        measure,
        tuple(articles.split("+")),
        date.fromisoformat(start),
        date.fromisoformat(end),
        date.fromisoformat(as_of),
        count,
        is_wartime,
    )


# Met to the unit by construction. In order of the day of publication, the narrower period first.
EXACT = (
    _figure("received", "337", "2022-01-01/2022-12-31", "2023-05-12", 1001),
    _figure("received", "337", "2023-01-01/2023-05-07", "2023-05-12", 1053),
    _figure("received", "337", "2021-01-01/2021-12-31", "2023-07-19", 615),
    _figure("received", "337", "2022-01-01/2022-12-31", "2023-07-19", 1001),
    _figure("received", "337", "2023-01-01/2023-06-30", "2023-07-19", 2076),
    # ISO weeks 2023-W23 to W25: about a hundred a week was published; 299 is our choice within that.
    _figure("convicted", "337", "2023-06-05/2023-06-25", "2023-07-19", 299),
    _figure("convicted", "337", "2023-08-01/2023-08-31", "2023-11-24", 457),
    _figure("received", "337", "2021-01-01/2021-12-31", "2023-12-29", 615),
    _figure("received", "332", "2023-01-01/2023-12-29", "2023-12-29", 421),
    _figure("received", "337", "2023-01-01/2023-12-29", "2023-12-29", 5024),
    _figure("received", "338", "2023-01-01/2023-12-29", "2023-12-29", 148),
    _figure("received", "337", "2024-02-01/2024-02-29", "2024-04-12", 718),
    _figure("convicted", "337", "2024-03-01/2024-03-31", "2024-04-12", 684),
    _figure("received", "332", "2024-05-01/2024-05-31", "2024-06-18", 43),
    _figure("received", "337", "2024-05-01/2024-05-31", "2024-06-18", 844),
    _figure("received", "338", "2024-05-01/2024-05-31", "2024-06-18", 42),
)

# Come out within a tenth: scopes differ from ours or contradict each other in the sources.
NEAR = (
    _figure("received", "337", "2023-01-01/2023-05-07", "2023-05-12", 992, is_wartime=True),
    _figure("received", "337", "2022-09-21/2023-11-21", "2023-11-24", 4121, is_wartime=True),
    _figure("received", "332", "2022-09-21/2023-11-21", "2023-11-24", 317),
    _figure("received", "338", "2022-09-21/2023-11-21", "2023-11-24", 96),
    _figure("received", "337", "2022-09-21/2024-04-10", "2024-04-12", 7400, is_wartime=True),
    _figure("received", "332", "2022-09-21/2024-04-10", "2024-04-12", 536),
    _figure("received", "338", "2022-09-21/2024-04-10", "2024-04-12", 254),
    _figure("received", "337", "2022-09-21/2024-06-18", "2024-06-18", 9059, is_wartime=True),
    _figure("received", "332", "2022-09-21/2024-06-18", "2024-06-18", 627),
    _figure("received", "338", "2022-09-21/2024-06-18", "2024-06-18", 339),
    _figure("convicted", "332+337+338", "2022-09-21/2024-06-18", "2024-06-18", 8594),
    _figure("received", "332+337+338", "2024-07-01/2024-07-31", "2024-12-27", 1076),
    _figure("received", "332+337+338", "2024-01-01/2024-12-27", "2024-12-27", 10308),
    _figure("received", "337", "2022-09-21/2025-05-31", "2025-06-26", 18159, is_wartime=True),
    _figure("received", "332", "2022-09-21/2025-05-31", "2025-06-26", 1369),
    _figure("received", "338", "2022-09-21/2025-05-31", "2025-06-26", 1010),
    _figure("convicted", "332+337+338", "2022-09-21/2025-05-31", "2025-06-26", 17721),
)

# Cases that courts receive, by principal article, year and month, whenever their cards appear.
RECEIVED: Mapping[str, Mapping[int, tuple[int, ...]]] = {
    "337": {
        2021: (45, 48, 52, 50, 47, 52, 55, 52, 50, 55, 54, 55),
        2022: (50, 50, 52, 55, 55, 55, 55, 58, 70, 125, 180, 207),
        2023: (155, 212, 338, 338, 530, 580, 505, 490, 475, 515, 545, 600),
        2024: (715, 745, 780, 800, 895, 840, 965, 820, 800, 810, 770, 760),
        2025: (770, 780, 800, 800, 780, 640),
    },
    "332": {
        2021: (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
        2022: (1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 3),
        2023: (8, 10, 14, 18, 26, 32, 38, 42, 46, 54, 66, 98),
        2024: (36, 40, 42, 44, 45, 50, 62, 55, 52, 55, 55, 55),
        2025: (65, 66, 68, 68, 65, 45),
    },
    "338": {
        2021: (2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2),
        2022: (1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3),
        2023: (3, 3, 4, 5, 6, 7, 9, 11, 13, 18, 29, 58),
        2024: (34, 32, 36, 40, 47, 46, 62, 48, 46, 46, 46, 46),
        2025: (62, 64, 66, 68, 66, 45),
    },
    "other": {
        2021: (18,) * 12,
        2022: (18,) * 12,
        2023: (22,) * 12,
        2024: (24,) * 12,
        2025: (24, 24, 24, 24, 24, 20),
    },
}

# Verdicts that courts get through in article 337, single defendants, by year and month of decision.
VERDICTS: Mapping[int, tuple[int, ...]] = {
    2021: (10, 30, 38, 40, 42, 42, 44, 44, 44, 45, 46, 45),
    2022: (40, 40, 42, 44, 44, 45, 45, 46, 48, 60, 85, 115),
    2023: (135, 190, 300, 320, 365, 470, 450, 470, 455, 475, 485, 500),
    2024: (430, 540, 770, 640, 700, 690, 760, 750, 740, 760, 700, 690),
    2025: (600, 680, 700, 720, 690, 560),
}

# Share of article 337 cases under the parts added in September 2022; the last holds from then on.
WARTIME_SHARE = (
    (date(2022, 10, 1), 0.03),
    (date(2022, 11, 1), 0.10),
    (date(2022, 12, 1), 0.20),
    (date(2023, 1, 1), 0.88),
    (date(2023, 2, 1), 0.93),
    (date(2023, 3, 1), 0.95),
    (date(2023, 4, 1), 0.97),
    (date(2023, 6, 1), 0.985),
    (date(2024, 1, 1), 0.995),
)


@dataclass(frozen=True, slots=True)
class Split:
    """Sentences known in article 337, all that were learnt by a day."""

    custodial: int
    suspended: int
    non_custodial: int


# Cumulative. 2023-03-22: 69 known; 2023-07-19: 330, of the mobilised 35 % custodial, of contract soldiers
# 28 %, suspended nearly 60 % of all; 2023-11-24: suspended 56 % of the mobilised, 63 % of contract soldiers.
SENTENCES: tuple[tuple[date, Mapping[str, Split]], ...] = (
    (
        date(2023, 3, 22),
        {
            "mobilised": Split(9, 8, 3),
            "contract": Split(22, 18, 3),
            "conscript": Split(2, 1, 0),
            "unknown": Split(0, 3, 0),
        },
    ),
    (
        date(2023, 7, 19),
        {
            "mobilised": Split(49, 79, 12),
            "contract": Split(49, 108, 18),
            "conscript": Split(5, 3, 1),
            "unknown": Split(2, 4, 0),
        },
    ),
    (
        date(2023, 11, 24),
        {
            "mobilised": Split(105, 168, 27),
            "contract": Split(95, 214, 31),
            "conscript": Split(9, 6, 2),
            "officer": Split(1, 3, 1),
            "volunteer_formation": Split(1, 2, 0),
            "unknown": Split(4, 8, 1),
        },
    ),
    (
        date(2024, 4, 12),
        {
            "mobilised": Split(190, 260, 47),
            "contract": Split(190, 350, 60),
            "conscript": Split(14, 9, 4),
            "officer": Split(2, 5, 2),
            "volunteer_formation": Split(3, 5, 1),
            "unknown": Split(9, 18, 2),
        },
    ),
    (
        date(2024, 12, 27),
        {
            "mobilised": Split(380, 410, 80),
            "contract": Split(560, 740, 140),
            "conscript": Split(22, 14, 6),
            "officer": Split(5, 9, 4),
            "volunteer_formation": Split(12, 11, 2),
            "released_convict": Split(6, 1, 0),
            "unknown": Split(24, 36, 6),
        },
    ),
    (
        LAST_FILE,
        {
            "mobilised": Split(480, 470, 95),
            "contract": Split(960, 1000, 210),
            "conscript": Split(28, 17, 8),
            "officer": Split(8, 12, 5),
            "volunteer_formation": Split(25, 16, 3),
            "released_convict": Split(18, 2, 0),
            "unknown": Split(40, 52, 9),
        },
    ),
)

# Percent of the country's cases before the courts of a region, by the leading regions; the others share
# what is left. Regions are numbered as on sudrf.ru.
REGION_PERCENT: Mapping[str, float] = {
    "50": 7.4,
    "61": 4.5,
    "66": 4.3,
    "25": 3.9,
    "63": 3.9,
    "56": 3.4,
    "23": 2.8,
    "91": 1.0,
    "92": 0.9,
    "95": 0.2,
}

# Delays in days: (weight, at least, at most).
Delay = tuple[tuple[float, int, int], ...]
CARD_DELAY: Delay = ((0.72, 1, 7), (0.18, 7, 20), (0.07, 20, 60), (0.03, 60, 365))
DECISION_DELAY: Delay = ((0.70, 2, 10), (0.22, 10, 28), (0.08, 28, 100))
FORCE_DELAY: Delay = ((0.6, 3, 20), (0.3, 20, 60), (0.1, 60, 200))
HEARING_DELAY: Delay = ((0.55, 18, 45), (0.33, 45, 90), (0.12, 90, 240))
