-- Whatever strategy built it, a table holds what the view holds.
select 'merged' as built from {{ ref('departures_merged') }} having count(*) <> (select count(*) from {{ ref('stg_departures') }})
union all
select 'replaced' from {{ ref('departures_replaced') }} having count(*) <> (select count(*) from {{ ref('stg_departures') }})
union all
select 'appended' from {{ ref('departures_appended') }} having count(*) <> (select count(*) from {{ ref('stg_departures') }})
