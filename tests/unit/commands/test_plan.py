"""`permille plan --figure`: a page that says what the sentences say, and where it cannot be written."""

import pytest
from typer.testing import CliRunner

import permille

runner = CliRunner()


def call(*arguments: object, code: int = 0) -> str:
    result = runner.invoke(permille.app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_the_figure_says_what_the_sentences_say(published, tmp_path):
    file = tmp_path / "plan.html"
    said = call("plan", "--drug", "cocaine", "--fall", "60", "--figure", file, "-w", published.folder)
    days = said.split(" campaigns with ")[1].split(" at each site")[0]
    assert f"Figure: {file}" in said
    page = file.read_text(encoding="utf-8")
    assert f"<title>Cocaine: a fall of 60 % takes {days}</title>" in page
    before = file.read_bytes()
    call("plan", "--drug", "cocaine", "--fall", "60", "--figure", file, "-w", published.folder, "--format", "csv")
    assert file.read_bytes() == before
    call("plan", "--drug", "cocaine", "--fall", "5", "--figure", file, "-w", published.folder)
    assert "<title>Cocaine: no number of days sees a fall of 5.0 %</title>" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none/plan.html", "make it first, or name another"),
        ("plan.csv", "write a name that ends in .html"),
        ("folder.html", "is a folder: write a name in it"),
    ],
)
def test_where_a_figure_cannot_be_written(published, tmp_path, name, said):
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "plan.csv").write_text("mine")
    assert said in call("plan", "--drug", "cocaine", "--figure", tmp_path / name, "-w", published.folder, code=2)
    assert (tmp_path / "plan.csv").read_text() == "mine"
