-- Reads of the record as of revision $1. Rows of large tables are joined with their court, always.

-- name: identifiers
-- What some cases were known by at some revisions, in the order in which it was learnt; keys as three arrays.
SELECT k.court, k.case_id, k.revision, i.kind, i.value
FROM unnest($1::text[], $2::uuid[], $3::int[]) AS k (court, case_id, revision)
JOIN identifiers i ON i.court = k.court AND i.case_id = k.case_id
WHERE i.revision <= k.revision AND (i.superseded_in IS NULL OR i.superseded_in > k.revision)
ORDER BY i.court, i.case_id, i.revision, i.kind, i.value

-- name: denials
-- What the newsroom denies of some cases as of some revisions, by defendant; of the case itself where there is none.
SELECT k.court, k.case_id, k.revision, part.defendant, {denied} AS denied
FROM unnest($1::text[], $2::uuid[], $3::int[]) AS k (court, case_id, revision)
JOIN statements s ON s.court = k.court AND s.case_id = k.case_id AND {denying}
    AND s.revision <= k.revision AND (s.superseded_in IS NULL OR s.superseded_in > k.revision)
CROSS JOIN LATERAL (
    SELECT NULL::int AS defendant, s.body AS said
    UNION ALL SELECT (p.said ->> 'id')::int, p.said FROM jsonb_array_elements(s.body -> 'defendants') AS p (said)
) AS part

-- name: court_of_case
-- Which court has this id?
SELECT court FROM cases WHERE case_id = $1 AND revision <= $2

-- name: survivor
-- Where the merges of a case lead: merges stay within a court.
WITH RECURSIVE led (court, case_id, merged_into, step) AS (
    SELECT v.court, v.case_id, v.merged_into, 0
    FROM cases c JOIN versions v ON v.court = c.court AND v.case_id = c.case_id
    WHERE c.case_id = $2 AND v.merged_into IS NOT NULL
      AND v.revision <= $1 AND (v.superseded_in IS NULL OR v.superseded_in > $1)
    UNION ALL
    SELECT v.court, v.case_id, v.merged_into, l.step + 1
    FROM led l JOIN versions v ON v.court = l.court AND v.case_id = l.merged_into
    WHERE v.revision <= $1 AND (v.superseded_in IS NULL OR v.superseded_in > $1)
)
SELECT case_id FROM led WHERE step > 0 ORDER BY step DESC LIMIT 1

-- name: related
-- The other cases that have a UID as of a revision, by day of receipt; neither withdrawn nor merged ones. A removed case
-- has a stand-in of its own, so that it is not among them.
SELECT v.case_id AS id, v.court, v.instance, v.received_on, v.arrival, v.decided_on, v.disposition
FROM versions v
WHERE v.uid = $2 AND v.case_id <> $3 AND v.revision <= $1 AND (v.superseded_in IS NULL OR v.superseded_in > $1)
  AND NOT v.is_withdrawn AND v.merged_into IS NULL AND v.uid NOT LIKE '%-'
ORDER BY v.received_on, v.decided_on, v.court, v.case_id

-- name: whole_list
-- How many cases there are as of a revision, neither withdrawn nor merged, and how many rows where charges are rows.
SELECT cases, flat_rows FROM revisions WHERE revision = $1

-- name: court_days
-- First and last day on which each of some courts received or decided a case.
SELECT v.court, min(least(v.received_on, v.decided_on)) AS first_on, max(greatest(v.received_on, v.decided_on)) AS last_on
FROM versions v
WHERE v.court = ANY($2::text[]) AND NOT v.is_withdrawn AND v.merged_into IS NULL
  AND v.revision <= $1 AND (v.superseded_in IS NULL OR v.superseded_in > $1)
GROUP BY v.court

-- name: court_coverage
-- Days that sources are known to have looked at in some courts.
SELECT w.court, w.starts_on, w.ends_on, w.source, w.promised, w.received, w.is_whole, w.seen_on
FROM coverage_windows w
WHERE w.court = ANY($2::text[]) AND w.revision <= $1 AND (w.superseded_in IS NULL OR w.superseded_in > $1)
ORDER BY w.court, w.starts_on, w.ends_on, w.source, w.revision

-- name: readiness
-- Can the pointer be read, and which migration is the database at?
SELECT (SELECT revision FROM published) AS revision, (SELECT version_num FROM alembic_version) AS migration
