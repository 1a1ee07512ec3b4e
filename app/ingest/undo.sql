-- name: batch
SELECT b.batch_id, b.revision, b.undoes, r.cause, r.layer, r.is_synthetic
FROM batches b LEFT JOIN revisions r ON r.revision = b.revision
WHERE b.batch_id = $1

-- name: undoers
-- The batches that took a batch back, first to last; `undone_in` where one was itself taken back.
SELECT u.batch_id, u.revision, u.undone_in FROM batches u
WHERE u.undoes = $1 AND u.revision IS NOT NULL ORDER BY u.revision

-- name: take
-- Of which cases and layers revision $1 said something that its undoing ($2: until now) has not taken back yet; what it
-- replaced there; and why that cannot stand again. A statement stands as long as its word does: an undo of a later one
-- may have brought it back.
CREATE TEMPORARY TABLE taken ON COMMIT DROP AS
WITH said AS (
    SELECT court, case_id, layer, coalesce(restored_from, revision) AS word FROM statements WHERE revision = $1
),
replaced AS (
    SELECT court, case_id, layer, revision, body FROM statements WHERE superseded_in = $1
),
touched AS (
    SELECT court, case_id, layer, s.word, r.revision AS restores, r.body ->> 'merged_into' AS merges_into
    FROM said s FULL JOIN replaced r USING (court, case_id, layer)
)
SELECT t.court, t.case_id, t.layer, t.restores, l.revision AS stands,
       CASE WHEN coalesce(l.restored_from, l.revision) IS DISTINCT FROM t.word THEN 'later_statement'
            -- another case has been merged into it, and nobody else speaks of it
            WHEN t.restores IS NULL AND o.revision IS NULL AND EXISTS (
                SELECT FROM versions m
                WHERE m.court = t.court AND m.merged_into = t.case_id AND m.superseded_in IS NULL) THEN 'survivor'
            -- it would be merged again, into a case that is no survivor any more
            WHEN t.merges_into IS DISTINCT FROM l.body ->> 'merged_into' AND EXISTS (
                SELECT FROM versions m
                WHERE m.court = t.court AND m.case_id = t.merges_into::uuid AND m.superseded_in IS NULL
                  AND (m.is_withdrawn OR m.merged_into IS NOT NULL)) THEN 'no_survivor'
            -- it had been given up, and its keys belong to another case by now
            WHEN l.revision IS NULL AND o.revision IS NULL AND EXISTS (
                SELECT FROM identifiers g
                JOIN identifiers i ON i.court = g.court AND i.instance = g.instance AND i.kind = g.kind
                                  AND i.key = g.key AND i.superseded_in IS NULL
                WHERE g.court = t.court AND g.case_id = t.case_id AND g.superseded_in = $1) THEN 'keys_of_another_case'
       END AS reason
FROM touched t
LEFT JOIN statements l ON l.court = t.court AND l.case_id = t.case_id AND l.layer = t.layer AND l.superseded_in IS NULL
LEFT JOIN statements o ON o.court = t.court AND o.case_id = t.case_id AND o.layer <> t.layer AND o.superseded_in IS NULL
WHERE NOT EXISTS (
    SELECT FROM statements d
    WHERE d.court = t.court AND d.case_id = t.case_id AND d.layer = t.layer
      AND (d.revision = ANY ($2::int[]) OR d.superseded_in = ANY ($2::int[])))

-- name: kept
-- What cannot be taken back, and why.
SELECT case_id, court, layer, reason, stands FROM taken WHERE reason IS NOT NULL ORDER BY court, case_id, layer

-- name: speak
INSERT INTO spoken SELECT court, case_id, layer FROM taken WHERE reason IS NULL

-- name: restore
INSERT INTO new_statements (court, case_id, layer, revision, seen_on, row_hash, digest, body, restored_from)
SELECT s.court, s.case_id, s.layer, {revision}, s.seen_on, s.row_hash, s.digest, s.body,
       coalesce(s.restored_from, s.revision)
FROM taken t JOIN statements s ON s.court = t.court AND s.case_id = t.case_id AND s.layer = t.layer
                              AND s.revision = t.restores
WHERE t.reason IS NULL

