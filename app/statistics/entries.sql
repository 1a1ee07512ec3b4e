-- What a set of versions contributes to the ledger: the one definition of who and what is counted.
-- $1 is the reference set; versions, defendants and charges are the tables or their staged likes; what the
-- reference says of an offence is in offence_kind.py.
-- First-instance cases that are neither withdrawn nor merged. A case, each of its persons and each of its charges is
-- received; a case and its persons are decided (or otherwise closed) once their disposition says so.
-- A row is what a unit contributes, or several that go together: the one person of a case with the case where both say
-- the same, and the one charge of a person with the person. `entries_of` (ledger.py) takes them apart.
WITH held AS MATERIALIZED (
    SELECT v.court, v.case_id, v.revision, v.received_on, v.decided_on, v.arrival, v.disposition,
           v.disposition IN ('pending', 'unknown') AS is_open, v.offence_received, v.offence_decided,
           c.level AS court_level, c.region, coalesce(c.district, 'unknown') AS district
    FROM {versions} v JOIN courts c ON c.reference = $1 AND c.code = v.court
    WHERE v.instance = 'first' AND NOT v.is_withdrawn AND v.merged_into IS NULL
),
charged AS MATERIALIZED (
    SELECT g.court, g.case_id, g.revision, g.defendant, min(g.offence) AS first, max(g.offence) AS last,
           count(*) FILTER (WHERE g.role = 'filed') AS filed,
           min(g.offence) FILTER (WHERE g.role = 'filed') AS first_filed
    FROM held h JOIN {charges} g ON g.court = h.court AND g.case_id = h.case_id AND g.revision = h.revision
    GROUP BY g.court, g.case_id, g.revision, g.defendant
),
gathered AS (
    SELECT g.court, g.case_id, g.revision, g.defendant, array_agg(DISTINCT g.offence ORDER BY g.offence) AS offences
    FROM charged c JOIN {charges} g ON g.court = c.court AND g.case_id = c.case_id AND g.revision = c.revision
                                   AND g.defendant = c.defendant
    WHERE c.first <> c.last
    GROUP BY g.court, g.case_id, g.revision, g.defendant
),
several AS (
    SELECT court, case_id, revision FROM {defendants} GROUP BY court, case_id, revision HAVING count(*) > 1
),
persons AS MATERIALIZED (
    SELECT h.court, h.case_id, h.revision, h.court_level, h.region, h.district, h.arrival, h.received_on,
           h.disposition AS case_disposition,
           d.defendant, d.decided_on, d.disposition, d.is_presumed, d.service_status, d.sentence_class,
           d.sentence_kind, d.sentence_execution, d.term_months, d.offence_received, d.offence_decided,
           CASE WHEN c.first = c.last THEN ARRAY[c.first] ELSE coalesce(g.offences, '{{}}'::text[]) END AS offences,
           coalesce(c.filed, 0) > 0 AS has_filed,
           coalesce(c.filed = 1 AND c.first_filed = d.offence_received, false) AS has_one_charge,
           s.court IS NULL AND h.decided_on IS NOT DISTINCT FROM d.decided_on
           AND h.offence_received = d.offence_received AND h.offence_decided = d.offence_decided
           AND h.is_open = (d.disposition IN ('pending', 'unknown')) AS is_alone
    FROM held h
    JOIN {defendants} d ON d.court = h.court AND d.case_id = h.case_id AND d.revision = h.revision
    LEFT JOIN several s ON s.court = d.court AND s.case_id = d.case_id AND s.revision = d.revision
    LEFT JOIN charged c ON c.court = d.court AND c.case_id = d.case_id AND c.revision = d.revision
                       AND c.defendant = d.defendant
    LEFT JOIN gathered g ON g.court = d.court AND g.case_id = d.case_id AND g.revision = d.revision
                        AND g.defendant = d.defendant
),
common AS (  -- a case's value on a dimension of persons: the one they share, else mixed
    SELECT p.court, p.case_id, p.revision, count(*) AS persons, min(offences) AS offences,
           CASE WHEN min(service_status) = max(service_status) THEN min(service_status) ELSE 'mixed' END
               AS service_status,
           CASE WHEN min(sentence_class) = max(sentence_class) THEN min(sentence_class) ELSE 'mixed' END
               AS sentence_class,
           CASE WHEN min(sentence_kind) = max(sentence_kind) THEN min(sentence_kind) ELSE 'mixed' END
               AS sentence_kind,
           CASE WHEN min(sentence_execution) = max(sentence_execution) THEN min(sentence_execution) ELSE 'mixed' END
               AS sentence_execution
    FROM persons p
    WHERE NOT p.is_alone
    GROUP BY p.court, p.case_id, p.revision
),
of_several AS (
    SELECT p.court, p.case_id, p.revision, array_agg(DISTINCT o ORDER BY o) AS offences
    FROM common m JOIN persons p ON p.court = m.court AND p.case_id = m.case_id AND p.revision = m.revision,
         unnest(p.offences) AS o
    WHERE m.persons > 1
    GROUP BY p.court, p.case_id, p.revision
),
units AS (
    SELECT court, case_id, defendant, court_level, region, district, arrival, received_on, decided_on,
           CASE WHEN is_alone THEN case_disposition END AS case_disposition, disposition, is_presumed,
           service_status, sentence_class, sentence_kind, sentence_execution, term_months,
           offence_received, offence_decided, offences,
           is_alone::int AS cases, 1 AS persons, has_one_charge::int AS charges
    FROM persons
    UNION ALL
    SELECT h.court, h.case_id, 0, h.court_level, h.region, h.district, h.arrival, h.received_on, h.decided_on,
           h.disposition, NULL, false,
           coalesce(m.service_status, 'unknown'), coalesce(m.sentence_class, 'unknown'),
           coalesce(m.sentence_kind, 'unknown'), coalesce(m.sentence_execution, 'unknown'), NULL,
           h.offence_received, h.offence_decided,
           coalesce(CASE WHEN m.persons = 1 THEN m.offences ELSE o.offences END, '{{}}'::text[]),
           1, 0, 0
    FROM held h
    LEFT JOIN common m ON m.court = h.court AND m.case_id = h.case_id AND m.revision = h.revision
    LEFT JOIN of_several o ON o.court = h.court AND o.case_id = h.case_id AND o.revision = h.revision
    WHERE NOT EXISTS (
        SELECT FROM persons p
        WHERE p.is_alone AND p.court = h.court AND p.case_id = h.case_id AND p.revision = h.revision)
),
events AS (
    SELECT u.*, e.event, e.day, e.offence_part
    FROM units u CROSS JOIN LATERAL (VALUES
        ('received', u.received_on, u.offence_received), ('decided', u.decided_on, u.offence_decided)
    ) AS e (event, day, offence_part)
    WHERE e.event = 'received' OR coalesce(u.disposition, u.case_disposition) NOT IN ('pending', 'unknown')
    UNION ALL
    SELECT p.court, p.case_id, p.defendant, p.court_level, p.region, p.district, p.arrival, p.received_on,
           p.decided_on, NULL, p.disposition, p.is_presumed, p.service_status, p.sentence_class, p.sentence_kind,
           p.sentence_execution, NULL, p.offence_received, p.offence_decided, p.offences, 0, 0, 1,
           'received', p.received_on, g.offence
    FROM persons p
    JOIN {charges} g ON g.court = p.court AND g.case_id = p.case_id AND g.revision = p.revision
                    AND g.defendant = p.defendant
    WHERE NOT p.has_one_charge AND (g.role = 'filed' OR (g.role = 'convicted' AND NOT p.has_filed))
)
SELECT e.court, e.case_id, e.defendant, e.event, e.day,
       CASE WHEN e.decided_on >= e.received_on
             AND coalesce(e.disposition, e.case_disposition) NOT IN ('pending', 'unknown')
            THEN e.decided_on - e.received_on END AS days,
       e.court_level, e.region, e.district, split_part(e.offence_part, ':', 1) AS offence, e.offence_part,
       {offence_group} AS offence_group,
       {is_wartime} AS is_wartime,
       e.arrival, e.service_status, e.case_disposition, e.disposition, e.sentence_class, e.sentence_kind,
       e.sentence_execution, e.is_presumed, e.offences, e.term_months,
       e.cases, e.persons, CASE e.event WHEN 'received' THEN e.charges ELSE 0 END AS charges
FROM events e
{looked_up}
