-- One row is a delivery, in the order in which deliveries supersede each other before any decision of a person: the order
-- of receipt; of a sender whose editions are known a later edition is the later delivery, whichever was received first.
with told as (
    select
        delivery_id, release, receipt_number,
        max(receipt_number) over (
            partition by numbering order by release nulls last groups between unbounded preceding and 1 preceding
        ) as earlier_edition_number
    from deliveries
)
select delivery_id
from told
order by
    greatest(receipt_number, if(release is null, null, earlier_edition_number)), release nulls first, receipt_number
