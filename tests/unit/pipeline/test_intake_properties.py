"""Whatever a file holds: no exception, every record accepted or quarantined, every finding says where and what."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.deliveries import Delivery, all_profiles, read_and_judge
from tests.conftest import RECEIPT

PROFILES = all_profiles()
HEAD = "site_id,sampled_on,residue,concentration,unit,lod,loq,laboratory,batch"
PLAIN = ["S1", "2025-03-11", "METH", "12.5", "ng/L", "0.3", "1", "Lab", "B1"]
CELL = st.one_of(
    st.sampled_from([*PLAIN, "", "<LOQ", "<0.5", ">9", "N.D.", "未检出", "0", "-1", "1e400", "NaN", "inf", "1,5",
                     "=1+1", "2025-02-30", "11.03.2025", "mg/kg", "9^9^9", "冰毒", "\u202e", "'", '"', ";", "\t"]),
    st.text(max_size=12),
)  # fmt: skip
ROWS = st.lists(st.lists(CELL, min_size=0, max_size=11), min_size=1, max_size=12)
QUICK = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def judged(content: bytes, name: str = "any.csv", profile_name: str | None = None) -> Delivery:
    delivery = read_and_judge(
        content, name, profiles=PROFILES, known_sites={"S1"}, receipt=RECEIPT, profile_name=profile_name
    )
    row = delivery.record.row(0, named=True)
    n_accepted = sum(frame.height for frame in delivery.accepted.values())
    assert row["n_rows"] == row["n_accepted"] + row["n_quarantined"]
    assert (row["n_accepted"], row["n_quarantined"]) == (n_accepted, delivery.quarantine.height)
    messages = [*delivery.quarantine["message"], *(note.message for note in delivery.notes)]
    assert all(message.startswith(name) and "\n" not in message for message in messages)
    assert all(message.endswith(".") for message in messages)
    return delivery


@QUICK
@given(rows=ROWS, sign=st.sampled_from([",", ";", "\t"]), end=st.sampled_from(["\n", "\r\n", "\r"]))
@example(rows=[PLAIN, PLAIN], sign=",", end="\n")
def test_any_cells_under_known_headers(rows: list[list[str]], sign: str, end: str) -> None:
    lines = [HEAD.replace(",", sign), *(sign.join(row) for row in rows)]
    judged(end.join(lines).encode("utf-8", "surrogatepass"), profile_name="permille-results")


@QUICK
@given(
    content=st.binary(max_size=400), start=st.sampled_from([b"", b"PK\x03\x04", b"\xff\xfe", b"\xef\xbb\xbf", b"a,b\n"])
)
def test_any_bytes(content: bytes, start: bytes) -> None:
    judged(start + content)


@QUICK
@given(
    content=st.text(max_size=300),
    profile=st.sampled_from(sorted(PROFILES)),
    encoding=st.sampled_from(["utf-8", "utf-16", "gb18030"]),
)
def test_any_text_by_any_profile(content: str, profile: str, encoding: str) -> None:
    judged(content.encode(encoding, "replace"), profile_name=profile)
