-- name: stage
-- Entries of one revision, before they go to the ledger and the tally.
CREATE TEMPORARY TABLE posted (LIKE ledger) ON COMMIT DROP;
CREATE TEMPORARY TABLE delta ON COMMIT DROP AS
SELECT court, case_id, defendant, unit, event, day, days, court_level, region, district, offence, offence_part,
       offence_group, is_wartime, arrival, service_status, disposition, sentence_class, sentence_kind,
       sentence_execution, is_presumed, offences, term_months, n
FROM ledger WHERE false

-- name: causes
-- What each changed event is: held before with another offence, held before, or not held before.
-- $1 is this revision: coverage counts as it was before it.
CREATE TEMPORARY TABLE why ON COMMIT DROP AS
WITH units AS (
    SELECT court, case_id, event, unit, bool_or(n < 0) AS was_held, min(day) FILTER (WHERE n > 0) AS day,
           array_agg(DISTINCT offence_part ORDER BY offence_part) FILTER (WHERE n < 0) AS offences_before,
           array_agg(DISTINCT offence_part ORDER BY offence_part) FILTER (WHERE n > 0) AS offences_after
    FROM delta GROUP BY court, case_id, event, unit, defendant
),
changed AS (  -- a person who was not there before, or is there no more, is no other offence
    SELECT court, case_id, event, bool_or(was_held) AS was_held,
           coalesce(bool_or(unit <> 'charge' AND offences_before <> offences_after), false) AS is_other_offence,
           min(day) AS day
    FROM units GROUP BY court, case_id, event
),
days AS (SELECT DISTINCT court, day FROM changed WHERE NOT was_held),
covered AS (
    SELECT d.court, d.day, max(w.ends_on) AS last_on,
           bool_or(d.day BETWEEN w.starts_on AND w.ends_on) AS is_covered
    FROM days d LEFT JOIN coverage_windows w
        ON w.court = d.court AND w.is_whole AND w.revision < {revision} AND w.superseded_in IS NULL
    GROUP BY d.court, d.day
)
SELECT c.court, c.case_id, c.event,
       CASE WHEN c.was_held AND c.is_other_offence THEN 'reclassified'
            WHEN c.was_held THEN 'corrected'
            WHEN c.day IS NULL OR v.last_on IS NULL OR c.day > v.last_on THEN 'new'
            WHEN v.is_covered THEN 'late_reported'
            ELSE 'newly_found' END AS cause
FROM changed c LEFT JOIN covered v ON v.court = c.court AND v.day IS NOT DISTINCT FROM c.day AND NOT c.was_held

-- name: post
-- The revision's entries under the cause that was stated, else the one found.
INSERT INTO posted (court, revision, cause, case_id, defendant, unit, event, day, days, court_level, region, district,
                    offence, offence_part, offence_group, is_wartime, arrival, service_status, disposition,
                    sentence_class, sentence_kind, sentence_execution, is_presumed, offences, term_months, n)
SELECT d.court, {revision}, coalesce($1, w.cause), d.case_id, d.defendant, d.unit, d.event, d.day, d.days,
       d.court_level, d.region, d.district, d.offence, d.offence_part, d.offence_group, d.is_wartime, d.arrival,
       d.service_status, d.disposition, d.sentence_class, d.sentence_kind, d.sentence_execution, d.is_presumed,
       d.offences, d.term_months, d.n
FROM delta d JOIN why w ON w.court = d.court AND w.case_id = d.case_id AND w.event = d.event
