-- name: staging
-- Temporary tables of the merge. They outlive the transaction, empty, for the connection's next batch.
-- stage: rows of one batch as their layout read them
CREATE TEMPORARY TABLE IF NOT EXISTS stage (
    line int, place text, court text, instance text, number text, number_key text, guid text,
    previous text[], previous_keys text[], uid text, seen_on date, row_hash bytea, is_decided boolean,
    received_on date, decided_on date, in_force_on date, candidate_id uuid
) ON COMMIT DELETE ROWS;
-- every key of every row, in the order in which a case is looked up by it
CREATE TEMPORARY TABLE IF NOT EXISTS stage_keys (
    line int, court text, instance text, kind text, key text, value text, priority int
) ON COMMIT DELETE ROWS;
-- cases that a row's keys lead to
CREATE TEMPORARY TABLE IF NOT EXISTS found (line int, case_id uuid, priority int, key text) ON COMMIT DELETE ROWS;
-- each row's case; `is_linked` where it shares a key with another row
CREATE TEMPORARY TABLE IF NOT EXISTS assigned (
    line int, case_id uuid, is_new boolean, is_linked boolean
) ON COMMIT DELETE ROWS;
-- what becomes of each row, and what its layer holds: the hash, and when that was last seen
CREATE TEMPORARY TABLE IF NOT EXISTS judged (
    line int, court text, case_id uuid, is_new boolean, seen_on date, row_hash bytea, held_hash bytea, held_on date,
    outcome text
) ON COMMIT DELETE ROWS;
-- statements that are added to cases that are held
CREATE TEMPORARY TABLE IF NOT EXISTS new_statements (LIKE statements) ON COMMIT DELETE ROWS

-- name: keys
INSERT INTO stage_keys
SELECT line, court, instance, 'guid' AS kind, guid AS key, guid AS value, 1 AS priority
FROM stage WHERE guid IS NOT NULL
UNION ALL
SELECT line, court, instance, 'number', number_key, number, 2 FROM stage WHERE number_key IS NOT NULL
UNION ALL
SELECT s.line, s.court, s.instance, 'number', p.key, p.value, 2 + p.position::int
FROM stage s, unnest(s.previous_keys, s.previous) WITH ORDINALITY AS p (key, value, position)

-- name: found
-- Cases already held that a row's keys lead to.
INSERT INTO found
SELECT DISTINCT ON (k.line, i.case_id) k.line, i.case_id, k.priority, k.key
FROM stage_keys k
JOIN identifiers i ON i.court = k.court AND i.instance = k.instance AND i.kind = k.kind AND i.key = k.key
                  AND i.superseded_in IS NULL
ORDER BY k.line, i.case_id, k.priority, k.key

-- name: linked
-- Rows of the batch that share a key.
SELECT array_agg(DISTINCT line) AS lines
FROM stage_keys k
JOIN (
    SELECT court, instance, kind, key FROM stage_keys
    GROUP BY court, instance, kind, key HAVING min(line) <> max(line)
) shared USING (court, instance, kind, key)
GROUP BY court, instance, kind, key

-- name: assign
-- Every row that shares no key with another: the first case found, else a new one.
INSERT INTO assigned
SELECT s.line, coalesce(f.case_id, s.candidate_id), f.case_id IS NULL, false
FROM stage s
LEFT JOIN (SELECT DISTINCT ON (line) line, case_id FROM found ORDER BY line, priority, key) f ON f.line = s.line
WHERE s.line <> ALL ($1::int[])

-- name: found_in_batch
-- Cases of other rows of the batch that a row's keys lead to. $1 are the rows that share keys.
INSERT INTO found
SELECT k.line, a.case_id, k.priority, k.key
FROM stage_keys k
JOIN stage_keys o ON o.court = k.court AND o.instance = k.instance AND o.kind = k.kind AND o.key = k.key
                 AND o.line <> k.line
JOIN assigned a ON a.line = o.line
WHERE k.line = ANY ($1::int[])

