"""The smaller drawing library: taken only where it is the one that is known, of the version figures are made for."""

import base64
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from dashboards import drawing_library
from dashboards.drawing_library import DIGESTS, PACKAGE, DrawingLibraryError
from dashboards.site import publish_site
from pipeline.publication import MARK
from pipeline.settings import open_workspace
from tests.conftest import lay_tiny
from tests.test_command_line import call
from tests.unit.dashboards.conftest import QUESTION, city

VERSION = drawing_library.version_of(drawing_library.shipped())
SMALL = f"/**\n* plotly.js (cartesian - minified) v{VERSION}\n*/let Plotly;".encode()
OTHER = b"/**\n* plotly.js (cartesian - minified) v1.2.3\n*/let Plotly;"
OF_MAPS = b'document.getElementById("' + b"a" * 64 + b'")'


def archive(folder: Path, monkeypatch, script: bytes = SMALL, member: str = "package/plotly-cartesian.min.js") -> Path:
    """An archive as npm lays it down, whose digest is known."""
    file = folder / f"{PACKAGE}-{VERSION}.tgz"
    with tarfile.open(file, "w:gz") as packed:
        about = tarfile.TarInfo(member)
        about.size = len(script)
        packed.addfile(about, io.BytesIO(script))
    digest = base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
    monkeypatch.setitem(DIGESTS, VERSION, f"sha512-{digest}")
    return file


def test_the_digest_of_the_installed_version_is_known():
    assert VERSION in DIGESTS, "read it with 'npm view', and write it into DIGESTS in dashboards/drawing_library.py"


def test_an_archive_is_unpacked_where_it_is_the_one_that_is_known(tmp_path, monkeypatch):
    file = archive(tmp_path, monkeypatch)
    assert drawing_library.unpacked(file) == SMALL
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(DrawingLibraryError, match=f"is not what {PACKAGE} {VERSION} was"):
        drawing_library.unpacked(file)


def test_an_archive_of_another_version_or_of_something_else_is_refused(tmp_path, monkeypatch):
    with pytest.raises(DrawingLibraryError, match=rf"holds plotly\.js 1\.2\.3, and the figures are made for {VERSION}"):
        drawing_library.unpacked(archive(tmp_path, monkeypatch, OTHER))
    with pytest.raises(DrawingLibraryError, match="holds no file package/plotly-cartesian"):
        drawing_library.unpacked(archive(tmp_path, monkeypatch, member="package/other.js"))
    file = archive(tmp_path, monkeypatch)
    monkeypatch.delitem(DIGESTS, VERSION)
    with pytest.raises(DrawingLibraryError, match=f"npm view {PACKAGE}@{VERSION} dist.integrity"):
        drawing_library.unpacked(file)


def test_pages_are_built_with_the_library_that_is_named(build, tmp_path):
    file = tmp_path / "small.js"
    file.write_bytes(SMALL + OF_MAPS)
    folder = build(city(), plotly_js=file)
    assert (folder / "static" / "plotly.min.js").read_bytes() == SMALL + OF_MAPS
    assert f'id="{"a" * 64}"' in (folder / "en" / "about.html").read_text(encoding="utf-8")
    file.write_bytes(SMALL)
    without = build(city(), "without", plotly_js=file)
    assert "no-map-styles" not in (without / "en" / "about.html").read_text(encoding="utf-8")
    assert (build(city(), "shipped") / "static" / "plotly.min.js").read_bytes() == drawing_library.shipped()


def test_a_library_of_another_version_or_none_is_refused_before_anything_is_written(build, tmp_path):
    file = tmp_path / "small.js"
    with pytest.raises(DrawingLibraryError, match="fetch it with 'make bundle', or leave the setting out"):
        build(city(), plotly_js=file)
    file.write_bytes(OTHER)
    with pytest.raises(DrawingLibraryError, match="fetch it anew with 'make bundle'"):
        build(city(), "other", plotly_js=file)
    file.write_bytes(b"let Plotly;")
    (third := tmp_path / "third").mkdir()
    with pytest.raises(DrawingLibraryError, match=r"plotly\.js of no known version"):
        publish_site(build(city()).with_name("published.duckdb"), third, **QUESTION, plotly_js=file)
    assert not list(third.iterdir())


def test_a_site_that_was_built_gets_the_library_in_one_step(build):
    folder = build(city(), "changed in one step")
    with pytest.raises(DrawingLibraryError, match="is no folder of pages that Permille wrote"):
        drawing_library.put_into(folder, SMALL)
    (folder / MARK).touch()
    drawing_library.put_into(folder, SMALL)
    assert (folder / "static" / "plotly.min.js").read_bytes() == SMALL
    assert not list((folder / "static").glob(".*"))
    with pytest.raises(DrawingLibraryError, match="of another version"):
        drawing_library.put_into(folder, OTHER)
    with pytest.raises(DrawingLibraryError, match="do not know this library"):
        drawing_library.put_into(folder, SMALL + OF_MAPS)
    assert (folder / "static" / "plotly.min.js").read_bytes() == SMALL


def test_what_was_fetched_is_told_and_put_into_the_site(build, tmp_path, monkeypatch, capsys):
    archive(tmp_path, monkeypatch)
    drawing_library.main(tmp_path, tmp_path / "none")
    said = capsys.readouterr().out
    assert f'plotly_js = "{tmp_path / "plotly.min.js"}"' in said
    assert "The pages in" not in said
    folder = build(city(), "changed by what was fetched")
    (folder / MARK).touch()
    drawing_library.main(tmp_path, folder)
    assert f"The pages in {folder} have it now" in capsys.readouterr().out
    assert (folder / "static" / "plotly.min.js").read_bytes() == SMALL


def test_a_run_is_told_of_a_library_that_is_missing_before_it_takes_anything_in(workspace):
    lay_tiny(workspace)
    (workspace.folder / "permille.toml").write_text('plotly_js = "small.js"\n')
    assert open_workspace(workspace.folder).plotly_js == workspace.folder / "small.js"
    said = " ".join(call("run", "-w", workspace.folder, code=1).split())
    assert "setting 'plotly_js': there is no file" in said
    assert not workspace.warehouse.exists()
    call("check", workspace.inbox / "results.csv", "-w", workspace.folder)  # what needs no pages goes on


def test_a_run_builds_its_pages_with_the_library_of_the_settings(workspace):
    lay_tiny(workspace)
    (workspace.folder / "permille.toml").write_text('plotly_js = "small.js"\n')
    (workspace.folder / "small.js").write_bytes(SMALL)
    call("run", "-w", workspace.folder)
    assert (workspace.site / "static" / "plotly.min.js").read_bytes() == SMALL
