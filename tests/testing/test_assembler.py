"""nasm reads the folder of the test, writes nowhere, and ends soon, whatever the source says."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from pyx86emu.testing import assembler
from pyx86emu.testing.assembler import assemble, is_source
from pyx86emu.testing.problems import GuestFailed

SECRET = b"equ_of_the_teacher equ 4242\n"


@pytest.fixture
def folder(tmp_path: Path, nasm: str) -> Path:
    """A test's folder, with a secret outside it."""
    (tmp_path / "secret.inc").write_bytes(SECRET)
    (tmp_path / "tests").mkdir()
    return tmp_path / "tests"


@pytest.fixture(params=[True, False], ids=["landlock", "none"])
def landlock(request: pytest.FixtureRequest) -> bool:
    """With and without the kernel's help."""
    return bool(request.param)


def test_a_file_becomes_bytes_lines_and_labels(folder: Path, landlock: bool) -> None:
    (folder / "sum.asm").write_text("org 100h\nstart: mov cx, ax\n add cx, bx\n ret\nn: dw 5\n")

    program = assemble("sum.asm", folder, landlock=landlock)

    assert (program.code.hex(), program.origin, program.name) == (
        "89c101d9c30500",
        0x100,
        "sum.asm",
    )
    assert program.symbols == {"start": 0x100, "n": 0x105}
    assert str(program.at(0x103)) == "sum.asm:3: add cx, bx"
    assert [line.code for line in program.lines] == [True, True, True, False]
    assert program.at(0x107) is None


def test_files_of_the_folder_can_be_included(folder: Path, landlock: bool) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a.inc").write_text("value equ 7\n")
    (folder / "data.bin").write_bytes(b"abc")
    source = '%include "sub/a.inc"\nmov al, value\nincbin "data.bin"\n'

    assert assemble(source, folder, landlock=landlock).code == b"\xb0\x07abc"


def hostile(folder: Path) -> dict[str, str]:
    """Sources that want the secret, by the way they try."""
    secret = folder.parent / "secret.inc"
    (folder / "link.inc").symlink_to(secret)
    (folder / "up").symlink_to(folder.parent)
    parts = "', '".join(str(secret))
    return {
        "absolute": f'%include "{secret}"\n',
        "above": '%include "../secret.inc"\n',
        "far above": '%include "x/../../secret.inc"\n',
        "link": '%include "link.inc"\n',
        "linked folder": '%include "up/secret.inc"\n',
        "macro": f"%macro take 1\n%include %1\n%endmacro\ntake '{secret}'\n",
        "defined name": f"%define NAME '{secret}'\n%include NAME\n",
        "built name": f"%strcat NAME '{parts}'\n%include NAME\n",
        "deftok": f"%deftok X '%include \"{secret}\"'\nX\n",
        "second pass": f"%if __PASS__ > 0\n%include '{secret}'\n%endif\n",
        "incbin": f'incbin "{secret}"\n',
        "incbin link": 'incbin "link.inc"\n',
        "bare incbin": f"%unimacro incbin 1-2+\nincbin '{secret}'\n",
        "pasted incbin": f"%macro take 1\nin%1 '{secret}'\n%endmacro\ntake cbin\n",
        "search": f"%pathsearch P '{secret}'\n%include P\n",
        "continued": f'%inc\\\nlude "{secret}"\n',
    }


WAYS = (
    *("absolute", "above", "far above", "link", "linked folder", "macro", "defined name"),
    *("built name", "deftok", "second pass", "incbin", "incbin link", "bare incbin"),
    *("pasted incbin", "search", "continued"),
)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_outside_the_folder_is_read(folder: Path, landlock: bool, way: str) -> None:
    source = hostile(folder)[way] + "dw equ_of_the_teacher\n"

    with pytest.raises(GuestFailed) as error:
        assemble(source, folder, landlock=landlock)

    assert "4242" not in str(error.value)


def test_every_way_is_tried(folder: Path) -> None:
    assert set(hostile(folder)) == set(WAYS)


@pytest.mark.parametrize("directive", ["[map all {}]", "[MAP all {}]"])
def test_nothing_is_written_elsewhere(folder: Path, landlock: bool, directive: str) -> None:
    target = folder / "written"

    with suppress(GuestFailed):
        assemble(f"{directive.format(target)}\nnop\n", folder, landlock=landlock)

    assert not target.exists()


