-- One row is a target. Grain: target_number.
select * from targets order by target_number
