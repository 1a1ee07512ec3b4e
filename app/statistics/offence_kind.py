"""What the reference says of the offence of an entry or a charge: the one definition, as SQL.

An offence is looked up with its part (`f`), else by its article (`a`); what the reference does not have is `other`.
"""

OFFENCE_GROUP = "coalesce(f.offence_group, a.offence_group, 'other')"
IS_WARTIME = "CASE WHEN f.part IS NOT NULL OR f.is_wartime THEN f.is_wartime::text ELSE 'unknown' END"


def looked_up(code: str, reference: str) -> str:
    """The joins that the two above need, for an offence and the number of a reference set."""
    return (
        f"LEFT JOIN offences f ON f.reference = {reference} AND f.code = {code}"
        f" LEFT JOIN offences a ON a.reference = {reference} AND a.code = split_part({code}, ':', 1)"
    )
