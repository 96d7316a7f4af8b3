"""Putting an edition in place: copy and pages together, in one step each, and nothing of anybody else's."""

import threading

import pytest

from pipeline import publication
from pipeline.publication import NotOursError, edition_of_site, publish


def edition(here, name, *, fails=False):
    """Publishes an edition that holds its name everywhere."""

    def write_copy(copy):
        copy.write_text(name)
        return name

    def build_site(copy, folder):
        (folder / "index.html").write_text(copy.read_text())
        if fails:
            raise ValueError(name)

    return publish(here / "published", here / "site", write_copy, build_site)


def seen(here):
    return (here / "published").read_text(), (here / "site" / "index.html").read_text(), edition_of_site(here / "site")


@pytest.mark.parametrize("can_exchange", [True, False])
def test_copy_and_pages_are_of_one_edition_and_leave_nothing_beside(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(publication, "_exchanged", lambda one, other: False)
    for name in ("one", "two"):
        assert edition(tmp_path, name) == name
        assert seen(tmp_path) == (name, name, name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["published", "site"]


def test_pages_that_cannot_be_built_leave_the_last_edition_of_both(tmp_path):
    edition(tmp_path, "one")
    with pytest.raises(ValueError, match="two"):
        edition(tmp_path, "two", fails=True)
    assert seen(tmp_path) == ("one", "one", "one")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["published", "site"]


def test_pages_are_there_at_every_moment(tmp_path):
    edition(tmp_path, "0")
    is_over, n_absent = threading.Event(), 0

    def look():
        nonlocal n_absent
        while not is_over.is_set():
            n_absent += not (tmp_path / "site" / "index.html").exists()

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(100):
        edition(tmp_path, str(number))
    is_over.set()
    reader.join()
    assert n_absent == 0


def test_what_killed_runs_left_is_removed_and_the_last_edition_comes_back(tmp_path):
    edition(tmp_path, "one")
    (tmp_path / "site").rename(tmp_path / ".site.old")  # killed between two renames
    (tmp_path / ".site.new.17").mkdir()
    (tmp_path / ".published.17").write_text("half")
    with pytest.raises(ValueError, match="two"):
        edition(tmp_path, "two", fails=True)
    assert seen(tmp_path) == ("one", "one", "one")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["published", "site"]


def test_a_folder_of_somebody_is_left_alone(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "precious.txt").write_text("mine")
    with pytest.raises(NotOursError):
        edition(tmp_path, "one")
    assert not (tmp_path / "published").exists()
