-- The rows that a question is about, with the columns that it may group them by.
--
-- A key that does not apply to a relation is NULL there. The variables are constants by the
-- time that a query is planned: what was not asked for is neither read nor reckoned.

-- Filled for each question that asks for hours, days, weeks or months (see `question.py`).
CREATE TABLE loaded.calendar (
    quarter INTEGER, month TIMESTAMPTZ, week TIMESTAMPTZ, day TIMESTAMPTZ, hour TIMESTAMPTZ
);

-- Grouped by its key, so that a join whose columns nobody asked for is left out.
CREATE VIEW loaded.calendar_by_quarter AS
SELECT
    quarter, any_value(month) AS month, any_value(week) AS week, any_value(day) AS day,
    any_value(hour) AS hour
FROM loaded.calendar
GROUP BY quarter;

CREATE SCHEMA asked;

CREATE VIEW asked.chosen_llm_calls AS
SELECT
    c.*, NULL::VARCHAR AS tool_name,
    -- Telemetry that knows no price of a model claims that it cost nothing.
    CASE WHEN emitted_cost_picousd > 0 THEN emitted_cost_picousd END AS claimed_picousd,
    CASE WHEN emitted_cost_picousd > 0 THEN emitted_cost_source END AS source
FROM loaded.llm_calls AS c
WHERE wanted('only_agent_name', agent_name)
    AND wanted('only_model', model)
    AND wanted('only_provider', provider)
    AND wanted('only_operation', operation)
    AND wanted('only_status', status)
    AND wanted('only_session_id', session_id)
    AND wanted('only_user_id', user_id)
    AND wanted('only_tenant_id', tenant_id)
    AND wanted('only_run_id', run_id)
    AND wanted('only_service', service)
    AND getvariable('only_tool_name') IS NULL
    AND wanted_tags(tags)
    AND wanted_metadata(metadata)
    AND within(start_ns);

CREATE VIEW asked.chosen_tool_calls AS
SELECT
    c.*, NULL::VARCHAR AS model, NULL::VARCHAR AS provider, NULL::VARCHAR AS operation
FROM loaded.tool_calls AS c
WHERE wanted('only_agent_name', agent_name)
    AND getvariable('only_model') IS NULL
    AND getvariable('only_provider') IS NULL
    AND getvariable('only_operation') IS NULL
    AND wanted('only_status', status)
    AND wanted('only_session_id', session_id)
    AND wanted('only_user_id', user_id)
    AND wanted('only_tenant_id', tenant_id)
    AND wanted('only_run_id', run_id)
    AND wanted('only_service', service)
    AND wanted('only_tool_name', tool_name)
    AND wanted_tags(tags)
    AND wanted_metadata(metadata)
    AND within(start_ns);

-- A run has the model of its latest call, and no one provider.
CREATE VIEW asked.chosen_runs AS
SELECT
    r.*, started_ns AS start_ns, ended_ns AS end_ns, ended_ns - started_ns AS duration_ns,
    NULL::VARCHAR AS provider, NULL::VARCHAR AS operation, NULL::VARCHAR AS tool_name
FROM loaded.run_states AS r
WHERE wanted('only_agent_name', agent_name)
    AND wanted('only_model', model)
    AND getvariable('only_provider') IS NULL
    AND getvariable('only_operation') IS NULL
    AND wanted('only_status', status)
    AND wanted('only_session_id', session_id)
    AND wanted('only_user_id', user_id)
    AND wanted('only_tenant_id', tenant_id)
    AND wanted('only_run_id', run_id)
    AND wanted('only_service', service)
    AND getvariable('only_tool_name') IS NULL
    AND wanted_tags(tags)
    AND wanted_metadata(metadata)
    AND within(started_ns);

-- `every` is the key of a question without keys. A row counts under each of its tags where
-- tags are asked for, and once, under none, if it has none.
CREATE VIEW asked.llm_calls AS
WITH keyed AS (
    SELECT
        c.*, t.month, t.week, t.day, t.hour, true AS every,
        [metadata_value(metadata, key) FOR key IN getvariable('metadata_keys')] AS metadata_values
    FROM asked.chosen_llm_calls AS c
    LEFT JOIN loaded.calendar_by_quarter AS t ON t.quarter = c.quarter
)
SELECT *, NULL::VARCHAR AS tag FROM keyed WHERE NOT asked('tag')
UNION ALL
SELECT *, unnest(CASE WHEN len(tags) > 0 THEN tags ELSE [NULL] END) AS tag
FROM keyed WHERE asked('tag');

CREATE VIEW asked.tool_calls AS
WITH keyed AS (
    SELECT
        c.*, t.month, t.week, t.day, t.hour, true AS every,
        [metadata_value(metadata, key) FOR key IN getvariable('metadata_keys')] AS metadata_values
    FROM asked.chosen_tool_calls AS c
    LEFT JOIN loaded.calendar_by_quarter AS t ON t.quarter = c.quarter
)
SELECT *, NULL::VARCHAR AS tag FROM keyed WHERE NOT asked('tag')
UNION ALL
SELECT *, unnest(CASE WHEN len(tags) > 0 THEN tags ELSE [NULL] END) AS tag
FROM keyed WHERE asked('tag');

CREATE VIEW asked.runs AS
WITH keyed AS (
    SELECT
        r.*, t.month, t.week, t.day, t.hour, true AS every,
        [metadata_value(metadata, key) FOR key IN getvariable('metadata_keys')] AS metadata_values
    FROM asked.chosen_runs AS r
    LEFT JOIN loaded.calendar_by_quarter AS t ON t.quarter = r.quarter
)
SELECT *, NULL::VARCHAR AS tag FROM keyed WHERE NOT asked('tag')
UNION ALL
SELECT *, unnest(CASE WHEN len(tags) > 0 THEN tags ELSE [NULL] END) AS tag
FROM keyed WHERE asked('tag');

-- The quarters of an hour in which something of the relations began that `about` names.
CREATE VIEW asked.quarters AS
SELECT DISTINCT quarter FROM asked.chosen_llm_calls
WHERE list_contains(getvariable('about'), 'llm_calls')
UNION
SELECT DISTINCT quarter FROM asked.chosen_tool_calls
WHERE list_contains(getvariable('about'), 'tool_calls')
UNION
SELECT DISTINCT quarter FROM asked.chosen_runs
WHERE list_contains(getvariable('about'), 'runs');

CREATE VIEW asked.calendar AS
SELECT
    quarter,
    CASE WHEN asked('month') THEN bucket_of('month', begun, getvariable('zone')) END AS month,
    CASE WHEN asked('week') THEN bucket_of('week', begun, getvariable('zone')) END AS week,
    CASE WHEN asked('day') THEN bucket_of('day', begun, getvariable('zone')) END AS day,
    CASE WHEN asked('hour') THEN hour_of(begun, getvariable('zone')) END AS hour
FROM (
    SELECT quarter, make_timestamptz(quarter::BIGINT * 900_000_000) AS begun FROM asked.quarters
);
