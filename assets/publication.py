"""Publishing: the copy of the warehouse that people read, and the static pages. Both replaced in one step."""

import logging
from functools import partial
from typing import Any

import dagster as dg

from assets.describe import OWNERS
from assets.resources import WorkspaceResource
from dashboards.site import publish_site
from pipeline import estimates, quality
from pipeline.publication import replace_folder
from pipeline.warehouse import Warehouse
from schemas.tables import TABLES

_log = logging.getLogger("permille")


@dg.asset(
    deps=list(TABLES), group_name="publication", kinds={"duckdb"}, code_version="1", owners=OWNERS, pool="warehouse",
    description="A copy of all tables for people and pages to read, replaced in one step.",
)  # fmt: skip
def published_copy(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """Copies the warehouse for its readers, once every table has been held against its model again."""
    target = workspace.get().published
    with workspace.warehouse() as warehouse:
        _log.info("published copy: holding every table against its model")
        quality.require_sound(warehouse)
        warehouse.copy_to(target)
    return dg.MaterializeResult(metadata={"path": dg.MetadataValue.path(str(target))})


@dg.asset(
    deps=[published_copy], group_name="publication", kinds={"plotly", "html"}, code_version="1", owners=OWNERS,
    description="The static pages: how far has consumption per 1000 people fallen? Opens from disk without a network.",
)  # fmt: skip
def site(workspace: WorkspaceResource) -> dg.MaterializeResult[Any]:
    """Builds the pages from the published copy and puts them in place of the last edition."""
    here = workspace.get()
    with Warehouse.open(here.published, read_only=True) as warehouse:
        baseline, current = estimates.chosen_periods(warehouse, here.settings) or (None, None)
    build = partial(
        publish_site, here.published, headline_protocol=here.settings.protocol, baseline=baseline, current=current,
        title=here.settings.title, outlines=here.outlines, plotly_js=here.plotly_js,
    )  # fmt: skip
    _log.info("site: writing the pages")
    replace_folder(here.site, build)
    index = here.site / "index.html"
    return dg.MaterializeResult(metadata={"page": dg.MetadataValue.path(str(index)), "bytes": index.stat().st_size})
