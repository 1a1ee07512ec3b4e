-- name: case
SELECT c.court, c.case_id, c.instance, v.is_withdrawn, v.merged_into, r.is_synthetic,
       (SELECT max(w.revision) FROM versions w JOIN revisions x ON x.revision = w.revision AND x.cause = 'removed'
        WHERE w.court = c.court AND w.case_id = c.case_id) AS removed_in
FROM cases c
JOIN versions v ON v.court = c.court AND v.case_id = c.case_id AND v.superseded_in IS NULL
JOIN revisions r ON r.revision = v.revision
WHERE c.case_id = $1

-- name: statements
SELECT layer, revision, superseded_in, body FROM statements WHERE court = $1 AND case_id = $2

-- name: identifiers
SELECT kind, key, value FROM identifiers WHERE court = $1 AND case_id = $2

-- name: versions
SELECT v.revision, v.number, v.uid, r.reference, r.definition
FROM versions v JOIN revisions r ON r.revision = v.revision
WHERE v.court = $1 AND v.case_id = $2

-- name: kin
-- Other cases that ever had one of some UIDs, or the stand-in for one.
SELECT DISTINCT v.court, v.case_id, v.uid, v.number
FROM versions v
WHERE v.uid = ANY ($1::text[] || ARRAY(SELECT l.stand_in FROM uid_links l WHERE l.uid = ANY ($1::text[])))
  AND v.case_id <> $2

-- name: link
-- The stand-in for a UID that other cases have too: the one there is, else a new one.
INSERT INTO uid_links VALUES ($1, $2) ON CONFLICT (uid) DO UPDATE SET uid = excluded.uid RETURNING stand_in

-- name: unlink
-- A UID that no case has any more needs no link.
DELETE FROM uid_links l WHERE NOT EXISTS (SELECT FROM versions v WHERE v.uid = l.uid)

-- name: clear_statement
UPDATE statements SET body = $5, row_hash = $6, digest = $6
WHERE court = $1 AND case_id = $2 AND layer = $3 AND revision = $4

-- name: clear_version
UPDATE versions SET number = $4, uid = $5, sources = $6, content_hash = $7
WHERE court = $1 AND case_id = $2 AND revision = $3

-- name: clear_identifiers
DELETE FROM identifiers WHERE court = $1 AND case_id = $2

-- name: clear_sightings
-- They hold hashes of what was said, by which a number could be guessed.
DELETE FROM sightings WHERE court = $1 AND case_id = $2

-- name: clear_notes
-- Notes of revisions that were about this case alone: acts of curators but for undoing, and batches of one.
UPDATE revisions r SET note = NULL
WHERE r.note IS NOT NULL AND r.cause NOT IN ('method', 'removed')
  AND (r.source = 'curators' AND r.cause <> 'undone'
       OR coalesce((r.counts ->> 'created')::int, 0) + coalesce((r.counts ->> 'changed')::int, 0) <= 1)
  AND EXISTS (SELECT FROM statements s WHERE s.court = $1 AND s.case_id = $2
              AND (s.revision = r.revision OR s.superseded_in = r.revision))

-- name: receipts
-- Receipts with refused rows, the only ones that hold identifiers.
SELECT batch_id, receipt FROM batches WHERE jsonb_array_length(receipt -> 'refused') > 0

-- name: refused_rows
-- Refused rows of the case's court, or of none.
SELECT batch_id, position, identifiers FROM refused_rows
WHERE identifiers <> '{}'::jsonb AND coalesce(identifiers ->> 'court', $1) = $1

-- name: clear_refused_row
UPDATE refused_rows SET identifiers = $3 WHERE batch_id = $1 AND position = $2

-- name: answers
SELECT key_id, idempotency_key, body FROM idempotent_answers

-- name: clear_answer
UPDATE idempotent_answers SET body = $3 WHERE key_id = $1 AND idempotency_key = $2

-- name: clear_receipt
UPDATE batches SET receipt = $2 WHERE batch_id = $1

-- name: stage_version
INSERT INTO new_versions
SELECT court, case_id, $3, NULL, version + 1, instance, number, uid, received_on, arrival, decided_on, disposition,
       in_force_on, offence_received, offence_decided, is_withdrawn, merged_into, layers, conflicts, sources,
       content_hash, persons, flat_rows
FROM versions WHERE court = $1 AND case_id = $2 AND superseded_in IS NULL

-- name: stage_defendants
INSERT INTO new_defendants
SELECT (jsonb_populate_record(d, jsonb_build_object('revision', $3::int))).*
FROM versions v JOIN defendants d ON d.court = v.court AND d.case_id = v.case_id AND d.revision = v.revision
WHERE v.court = $1 AND v.case_id = $2 AND v.superseded_in IS NULL

-- name: stage_charges
INSERT INTO new_charges
SELECT (jsonb_populate_record(c, jsonb_build_object('revision', $3::int))).*
FROM versions v JOIN charges c ON c.court = v.court AND c.case_id = v.case_id AND c.revision = v.revision
WHERE v.court = $1 AND v.case_id = $2 AND v.superseded_in IS NULL

-- name: related
-- Cases by which the person may still be found: of the same UID, or duplicates of this one.
SELECT case_id FROM versions WHERE merged_into = $1 AND superseded_in IS NULL
