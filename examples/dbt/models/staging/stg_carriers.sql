select
    carrier,
    name,
    upper(left(name, 1)) as initial
from {{ ref('carriers') }}
