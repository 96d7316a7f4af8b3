-- One row is a delivered file with its place among the deliveries. Grain: place.
select place::varchar as place, file_name from ordered_deliveries order by ordered_deliveries.place
