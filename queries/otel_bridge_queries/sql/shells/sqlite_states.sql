-- How runs stand now, and the texts of messages: `setup/states.sql` in SQLite's words.
--
-- $now_ns is the present, $silence_ns how long a writer that lives is not heard of, and
-- $others are the columns of the runs that are handed on. Whether a process is still there
-- cannot be asked from here: a killed one is known by its silence.

CREATE TEMP VIEW loaded_open_run_states AS
SELECT
    r.run_id,
    CASE WHEN w.last_seen_ns > $now_ns THEN $now_ns ELSE w.last_seen_ns END AS last_seen_ns,
    r.status = 'running' AND (w.closed_ns IS NOT NULL OR w.last_seen_ns < $now_ns - $silence_ns)
        AS is_interrupted
FROM main.runs AS r LEFT JOIN main.writers AS w ON w.writer_id = r.writer_id
WHERE r.status IN ('running', 'paused');

CREATE TEMP VIEW loaded_run_states AS
SELECT
    $others,
    CASE WHEN o.is_interrupted THEN 'interrupted' ELSE r.status END AS status,
    CASE
        WHEN o.is_interrupted THEN max(r.updated_ns, o.last_seen_ns) ELSE r.ended_ns
    END AS ended_ns,
    CASE
        WHEN o.run_id IS NOT NULL
        THEN max(r.updated_ns, coalesce(o.last_seen_ns, r.updated_ns))
    END AS last_seen_ns
FROM loaded_runs AS r LEFT JOIN loaded_open_run_states AS o ON o.run_id = r.run_id;

-- A message in JSON says what its text parts say, else what a tool answered in it. What is
-- no message is text itself.
CREATE TEMP VIEW loaded_messages AS
SELECT
    m.id, m.body,
    CASE
        WHEN m.body NOT GLOB '{*' OR NOT json_valid(m.body) THEN m.body
        WHEN json_type(m.body, '$.role') IS NULL
            OR coalesce(json_type(m.body, '$.parts'), '') <> 'array'
        THEN m.body
        ELSE coalesce(
            nullif(
                (
                    SELECT group_concat(
                        CASE json_type(part.value, '$.content')
                            WHEN 'null' THEN ''
                            WHEN 'true' THEN 'true'
                            WHEN 'false' THEN 'false'
                            ELSE json_extract(part.value, '$.content')
                        END,
                        ''
                    )
                    FROM json_each(m.body, '$.parts') AS part
                    WHERE part.type = 'object' AND json_extract(part.value, '$.type') = 'text'
                ),
                ''
            ),
            (
                SELECT group_concat(
                    CASE json_type(part.value, '$.response')
                        WHEN 'null' THEN ''
                        WHEN 'true' THEN 'true'
                        WHEN 'false' THEN 'false'
                        ELSE json_extract(part.value, '$.response')
                    END,
                    ''
                )
                FROM json_each(m.body, '$.parts') AS part
                WHERE part.type = 'object'
                    AND json_extract(part.value, '$.type') = 'tool_call_response'
            ),
            ''
        )
    END AS text
FROM main.messages AS m;

CREATE TEMP VIEW loaded_texts AS SELECT id, text FROM loaded_messages;
