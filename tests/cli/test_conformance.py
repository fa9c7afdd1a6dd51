"""`pyx86emu conformance`: what it counts, what it shows, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")

from pyx86emu import cli  # noqa: E402
from pyx86emu.tools import conformance  # noqa: E402
from pyx86emu.tools.conformance import FormatError, VectorSet  # noqa: E402
from tests.harness import python  # noqa: E402

VECTORS = Path(__file__).parents[1] / "tools/data/vectors-386.npz"
FORMS = "6601|67F6.4|660FC8"
Arrays = dict[str, Any]


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    """Three forms of the 386 set, 60 tests each."""
    v = VectorSet.load(VECTORS)
    small = v.select(np.flatnonzero(v.of_forms(FORMS)))
    kept = [k for k, form in enumerate(small.forms) if form in FORMS.split("|")]
    starts = [*(small.form_start[k] for k in kept), len(small)]
    meta = np.frombuffer(json.dumps(v.meta).encode(), np.uint8)
    return small.arrays | {
        "form_name": small.form_name[kept],
        "form_start": np.array(starts, np.uint32),
        "meta": meta,
    }


@pytest.fixture
def write(tmp_path: Path, arrays: Arrays) -> Any:
    """Write the set with some arrays changed, None: left out."""

    def writes(file: str = "some.npz", /, **changes: Any) -> Path:
        kept = {key: value for key, value in (arrays | changes).items() if value is not None}
        np.savez(tmp_path / file, **kept)
        return tmp_path / file

    return writes


def run(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    status = cli.main(["conformance", *map(str, args)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


# -- figures --------------------------------------------------------------------------------------


def test_every_test_passes(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, write())

    assert status == 0
    assert "180 tests: 180 good (100.000 %)" in out
    assert f"{180 * len(conformance.WAYS)} runs" in out
    assert "tests a second" in out


def test_json_counts_tests_passed_by_form(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, write(), "--json")

    report = json.loads(out)
    assert status == 0
    assert report["forms"].keys() == {"6601", "67F6.4", "660FC8"}
    assert report["forms"]["6601"] == {"tests": 60, "defined": 60, "all": 60}
    assert report["total"]["tests"] == report["total"]["defined"] == 180
    assert report["forms"]["67F6.4"]["all"] < 60, "MUL leaves flags undefined: an AMD chip's here"
    assert "tests a second" in err


def test_a_failure_is_shown_with_before_after_and_expected(
    write: Any, arrays: Arrays, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = arrays["regs1"].copy()
    wrong[3, 1] ^= 0x10

    status, out, _ = run(capsys, write(regs1=wrong), "--failing")

    lines = out.splitlines()
    assert status == 8
    assert [line.split()[:3] for line in lines if line.startswith("6601 ")] == [
        ["6601", "60", "59"]
    ]
    assert not [line for line in lines if line.startswith("660FC8 ")]
    (ebx,) = (line for line in lines if line.strip().startswith("ebx"))
    assert f"after {wrong[3, 1] ^ 0x10:08x} expected {wrong[3, 1]:08x}" in ebx
    assert any(line.strip().startswith("before  eax=") for line in lines)


def test_a_byte_that_must_not_change_counts(
    write: Any, arrays: Arrays, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = arrays["ram1_val"].copy()
    wrong[0] ^= 1

    status, out, _ = run(capsys, write(ram1_val=wrong), "--samples", 1)

    assert status == 8
    assert "179 good" in out and "[0" in out


def test_the_model_matters(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = write()

    assert run(capsys, path, "--model", "486")[0] == 0
    status, out, _ = run(capsys, path, "--model", "80386", "--json")

    forms = json.loads(out)["forms"]
    assert status == 8
    assert (forms["660FC8"]["defined"], forms["6601"]["defined"]) == (0, 60)


@pytest.mark.parametrize(
    ("forms", "count"),
    [(["6601"], 60), (["67F6.4"], 60), (["6601", "660fc8"], 120), (["66.*"], 120)],
)
def test_forms_are_chosen(
    write: Any, capsys: pytest.CaptureFixture[str], forms: list[str], count: int
) -> None:
    options = [word for form in forms for word in ("--form", form)]

    _, out, _ = run(capsys, write(), *options, "--json")

    assert json.loads(out)["total"]["tests"] == count


def test_a_directory_means_every_set_in_it(
    write: Any, arrays: Arrays, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sub").mkdir()
    write("one.npz")
    write("sub/two.npz")
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    for name, array in arrays.items():
        if name != "meta":
            np.save(unpacked / f"{name}.npy", array)
    (unpacked / "meta.json").write_bytes(bytes(arrays["meta"]))

    _, out, _ = run(capsys, tmp_path, unpacked, "--json")

    assert json.loads(out)["total"]["tests"] == 3 * 180


def test_arrays_for_people_may_be_missing(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(uid=None, name=None, name_off=None, index=None, vector=None, form_status=None)

    assert run(capsys, path)[0] == 0


# -- refusals -------------------------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    status, out, err = run(capsys, *args)
    assert (status, out) == (2, "")
    assert err.startswith("pyx86emu: ") and err.count("\n") == 1
    return err


def test_what_cannot_be_done_is_refused(
    write: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.npz").write_text("not an archive")

    assert "does not exist" in refused(capsys, tmp_path / "none.npz")
    assert "holds no .npz" in refused(capsys, tmp_path / "empty")
    assert "no set of vectors" in refused(capsys, tmp_path / "text.npz")
    assert "choose one of" in refused(capsys, write(), "--model", "Z80")
    assert "FF.7 matches none" in refused(capsys, write(), "--form", "FF.7")
    assert "no regular expression" in refused(capsys, write(), "--form", "(")
    assert "0 or more" in refused(capsys, write(), "--samples", "-1")
    assert "PATH" in refused(capsys)


def test_a_set_that_names_no_chip_needs_a_model(
    write: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(meta=np.frombuffer(b'{"format": 1, "cpu": "V20"}', np.uint8))

    assert "--model" in refused(capsys, path)
    assert run(capsys, path, "--model", "80486")[0] == 0


@pytest.mark.parametrize(
    ("array", "change", "message"),
    [
        ("regs1", lambda a: None, "regs1 is missing"),
        ("meta", lambda a: np.frombuffer(b'{"format": 2}', np.uint8), "format 1"),
        ("meta", lambda a: np.frombuffer(b"{", np.uint8), "no set of vectors"),
        ("regs0", lambda a: a[:, :13], "regs0"),
        ("regs1", lambda a: a[:-1], "regs1"),
        ("fmask", lambda a: a[:-1], "fmask"),
        ("form_start", lambda a: a[::-1].copy(), "form_start"),
        ("ram0_off", lambda a: a + np.uint32(1), "ram0_off"),
        ("ram0_val", lambda a: a[:-1], "ram0_off"),
        ("ram0_addr", lambda a: a.astype(np.int64), "ram0_addr"),
        ("ram0_addr", lambda a: a + np.uint32(0x110000), "110000h"),
        ("ram1_addr", lambda a: a + np.uint32(0xFFFFFFFF - 0x20000), "110000h"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused(
    write: Any, arrays: Arrays, array: str, change: Any, message: str
) -> None:
    path = write(**{array: change(arrays[array])})

    with pytest.raises(FormatError, match=message):
        VectorSet.load(path)


# -- the loop -------------------------------------------------------------------------------------


@pytest.mark.release
def test_the_compiled_loop_runs_200_000_tests_a_second() -> None:
    v = VectorSet.load(VECTORS)

    best = min(conformance.run(v, "80486").seconds for _ in range(3))

    assert len(v) / best > 200_000


def test_each_test_is_run_three_ways() -> None:
    v = VectorSet.load(VECTORS)
    v = v.select(np.arange(0, len(v), 7))

    outcomes = conformance.run_all_ways(v, "80486")

    assert len(outcomes) == len(conformance.WAYS) == 3
    for out in outcomes:
        assert conformance.judge(v, out).good.all()
        assert (out.regs == outcomes[0].regs).all() and (out.ram == outcomes[0].ram).all()
    with pytest.raises(ValueError, match="give 0 to 2"):
        conformance.run(v, "80486", way=3)


def test_the_worst_way_counts(arrays: Arrays) -> None:
    v = VectorSet({name: array for name, array in arrays.items() if name != "meta"})
    good, bad = conformance.run(v, "80486"), conformance.run(v, "80486")
    bad.regs[5, 0] ^= 1

    verdict = conformance.worst(conformance.judge(v, out) for out in (good, bad))

    assert np.flatnonzero(~verdict.good).tolist() == [5]
    assert conformance.failures(v, verdict) == {"6601": 1}


def test_numpy_is_not_imported_before_it_is_needed() -> None:
    code = "import pyx86emu, pyx86emu.cli, sys; sys.exit('numpy' in sys.modules)"

    assert python("-c", code).returncode == 0
