-- One row is a decision of a person on deliveries, the earliest first: by the day it was made, then by receipt. Also of a
-- delivery of decisions that is withdrawn: what was decided is undone by a later decision only.
select c.*, d.file_name
from delivery_decisions c join deliveries d using (delivery_id)
order by c.decided_on, d.receipt_number, c.sheet, c.row_number
