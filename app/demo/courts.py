"""Which courts the invented record is spread over, and how heavily."""

from collections.abc import Mapping
from random import Random

from app.demo.targets import REGION_PERCENT
from app.reference import Court, courts


def garrison_weights(chance: Random) -> Mapping[str, float]:
    """The weight of each garrison court that has a website, by code; they add up to 100.

    Courts without a website, those on occupied territory, publish nothing and so are not here.
    """
    sites = [court for court in courts().values() if court.level == "garrison" and court.subdomain]
    regions: dict[str, list[Court]] = {}
    for court in sites:
        regions.setdefault(court.region_code, []).append(court)
    percent = _region_percent(tuple(regions), chance)
    return {court.code: percent[court.region_code] / len(regions[court.region_code]) for court in sites}


def _region_percent(regions: tuple[str, ...], chance: Random) -> Mapping[str, float]:
    jitter = {region: chance.uniform(0.4, 1.6) for region in regions if region not in REGION_PERCENT}
    left = 100.0 - sum(REGION_PERCENT.values())
    shared = {region: left * weight / sum(jitter.values()) for region, weight in jitter.items()}
    return {**REGION_PERCENT, **shared}


def hears_appeals(court: Court) -> Court | None:
    """The court above, where the scraper reads its site: it lacks the 2nd Western District court."""
    above = courts().get(court.next_court or "")
    return above if above and above.subdomain and above.code not in _UNREAD else None


# Courts that the scraper whose files we imitate does not know.
_UNREAD = {"77OV0000", "50AV0000"}
