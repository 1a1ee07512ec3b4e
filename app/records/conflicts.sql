-- name: open
-- Conflicts that stand as of revision $1 and that nobody has settled: between the layers of a case, and pairs of cases
-- that may be one. A case that is withdrawn or merged has none.
(
    SELECT v.court, v.case_id, NULL::uuid AS other_id, c.value ->> 'kind' AS kind, c.value ->> 'field' AS field,
           c.value -> 'court_card' AS court_card, c.value -> 'newsroom' AS newsroom, NULL::text[] AS reasons,
           v.revision, v.received_on,
           {tag} AS tag
    FROM versions v
    CROSS JOIN LATERAL jsonb_array_elements(v.conflicts) AS c
    WHERE v.conflicts <> '[]'::jsonb AND {live_v} AND NOT v.is_withdrawn AND v.merged_into IS NULL
    UNION ALL
    SELECT p.court, p.case_id, p.other_id, 'possible_duplicate', NULL, NULL, NULL, p.reasons, p.revision,
           v.received_on, {pair_tag}
    FROM (SELECT d.court, d.case_id, d.other_id, array_agg(d.reason ORDER BY d.reason) AS reasons,
                 min(d.revision) AS revision
          FROM possible_duplicates d WHERE d.revision <= $1::int GROUP BY d.court, d.case_id, d.other_id) p
    JOIN versions v ON v.court = p.court AND v.case_id = p.case_id AND {live_v}
    JOIN versions o ON o.court = p.court AND o.case_id = p.other_id AND {live_o}
    WHERE NOT v.is_withdrawn AND v.merged_into IS NULL AND NOT o.is_withdrawn AND o.merged_into IS NULL
) f

-- name: statements
-- What each layer said of some cases as of revision $1, and where and when it was seen; keys as two arrays.
SELECT s.court, s.case_id, s.layer, s.revision, s.seen_on, s.body -> 'sources' AS sources
FROM unnest($2::text[], $3::uuid[]) AS k (court, case_id)
JOIN statements s ON s.court = k.court AND s.case_id = k.case_id
WHERE s.revision <= $1 AND (s.superseded_in IS NULL OR s.superseded_in > $1)

-- name: since
-- The first version from which on some conflicts between layers have stood without a break, as of revision $1; keys as
-- three arrays.
SELECT k.case_id, k.tag, min(v.revision) AS since
FROM unnest($2::text[], $3::uuid[], $4::text[]) AS k (court, case_id, tag)
JOIN versions v ON v.court = k.court AND v.case_id = k.case_id AND v.revision <= $1
CROSS JOIN LATERAL (
    SELECT max(w.revision) AS revision FROM versions w
    WHERE w.court = k.court AND w.case_id = k.case_id AND w.revision <= $1
      AND NOT EXISTS (SELECT FROM jsonb_array_elements(w.conflicts) AS c WHERE {tag} = k.tag)
) AS without
WHERE v.revision > coalesce(without.revision, 0)
GROUP BY k.case_id, k.tag
