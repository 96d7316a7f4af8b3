"""Publishing: the history of editions, the copy of the warehouse that people read, and the pages, replaced together."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from assets.describe import OWNERS, describe, materialized, sql_version
from assets.failures import told
from assets.resources import WorkspaceResource
from dashboards import restatements
from dashboards.site import publish_site
from pipeline import estimates, quality
from pipeline.inputs import TABLE, require_one_edition
from pipeline.publication import publish
from pipeline.warehouse import Warehouse
from schemas.tables import TABLES

PUBLICATION = ("editions", "restatements")
"""The tables that one step fills."""
_log = logging.getLogger("permille")


@dg.asset(
    deps=[table for table, entry in TABLES.items() if entry.group != "publication"], kinds={"duckdb"},
    code_version="1", pool="warehouse", **describe(TABLE),
)  # fmt: skip
def computed_from(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """Compares what each table was computed from; fails where two belong to different editions."""
    with workspace.warehouse() as warehouse:
        require_one_edition(warehouse)
        return materialized(warehouse, TABLE)


# One step: whoever starts one of these gets all, so that they are of the same edition.
@dg.multi_asset(
    name="publication",
    specs=[
        dg.AssetSpec(
            "editions", deps=[TABLE, "deliveries", "changes"], kinds={"python", "duckdb"}, code_version="1",
            **describe("editions"),
        ),
        dg.AssetSpec(
            "restatements",
            deps=[
                TABLE, "editions", "changes", "deliveries", "contradictions", "corrections", "delivery_decisions",
                "site_decisions", "results", "reported_loads", "flows", "flow_readings", "populations", "sites",
                "areas", "factors", "residue_ratios", "population_markers",
            ],
            kinds={"sql", "python", "duckdb"}, code_version=sql_version("causes", "causes_of_figures"),
            **describe("restatements"),
        ),
        dg.AssetSpec(
            "published_copy", deps=list(TABLES), group_name="publication", kinds={"duckdb"}, code_version="2",
            owners=OWNERS, description="A copy of all tables for people and pages to read.",
        ),
        dg.AssetSpec(
            "site", deps=["published_copy"], group_name="publication", kinds={"plotly", "html"}, code_version="2",
            owners=OWNERS,
            description="The static pages: how far has consumption per 1000 people fallen? Opens from disk without a"
            " network.",
        ),
    ],
    pool="warehouse",
)  # fmt: skip
def publication(workspace: WorkspaceResource) -> Iterator[dg.MaterializeResult[Any]]:
    """Notes what moved, copies the warehouse, builds the pages from the copy, and puts both in place of the last."""
    here = workspace.get()
    n_rows: dict[str, int] = {}

    def write_copy(copy: Path) -> str:
        _log.info("published copy: holding every table against its model")
        with workspace.warehouse() as warehouse:
            edition = require_one_edition(warehouse)
            restatements.record(warehouse, here.published, here.settings)
            quality.require_sound(warehouse)
            warehouse.copy_to(copy)
            n_rows.update({table: warehouse.count(table) for table in PUBLICATION})
        return edition

    def build_site(copy: Path, folder: Path) -> None:
        with Warehouse.open(copy, read_only=True) as warehouse:
            baseline, current = estimates.chosen_periods(warehouse, here.settings) or (None, None)
        _log.info("site: writing the pages")
        publish_site(
            copy, folder, headline_protocol=here.settings.protocol, baseline=baseline, current=current,
            title=here.settings.title, outlines=here.outlines, plotly_js=here.plotly_js,
        )  # fmt: skip

    with told():
        edition = publish(here.published, here.site, write_copy, build_site)
    for table, n in n_rows.items():
        yield dg.MaterializeResult(asset_key=table, metadata={"dagster/row_count": n, "edition": edition})
    for name, path in (("published_copy", here.published), ("site", here.site / "index.html")):
        shown: dict[str, Any] = {"path": dg.MetadataValue.path(str(path)), "edition": edition}
        yield dg.MaterializeResult(asset_key=name, metadata=shown | {"bytes": path.stat().st_size})
