"""The drawing library of the pages: the one plotly ships, or a third of it by npm (`make bundle`), of the same version.

Figures need axes and no maps. Nothing is fetched here: npm does that, and what it brought is checked.
"""

import base64
import hashlib
import os
import re
import sys
import tarfile
from functools import cache
from importlib import resources
from pathlib import Path

from pipeline.publication import MARK

PACKAGE = "plotly.js-cartesian-dist-min"
"""What is fetched from npm."""
DIGESTS = {
    "4.1.1": "sha512-o8GrFeusncwBIxbBynRJpY4pkgVB6caM+JLpwrLYbbsO7dZ8FJ+SVN2Fr+L7kiG/Z6w4P5O0Jus/Qr5EefHVeg==",
}
"""What npm calls the integrity of each version of the package, read on 2026-11-28."""
_MEMBER = "package/plotly-cartesian.min.js"
_NAME = "plotly.min.js"
_VERSION = re.compile(rb"plotly\.js (?:\([^)]*\) )?v(\S+)")
_MAP_STYLE = re.compile(rb'getElementById\("([0-9a-f]{64})"\)')


class DrawingLibraryError(ValueError):
    """A drawing library that cannot be used; the message says which, and what to do."""


@cache
def shipped() -> bytes:
    """The drawing library, as the plotly package ships it."""
    return resources.files("plotly").joinpath("package_data", _NAME).read_bytes()


def version_of(script: bytes) -> str | None:
    """The version a drawing library states in its first lines; None where it states none.

    >>> version_of(b"/**\\n* plotly.js (cartesian - minified) v4.1.1\\n*/"), version_of(b"let a = 1;")
    ('4.1.1', None)
    """
    found = _VERSION.search(script[:500])
    return found.group(1).decode() if found else None


def chosen(file: Path | None) -> bytes:
    """The library in a file, or where none is named the one that is shipped.

    Raises `DrawingLibraryError` where there is no such file, or where it is of another version than the one that the
    figures are made for.
    """
    if file is None:
        return shipped()
    if not file.is_file():
        raise DrawingLibraryError(
            f"setting 'plotly_js': there is no file {file}: fetch it with 'make bundle', or leave the setting out."
        )
    script = file.read_bytes()
    _require_same_version(script, str(file))
    return script


def _require_same_version(script: bytes, where: str) -> None:
    found, wanted = version_of(script), version_of(shipped())
    if found != wanted:
        raise DrawingLibraryError(
            f"{where} holds plotly.js {found or 'of no known version'}, and the figures are made for {wanted}, that of"
            " the installed plotly: fetch it anew with 'make bundle', or leave the setting 'plotly_js' out."
        )


def map_style_id(script: bytes) -> str | None:
    """The identifier plotly.js looks for before it writes the styles of its maps, of no use here, into a page."""
    found = _MAP_STYLE.search(script)
    return found.group(1).decode() if found else None


def unpacked(archive: Path) -> bytes:
    """The library in npm's archive of the package.

    Raises `DrawingLibraryError` where the archive is not the very one that is known, or of another version.
    """
    wanted = version_of(shipped())
    known = DIGESTS.get(wanted or "")
    if known is None:
        raise DrawingLibraryError(
            f"the digest of {PACKAGE} {wanted} is not known: read it with 'npm view {PACKAGE}@{wanted} dist.integrity',"
            f" and write it into DIGESTS in {Path(__file__).name}."
        )
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != known:
        raise DrawingLibraryError(f"{archive} is not what {PACKAGE} {wanted} was: it is not used. Delete it.")
    with tarfile.open(archive) as packed:
        member = packed.extractfile(_MEMBER) if _MEMBER in packed.getnames() else None
        if member is None:
            raise DrawingLibraryError(f"{archive} holds no file {_MEMBER}.")
        script = member.read()
    _require_same_version(script, str(archive))
    return script


def put_into(site: Path, script: bytes) -> None:
    """Puts a library in place of the one of a site that was built, in one step.

    Raises `DrawingLibraryError` where the folder is no site of ours, or its pages were made for another version.
    """
    file = site / "static" / _NAME
    if not (site / MARK).is_file() or not file.is_file():
        raise DrawingLibraryError(f"{site} is no folder of pages that Permille wrote.")
    if version_of(file.read_bytes()) != version_of(script):
        raise DrawingLibraryError(f"the pages in {site} are of another version: publish them anew with 'permille run'.")
    style = map_style_id(script)
    if style and f'id="{style}"' not in (site / "en" / "about.html").read_text(encoding="utf-8"):
        raise DrawingLibraryError(f"the pages in {site} do not know this library: publish them anew, with it.")
    new = file.with_name(f".{_NAME}.{os.getpid()}")
    new.write_bytes(script)
    new.replace(file)


def main(folder: Path, site: Path) -> None:
    """Takes the library out of the archive that npm laid into a folder, and puts it into the site, if there is one."""
    version = version_of(shipped())
    script = unpacked(folder / f"{PACKAGE}-{version}.tgz")
    file = folder / _NAME
    file.write_bytes(script)
    said = [
        f"plotly.js {version} with axes only: {len(script) / 1e6:.2f} MB in place of {len(shipped()) / 1e6:.2f} MB.",
        f'Runs use it with plotly_js = "{file.resolve()}" in permille.toml, or in the variable PERMILLE_PLOTLY_JS.',
    ]
    if (site / MARK).is_file():
        put_into(site, script)
        said.insert(1, f"The pages in {site} have it now, until they are built anew.")
    else:
        said.insert(1, f"There are no pages of ours in {site} to put it into (name others with SITE=...).")
    print("\n".join(said))  # noqa: T201


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["--package"]:
            print(f"{PACKAGE}@{version_of(shipped())}")  # noqa: T201
        else:
            main(*(Path(name) for name in sys.argv[1:]))
    except DrawingLibraryError as error:
        sys.exit(f"make bundle: {error}")