-- name: judge
-- What becomes of each row. $1 is the digest of the batch's file.
-- The one row about a new case is taken. Of several rows of one case the one with a decision counts, then the later
-- decision, and so on.
INSERT INTO judged
WITH ranked AS (
    SELECT s.line, s.court, a.case_id, a.is_new, s.seen_on, s.row_hash,
           row_number() OVER (
               PARTITION BY s.court, a.case_id
               ORDER BY s.is_decided DESC, s.decided_on DESC NULLS LAST, s.in_force_on DESC NULLS LAST,
                        s.row_hash DESC, s.seen_on DESC, s.line) AS rank
    FROM stage s JOIN assigned a ON a.line = s.line
    WHERE a.is_linked OR NOT a.is_new
)
SELECT s.line, s.court, a.case_id, true, s.seen_on, s.row_hash, NULL::bytea, NULL::date, 'candidate'
FROM stage s JOIN assigned a ON a.line = s.line
WHERE a.is_new AND NOT a.is_linked
UNION ALL
SELECT r.line, r.court, r.case_id, r.is_new, r.seen_on, r.row_hash,
       l.row_hash AS held_hash, greatest(l.seen_on, g.seen_on) AS held_on,
       CASE WHEN r.rank > 1 THEN 'superseded_in_file'
            WHEN r.is_new OR l.row_hash IS NULL THEN 'candidate'
            WHEN l.row_hash = r.row_hash THEN 'unchanged'
            WHEN r.seen_on < greatest(l.seen_on, g.seen_on) THEN 'stale'
            -- a row that this layer once said and has taken back since: an old file is being loaded again, unless it
            -- was taken back with its batch
            WHEN EXISTS (
                SELECT FROM statements o
                WHERE o.court = r.court AND o.case_id = r.case_id AND o.layer = '{layer}'
                  AND o.superseded_in IS NOT NULL AND o.row_hash = r.row_hash AND o.seen_on >= r.seen_on
                  AND (o.layer = 'court_card' OR o.digest = $1)
                  AND NOT EXISTS (
                    SELECT FROM batches b
                    JOIN batches u ON u.undoes = b.batch_id AND u.undone_in IS NULL
                    JOIN statements t ON t.court = o.court AND t.case_id = o.case_id AND t.layer = o.layer
                                     AND t.superseded_in = u.revision
                                     AND coalesce(t.restored_from, t.revision) = b.revision
                    WHERE b.revision = coalesce(o.restored_from, o.revision))) THEN 'stale'
            ELSE 'candidate' END AS outcome
FROM ranked r
LEFT JOIN statements l ON l.court = r.court AND l.case_id = r.case_id AND l.layer = '{layer}'
                      AND l.superseded_in IS NULL
LEFT JOIN sightings g ON g.court = l.court AND g.case_id = l.case_id AND g.layer = l.layer AND g.row_hash = l.row_hash

-- name: note_sightings
-- Rows that said nothing new, but later than what is held was last seen: what is held was seen then.
INSERT INTO sightings (court, case_id, layer, row_hash, seen_on)
SELECT j.court, j.case_id, '{layer}', j.held_hash, j.seen_on
FROM judged j
WHERE j.outcome IN ('unchanged', 'candidate') AND j.seen_on > j.held_on AND NOT EXISTS (
    SELECT FROM new_statements n WHERE n.court = j.court AND n.case_id = j.case_id)
ON CONFLICT (court, case_id, layer) DO UPDATE SET row_hash = excluded.row_hash, seen_on = excluded.seen_on

-- name: repeated
-- Rows that claim a case which another row of the same file claims too. A new case is claimed twice by a shared key.
WITH claims AS MATERIALIZED (
    SELECT s.line, s.place, s.court, s.number, a.case_id FROM stage s JOIN assigned a ON a.line = s.line
    WHERE a.is_linked OR NOT a.is_new
)
SELECT line, place, court, number FROM claims
WHERE (court, case_id) IN (SELECT court, case_id FROM claims GROUP BY 1, 2 HAVING count(*) > 1)
ORDER BY line

-- name: fresh_cases
-- Rows of cases that are not held yet.
SELECT j.line, j.court, j.case_id, s.instance, j.seen_on, j.row_hash
FROM judged j
JOIN stage s ON s.line = j.line
WHERE j.outcome = 'candidate' AND j.is_new
ORDER BY j.line

-- name: candidates
-- Rows that may change a case that is held, with what both layers and the version hold now.
SELECT j.line, j.court, j.case_id, j.seen_on, j.row_hash, s.place, s.instance,
       own.body AS own, other.body AS other, v.version, v.content_hash, v.arrival
FROM judged j
JOIN stage s ON s.line = j.line
LEFT JOIN statements own ON own.court = j.court AND own.case_id = j.case_id AND own.layer = '{layer}'
                        AND own.superseded_in IS NULL
LEFT JOIN statements other ON other.court = j.court AND other.case_id = j.case_id AND other.layer <> '{layer}'
                          AND other.superseded_in IS NULL
