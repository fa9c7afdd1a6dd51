"""Plans: TOML files and directories become jobs; a mistake is named with file, job and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyx86emu.tools import batch
from pyx86emu.tools.batch import plan
from tests.tools.batch.guests import PRINT, sector

JOB = '[[job]]\nimage = "a.img"\n'

# a file, what the error says after "FILE: "
MISTAKES = [
    ("", 'has no job: write [[job]] and image = "FILE"'),
    ("x =", "is no TOML"),
    ("[[jobs]]", "'jobs': write [[job]] or [defaults]: did you mean job?"),
    ("[job]", "job: write each job as [[job]]"),
    ("defaults = 3", "defaults: write it as a table"),
    ("[defaults]\nmodle = 1\n" + JOB, "[defaults]: there is no key 'modle': did you mean model?"),
    ("[[job]]", 'job number 1, name: write name = "TEXT"'),
    (JOB + JOB, "two jobs have the name 'a.img': give each its own name"),
    ('[[job]]\nname = "x"', "job 'x', image: there is no disk and no state"),
    ('[[job]]\nimage = "b.img"', "job 'b.img', image: cannot read"),
    ('[[job]]\nname = "x"\nimage = 3', "job 'x', image: write the name of a file"),
    (JOB + "modle = 1", "job 'a.img': there is no key 'modle': did you mean model?"),
    (JOB + 'model = "z80"', "job 'a.img', model: unknown CPU model"),
    (JOB + 'memory = "12Q"', "job 'a.img', memory: '12Q': give bytes, or a text such as '640K'"),
    (JOB + 'timeout = "1"', "job 'a.img', timeout: give a number of seconds"),
    (JOB + 'end = "stopped"', "job 'a.img', end: 'stopped': give one of halt"),
    (JOB + 'steps = "x"', "job 'a.img', steps: write a list of steps"),
    (JOB + 'steps = [{wiat = "x"}]', "job 'a.img', steps: step 1: write one of { wait ="),
    (JOB + 'steps = [{wait = 1}, {wait = "("}]', "job 'a.img', steps: step 2: wait: '(' is no"),
    (JOB + 'steps = [{type = "a", timeout = 1}]', "step 1: type has no key 'timeout'"),
    (JOB + 'steps = [{type = "\u20ac"}]', "step 1: type: no key of a US keyboard"),
    (JOB + 'steps = [{golden = "g.txt"}]', "g.txt does not exist: --update-golden writes it"),
    (JOB + 'steps = [{golden = "g"}]', "step 1: golden: 'g': name a file in .txt or .png"),
    (JOB + "steps = [{golden = 3}]", "step 1: golden: 3: name a file in .txt or .png"),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with an image and another file."""
    (tmp_path / "a.img").write_bytes(sector(PRINT, "abcd"))
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def read(place: Path, text: str) -> plan.Plan:
    file = place / "plan.toml"
    file.write_text(text, "utf-8")
    return plan.read(str(file))


@pytest.mark.parametrize(("text", "says"), MISTAKES)
def test_a_mistake_is_named(place: Path, text: str, says: str) -> None:
    with pytest.raises(batch.JobError) as error:
        read(place, text)

    assert str(error.value).startswith(f"{place / 'plan.toml'}: ")
    assert says in str(error.value)


def test_a_file_is_read_as_jobs(place: Path) -> None:
    (place / "g.txt").write_text("A:\\>  \n\n\n")
    found = read(
        place,
        """
        [defaults]
        timeout = 5
        memory = "640K"
        [[job]]
        image = "a.img"
        [[job]]
        name = "second"
        fda = "a.img"
        timeout = 7.5
        rtc = 2001-02-03T04:05:06
        expect = "abcd"
        end = ["halt", "time"]
        steps = [
            { wait = "ab", timeout = 2 },
            { wait = 0.5 },
            { type = "dir{ret}" },
            { send = "x" },
            { golden = "g.txt" },
        ]
        """,
    )

    first, second = found.jobs
    image = batch.Content.of(place / "a.img")
    assert first == batch.Job("a.img", image, timeout=5, memory=640 << 10)
    assert (second.fda, second.timeout, second.rtc) == (image, 7.5, "2001-02-03T04:05:06")
    assert (second.expect, second.end) == (("abcd",), ("halt", "time"))
    *steps, golden = second.steps
    assert steps == [
        batch.Wait("ab", 2),
        batch.Wait(0.5),
        batch.Type("dir{ret}"),
        batch.Send("x"),
    ]
    assert golden == batch.Golden("g.txt", batch.Content.of(b"A:\\>\n").sha256)


def test_each_bootable_image_of_a_directory_is_a_job(place: Path) -> None:
    (place / "B.img").write_bytes(sector(PRINT))
    (place / "below").mkdir()

    found = plan.read(str(place))

    assert [job.name for job in found.jobs] == ["B.img", "a.img"]
    assert found.left_out == ("notes.txt",)


def test_a_directory_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(batch.JobError, match="no file in it is a bootable image"):
        plan.read(str(tmp_path))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(batch.JobError, match="is no UTF-8 text"):
        plan.read(str(file))
