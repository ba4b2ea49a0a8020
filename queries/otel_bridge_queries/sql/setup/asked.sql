-- The rows that a question is about, with the columns that it may group them by.
--
-- A key that does not apply to a relation is NULL there. The variables are constants by the
-- time that a query is planned: what was not asked for is neither read nor reckoned.

-- Filled for each question that asks for calendar keys (see `question.py`).
CREATE TABLE loaded.calendar (
    quarter INTEGER, year TIMESTAMPTZ, month TIMESTAMPTZ, week TIMESTAMPTZ, day TIMESTAMPTZ,
    hour TIMESTAMPTZ, weekday INTEGER, hour_of_day INTEGER
);

-- The run at the top of each run's delegation, and how far below it the run is.
--
-- A run whose parent is not known is at the top. Runs that are said to be above each other
-- have the one at the top that began first, so that every run is below exactly one.
CREATE VIEW loaded.delegation AS
WITH RECURSIVE
tree AS (
    SELECT run_id, NULL::VARCHAR AS parent_run_id, run_id AS root_run_id, 0 AS depth
    FROM loaded.runs
    WHERE parent_run_id IS NULL OR parent_run_id NOT IN (SELECT run_id FROM loaded.runs)
    UNION ALL
    SELECT r.run_id, r.parent_run_id, tree.root_run_id, tree.depth + 1
    FROM loaded.runs AS r JOIN tree ON r.parent_run_id = tree.run_id
),
-- Reached from no top: the members of circles, and what is below them.
lost AS (
    SELECT run_id, parent_run_id, started_ns FROM loaded.runs ANTI JOIN tree USING (run_id)
),
above AS (
    SELECT run_id, parent_run_id AS above_id FROM lost
    UNION
    SELECT above.run_id, lost.parent_run_id
    FROM above JOIN lost ON lost.run_id = above.above_id
),
first_of_circle AS (
    SELECT above.run_id
    FROM above JOIN lost ON lost.run_id = above.above_id
    GROUP BY above.run_id
    HAVING above.run_id = arg_min(above.above_id, (lost.started_ns, above.above_id))
),
circled AS (
    SELECT run_id, NULL::VARCHAR AS parent_run_id, run_id AS root_run_id, 0 AS depth
    FROM first_of_circle
    UNION ALL
    SELECT lost.run_id, lost.parent_run_id, circled.root_run_id, circled.depth + 1
    FROM lost JOIN circled ON lost.parent_run_id = circled.run_id
    WHERE lost.run_id NOT IN (SELECT run_id FROM first_of_circle)
)
SELECT * FROM tree
UNION ALL
SELECT * FROM circled;

-- Filled for each question that asks for roots (see `question.py`).
CREATE TABLE loaded.roots (run_id VARCHAR, root_run_id VARCHAR, root_agent_name VARCHAR);

CREATE SCHEMA asked;

-- All rows of the relations, with the columns that questions narrow them by.
CREATE VIEW asked.any_llm_calls AS
SELECT
    c.*, NULL::VARCHAR AS tool_name,
    -- Telemetry that knows no price of a model claims that it cost nothing.
    CASE WHEN emitted_cost_picousd > 0 THEN emitted_cost_picousd END AS claimed_picousd,
    CASE WHEN emitted_cost_picousd > 0 THEN emitted_cost_source END AS source
FROM loaded.llm_calls AS c;

CREATE VIEW asked.any_tool_calls AS
SELECT c.*, NULL::VARCHAR AS model, NULL::VARCHAR AS provider, NULL::VARCHAR AS operation
FROM loaded.tool_calls AS c;

-- A run has the model of its latest call, and no one provider.
CREATE VIEW asked.any_runs AS
SELECT
    r.*, started_ns AS start_ns, ended_ns AS end_ns, ended_ns - started_ns AS duration_ns,
    NULL::VARCHAR AS provider, NULL::VARCHAR AS operation, NULL::VARCHAR AS tool_name
FROM loaded.run_states AS r;

CREATE MACRO asked.chosen(candidates) AS TABLE
SELECT *
FROM query_table(candidates)
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
    AND wanted('only_tool_name', tool_name)
    AND wanted_tags(tags)
    AND wanted_metadata(metadata)
    AND within(start_ns);

CREATE VIEW asked.chosen_llm_calls AS FROM asked.chosen('asked.any_llm_calls');
CREATE VIEW asked.chosen_tool_calls AS FROM asked.chosen('asked.any_tool_calls');
CREATE VIEW asked.chosen_runs AS FROM asked.chosen('asked.any_runs');

