-- What every report reckons with: money, moments, calendar buckets, chosen and keyed calls.
--
-- The table macros take what groups and filters all reports alike:
--   keys      names of the group keys that were asked for; the others come out as NULL
--   zone      IANA name of the time zone whose calendar the buckets follow
--   agent_names … tag_names   lists of wanted values, or NULL for all
--   since_ns, until_ns        start times from (inclusive) and to (exclusive), or NULL

-- Rounded once, so that a sum of picodollars becomes the nearest double.
CREATE MACRO usd(picousd) AS (CAST(picousd AS VARCHAR) || 'e-12')::DOUBLE;

CREATE MACRO moment(ns) AS make_timestamptz(ns // 1000);

-- A clock that was set back makes no time negative.
CREATE MACRO milliseconds(ns) AS (CASE WHEN ns < 0 THEN 0 ELSE ns END / 1e6);

-- What an interrupted run left open will not go on.
CREATE MACRO call_status(status, is_interrupted) AS (
    CASE WHEN status = 'running' AND is_interrupted THEN 'interrupted' ELSE status END
);

CREATE MACRO asked(keys, name) AS list_contains(keys::VARCHAR[], name);

CREATE MACRO wanted(names, name) AS (names::VARCHAR[] IS NULL OR list_contains(names::VARCHAR[], name));

CREATE MACRO within(ns, since_ns, until_ns) AS (
    (since_ns::BIGINT IS NULL OR ns >= since_ns::BIGINT)
    AND (until_ns::BIGINT IS NULL OR ns < until_ns::BIGINT)
);

-- Steps back to the hour on the instant itself: the two hours of the same name at the end
-- of summer time stay two.
CREATE MACRO hour_of(instant, zone) AS (
    instant - (timezone(zone, instant) - date_trunc('hour', timezone(zone, instant)))
);

-- A midnight that happens twice means the first one here; timezone() means the second.
CREATE MACRO bucket_of(part, instant, zone) AS (
    CASE
        WHEN timezone(
            zone, timezone(zone, date_trunc(part, timezone(zone, instant))) - INTERVAL 1 HOUR
        ) >= date_trunc(part, timezone(zone, instant))
        THEN timezone(zone, date_trunc(part, timezone(zone, instant))) - INTERVAL 1 HOUR
        ELSE timezone(zone, date_trunc(part, timezone(zone, instant)))
    END
);

-- One empty tag stands for «no tags», so that untagged calls are counted too.
CREATE MACRO tags_or_none(keys, tags) AS (
    CASE WHEN asked(keys, 'tag') AND len(tags) > 0 THEN tags ELSE [NULL]::VARCHAR[] END
);

CREATE MACRO llm_calls_by(
    keys, zone, agent_names, models, providers, session_ids, user_ids, run_ids, services,
    tag_names, since_ns, until_ns
) AS TABLE
SELECT
    CASE WHEN asked(keys, 'month') THEN bucket_of('month', moment(c.start_ns), zone) END AS month,
    CASE WHEN asked(keys, 'week') THEN bucket_of('week', moment(c.start_ns), zone) END AS week,
    CASE WHEN asked(keys, 'day') THEN bucket_of('day', moment(c.start_ns), zone) END AS day,
    CASE WHEN asked(keys, 'hour') THEN hour_of(moment(c.start_ns), zone) END AS hour,
    CASE WHEN asked(keys, 'agent_name') THEN r.agent_name END AS agent_name,
    CASE WHEN asked(keys, 'model') THEN c.model END AS model,
    CASE WHEN asked(keys, 'provider') THEN c.provider END AS provider,
    CASE WHEN asked(keys, 'session_id') THEN r.session_id END AS session_id,
    CASE WHEN asked(keys, 'user_id') THEN r.user_id END AS user_id,
    CASE WHEN asked(keys, 'run_id') THEN c.run_id END AS run_id,
    CASE WHEN asked(keys, 'service') THEN r.service END AS service,
    unnest(tags_or_none(keys, r.tags)) AS tag,
    c.span, c.start_ns, c.end_ns, c.status, c.time_to_first_chunk_ns,
    c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_write_tokens,
    c.reasoning_tokens, c.cost_picousd
FROM loaded.llm_calls AS c LEFT JOIN loaded.run_keys AS r USING (run_id)
WHERE wanted(agent_names, r.agent_name)
    AND wanted(models, c.model)
    AND wanted(providers, c.provider)
    AND wanted(session_ids, r.session_id)
    AND wanted(user_ids, r.user_id)
    AND wanted(run_ids, c.run_id)
    AND wanted(services, r.service)
    AND (tag_names::VARCHAR[] IS NULL OR list_has_any(r.tags, tag_names::VARCHAR[]))
    AND within(c.start_ns, since_ns, until_ns);

CREATE MACRO tool_calls_by(
    keys, zone, agent_names, session_ids, user_ids, run_ids, services, tag_names, tool_names,
    since_ns, until_ns
) AS TABLE
SELECT
    CASE WHEN asked(keys, 'month') THEN bucket_of('month', moment(c.start_ns), zone) END AS month,
    CASE WHEN asked(keys, 'week') THEN bucket_of('week', moment(c.start_ns), zone) END AS week,
    CASE WHEN asked(keys, 'day') THEN bucket_of('day', moment(c.start_ns), zone) END AS day,
    CASE WHEN asked(keys, 'hour') THEN hour_of(moment(c.start_ns), zone) END AS hour,
    CASE WHEN asked(keys, 'tool_name') THEN c.tool_name END AS tool_name,
    CASE WHEN asked(keys, 'agent_name') THEN r.agent_name END AS agent_name,
    CASE WHEN asked(keys, 'session_id') THEN r.session_id END AS session_id,
    CASE WHEN asked(keys, 'user_id') THEN r.user_id END AS user_id,
    CASE WHEN asked(keys, 'run_id') THEN c.run_id END AS run_id,
    CASE WHEN asked(keys, 'service') THEN r.service END AS service,
    unnest(tags_or_none(keys, r.tags)) AS tag,
    c.start_ns, c.end_ns, c.status
FROM loaded.tool_calls AS c LEFT JOIN loaded.run_keys AS r USING (run_id)
WHERE wanted(agent_names, r.agent_name)
    AND wanted(session_ids, r.session_id)
    AND wanted(user_ids, r.user_id)
    AND wanted(run_ids, c.run_id)
    AND wanted(services, r.service)
    AND (tag_names::VARCHAR[] IS NULL OR list_has_any(r.tags, tag_names::VARCHAR[]))
    AND wanted(tool_names, c.tool_name)
    AND within(c.start_ns, since_ns, until_ns);
