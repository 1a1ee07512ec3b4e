-- name: base
-- The block $2 of a sum with days, from the revision's entries ($1: the blocks that it swallows).
-- A day is a number: 1 is 0001-01-01, a Monday; 0 is none. An element of an array is its number << 32, and a count.
INSERT INTO tally (court, sum, block, kind, year, {cell_columns}, n, series, running)
WITH gathered AS (  -- rows of the ledger that differ in their days alone
    SELECT court, event, {gathered}, array_agg(at) AS ats,
           array_agg(cases::int) AS cases, array_agg(persons::int) AS persons, array_agg(charges::int) AS charges
    FROM (
        SELECT {court} AS court, event, {posted}, {at} AS at, cases, persons, charges FROM ledger
        WHERE revision = $2 AND $1::int[] IS NOT NULL AND {which}
    ) AS posted GROUP BY court, event, {gathered}
),
additions AS MATERIALIZED (
    SELECT row_number() OVER () AS addition, added.* FROM (
        SELECT court, kind, {of_unit}, ats,
               CASE unit WHEN 'case' THEN cases WHEN 'person' THEN persons ELSE charges END AS ns
        FROM gathered JOIN (VALUES {kinds}) AS kinds (kind, unit, of_event) ON of_event = event{held}
    ) AS added
),
cells AS MATERIALIZED (
    SELECT row_number() OVER () AS cell, held.* FROM (
        SELECT court, kind, {columns}, array_agg(addition) AS additions FROM additions GROUP BY court, kind, {columns}
    ) AS held
),
days AS MATERIALIZED (
    SELECT place >> 22 AS cell, (place & 4194303)::int AS at, n FROM (
        SELECT cell << 22 | at AS place, sum(n)::int AS n
        FROM (SELECT cell, unnest(additions) AS addition FROM cells) AS placed JOIN additions USING (addition),
             unnest(ats, ns) AS marks (at, n)
        WHERE n <> 0 GROUP BY 1 HAVING sum(n) <> 0
    ) AS added
),
calendar AS MATERIALIZED (  -- of each day, as a day is dear to take apart
    SELECT at, {year} AS year, {month} AS month FROM (SELECT DISTINCT at FROM days) AS known
){coarse}
SELECT c.court, {number}::smallint, $2::int, c.kind, r.year, {cells}, r.n, r.series, r.running
FROM (
    SELECT cell, year, sum(n)::int AS n,
           array_agg((at::bigint << 32) + n ORDER BY at) FILTER (WHERE at > 0) AS series, {running} AS running
    FROM {by_year} AS by_year GROUP BY 1, 2
) AS r JOIN cells c USING (cell)
{more}

-- name: held
        UNION ALL
        SELECT court, kind, {columns}, ARRAY[0], ARRAY[n] FROM tally
        WHERE sum = {number} AND block = ANY($1::int[]) AND year IS NULL
        UNION ALL
        SELECT court, kind, {columns}, ats, ns
        FROM tally, LATERAL (SELECT array_agg({position}) AS ats, array_agg({count}) AS ns FROM unnest(series) AS e) AS e
        WHERE sum = {number} AND block = ANY($1::int[]) AND year > 0

-- name: coarse
,
coarse AS MATERIALIZED (
    SELECT row_number() OVER () AS group_, held.* FROM (
        SELECT sum, kind, {columns}, array_agg(cell) AS cells FROM ({arms}) AS arms GROUP BY sum, kind, {columns}
    ) AS held
),
parts AS MATERIALIZED (SELECT group_, sum, part AS cell FROM coarse, unnest(cells) AS part),
weeks AS MATERIALIZED (SELECT cell, at - (at - 1) % 7 AS at, sum(n)::int AS n FROM days WHERE at > 0 GROUP BY 1, 2),
months AS MATERIALIZED (
    SELECT cell, month AS at, sum(n)::int AS n FROM days JOIN calendar USING (at) WHERE at > 0 GROUP BY 1, 2
),
by_week AS (
    SELECT group_, array_agg((at::bigint << 32) + n ORDER BY at) AS series FROM (
        SELECT place >> 22 AS group_, (place & 4194303)::int AS at, n FROM (
            SELECT group_ << 22 | at AS place, sum(n)::int AS n FROM weeks JOIN parts USING (cell)
            GROUP BY 1 HAVING sum(n) <> 0
        ) AS placed
    ) AS added GROUP BY 1
),
by_month AS (
    SELECT group_, sum(n)::int AS n, array_agg((at::bigint << 32) + upto ORDER BY at) AS running FROM (
        SELECT group_, at, n, (sum(n) OVER (PARTITION BY group_ ORDER BY at))::int AS upto FROM (
            SELECT place >> 22 AS group_, (place & 4194303)::int AS at, n FROM (
                SELECT group_ << 22 | at AS place, sum(n)::int AS n FROM months JOIN parts USING (cell)
                GROUP BY 1 HAVING sum(n) <> 0
            ) AS placed
        ) AS added
    ) AS held GROUP BY 1
)

-- name: more
UNION ALL
SELECT '*', c.sum, $2, c.kind, 0, {cells}, coalesce(m.n, 0), w.series, m.running
FROM by_week w FULL JOIN by_month m USING (group_) JOIN coarse c USING (group_)
UNION ALL
SELECT '*', c.sum, $2, c.kind, NULL, {cells}, u.n, NULL, NULL
FROM (
    SELECT group_, sum(n)::int AS n FROM days JOIN parts USING (cell) WHERE at = 0 AND sum <> {number} GROUP BY 1 HAVING sum(n) <> 0
) AS u JOIN coarse c USING (group_)
UNION ALL
SELECT '*', c.sum, $2, c.kind, r.year, {cells}, r.n, r.series, NULL
FROM (
    SELECT group_, year, sum(n)::int AS n, array_agg((at::bigint << 32) + n ORDER BY at) AS series FROM (
        SELECT group_, at, sum(n)::int AS n FROM days JOIN parts USING (cell)
        WHERE at > 0 AND sum = ANY('{{{with_days}}}') GROUP BY 1, 2 HAVING sum(n) <> 0
    ) AS added JOIN calendar USING (at) GROUP BY 1, 2
) AS r JOIN coarse c USING (group_)
