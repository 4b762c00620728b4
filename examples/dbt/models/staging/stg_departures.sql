-- What was scheduled until a time: a second run with a later one sees more, as a later load would.
select
    departure_id,
    carrier,
    flight,
    origin,
    destination,
    scheduled_at,
    delay_minutes,
    distance_miles
from {{ ref('departures') }}
where scheduled_at < '{{ var("until", "2013-01-01 12:00:00") }}'::timestamp
