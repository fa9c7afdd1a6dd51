"""Films: pictures of a screen in guest time, as animated files."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyx86emu import ExitReason, Machine, MachineError

MakeMachine = Callable[..., Machine]

#: Count at 0:0 of the text screen, for ever, with a wait of a loop.
COUNT = "b800b8 8ed8 c60600000a fe060000 b90000 e2fe ebf5"
#: Halt with interrupts on, again and again.
IDLE = "fb f4 ebfd"
#: mov ax,13h; int 10h; then the same as IDLE
TO_13H = "b81300 cd10" + IDLE


@pytest.fixture
def image() -> Any:
    return pytest.importorskip("PIL.Image")


def frames(image: Any, path: Path) -> list[tuple[int, Any]]:
    """The duration in ms and the dots of each picture of a film."""
    found = []
    with image.open(path) as film:
        for number in range(getattr(film, "n_frames", 1)):
            film.seek(number)
            dots = np.asarray(film.convert("RGB"))
            found.append((round(film.info.get("duration", 0)), dots))
    return found


@pytest.mark.parametrize("name", ["film.gif", "film.png"])
def test_a_film_has_the_pictures_of_its_time(
    name: str, machine: MakeMachine, tmp_path: Path, image: Any
) -> None:
    m = machine(bytes.fromhex(COUNT))
    m.boot()

    with m.film(tmp_path / name, fps=10) as film:
        m.run(timeout=1)

    shown = frames(image, tmp_path / name)
    assert 10 <= len(shown) == len(film.frames) <= 12
    assert shown[0][1].shape == (400, 720, 3)
    assert 1000 <= sum(duration for duration, _ in shown) <= 1200
    assert all(duration == 100 for duration, _ in shown[:9])
    assert (shown[-1][1] == m.screen.picture(blink=None)).all()


@pytest.mark.parametrize("name", ["film.gif", "film.png"])
def test_two_films_of_one_guest_are_equal(
    name: str, machine: MakeMachine, tmp_path: Path, image: Any
) -> None:
    films = []
    for _ in range(2):
        m = machine(bytes.fromhex(COUNT))
        with m.film(tmp_path / name, fps=7):
            m.run(timeout=0.5)
        films.append((tmp_path / name).read_bytes())

    assert films[0] == films[1]


def test_a_film_changes_nothing(machine: MakeMachine, tmp_path: Path, image: Any) -> None:
    seen = []
    for watched in (False, True):
        m = machine(bytes.fromhex(COUNT))
        m.boot()
        if watched:
            with m.film(tmp_path / "film.gif", fps=100):
                m.run(timeout=0.3)
        else:
            m.run(timeout=0.3)
        memory = hashlib.sha256(m.vm.read(0, 0x9FFFF) + m.vga.snapshot().planes).hexdigest()
        seen.append((m.vcpu.instructions, m.vm.time, memory))

    assert seen[0] == seen[1]


def test_a_guest_that_halts_for_good_ends_the_run(
    machine: MakeMachine, tmp_path: Path, image: Any
) -> None:
    m = machine(bytes.fromhex("faf4"))

    with m.film(tmp_path / "film.gif"):
        assert m.run().reason is ExitReason.HLT

    assert frames(image, tmp_path / "film.gif")


def test_the_cursor_blinks_in_a_film(machine: MakeMachine, tmp_path: Path, image: Any) -> None:
    m = machine(bytes.fromhex(IDLE))
    m.boot()

    with m.film(tmp_path / "film.png", fps=20) as film:
        m.run(timeout=1)

    # 8 frames of 70 Hz on, 8 off: about 9 changes in a second.
    assert 7 <= len(film.frames) <= 11


def test_pictures_of_different_sizes_are_centred(
    machine: MakeMachine, tmp_path: Path, image: Any
) -> None:
    m = machine(bytes.fromhex(TO_13H))
    m.boot()

    with m.film(tmp_path / "film.png", fps=50):
        m.run(timeout=0.1)
        m.vm.write(0xA0000, b"\x0f" * 64000)

    shown = frames(image, tmp_path / "film.png")
    last = shown[-1][1]
    assert {dots.shape for _, dots in shown} == {(400, 720, 3)}
    assert not last[:, :40].any()
    assert last[:, 40:680].all()


def test_a_film_that_ends_by_an_error_is_written(
    machine: MakeMachine, tmp_path: Path, image: Any
) -> None:
    m = machine(bytes.fromhex(IDLE))

    with pytest.raises(KeyboardInterrupt), m.film(tmp_path / "film.gif"):
        m.run(timeout=0.1)
        raise KeyboardInterrupt

    assert frames(image, tmp_path / "film.gif")


def test_a_film_is_closed_once(machine: MakeMachine, tmp_path: Path, image: Any) -> None:
    m = machine(bytes.fromhex(IDLE))
    film = m.film(tmp_path / "film.gif")
    film.close()
    size = (tmp_path / "film.gif").stat().st_size

    film.close()
    m.run(timeout=0.5)

    assert (tmp_path / "film.gif").stat().st_size == size
    assert len(film.frames) == 1
    assert "film" not in [name for name, _ in m.vm.clock.timers]
    assert repr(film) == f"<Film {tmp_path / 'film.gif'}, 1 pictures>"


@pytest.mark.parametrize(
    ("name", "fps", "error", "message"),
    [
        ("film.avi", 10, MachineError, r"name a file in \.gif or \.png"),
        ("film", 10, MachineError, r"name a file in \.gif or \.png"),
        ("film.gif", 0, ValueError, "give a number from 0.01 to 100"),
        ("film.gif", 1000, ValueError, "give a number from 0.01 to 100"),
        ("film.gif", float("nan"), ValueError, "give a number from 0.01 to 100"),
        ("film.gif", "10", TypeError, "give a number of pictures for a guest second"),
        ("film.gif", None, TypeError, "give a number of pictures for a guest second"),
        ("no/film.gif", 10, FileNotFoundError, "film.gif"),
    ],
)
def test_what_is_no_film_is_refused_before_the_run(
    name: str, fps: Any, error: type[Exception], message: str, machine: MakeMachine, tmp_path: Path
) -> None:
    m = machine(bytes.fromhex(IDLE))

    with pytest.raises(error, match=message):
        m.film(tmp_path / name, fps=fps)

    assert not list(tmp_path.iterdir())


def test_without_pillow_the_error_says_what_to_install(
    machine: MakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    m = machine(bytes.fromhex(IDLE))

    with pytest.raises(MachineError, match=r"pip install 'pyx86emu\[pictures\]'"):
        m.film(tmp_path / "film.gif")

    assert not list(tmp_path.iterdir())