LEFT JOIN versions v ON v.court = j.court AND v.case_id = j.case_id AND v.superseded_in IS NULL
WHERE j.outcome = 'candidate' AND NOT j.is_new
ORDER BY j.line

-- name: write_cases
INSERT INTO cases SELECT j.court, j.case_id, s.instance, {revision}
FROM judged j JOIN stage s ON s.line = j.line
WHERE j.is_new AND j.outcome = 'candidate'

-- name: write_fresh_identifiers
-- What the row of a new case teaches that shares no key with another row.
INSERT INTO identifiers
SELECT k.court, a.case_id, k.kind, k.key, {revision}, NULL::int, k.instance, k.value
FROM stage_keys k JOIN assigned a ON a.line = k.line
WHERE a.is_new AND NOT a.is_linked

-- name: write_identifiers
-- What the other rows of new and changed cases teach; a key that belongs to another case stays there. Of rows of several
-- cases that bring one new key it is one row's by what they say, not by ids, which are random: a replay must find the
-- same.
INSERT INTO identifiers
SELECT DISTINCT ON (k.court, k.instance, k.kind, k.key)
       k.court, j.case_id, k.kind, k.key, {revision}, NULL::int, k.instance, k.value
FROM assigned a
JOIN stage_keys k ON k.line = a.line
JOIN judged j ON j.line = a.line
WHERE (a.is_linked OR NOT a.is_new)
  AND (a.is_new OR EXISTS (SELECT FROM new_statements n WHERE n.court = j.court AND n.case_id = j.case_id))
  AND NOT EXISTS (
    SELECT FROM identifiers i
    WHERE i.court = k.court AND i.instance = k.instance AND i.kind = k.kind AND i.key = k.key
      AND i.superseded_in IS NULL)
ORDER BY k.court, k.instance, k.kind, k.key, k.priority, j.row_hash, k.value

-- name: supersede_statements
UPDATE statements o SET superseded_in = n.revision FROM new_statements n
WHERE o.court = n.court AND o.case_id = n.case_id AND o.layer = n.layer AND o.superseded_in IS NULL

-- name: write_statements
INSERT INTO statements SELECT * FROM new_statements

-- name: two_keys
-- Rows whose later keys lead to another case than the first, held or of another row.
SELECT s.place, s.court, min(f.case_id::text) AS one, max(f.case_id::text) AS other, 'two-keys' AS reason
FROM found f JOIN stage s ON s.line = f.line
GROUP BY s.line, s.place, s.court HAVING count(DISTINCT f.case_id) > 1
ORDER BY s.line LIMIT 100

-- name: alike
-- New cases of the same court, UID and day of receipt as one under another number, held or of this batch.
SELECT f.line, f.place, f.court, f.case_id, v.case_id AS other_id
FROM ({fresh}) f JOIN versions v ON v.uid = f.uid AND v.court = f.court AND v.instance = f.instance
                                AND v.received_on = f.received_on AND v.superseded_in IS NULL
                                AND v.case_id <> f.case_id
UNION ALL
SELECT f.line, f.place, f.court, f.case_id, o.case_id
FROM ({fresh}) f JOIN ({fresh}) o ON o.uid = f.uid AND o.court = f.court AND o.instance = f.instance
                         AND o.received_on = f.received_on AND o.line < f.line

-- name: fresh
SELECT s.line, s.place, s.court, s.instance, s.uid, s.received_on, j.case_id
FROM judged j JOIN stage s ON s.line = j.line
WHERE j.is_new AND j.outcome = 'candidate' AND s.uid IS NOT NULL

-- name: same_receipt
SELECT place, court, case_id::text AS one, other_id::text AS other, 'same-uid-and-receipt' AS reason
FROM ({alike}) a
ORDER BY line, other_id LIMIT 100

-- name: keep_suspected
-- Every suspicion of the batch about cases that are held now; one that stands already stays as it was found.
INSERT INTO possible_duplicates
SELECT DISTINCT p.court, least(p.case_id, p.other_id), greatest(p.case_id, p.other_id), p.reason, {revision}
FROM (
    SELECT s.court, f.case_id, o.case_id AS other_id, 'two-keys' AS reason
    FROM found f JOIN found o ON o.line = f.line AND o.case_id > f.case_id JOIN stage s ON s.line = f.line
    UNION ALL
    SELECT a.court, a.case_id, a.other_id, 'same-uid-and-receipt' FROM ({alike}) a
) p
JOIN cases one ON one.court = p.court AND one.case_id = p.case_id
JOIN cases other ON other.court = p.court AND other.case_id = p.other_id
ON CONFLICT DO NOTHING
