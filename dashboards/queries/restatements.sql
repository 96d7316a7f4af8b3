-- One row is a headline figure that an edition prints differently from the one before. Grain: edition_number, level, unit_id,
-- drug. The newest edition first.
select * from restatements order by edition_number desc, level desc, unit_id, drug
