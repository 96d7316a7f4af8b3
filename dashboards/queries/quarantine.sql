-- One row is a rule broken in a file, with the first message as an example. Grain: rule, file_name. The most frequent first.
with

numbered as (
    select
        rule, file_name, message,
        row_number() over (partition by rule, file_name order by sheet, row_number, source_column, message) as n
    from quarantine
)

select rule, file_name, count(*) as n_rows, min(message) filter (where n = 1) as example
from numbered
group by rule, file_name
order by n_rows desc, rule, file_name
