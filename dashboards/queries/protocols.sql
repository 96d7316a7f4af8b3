-- One row is a protocol. Grain: protocol. The headline protocol $protocol first.
select *
from protocols
order by protocol <> $protocol, protocol
