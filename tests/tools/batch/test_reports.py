"""Reports: valid whatever the guest printed."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.tools.batch import Result, reports
from pyx86emu.tools.batch.keeping import safe

TEXT = st.text(st.characters(codec=None), max_size=30)
RESULTS = st.lists(
    st.builds(
        Result,
        index=st.integers(0, 9),
        name=TEXT,
        outcome=st.sampled_from(reports.OUTCOMES),
        message=TEXT,
        screen=st.none() | TEXT,
        serial=TEXT,
        debug=TEXT,
    ),
    max_size=4,
)


@given(RESULTS, TEXT)
def test_junit_is_valid_xml(results: list[Result], name: str) -> None:
    root = ElementTree.fromstring(reports.junit(name, results, 1.5).encode("utf-8"))

    cases = root.findall("./testsuite/testcase")
    assert len(cases) == len(results) == int(root.attrib["tests"])
    for case, result in zip(cases, results, strict=True):
        bad = case.find("failure") if result.outcome == "failed" else case.find("error")
        assert (bad is None) == result.passed


@given(RESULTS)
def test_the_table_has_no_control_characters(results: list[Result]) -> None:
    table = reports.table(results)

    assert all(line.isprintable() for line in table.split("\n"))
    assert len(table.split("\n")) == 1 + len(results) + sum(not each.passed for each in results)


@given(RESULTS, TEXT)
def test_json_has_all_of_it(results: list[Result], name: str) -> None:
    report = json.loads(reports.as_json(name, results, 2))

    assert [each["serial"] for each in report["jobs"]] == [each.serial for each in results]
    assert sum(report["total"].values()) == len(results)


@given(TEXT)
def test_the_name_of_a_job_is_one_harmless_name_of_a_file(name: str) -> None:
    assert "/" not in safe(name)
    assert len(safe(name).encode()) <= 80


def test_a_long_table_has_only_what_did_not_pass() -> None:
    results = [Result(n, f"g{n}", "lost" if n == 250 else "passed") for n in range(500)]

    lines = reports.table(results).split("\n")

    assert [line.split()[0] for line in lines[:2]] == ["outcome", "lost"]
    assert len(lines) == 3
    assert reports.sentence(results, 1) == "500 jobs: 499 passed, 1 lost; 1.0 s"


def test_a_few_failures_have_their_last_instructions_in_the_table() -> None:
    failed = [Result(n, f"job {n}", "failed", last=("0000:7c00  fa\x1b",)) for n in range(4)]

    few, many = reports.table(failed[:3]), reports.table(failed)

    assert few.count("\n      0000:7c00  fa\\x1b") == 3
    assert "0000:7c00" not in many
