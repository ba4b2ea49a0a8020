-- How runs stand now, and the texts of messages: what the views of `views.sql` join.

-- Open runs and when their writers were last heard of; a sign of life that lies in the
-- future, since a clock was set back, counts as one of now.
CREATE VIEW loaded.open_run_states AS
SELECT
    run_id,
    CASE
        WHEN last_seen_ns > epoch_ns(now()) THEN epoch_ns(now()) ELSE last_seen_ns
    END AS last_seen_ns,
    status = 'running' AND writer_id IN (SELECT writer_id FROM loaded.dead_writers)
        AS is_interrupted
FROM loaded.open_runs;

-- A run whose writer has died is interrupted, whatever its last word was, and ended with
-- its last sign of life.
CREATE VIEW loaded.run_states AS
SELECT
    r.* REPLACE (
        CASE WHEN o.is_interrupted THEN 'interrupted' ELSE r.status END AS status,
        CASE
            WHEN o.is_interrupted THEN greatest(r.updated_ns, o.last_seen_ns) ELSE r.ended_ns
        END AS ended_ns
    ),
    CASE WHEN o.run_id IS NOT NULL THEN greatest(r.updated_ns, o.last_seen_ns) END
        AS last_seen_ns
FROM loaded.runs AS r LEFT JOIN loaded.open_run_states AS o ON o.run_id = r.run_id;

-- Grouped by its key, so that a join whose texts nobody asked for is left out.
CREATE VIEW loaded.texts AS
SELECT id, any_value(text) AS text FROM loaded.messages GROUP BY id;
