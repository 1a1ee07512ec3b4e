-- name: statements
-- Live statements of every case as of a revision, both layers side by side; of an undone case there are none.
WITH live AS MATERIALIZED (
    SELECT court, case_id, layer, body FROM statements
    WHERE revision <= {revision} AND (superseded_in IS NULL OR superseded_in > {revision})
)
SELECT c.court, c.case_id, c.instance, card.body AS card, news.body AS newsroom
FROM cases c
LEFT JOIN live card ON card.court = c.court AND card.case_id = c.case_id AND card.layer = 'court_card'
LEFT JOIN live news ON news.court = c.court AND news.case_id = c.case_id AND news.layer = 'newsroom'
WHERE c.revision <= {revision}

-- name: versions
-- Cases whose version as of a revision is not the one that their statements make.
SELECT coalesce(v.court, n.court) AS court, coalesce(v.case_id, n.case_id)::text AS case_id
FROM new_versions n
FULL JOIN (
    SELECT court, case_id, content_hash, arrival FROM versions
    WHERE revision <= {revision} AND (superseded_in IS NULL OR superseded_in > {revision})
) v ON v.court = n.court AND v.case_id = n.case_id
WHERE (v.content_hash, v.arrival) IS DISTINCT FROM (n.content_hash, n.arrival)

-- name: ledger
-- Entries that the ledger holds as of a revision, less those that the recounted versions contribute.
SELECT {columns}, sum(n) AS n FROM (
    SELECT {columns}, n FROM entries WHERE revision <= {revision}
    UNION ALL
    SELECT {columns}, -n FROM ({entries}) e
) compared
GROUP BY {columns} HAVING sum(n) <> 0

-- name: tally
-- Cells of one sum as of a revision, less the ledger's; and rows whose elements do not rise. `part` says of what.
WITH rows AS MATERIALIZED (SELECT * FROM tally WHERE sum = {number} AND block = ANY ($1::int[])),
added AS MATERIALIZED (
    SELECT court, kind{columns}, at, sum(n)::int AS n FROM ({added}) AS entries
    GROUP BY court, kind{columns}, at HAVING sum(n) <> 0
),
compared AS ({parts})
SELECT court, kind{columns}, part, at, sum(n) AS n FROM compared
GROUP BY court, kind{columns}, part, at HAVING sum(n) <> 0
UNION ALL
SELECT court, kind{columns}, 'order', block, n FROM rows
WHERE series <> (SELECT array_agg(e ORDER BY e) FROM unnest(series) AS e)
   OR running <> (SELECT array_agg(e ORDER BY e) FROM unnest(running) AS e)

-- name: tally_none
SELECT court, kind{columns}, 'none' AS part, 0 AS at, n FROM rows WHERE year IS NULL
UNION ALL SELECT court, kind{columns}, 'none', 0, -n FROM added WHERE at = 0

-- name: tally_days
SELECT court, kind{columns}, 'day', {position}, {count} FROM rows, unnest(series) AS e WHERE year > 0
UNION ALL SELECT court, kind{columns}, 'day', at, -n FROM added WHERE at > 0
UNION ALL SELECT court, kind{columns}, 'year', year, n FROM rows WHERE year > 0
UNION ALL SELECT court, kind{columns}, 'year', extract(year FROM DATE '0001-01-01' + at - 1)::int, -n
          FROM added WHERE at > 0

-- name: tally_running
SELECT court, kind{columns}, 'running', {position}, {count} - coalesce({before}, 0)
FROM rows, unnest(running) WITH ORDINALITY AS days (e, place) WHERE year > 0
UNION ALL SELECT court, kind{columns}, 'running', at, -n FROM added WHERE at > 0

-- name: tally_weeks
SELECT court, kind{columns}, 'week', {position}, {count} FROM rows, unnest(series) AS e WHERE year = 0
UNION ALL SELECT court, kind{columns}, 'week', at - (at - 1) % 7, -n FROM added WHERE at > 0

-- name: tally_months
SELECT court, kind{columns}, 'month', {position}, {count} - coalesce({before}, 0)
FROM rows, unnest(running) WITH ORDINALITY AS months (e, place) WHERE year = 0
UNION ALL SELECT court, kind{columns}, 'month', at - extract(day FROM DATE '0001-01-01' + at - 1)::int + 1, -n
          FROM added WHERE at > 0
UNION ALL SELECT court, kind{columns}, 'whole', 0, n FROM rows WHERE year = 0
UNION ALL SELECT court, kind{columns}, 'whole', 0, -n FROM added WHERE at > 0

-- name: written
-- Revisions whose rows in the ledger are not as many as they wrote.
SELECT r.revision, (r.rows_written ->> 'ledger')::int AS expected, coalesce(l.n, 0) AS found
FROM revisions r
LEFT JOIN (SELECT revision, count(*) AS n FROM ledger GROUP BY revision) l ON l.revision = r.revision
WHERE r.revision <= {revision} AND coalesce(l.n, 0) <> (r.rows_written ->> 'ledger')::int
