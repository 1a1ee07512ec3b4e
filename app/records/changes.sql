-- name: versions
-- Some versions; keys as three arrays of equal length.
SELECT v.* FROM unnest($1::text[], $2::uuid[], $3::int[]) AS k (court, case_id, revision)
JOIN versions v ON v.court = k.court AND v.case_id = k.case_id AND v.revision = k.revision

-- name: causes
-- Causes of the entries that some cases got on some days in some revisions.
SELECT DISTINCT l.court, l.case_id, l.revision, l.cause
FROM unnest($1::text[], $2::uuid[], $3::int[], $4::date[]) AS k (court, case_id, revision, day)
JOIN ledger l ON l.court = k.court AND l.day = k.day AND l.case_id = k.case_id AND l.revision = k.revision

-- name: undated_causes
-- The same for events without a day.
SELECT DISTINCT l.court, l.case_id, l.revision, l.cause
FROM unnest($1::text[], $2::uuid[], $3::int[], $4::date[]) AS k (court, case_id, revision, day)
JOIN ledger l ON l.court = k.court AND l.day IS NULL AND l.case_id = k.case_id AND l.revision = k.revision
WHERE k.day IS NULL
