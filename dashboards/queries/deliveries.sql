-- One row is a delivered file. Grain: delivery_id. The newest first.
select
    delivery_id, receipt_number, file_name, sender, source, licence, profile, received_at, status, problem, n_rows, n_accepted, n_quarantined, is_simulated
from deliveries
order by received_at desc, file_name, delivery_id