-- name: lineage
-- The words on which the live statements of the cases rest, each with the revisions at which it stood, and the keys that
-- they name.
CREATE TEMPORARY TABLE lineage ON COMMIT DROP AS
WITH RECURSIVE words AS (
    SELECT s.court, s.case_id, s.layer, coalesce(s.restored_from, s.revision) AS word, s.body
    FROM (SELECT DISTINCT court, case_id FROM spoken) c
    JOIN statements s ON s.court = c.court AND s.case_id = c.case_id AND s.superseded_in IS NULL
    UNION ALL
    SELECT p.court, p.case_id, p.layer, coalesce(p.restored_from, p.revision), p.body
    FROM words w
    JOIN statements p ON p.court = w.court AND p.case_id = w.case_id AND p.layer = w.layer AND p.superseded_in = w.word
)
SELECT w.court, w.case_id, s.revision, k.kind, k.key
FROM words w
JOIN statements s ON s.court = w.court AND s.case_id = w.case_id AND s.layer = w.layer
                 AND coalesce(s.restored_from, s.revision) = w.word
CROSS JOIN LATERAL (
    SELECT NULL AS kind, NULL AS key
    UNION ALL SELECT 'number', w.body ->> 'number_key' WHERE w.body ? 'number_key'
    UNION ALL SELECT 'guid', w.body ->> 'card_guid' WHERE w.body ? 'card_guid'
    UNION ALL SELECT 'number', p ->> 1 FROM jsonb_array_elements(w.body -> 'previous') p
) k

-- name: forget
-- A key falls with the word that taught it, unless another word names it.
UPDATE identifiers i SET superseded_in = {revision}
FROM (SELECT DISTINCT court, case_id FROM spoken) c
WHERE i.court = c.court AND i.case_id = c.case_id AND i.superseded_in IS NULL
  AND NOT EXISTS (
    SELECT FROM lineage l
    WHERE l.court = i.court AND l.case_id = i.case_id
      AND (l.revision = i.revision OR (l.kind = i.kind AND l.key = i.key)))

-- name: remember
-- A key that had fallen in revision $1 is there again, unless another case has it by now.
INSERT INTO identifiers (court, case_id, kind, key, revision, instance, value)
SELECT DISTINCT ON (g.court, g.instance, g.kind, g.key)
       g.court, g.case_id, g.kind, g.key, {revision}, g.instance, g.value
FROM (SELECT DISTINCT court, case_id FROM spoken) c
JOIN identifiers g ON g.court = c.court AND g.case_id = c.case_id AND g.superseded_in = $1
WHERE EXISTS (
    SELECT FROM lineage l
    WHERE l.court = g.court AND l.case_id = g.case_id
      AND (l.revision = g.revision OR (l.kind = g.kind AND l.key = g.key)))
  AND NOT EXISTS (
    SELECT FROM identifiers i
    WHERE i.court = g.court AND i.instance = g.instance AND i.kind = g.kind AND i.key = g.key
      AND i.superseded_in IS NULL)
ORDER BY g.court, g.instance, g.kind, g.key, g.case_id

-- name: uncover
UPDATE coverage_windows SET superseded_in = {revision} WHERE revision = $1 AND superseded_in IS NULL

-- name: cover
INSERT INTO coverage_windows
SELECT (jsonb_populate_record(w, '{{"revision": {revision}, "superseded_in": null}}')).*
FROM coverage_windows w WHERE superseded_in = $1

-- name: unsettle
UPDATE conflict_resolutions SET superseded_in = {revision} WHERE revision = $1 AND superseded_in IS NULL

-- name: settle_again
INSERT INTO conflict_resolutions (court, case_id, tag, revision, resolution)
SELECT court, case_id, tag, {revision}, resolution FROM conflict_resolutions WHERE superseded_in = $1

-- name: mark
-- A batch is undone while a batch that took it back, or a part of it, was not taken back itself.
UPDATE batches b SET undone_in = CASE WHEN EXISTS (
    SELECT FROM batches u WHERE u.undoes = b.batch_id AND u.undone_in IS NULL) THEN {revision}::int END
WHERE b.batch_id = $1
