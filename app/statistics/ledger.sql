-- name: staging
-- Temporary tables of a post. They outlive the transaction, empty, for the connection's next one.
-- entries of one revision as they go to the ledger and the tally
CREATE TEMPORARY TABLE IF NOT EXISTS posted (LIKE ledger) ON COMMIT DELETE ROWS;
-- what a revision takes away and adds, where the two do not cancel
CREATE TEMPORARY TABLE IF NOT EXISTS net ON COMMIT DELETE ROWS AS SELECT {entry_columns}, n FROM ledger WITH NO DATA;
-- events that were held before, and what changed about them
CREATE TEMPORARY TABLE IF NOT EXISTS held (court text, case_id uuid, event text, cause text) ON COMMIT DELETE ROWS;
-- The versions that staged ones replace, with copies of their parts: the planner knows how few these are.
CREATE TEMPORARY TABLE IF NOT EXISTS old_versions (LIKE versions) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS old_defendants (LIKE defendants) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS old_charges (LIKE charges) ON COMMIT DELETE ROWS;
-- where a whole record is restated: the versions that stay
CREATE TEMPORARY TABLE IF NOT EXISTS kept_versions (LIKE versions) ON COMMIT DELETE ROWS

-- name: replaced
INSERT INTO old_versions
SELECT v.* FROM versions v JOIN new_versions n ON n.court = v.court AND n.case_id = v.case_id
WHERE v.superseded_in IS NULL

-- name: all_versions
INSERT INTO old_versions SELECT * FROM versions WHERE superseded_in IS NULL

-- name: old_parts
INSERT INTO old_defendants
SELECT d.* FROM old_versions o
JOIN defendants d ON d.court = o.court AND d.case_id = o.case_id AND d.revision = o.revision;
INSERT INTO old_charges
SELECT c.* FROM old_versions o
JOIN charges c ON c.court = o.court AND c.case_id = o.case_id AND c.revision = o.revision

-- name: keep
INSERT INTO kept_versions
SELECT o.* FROM old_versions o
WHERE NOT EXISTS (SELECT FROM new_versions n WHERE n.court = o.court AND n.case_id = o.case_id)

-- name: net
-- $1 is the reference set in force, $2 the one before it.
INSERT INTO net
SELECT {entry_columns}, sum(n) FROM ({parts}) parts GROUP BY {entry_columns} HAVING sum(n) <> 0

-- name: held
-- Changed events that were held before: with another offence, or otherwise changed.
INSERT INTO held
WITH units AS (
    SELECT court, case_id, event, unit, bool_or(n < 0) AS was_held,
           array_agg(DISTINCT offence_part ORDER BY offence_part) FILTER (WHERE n < 0) AS offences_before,
           array_agg(DISTINCT offence_part ORDER BY offence_part) FILTER (WHERE n > 0) AS offences_after
    FROM net GROUP BY court, case_id, event, unit, defendant
)
SELECT court, case_id, event,
       -- a person who was not there before, or is there no more, is no other offence
       CASE WHEN bool_or(unit <> 'charge' AND offences_before <> offences_after) THEN 'reclassified'
            ELSE 'corrected' END
FROM units GROUP BY court, case_id, event HAVING bool_or(was_held)

-- name: post
-- The revision's entries under the cause that was stated ($1), else the one found: what changed, or for an event that
-- was not held before whether its day had been looked at. Coverage counts as it was before this revision.
-- The entries with n come from a statement whose one parameter is $2, the reference set; $3 is the revision.
INSERT INTO posted (court, revision, cause, case_id, defendant, unit, event, day, days, court_level, region, district,
                    offence, offence_part, offence_group, is_wartime, arrival, service_status, disposition,
                    sentence_class, sentence_kind, sentence_execution, is_presumed, offences, term_months, n)
WITH days AS (
    SELECT court, received_on AS day FROM new_versions
    UNION SELECT court, decided_on FROM new_versions
    UNION SELECT court, decided_on FROM new_defendants
),
covered AS MATERIALIZED (
    SELECT court, range_agg(daterange(starts_on, ends_on, '[]')) AS days, max(ends_on) AS last_on
    FROM coverage_windows
    WHERE is_whole AND revision < $3 AND superseded_in IS NULL AND court IN (SELECT court FROM days)
    GROUP BY court
),
looked_at AS MATERIALIZED (
    SELECT d.court, d.day,
           CASE WHEN d.day > c.last_on THEN 'new' WHEN d.day <@ c.days THEN 'late_reported' ELSE 'newly_found' END
               AS cause
    FROM days d JOIN covered c ON c.court = d.court
    WHERE d.day IS NOT NULL
)
SELECT e.court, $3::int, coalesce($1, h.cause, l.cause, 'new'), e.case_id, e.defendant, e.unit, e.event, e.day,
       e.days, e.court_level, e.region, e.district, e.offence, e.offence_part, e.offence_group, e.is_wartime,
       e.arrival, e.service_status, e.disposition, e.sentence_class, e.sentence_kind, e.sentence_execution,
       e.is_presumed, e.offences, e.term_months, e.n
FROM ({entries}) e
LEFT JOIN held h ON h.court = e.court AND h.case_id = e.case_id AND h.event = e.event
LEFT JOIN looked_at l ON l.court = e.court AND l.day = e.day
