"""The plugin in real runs of pytest: fixtures, marks, reports, coverage, xdist, its cost."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.harness import ROOT
from tests.on_gdb import need

pytest_plugins = "pytester"

Run = Callable[..., pytest.RunResult]

SUM = "org 100h\nmov cx, ax\nadd cx, bx\nret\n"
#: Prints "hello", then does nothing without end.
BOOT = """\
        org 7C00h
        mov si, msg
.next:  lodsb
        test al, al
        jz .end
        mov ah, 0Eh
        int 10h
        out 0E9h, al
        jmp .next
.end:   jmp $
msg:    db "hello", 0
"""


@pytest.fixture
def run(pytester: pytest.Pytester, nasm: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest in a process of its own, on tests that are given as text."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.delenv("CI", raising=False)
    # An environment from before the entry point.
    known = any(each.name == "pyx86emu" for each in entry_points(group="pytest11"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [_path()])]))

    def start(tests: str, *options: str, files: dict[str, str] | None = None) -> pytest.RunResult:
        for name, text in (files or {}).items():
            (pytester.path / name).write_text(text)
        pytester.makepyfile(test_it=tests)
        plugin = [] if known or "no:pyx86emu" in options else ["-p", "pyx86emu.pytest_plugin"]
        return pytester.runpytest_subprocess(*plugin, "-rf", *options)

    return start


def _path() -> str:
    return os.environ.get("PYTHONPATH", "")


def test_the_entry_point_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["entry-points"]["pytest11"] == {"pyx86emu": "pyx86emu.pytest_plugin"}


def test_the_teachers_story(run: Run) -> None:
    pytest.importorskip("capstone")
    test = 'def test_sum(guest):\n    r = guest("sum.asm", ax=1000, bx=234)\n'
    test += '    assert r.cx == 1234 and not r.used("mul")\n'

    run(test, files={"sum.asm": SUM}).assert_outcomes(passed=1)
    wrong = run(test, files={"sum.asm": SUM.replace("add", "sub")})

    wrong.assert_outcomes(failed=1)
    wrong.stdout.fnmatch_lines(
        [
            "*x86 guest*",
            "sum.asm: RET",
            "ax=03e8 bx=00ea cx=02fe*",
            "the last 3 of 3 instructions:",
            "  1000:0102  sum.asm:3 * sub cx, bx * cx=02fe*",
            "  ecx: sum.asm:3: sub cx, bx   (0x3e8 -> 0x2fe)",
        ]
    )


def test_an_endless_loop_is_named_with_its_lines(run: Run) -> None:
    result = run('def test(guest):\n    guest("nop\\n.again: and ax, 7\\n jmp .again\\n")\n')

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E * guest.asm: not ended after 1,000,000 instructions",
            "E * an endless loop: *",
            "E *   guest.asm:2: .again: and ax, 7",
            "E *   guest.asm:3: jmp .again",
            "test_it.py:2: GuestFailed",
        ]
    )
    assert "pyx86emu/testing" not in result.stdout.str().replace("pyx86emu.testing", "")


def test_the_mark_limits_instructions_and_guest_time(run: Run) -> None:
    result = run(
        """
        import pytest
        @pytest.mark.x86(max_instructions=500)
        def test_one(guest): guest(bytes.fromhex("40ebfd"))
        @pytest.mark.x86(timeout=0.5)
        def test_two(boot): boot(bytes.fromhex("ebfe")).run()
        @pytest.mark.x86(max_instructions=2000)
        def test_three(boot): boot(bytes.fromhex("ebfe")).run(timeout=1)
        def test_four(boot): boot(bytes.fromhex("ebfe")).run()
        @pytest.mark.x86(timeout=5)
        def test_five(boot):
            assert boot(bytes.fromhex("ebfe")).run(timeout=0.1).reason.name == "DEADLINE"
        @pytest.mark.x86(seconds=5)
        def test_six(boot): boot()
        """
    )

    result.assert_outcomes(passed=1, failed=4, errors=1)
    result.stdout.fnmatch_lines_random(
        [
            "E * not ended after 500 instructions",
            "E * timeout=0.5 guest seconds of the test have passed: an endless loop, jmp $ *",
            "E * max_instructions=2,000 of the test are spent: *",
            "E * not ended after 60 guest seconds; give run() a timeout: *",
            "*the mark x86 has max_instructions= and timeout=, not seconds",
        ]
    )


def test_a_machine_that_fails_is_reported_and_can_be_repeated(
    run: Run, pytester: pytest.Pytester
) -> None:
    result = run(
        """
        def test(boot):
            m = boot("boot.asm")
            m.run(timeout=1)
            m.run(timeout=1)
            assert "prompt" in m.screen.text
        """,
        files={"boot.asm": BOOT},
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "DEADLINE: an endless loop, jmp $ at 0000:7c10 *",
            "*cs=0000 ds=0000*",
            "the last instructions:",
            "*0000:7c10  ebfe * jmp 0x7c10 * ; boot.asm:10: .end:   jmp $",
            "*(this instruction at least *",
            "screen:",
            "  | hello",
            "debug, the last lines:",
            "  | hello",
            "to run on from the state before its last run:",
        ]
    )
    (command,) = re.findall(
        r"^  python (-m pyx86emu .* --load-state \S+)$", result.stdout.str(), re.M
    )
    again = pytester.run("python", *command.split(), "--timeout", "1")
    assert "jmp $ at 0000:7c10" in again.stderr.str()


def test_golden_screens(run: Run, pytester: pytest.Pytester) -> None:
    test = 'def test(boot, golden):\n    m = boot("boot.asm")\n    m.run(timeout=1)\n'
    test += '    assert m.screen == golden("hello")\n'

    first = run(test, files={"boot.asm": BOOT})
    update = run(test, "--update-golden")
    second = run(test)
    changed = run(test, files={"boot.asm": BOOT.replace("hello", "hallo")})

    first.stdout.fnmatch_lines(
        ["*there is no *hello.txt: look at the screen, then --update-golden"]
    )
    assert [each.ret for each in (first, update, second, changed)] == [1, 0, 0, 1]
    assert (pytester.path / "golden" / "hello.txt").read_text() == "hello\n"
    changed.stdout.fnmatch_lines(["E * -hello", "E * +hallo", "E * --update-golden"])


def test_a_picture_is_named_in_the_report(run: Run, pytester: pytest.Pytester) -> None:
    result = run(
        """
        def test(boot):
            boot(bytes.fromhex("b81300cd10fa90f4")).run()
            assert 0
        """
    )

    (path,) = re.findall(r"^screen \(.*\): (.*\.png)$", result.stdout.str(), re.M)
    assert Path(path).read_bytes().startswith(b"\x89PNG")


def test_a_seed_is_the_same_in_every_run(run: Run) -> None:
    test = "import pytest\n@pytest.mark.parametrize('n', [1, 2])\ndef test(x86_seed, n): assert 0\n"
    seeds = [
        re.findall(r"x86_seed is (\d+)", run(test, *more).stdout.str())
        for more in ([], [], ["--x86-seed", "5"])
    ]

    assert seeds[0] == seeds[1] != seeds[2]
    assert len(set(seeds[0])) == 2


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_coverage_by_line(run: Run, pytester: pytest.Pytester, workers: list[str]) -> None:
    source = (
        "org 100h\n test ax, ax\n jz .zero\n mov cx, 1\n ret\n.zero: xor cx, cx\n ret\nn: dw 0\n"
    )
    result = run(
        """
        def test_one(guest): guest("a.asm", ax=1)
        def test_two(guest): guest("a.asm", ax=2)
        def test_three(guest, boot): boot("boot.asm").run(timeout=1)
        """,
        "--x86-cov-file=cov.info",
        *workers,
        files={"a.asm": source, "boot.asm": BOOT},
    )

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["a.asm * 4 of * 6 * 66 %  6-7", "boot.asm * 9 of * 9 * 100 %"])
    info = (pytester.path / "cov.info").read_text()
    assert (
        f"SF:{pytester.path / 'a.asm'}\nDA:2,2\nDA:3,2\nDA:4,2\nDA:5,2\nDA:6,0\nDA:7,0\nLF:6\nLH:4"
        in info
    )


def test_genhtml_shows_the_coverage(run: Run, pytester: pytest.Pytester) -> None:
    need("genhtml")
    run('def test(guest): guest("a.asm")\n', "--x86-cov-file=cov.info", files={"a.asm": SUM})

    done = pytester.run("genhtml", "cov.info", "-o", "html")

    assert done.ret == 0
    assert "mov cx, ax" in next((pytester.path / "html").rglob("a.asm.gcov.html")).read_text()


def test_a_trace_changes_nothing_but_is_written(run: Run, pytester: pytest.Pytester) -> None:
    test = """
        def test_guest(guest): guest("a.asm", ax=1)
        def test_boot(boot):
            m = boot("boot.asm")
            m.run(until="hell")
            print("count", m.vcpu.instructions)
        """
    files = {"a.asm": SUM, "boot.asm": BOOT}
    plain = run(test, "-s", files=files)
    traced = run(test, "-s", "--x86-trace", files=files)

    counts = [re.findall(r"count (\d+)", each.stdout.str()) for each in (plain, traced)]
    assert counts[0] == counts[1] and len(counts[0]) == 1
    traces = {
        path.name.split("-")[0]: path.read_text()
        for path in (pytester.path / "x86-trace").iterdir()
    }
    assert re.search(r"a.asm:3 +add cx, bx", traces["test_it.py__test_guest"])
    assert traces["test_it.py__test_boot"].count("boot.asm:3: .next:  lodsb") == 6


def test_the_report_of_a_failure_names_the_trace(run: Run, pytester: pytest.Pytester) -> None:
    test = """
        def test_guest(guest): assert guest("a.asm", ax=1).ax == 77
        def test_boot(boot):
            m = boot("boot.asm")
            m.run(until="hell")
            assert m.screen.text == "none"
        def test_without(): assert not "a guest"
        """
    result = run(test, "--x86-trace", files={"a.asm": SUM, "boot.asm": BOOT})

    named = re.findall(r"^trace: (.*)$", result.stdout.str(), re.M)
    assert set(named) == {str(path) for path in (pytester.path / "x86-trace").iterdir()}
    assert len(named) == 4  # two reports, and the list at the end


def test_a_trace_that_is_too_long_says_where_it_ends(run: Run, pytester: pytest.Pytester) -> None:
    run(
        """
        from pyx86emu.testing import bench

        def test_boot(boot):
            bench.MOST_TRACE = 3
            boot("boot.asm").run(until="hell")
        """,
        "--x86-trace",
        files={"boot.asm": BOOT},
    )

    (path,) = (pytester.path / "x86-trace").iterdir()
    assert path.read_text().splitlines()[3:] == ["the trace ends here, after 3 lines"]


def test_text_of_a_guest_is_escaped_everywhere(run: Run, pytester: pytest.Pytester) -> None:
    result = run(
        r"""
        def test(guest, boot, golden):
            r = guest("mov ax, 0E1Bh\nint 10h\nmov ax, 0E00h\nint 10h\nret ; \x1b[2J \u202e\n")
            m = boot(bytes.fromhex("b01be6e9b000e6e9b0ffe6e9faf4"))
            m.run()
            m.expect("nothing")
        """,
        "--junitxml=it.xml",
    )

    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert all(c.isprintable() or c in "\n\t" for c in text), sorted(
        {c for c in text if not c.isprintable()}
    )
    case = next(ElementTree.parse(pytester.path / "it.xml").iter("testcase"))
    assert "x86 guest" in "".join(case.itertext())


def test_hostile_tests_end_in_a_report(run: Run) -> None:
    result = run(
        """
        def test_one(guest, boot):
            m = boot(bytes.fromhex("ebfe"))
            m.close()
            assert 0
        def test_two(boot): boot("no such file.img")
        def test_three(guest): guest("no such file.asm")
        def test_four(guest): guest(5)
        def test_five(boot): boot(bytes(513) , memory=1)
        """
    )

    result.assert_outcomes(failed=5)
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


def test_xdist_and_the_cache_work_together(run: Run) -> None:
    test = "import pytest\n@pytest.mark.parametrize('n', range(12))\n"
    test += "def test(guest, n): assert guest('a.asm', ax=n, bx=1).cx == n + 1\n"

    run(test, "-n", "2", files={"a.asm": SUM}).assert_outcomes(passed=12)


def test_without_a_cache_it_works(run: Run) -> None:
    test = "def test(guest, boot):\n guest('a.asm')\n boot(bytes(5)).run(timeout=0)\n assert 0\n"

    result = run(test, "-p", "no:cacheprovider", files={"a.asm": SUM})

    result.assert_outcomes(failed=1)
    assert "no report" not in result.stdout.str()


def test_fixtures_and_options_are_documented(run: Run) -> None:
    fixtures = run("", "--fixtures").stdout.str()
    options = run("", "--help").stdout.str()

    for name in ("guest", "boot", "golden", "x86_seed"):
        assert re.search(rf"^{name} -- .*pytest_plugin.py:\d+\n    \w", fixtures, re.M), name
    for name in ("--x86-trace", "--x86-cov", "--x86-cov-file", "--x86-seed", "--update-golden"):
        assert name in options
    assert "x86(max_instructions=None" in run("", "--markers").stdout.str()


def test_nothing_of_the_package_is_imported_before_a_fixture_is_used(run: Run) -> None:
    result = run(
        """
        import sys
        def test():
            mine = {m for m in sys.modules if m.startswith("pyx86emu")}
            assert mine == {"pyx86emu", "pyx86emu.pytest_plugin"}
            assert not {"numpy", "capstone", "ctypes.util"} & set(sys.modules)
        """
    )

    result.assert_outcomes(passed=1)


def test_it_can_be_switched_off(run: Run) -> None:
    result = run("def test(guest): pass\n", "-p", "no:pyx86emu")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'guest' not found*"])


def test_the_teachers_example_gives_grades(run: Run, pytester: pytest.Pytester) -> None:
    pytest.importorskip("capstone")
    shutil.copytree(ROOT / "pyx86emu" / "examples" / "teacher", pytester.path / "teacher")
    (pytester.path / "teacher" / "__init__.py").unlink()

    result = run("", "teacher")

    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "  ecx: bob/sum.asm:3: sub cx, bx              ; wrong*",
            "*bob/product.asm: not ended after 10,000 instructions",
            "*bob/product.asm:4: jmp .more *",
            "ada: 3 of 3 points",
            "bob: 0 of 3 points",
        ]
    )
    lines = sum(
        len((ROOT / "pyx86emu" / "examples" / "teacher" / name).read_text("utf-8").splitlines())
        for name in ("conftest.py", "test_exercises.py")
    )
    assert lines <= 60