-- `every` is the key of a question without keys. What was not asked for is joined with
-- nothing: a branch whose condition is known to be false is left out. A row counts under each
-- of its tags where tags are asked for, and once, under none, if it has none.
CREATE MACRO asked.keyed(chosen) AS TABLE
WITH timed AS (
    SELECT c.*, t.* EXCLUDE (quarter)
    FROM query_table(chosen) AS c LEFT JOIN loaded.calendar AS t ON t.quarter = c.quarter
    WHERE asked_calendar()
    UNION ALL BY NAME
    SELECT * FROM query_table(chosen) WHERE NOT asked_calendar()
),
rooted AS (
    SELECT c.*, top.* EXCLUDE (run_id)
    FROM timed AS c LEFT JOIN loaded.roots AS top ON top.run_id = c.run_id
    WHERE asked_roots()
    UNION ALL BY NAME
    SELECT * FROM timed WHERE NOT asked_roots()
),
keyed AS (
    SELECT
        *, true AS every,
        quarter_of(quarter) AS quarter_hour, minute_of(start_ns) AS minute,
        metadata_value(metadata, getvariable('metadata_keys')[1]) AS metadata_1,
        metadata_value(metadata, getvariable('metadata_keys')[2]) AS metadata_2,
        metadata_value(metadata, getvariable('metadata_keys')[3]) AS metadata_3
    FROM rooted
)
SELECT *, NULL::VARCHAR AS tag FROM keyed WHERE NOT asked('tag')
UNION ALL
SELECT *, unnest(CASE WHEN len(tags) > 0 THEN tags ELSE [NULL] END) AS tag
FROM keyed WHERE asked('tag');

-- Macros and not views, which would be bound whenever an engine is opened.
CREATE MACRO asked.llm_calls() AS TABLE FROM asked.keyed('asked.chosen_llm_calls');
CREATE MACRO asked.tool_calls() AS TABLE FROM asked.keyed('asked.chosen_tool_calls');
CREATE MACRO asked.runs() AS TABLE FROM asked.keyed('asked.chosen_runs');

-- The quarters of an hour in which something of the relations began that `about` names.
CREATE MACRO asked.quarters() AS TABLE
SELECT DISTINCT quarter FROM asked.chosen_llm_calls
WHERE list_contains(getvariable('about'), 'llm_calls')
UNION
SELECT DISTINCT quarter FROM asked.chosen_tool_calls
WHERE list_contains(getvariable('about'), 'tool_calls')
UNION
SELECT DISTINCT quarter FROM asked.chosen_runs
WHERE list_contains(getvariable('about'), 'runs');

CREATE MACRO asked.calendar() AS TABLE
SELECT
    quarter,
    CASE WHEN asked('year') THEN bucket_of('year', begun, getvariable('zone')) END AS year,
    CASE WHEN asked('month') THEN bucket_of('month', begun, getvariable('zone')) END AS month,
    CASE WHEN asked('week') THEN bucket_of('week', begun, getvariable('zone')) END AS week,
    CASE WHEN asked('day') THEN bucket_of('day', begun, getvariable('zone')) END AS day,
    CASE WHEN asked('hour') THEN hour_of(begun, getvariable('zone')) END AS hour,
    CASE WHEN asked('weekday') THEN isodow(timezone(getvariable('zone'), begun)) END::INTEGER
        AS weekday,
    CASE WHEN asked('hour_of_day') THEN date_part('hour', timezone(getvariable('zone'), begun))
        END::INTEGER AS hour_of_day
FROM (SELECT quarter, quarter_of(quarter) AS begun FROM asked.quarters());

CREATE MACRO asked.roots() AS TABLE
SELECT d.run_id, d.root_run_id, top.agent_name AS root_agent_name
FROM loaded.delegation AS d JOIN loaded.runs AS top ON top.run_id = d.root_run_id;

-- The runs that a list of runs is about: one has the models and providers of its calls.
CREATE VIEW asked.listed_runs AS
SELECT *
FROM loaded.run_states AS r
WHERE wanted('only_agent_name', agent_name)
    AND wanted('only_session_id', session_id)
    AND wanted('only_user_id', user_id)
    AND wanted('only_tenant_id', tenant_id)
    AND wanted('only_run_id', run_id)
    AND wanted('only_service', service)
    AND wanted('only_status', status)
    AND wanted_tags(tags)
    AND wanted_metadata(metadata)
    AND within(started_ns)
    AND (
        (getvariable('only_model') IS NULL AND getvariable('only_provider') IS NULL)
        OR EXISTS (
            SELECT 1 FROM loaded.llm_calls AS c
            WHERE c.run_id = r.run_id
                AND wanted('only_model', c.model)
                AND wanted('only_provider', c.provider)
        )
    );
