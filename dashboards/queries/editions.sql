-- One row is an edition that was published. Grain: edition_number. The newest first.
select * from editions order by edition_number desc
