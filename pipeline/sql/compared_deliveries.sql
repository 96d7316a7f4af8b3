-- One row is a pair of deliveries that state values differently: the current one and the one it supersedes.
select
    n.receipt_number, n.file_name, c.delivery_id,
    o.receipt_number as superseded_number, o.file_name as superseded_file, c.superseded_delivery_id,
    c.order_basis, n.release, o.release as superseded_release, n.numbering, count(*) as n_values
from contradictions c
join deliveries n on n.delivery_id = c.delivery_id
join deliveries o on o.delivery_id = c.superseded_delivery_id
group by all
order by max(c.order_basis = 'undecided') desc, n.receipt_number, o.receipt_number
