"""What the warehouse knows that a delivery is judged by: which sites there are, who is who, by which clocks they go."""

from pipeline.clocks import Clocks
from pipeline.identity import CLAIM, Register
from pipeline.settings import Workspace
from pipeline.warehouse import Warehouse


def known_sites(warehouse: Warehouse) -> set[str]:
    """The sites that a list of ours holds."""
    return set(warehouse.query("select site_id from current_sites")["site_id"])


def site_clocks(warehouse: Warehouse, workspace: Workspace) -> Clocks:
    """By which clocks the sites go: those of their lists, else that of the settings."""
    rows = warehouse.query("select site_id, time_zone from current_sites where time_zone is not null order by all")
    return Clocks(dict(rows.iter_rows()), workspace.settings.time_zone or None)


def site_register(warehouse: Warehouse) -> Register:
    """What a warehouse holds of who is who."""
    claims = warehouse.query(
        "select delivery_id, d.receipt_number, a.numbering, a.release, site_code, site_label, latitude, longitude"
        " from (select distinct on (delivery_id, site_code, site_label) * from site_aliases) a"
        " join ordered_deliveries d using (delivery_id) order by all"
    )
    return Register(claims.cast(CLAIM), warehouse.query("select * from current_site_decisions order by all"))  # type: ignore[arg-type]
