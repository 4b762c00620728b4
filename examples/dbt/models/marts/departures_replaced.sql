{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='departure_id'
) }}

select departure_id, carrier, origin, scheduled_at, delay_minutes
from {{ ref('stg_departures') }}
{% if is_incremental() %}
where scheduled_at > (select max(scheduled_at) from {{ this }})
{% endif %}
