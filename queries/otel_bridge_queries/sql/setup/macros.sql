-- What every report reckons with: money, moments, calendar buckets, chosen rows.
--
-- A question is told to the views of `asked.sql` by variables (see `question.py`):
--   keys           names of the group keys that were asked for, and `every`
--   metadata_keys  names of the metadata that were asked for as group keys
--   about          names of the relations that the question is about
--   zone           IANA name of the time zone whose calendar the buckets follow
--   only_NAME      list of wanted values of a column, or NULL for all
--   since, until   start times from (inclusive) and to (exclusive), in nanoseconds, or NULL

SET VARIABLE keys = ['every'];

-- Rounded once, so that a sum of picodollars becomes the nearest double.
CREATE MACRO usd(picousd) AS (CAST(picousd AS VARCHAR) || 'e-12')::DOUBLE;

CREATE MACRO moment(ns) AS make_timestamptz(ns // 1000);

-- A clock that was set back makes no time negative.
CREATE MACRO milliseconds(ns) AS (CASE WHEN ns < 0 THEN 0 ELSE ns END / 1e6);

CREATE MACRO as_json(document) AS TRY_CAST(document AS JSON);

-- What an interrupted run left open will not go on.
CREATE MACRO call_status(status, is_interrupted) AS (
    CASE WHEN status = 'running' AND is_interrupted THEN 'interrupted' ELSE status END
);

CREATE MACRO asked(key) AS (list_contains(getvariable('keys'), key));

-- Rows come by time first; `every` is always among the keys.
CREATE MACRO asked_time(key) AS (
    asked(key) AND key IN (
        'every', 'year', 'month', 'week', 'day', 'hour', 'quarter_hour', 'minute', 'weekday',
        'hour_of_day'
    )
);

CREATE MACRO asked_calendar() AS (
    list_has_any(
        getvariable('keys'),
        ['year', 'month', 'week', 'day', 'hour', 'weekday', 'hour_of_day']
    )
);

CREATE MACRO asked_roots() AS (asked('root_run_id') OR asked('root_agent_name'));

CREATE MACRO wanted(filter, value) AS (
    getvariable(filter) IS NULL OR list_contains(getvariable(filter), value)
);

CREATE MACRO wanted_tags(tags) AS (
    getvariable('only_tag') IS NULL OR list_has_any(tags, getvariable('only_tag'))
);

-- JSON pointers, so that a key may have any characters.
CREATE MACRO metadata_value(metadata, key) AS (
    json_extract_string(metadata, '/' || replace(replace(key, '~', '~0'), '/', '~1'))
);

CREATE MACRO wanted_metadata(metadata) AS (
    getvariable('only_metadata') IS NULL
    OR list_bool_and([
        coalesce(list_contains(wish.value, metadata_value(metadata, wish.key)), false)
        FOR wish IN getvariable('only_metadata')
    ])
);

CREATE MACRO within(ns) AS (
    (getvariable('since') IS NULL OR ns >= getvariable('since'))
    AND (getvariable('until') IS NULL OR ns < getvariable('until'))
);

-- Every zone's quarters of an hour and minutes are those of UTC.
CREATE MACRO quarter_of(quarter) AS make_timestamptz(quarter::BIGINT * 900_000_000);

CREATE MACRO minute_of(ns) AS make_timestamptz(ns // 60_000_000_000 * 60_000_000);

CREATE MACRO minutes_of(instant, zone) AS (
    timezone(zone, instant) - date_trunc('hour', timezone(zone, instant))
);

-- Steps back to the hour on the instant itself: the two hours of the same name at the end
-- of summer time stay two. Where the clock was set by half an hour meanwhile, it goes on to
-- where the hour of that name began.
CREATE MACRO steps_back_to_hour(instant, zone) AS (
    instant - minutes_of(instant, zone)
);

CREATE MACRO hour_of(instant, zone) AS (
    CASE
        WHEN minutes_of(steps_back_to_hour(instant, zone), zone) = INTERVAL 0 MINUTE
        THEN steps_back_to_hour(instant, zone)
        WHEN date_trunc('hour', timezone(zone, steps_back_to_hour(instant, zone)))
            = date_trunc('hour', timezone(zone, instant))
        THEN steps_back_to_hour(instant, zone)
            - minutes_of(steps_back_to_hour(instant, zone), zone)
        ELSE steps_back_to_hour(instant, zone) + INTERVAL 1 HOUR
            - minutes_of(steps_back_to_hour(instant, zone), zone)
    END
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

-- The bucket of any length that an instant is in.
CREATE MACRO bucket_start(every, instant, zone) AS (
    CASE every
        WHEN 'minute' THEN minute_of(epoch_ns(instant))
        WHEN 'quarter_hour' THEN quarter_of(epoch_ns(instant) // 900_000_000_000)
        WHEN 'hour' THEN hour_of(instant, zone)
        -- Where the length is a constant, all branches are evaluated.
        ELSE bucket_of(
            CASE WHEN every IN ('minute', 'quarter_hour', 'hour') THEN 'day' ELSE every END,
            instant, zone
        )
    END
);
