-- name: stage
-- What the batch's source looked at, by court.
CREATE TEMPORARY TABLE IF NOT EXISTS looked_at (
    court text, starts_on date, ends_on date, promised int, received int, is_whole boolean
) ON COMMIT DELETE ROWS

-- name: of_staged
-- One window for all courts of which the batch has rows. $1 and $2 are its days, $3 says whether it is whole.
INSERT INTO looked_at
SELECT court, $1, $2, NULL, count(*), $3 FROM (SELECT court FROM stage UNION ALL SELECT court FROM ahead) AS rows GROUP BY court

-- name: drop_known
-- Leave out what adds nothing: days known to be covered, and a look that fell short and is noted as it is.
DELETE FROM looked_at l
WHERE EXISTS (
    SELECT FROM coverage_windows w
    WHERE w.superseded_in IS NULL AND w.court = l.court AND w.starts_on = l.starts_on AND w.ends_on = l.ends_on
      AND w.is_whole = l.is_whole AND w.promised IS NOT DISTINCT FROM l.promised AND w.received IS NOT DISTINCT FROM l.received)
OR coalesce((
    SELECT range_agg(daterange(w.starts_on, w.ends_on, '[]')) @> daterange(l.starts_on, l.ends_on, '[]')
    FROM coverage_windows w
    WHERE w.court = l.court AND w.is_whole AND w.superseded_in IS NULL
      AND w.starts_on <= l.ends_on AND w.ends_on >= l.starts_on), false)

-- name: write
-- $1 is the revision, $2 the source, $3 the day of seeing.
INSERT INTO coverage_windows (court, revision, starts_on, ends_on, source, promised, received, is_whole, seen_on)
SELECT court, $1, starts_on, ends_on, $2, promised, received, is_whole, $3 FROM looked_at
