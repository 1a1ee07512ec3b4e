-- name: entries
-- The entries that the rows of a table like the ledger hold, one by one; as the view of that name has the ledger's.
SELECT court, case_id, 0::smallint AS defendant, 'case' AS unit, event, day, days, court_level, region, district,
       offence, offence_part, offence_group, is_wartime, arrival, service_status, case_disposition AS disposition,
       sentence_class, sentence_kind, sentence_execution, false AS is_presumed, offences, NULL::int AS term_months,
       cases AS n
FROM {table} WHERE cases <> 0
UNION ALL
SELECT court, case_id, defendant, 'person', event, day, days, court_level, region, district,
       offence, offence_part, offence_group, is_wartime, arrival, service_status, disposition,
       sentence_class, sentence_kind, sentence_execution, is_presumed, offences, term_months,
       persons
FROM {table} WHERE persons <> 0
UNION ALL
SELECT court, case_id, defendant, 'charge', event, day, days, court_level, region, district,
       offence, offence_part, offence_group, is_wartime, arrival, service_status, disposition,
       sentence_class, sentence_kind, sentence_execution, is_presumed, offences, NULL,
       charges
FROM {table} WHERE charges <> 0

-- name: staging
-- Temporary tables of a post. They outlive the transaction, empty, for the connection's next one.
-- what a revision that replaces versions takes away and adds, where the two do not cancel
CREATE TEMPORARY TABLE IF NOT EXISTS net ON COMMIT DELETE ROWS AS SELECT {entry_columns}, n FROM entries WITH NO DATA;
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

-- name: of_held_cases
SELECT n.* FROM new_versions n JOIN old_versions o ON o.court = n.court AND o.case_id = n.case_id

-- name: of_new_cases
SELECT n.* FROM new_versions n
WHERE NOT EXISTS (SELECT FROM old_versions o WHERE o.court = n.court AND o.case_id = n.case_id)

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

-- name: fresh_firsts
-- The first day, by court, of which it matters whether it had been looked at.
SELECT court, min(day) AS day FROM (
    SELECT court, least(received_on, decided_on) AS day FROM new_versions
    UNION ALL SELECT court, decided_on FROM new_defendants
) days GROUP BY court

-- name: net_rows
-- Each entry a row by itself.
SELECT court, case_id, defendant, event, day, days, court_level, region, district, offence, offence_part,
       offence_group, is_wartime, arrival, service_status, CASE unit WHEN 'case' THEN disposition END AS case_disposition,
       CASE WHEN unit <> 'case' THEN disposition END AS disposition, sentence_class, sentence_kind, sentence_execution,
       is_presumed, offences, term_months, CASE unit WHEN 'case' THEN n ELSE 0 END AS cases,
       CASE unit WHEN 'person' THEN n ELSE 0 END AS persons, CASE unit WHEN 'charge' THEN n ELSE 0 END AS charges
FROM net

-- name: net_firsts
SELECT court, min(day) AS day FROM net e
WHERE NOT EXISTS (SELECT FROM held h WHERE h.court = e.court AND h.case_id = e.case_id AND h.event = e.event)
GROUP BY court

-- name: post
-- The revision's rows under the cause that was stated ($1), else the one found: what changed, or for an event that
-- was not held before whether its day had been looked at. Coverage counts as it was before this revision.
-- $2 is the revision.
INSERT INTO ledger (revision, cause, {row_columns})
WITH covered AS MATERIALIZED (
    SELECT w.court, range_agg(daterange(starts_on, ends_on, '[]')) AS days, max(ends_on) AS last_on
    FROM ({firsts}) first
    JOIN coverage_windows w ON w.court = first.court AND w.ends_on >= first.day
    WHERE is_whole AND revision < $2 AND superseded_in IS NULL AND $1::text IS NULL
    GROUP BY w.court
)
SELECT $2::int, coalesce($1, h.cause, CASE WHEN e.day <= c.last_on THEN
           CASE WHEN e.day <@ c.days THEN 'late_reported' ELSE 'newly_found' END END, 'new'), e.*
FROM ({rows}) e
LEFT JOIN held h ON h.court = e.court AND h.case_id = e.case_id AND h.event = e.event
LEFT JOIN covered c ON c.court = e.court
ORDER BY e.court  -- so that one place of an index after another is written to, and a court's entries lie together
