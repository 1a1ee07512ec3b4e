-- name: kin
-- Cases of the UIDs that staged versions have, or had until now, where they are more than one, or where one that is
-- left alone still says otherwise.
-- A removed case has a stand-in for its UID; so its kin go by the stand-in too.
WITH touched AS MATERIALIZED (
    SELECT coalesce(l.stand_in, t.uid) AS uid
    FROM (
        SELECT uid FROM new_versions WHERE uid IS NOT NULL
        UNION
        SELECT v.uid FROM versions v JOIN new_versions n ON n.court = v.court AND n.case_id = v.case_id
        WHERE v.superseded_in IS NULL AND v.uid IS NOT NULL
    ) t LEFT JOIN uid_links l ON l.uid = t.uid
),
spelt AS MATERIALIZED (
    SELECT uid AS kin, uid FROM touched
    UNION
    SELECT l.stand_in, l.uid FROM touched t JOIN uid_links l ON l.stand_in = t.uid
),
kin AS MATERIALIZED (
    SELECT coalesce(l.stand_in, n.uid) AS uid, n.court, n.case_id, n.instance, n.number, n.received_on, n.decided_on, n.disposition, n.arrival,
           n.layers ? 'arrival' AS is_stated, true AS is_staged
    FROM new_versions n LEFT JOIN uid_links l ON l.uid = n.uid
    WHERE n.uid IS NOT NULL AND NOT n.is_withdrawn AND n.merged_into IS NULL
    UNION ALL
    SELECT t.kin, v.court, v.case_id, v.instance, v.number, v.received_on, v.decided_on, v.disposition, v.arrival,
           v.layers ? 'arrival', false
    FROM spelt t CROSS JOIN LATERAL (
        SELECT * FROM versions v
        WHERE v.uid = t.uid AND v.superseded_in IS NULL AND NOT v.is_withdrawn AND v.merged_into IS NULL
        OFFSET 0  -- by the index: a UID has few cases, however many the record has
    ) v
    WHERE NOT EXISTS (SELECT FROM new_versions n WHERE n.court = v.court AND n.case_id = v.case_id)
)
SELECT k.* FROM kin k
WHERE k.uid IN (SELECT uid FROM kin GROUP BY uid HAVING count(*) > 1) OR (k.arrival <> 'new' AND NOT k.is_stated)
ORDER BY k.uid, k.court, k.case_id

-- name: staged_kin
-- The same where the staged versions are all there are.
WITH kin AS MATERIALIZED (
    SELECT coalesce(l.stand_in, n.uid) AS uid, n.court, n.case_id, n.instance, n.number, n.received_on, n.decided_on,
           n.disposition, n.arrival, n.layers ? 'arrival' AS is_stated
    FROM new_versions n LEFT JOIN uid_links l ON l.uid = n.uid
    WHERE n.uid IS NOT NULL AND NOT n.is_withdrawn AND n.merged_into IS NULL
)
SELECT k.* FROM kin k WHERE k.uid IN (SELECT uid FROM kin GROUP BY uid HAVING count(*) > 1)
ORDER BY k.uid, k.court, k.case_id

-- name: correct
UPDATE new_versions n SET arrival = m.arrival FROM moved m WHERE m.court = n.court AND m.case_id = n.case_id

-- name: succeed_charges
INSERT INTO new_charges
SELECT c.court, c.case_id, {revision}, c.defendant, c.position, c.offence, c.role, c.stage, c.episodes, c.is_principal
FROM moved m
JOIN versions v ON v.court = m.court AND v.case_id = m.case_id AND v.superseded_in IS NULL
JOIN charges c ON c.court = v.court AND c.case_id = v.case_id AND c.revision = v.revision
WHERE NOT EXISTS (SELECT FROM new_versions n WHERE n.court = m.court AND n.case_id = m.case_id)

-- name: succeed_defendants
INSERT INTO new_defendants
SELECT d.court, d.case_id, {revision}, d.defendant, d.ordinal, d.service_status, d.disposition, d.is_presumed,
       d.decided_on, d.offence_received, d.offence_decided, d.sentence_class, d.sentence_kind, d.sentence_execution,
       d.term_months, d.probation_months, d.fine_rub, d.regime, d.sentence_source
FROM moved m
JOIN versions v ON v.court = m.court AND v.case_id = m.case_id AND v.superseded_in IS NULL
JOIN defendants d ON d.court = v.court AND d.case_id = v.case_id AND d.revision = v.revision
WHERE NOT EXISTS (SELECT FROM new_versions n WHERE n.court = m.court AND n.case_id = m.case_id)

-- name: succeed
INSERT INTO new_versions
SELECT v.court, v.case_id, {revision}, NULL::int, v.version + 1, v.instance, v.number, v.uid, v.received_on, m.arrival,
       v.decided_on, v.disposition, v.in_force_on, v.offence_received, v.offence_decided, v.is_withdrawn,
       v.merged_into, v.layers, v.conflicts, v.sources, v.content_hash, v.persons, v.flat_rows
FROM moved m
JOIN versions v ON v.court = m.court AND v.case_id = m.case_id AND v.superseded_in IS NULL
WHERE NOT EXISTS (SELECT FROM new_versions n WHERE n.court = m.court AND n.case_id = m.case_id)
