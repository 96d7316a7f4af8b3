"""What there is instead of a figure that was asked for and is not there."""

from collections.abc import Mapping
from typing import Any

from pipeline.nearest import instead
from pipeline.statements import sql
from pipeline.warehouse import Warehouse


class ExplainError(ValueError):
    """There is no such figure; the message says what there is.

    Attributes:
        reason: the rules by which there is none, where results were delivered; None else.
        is_wrong_usage: True where a name was asked for that nothing here has.
    """

    def __init__(self, message: str, *, reason: str | None = None, is_wrong_usage: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.is_wrong_usage = is_wrong_usage


def refuse(warehouse: Warehouse, asked: Mapping[str, Any]) -> None:
    """Raises with the first of what was asked for that there is not, and what there is instead."""
    known = {
        "site": "select site_id from current_sites order by 1",
        "protocol": "select protocol from protocols order by 1",
        "drug": "select distinct drug from consumption where site_id = $site order by 1",
        "residue": "select distinct residue from results where site_id = $site order by 1",
        "period": "select distinct period from site_periods where site_id = $site and drug = $drug"
        " and protocol = $protocol order by 1",
        "day": "select distinct sampled_on::varchar from consumption where site_id = $site and drug = $drug"
        " and protocol = $protocol and sampled_on is not null order by 1",
    }
    if "residue" in asked:
        known["day"] = (
            "select distinct sampled_on::varchar from results where site_id = $site and residue = $residue order by 1"
        )
    for name, text in known.items():
        if name not in asked:
            continue
        bound = {key: value for key, value in asked.items() if f"${key}" in text}
        there = warehouse.query(text, bound).to_series().to_list()
        if str(asked[name]) not in there:
            if name == "site" and (called := sites_called(warehouse, str(asked[name]))):
                raise ExplainError(f"{str(asked[name])!r} is a sender's number; it stands for {called}: name the site")
            if name in ("drug", "day", "period") and "drug" in asked:
                _refuse_what_waits(warehouse, asked)
            raise ExplainError(
                f"there is no {name} {str(asked[name])!r} here{instead(str(asked[name]), there)}",
                is_wrong_usage=name in ("site", "protocol", "drug", "residue"),
            )
    if "drug" in asked:
        _refuse_what_waits(warehouse, asked)
    raise ExplainError(f"there is no figure of {', '.join(map(str, asked.values()))}: see 'permille status'")


def _refuse_what_waits(warehouse: Warehouse, asked: Mapping[str, Any]) -> None:
    """Raises where results of the day or period were delivered and are in no figure, and says what they wait for."""
    when = str(asked.get("period") or asked["day"])
    bound = {"site": asked["site"], "drug": asked["drug"], "protocol": asked["protocol"], "period": when}
    found = warehouse.query(sql("waiting_results"), bound).to_dicts()
    if not found:
        return
    n, first = sum(row["n_results"] for row in found), found[0]
    method = f", and {asked['protocol']} counts inhabitants by {m}" if (m := first["population_method"]) else ""
    said = f"{asked['drug']} at {asked['site']} {'in' if 'period' in asked else 'on'} {when}"
    raise ExplainError(
        f"there is no figure of {said} by protocol {asked['protocol']}:"
        f" {n} {'result' if n == 1 else 'results'} of {first['residue']} {'waits' if n == 1 else 'wait'}{method}",
        reason=first["reason"],
    )


def sites_called(warehouse: Warehouse, code: str) -> str:
    """The sites that a sender's number stands for, by edition."""
    rows = warehouse.query(
        "select distinct site_id || ' (' || concat_ws(' ', numbering, release) || ')' as said"
        " from site_aliases where site_code = $code and numbering is not null and site_id is not null order by 1",
        {"code": code},
    )
    return ", ".join(rows["said"])
