-- name: touched
-- Every (case, revision) at which something about the case moved, beside the version before and the revision. A case
-- that an undone batch had brought has a last version and none after it: it is gone, and its `version` is null.
(
    SELECT v.revision, v.case_id, v.court, v.version, v.is_withdrawn, v.merged_into FROM versions v
    UNION ALL
    SELECT g.superseded_in, g.case_id, g.court, NULL, false, NULL
    FROM revisions u JOIN versions g ON g.superseded_in = u.revision
    WHERE u.cause = 'undone'
      AND NOT EXISTS (SELECT FROM versions n
                      WHERE n.court = g.court AND n.case_id = g.case_id AND n.revision = g.superseded_in)
) c
JOIN revisions r ON r.revision = c.revision
LEFT JOIN versions b ON b.court = c.court AND b.case_id = c.case_id AND b.superseded_in = c.revision

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
