-- name: staging
-- Temporary tables, as those of the merge.
-- ahead: rows of cases that nobody else has; they have left the stage
CREATE TEMPORARY TABLE IF NOT EXISTS ahead (
    line int, court text, case_id uuid, instance text, seen_on date, row_hash bytea, uid text
) ON COMMIT DELETE ROWS;
-- by what these cases are known
CREATE TEMPORARY TABLE IF NOT EXISTS ahead_keys (
    court text, case_id uuid, instance text, kind text, key text, value text
) ON COMMIT DELETE ROWS

-- name: choose
-- Rows of which no key is held or another row's, and whose UID is nobody else's. $1 are the rows that share keys.
INSERT INTO ahead
SELECT s.line, s.court, s.candidate_id, s.instance, s.seen_on, s.row_hash, s.uid
FROM stage s
WHERE s.line <> ALL ($1::int[])
  AND NOT EXISTS (SELECT FROM found f WHERE f.line = s.line)
  AND (s.uid IS NULL OR NOT (
    s.uid IN (SELECT uid FROM stage WHERE uid IS NOT NULL GROUP BY uid HAVING count(*) > 1)
    OR EXISTS (SELECT FROM versions v WHERE v.uid = s.uid)
    OR EXISTS (SELECT FROM uid_links l WHERE l.uid = s.uid)))

-- name: unstage
INSERT INTO ahead_keys
SELECT k.court, a.case_id, k.instance, k.kind, k.key, k.value FROM stage_keys k JOIN ahead a ON a.line = k.line;
DELETE FROM stage_keys k USING ahead a WHERE a.line = k.line;
DELETE FROM stage s USING ahead a WHERE a.line = s.line

-- name: rows
SELECT line, court, case_id, instance, seen_on, row_hash FROM ahead ORDER BY line

-- name: write_cases
INSERT INTO cases SELECT court, case_id, instance, {revision} FROM ahead ORDER BY court

-- name: write_identifiers
INSERT INTO identifiers
SELECT court, case_id, kind, key, {revision}, NULL::int, instance, value FROM ahead_keys ORDER BY court, key

-- name: overtaken
-- Whether what has been published after $1 and before our revision $2 bears on the cases: another has a key or the UID
-- of one, or it is known otherwise which days their courts had been looked at.
SELECT EXISTS (
    SELECT FROM ahead_keys k CROSS JOIN LATERAL (
        SELECT FROM identifiers i
        WHERE i.court = k.court AND i.instance = k.instance AND i.kind = k.kind AND i.key = k.key
          AND i.superseded_in IS NULL
        OFFSET 0  -- by the index, however many there are
    ) AS held
) OR EXISTS (
    SELECT FROM versions v JOIN ahead a ON a.uid = v.uid WHERE v.revision > $1 AND v.revision < $2
) OR EXISTS (
    SELECT FROM uid_links l JOIN ahead a ON a.uid = l.uid
) OR EXISTS (
    SELECT FROM coverage_windows w JOIN (SELECT DISTINCT court FROM ahead) a ON a.court = w.court
    WHERE (w.revision > $1 AND w.revision < $2) OR w.superseded_in > $1
)

-- name: has_kin
-- Whether a staged version of another row has the UID of one of the cases.
SELECT EXISTS (SELECT FROM new_versions n JOIN ahead a ON a.uid = n.uid)
