select
    c.carrier,
    c.name,
    count(*) as departures,
    count(d.delay_minutes) as departed,
    coalesce(sum(case when d.delay_minutes > 15 then 1 else 0 end), 0) as late,
    round(avg(d.delay_minutes), 1) as mean_delay
from {{ ref('stg_departures') }} d
join {{ ref('stg_carriers') }} c on c.carrier = d.carrier
group by c.carrier, c.name