def test_the_environment_is_not_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASMENV", "-DHIDDEN=1")
    monkeypatch.setenv("TOKEN", "key")

    assert assemble("%ifdef HIDDEN\nnop\n%endif\nhlt\n", folder).code == b"\xf4"
    assert b"key" not in assemble("db `%!TOKEN`\n nop\n", folder).code


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("times 100000000 db 0\n", "too large"),
        ("%rep 1000000000\nnop\n%endrep\n", "exceeds limit"),
        ("%rep 1000000\n%rep 1000000\nnop\n%endrep\n%endrep\n", "processor time"),
    ],
    ids=["output", "repetition", "time"],
)
def test_a_source_that_is_too_much_is_refused(
    folder: Path, source: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why == "processor time":
        monkeypatch.setattr(assembler, "SECONDS", 1)

    with pytest.raises(GuestFailed, match=f"(?i){why}"):
        assemble(source, folder)


def test_an_error_has_the_line(folder: Path) -> None:
    (folder / "bad.asm").write_text("nop\n  moov ax, 1\n")

    with pytest.raises(GuestFailed) as error:
        assemble("bad.asm", folder)

    assert "bad.asm:2: error" in str(error.value)
    assert "line 2: moov ax, 1" in str(error.value)


def test_control_characters_of_a_source_are_escaped(folder: Path) -> None:
    with pytest.raises(GuestFailed) as error:
        assemble("%error \x1b[2Jgone\n", folder)

    assert "\x1b" not in str(error.value)


def test_a_source_outside_the_folder_needs_an_absolute_path(folder: Path) -> None:
    (folder.parent / "other.asm").write_text("nop\n")
    (folder / "link.asm").symlink_to(folder.parent / "other.asm")

    for name in ("../other.asm", "link.asm"):
        with pytest.raises(GuestFailed, match="outside the test's folder"):
            assemble(name, folder)
    assert assemble(folder.parent / "other.asm", folder).code == b"\x90"


def test_a_missing_nasm_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))

    with pytest.raises(GuestFailed, match="apt-get install nasm"):
        assemble("nop\n", folder)


def test_what_is_a_source() -> None:
    assert [is_source(each) for each in ("a.asm", "A.ASM", "nop\n", Path("a.asm"))] == [True] * 4
    assert [is_source(each) for each in ("os.img", b"\xf4", None, Path("os.img"))] == [False] * 4


# -- the cache -------------------------------------------------------------------------------------


def started(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The calls of nasm from now on."""
    calls: list[object] = []
    real = assembler._Nasm.assemble

    def count(self: assembler._Nasm) -> object:
        calls.append(self)
        return real(self)

    monkeypatch.setattr(assembler._Nasm, "assemble", count)
    return calls


def test_the_same_source_is_assembled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = started(monkeypatch)
    cache = folder.parent / "cache"

    first = assemble("mov ax, 5\n", folder, cache_dir=cache)
    second = assemble("mov ax, 5\n", folder, cache_dir=cache)

    assert first == second
    assert len(calls) == 1


def test_a_change_of_an_included_file_is_seen(folder: Path) -> None:
    cache = folder.parent / "cache"
    source = '%include "n.inc"\ndb n\nincbin "n.inc"\n'
    codes = []
    for value in (1, 2):
        (folder / "n.inc").write_text(f"n equ {value}\n")
        codes.append(assemble(source, folder, cache_dir=cache).code[0])

    assert codes == [1, 2]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"files": 3}', json.dumps({"files": [[1]]})])
def test_a_damaged_cache_is_written_again(folder: Path, content: str) -> None:
    cache = folder.parent / "cache"
    assemble("nop\n", folder, cache_dir=cache)
    (kept,) = cache.iterdir()
    kept.write_text(content)

    assert assemble("nop\n", folder, cache_dir=cache).code == b"\x90"
    assert len(kept.read_text()) > len(content)


def test_many_threads_share_a_cache(folder: Path) -> None:
    cache = folder.parent / "cache"
    codes: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda: codes.append(assemble("mov bx, 3\n", folder, cache_dir=cache).code)
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert codes == [bytes.fromhex("bb0300")] * 4
    assert [path.suffix for path in cache.iterdir()] == [".json"]
