-- One row is a delivery by which the tables differ from those of an edition, and in what way. Grain: cause, delivery_id.
-- The frames deliveries_before and superseding_before hold the deliveries of that edition, and the pairs of those that
-- contradict each other (delivery_id is current). A decision that supersedes is named where it turned no pair round.
with
counted as (select * from deliveries where not is_withdrawn and n_accepted > 0),

added as (select delivery_id from counted anti join deliveries_before using (delivery_id)),

superseding as (select distinct delivery_id, superseded_delivery_id, order_basis from contradictions),

known as (
    select
        n.delivery_id, n.is_withdrawn, o.is_withdrawn as was_withdrawn,
        greatest(n.n_accepted, o.n_accepted) > 0
        and (n.profile, n.profile_digest, n.numbering, n.release, n.n_rows, n.n_accepted)
        is distinct from (o.profile, o.profile_digest, o.numbering, o.release, o.n_rows, o.n_accepted) as is_read_again
    from deliveries n join deliveries_before o using (delivery_id)
),

turned_round as (
    select s.delivery_id, s.order_basis
    from superseding s
    join superseding_before b
        on b.delivery_id = s.superseded_delivery_id and b.superseded_delivery_id = s.delivery_id
    where s.delivery_id in (select delivery_id from known) and s.superseded_delivery_id in (select delivery_id from known)
),

decisive as (
    select delivery_id from site_decisions
    union
    select delivery_id from delivery_decisions where decision = 'supersede'
),

found as (
    select 'corrected' as cause, delivery_id from added semi join corrections using (delivery_id)
    union
    select 'superseded', delivery_id from added semi join superseding using (delivery_id)
    union
    select 'decided', delivery_id from added semi join decisive using (delivery_id)
    union
    select if(order_basis = 'decision', 'decided', 'superseded'), delivery_id from turned_round
    union
    select 'withdrawn', delivery_id from known where is_withdrawn and not was_withdrawn
    union
    select 'restored', delivery_id from known where not is_withdrawn and was_withdrawn
    union
    select 'read_again', delivery_id from known where is_read_again and not is_withdrawn
    union
    select 'gone', delivery_id from deliveries_before anti join deliveries using (delivery_id)
)

select cause, delivery_id from found
union all
select 'new', delivery_id
from added
anti join found using (delivery_id)
anti join delivery_decisions using (delivery_id)
order by all
