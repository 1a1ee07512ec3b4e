-- name: next
SELECT p.revision + 1, (SELECT max(reference) FROM reference_sets) FROM published p

-- name: stage
-- What an act says: of which cases and layers, and what is to stand there; where nothing is, the layer falls silent.
CREATE TEMPORARY TABLE IF NOT EXISTS spoken (court text, case_id uuid, layer text) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS new_statements (LIKE statements) ON COMMIT DELETE ROWS

-- name: case
-- One case as it stands now.
SELECT c.court, c.case_id, c.instance, v.version, v.is_withdrawn, v.merged_into, v.received_on, v.decided_on,
       v.in_force_on, card.body AS card, news.body AS newsroom, news.seen_on, news.row_hash, r.is_synthetic
FROM cases c
JOIN versions v ON v.court = c.court AND v.case_id = c.case_id AND v.superseded_in IS NULL
JOIN revisions r ON r.revision = v.revision
LEFT JOIN statements card ON card.court = c.court AND card.case_id = c.case_id AND card.layer = 'court_card'
                         AND card.superseded_in IS NULL
LEFT JOIN statements news ON news.court = c.court AND news.case_id = c.case_id AND news.layer = 'newsroom'
                         AND news.superseded_in IS NULL
WHERE c.case_id = $1

-- name: people
-- The defendants of a case as it stands now.
SELECT d.defendant, d.ordinal
FROM versions v
JOIN defendants d ON d.court = v.court AND d.case_id = v.case_id AND d.revision = v.revision
WHERE v.court = $1 AND v.case_id = $2 AND v.superseded_in IS NULL

-- name: owners
-- Whose some keys are at a court and instance; kinds and keys as two arrays of equal length.
SELECT k.kind, k.key, i.case_id
FROM unnest($3::text[], $4::text[]) AS k (kind, key)
LEFT JOIN identifiers i ON i.court = $1 AND i.instance = $2 AND i.kind = k.kind AND i.key = k.key
                       AND i.superseded_in IS NULL

-- name: write_identifiers
INSERT INTO identifiers (court, case_id, kind, key, revision, instance, value)
SELECT $1, $2, k.kind, k.key, {revision}, $3, k.value FROM unnest($4::text[], $5::text[], $6::text[]) AS k (kind, key, value)

-- name: supersede_statements
UPDATE statements o SET superseded_in = {revision} FROM spoken s
WHERE o.court = s.court AND o.case_id = s.case_id AND o.layer = s.layer AND o.superseded_in IS NULL

-- name: write_statements
INSERT INTO statements SELECT * FROM new_statements

-- name: restated
-- The cases of which something was said, with what their layers say now and the version that stood.
SELECT c.court, c.case_id, c.instance, card.body AS card, news.body AS newsroom, v.version
FROM (SELECT DISTINCT court, case_id FROM spoken) s
JOIN cases c ON c.court = s.court AND c.case_id = s.case_id
JOIN versions v ON v.court = s.court AND v.case_id = s.case_id AND v.superseded_in IS NULL
LEFT JOIN statements card ON card.court = c.court AND card.case_id = c.case_id AND card.layer = 'court_card'
                         AND card.superseded_in IS NULL
LEFT JOIN statements news ON news.court = c.court AND news.case_id = c.case_id AND news.layer = 'newsroom'
                         AND news.superseded_in IS NULL
ORDER BY c.court, c.case_id

-- name: keep
INSERT INTO batches (batch_id, revision, digest, author, seen_on, created_at, receipt, undoes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: settle
-- What is settled already stays settled by the first word.
INSERT INTO conflict_resolutions (court, case_id, tag, revision, resolution) VALUES ($1, $2, $3, {revision}, $4)
