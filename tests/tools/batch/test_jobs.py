"""Jobs: plain values that say what is wrong with them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from pyx86emu.tools import batch
from tests.tools.batch.guests import PRINT, sector

IMAGE = sector(PRINT)

WRONG: list[tuple[str, Any, str]] = [
    ("model", "z80", "choose one of 8086"),
    ("model", 3, "3: give one of"),
    ("memory", 3, "at least 65536"),
    ("memory", "1M", "must be an integer"),
    ("steps", ["wait"], "give Wait, Type, Send or Golden"),
    ("steps", "wait", "give a list"),
    ("timeout", -1, "give seconds from 0"),
    ("timeout", "1", "give a number of seconds"),
    ("timeout", True, "give a number of seconds"),
    ("wall", float("nan"), "give seconds from 0"),
    ("end", "stopped", "give one of halt, exit"),
    ("stop_on", ("zero",), "give one of zeros, signature"),
    ("expect", "(", "no regular expression"),
    ("refuse", [1], "give a text or a list"),
    ("rtc", "1600-01-01", "give a date such as"),
    ("rtc", "tomorrow", "give a date such as"),
    ("order", "b", "give a"),
    ("clock", "wall", "give one of virtual, host"),
    ("shift", 11, "shift"),
    ("status", 256, "status"),
    ("max_instructions", -1, "max_instructions"),
    ("accel", "hvf", "give one of interp"),
    ("image", "fat:dos", "takes images only"),
    ("image", 3, "bytes or the path"),
    ("no_reboot", "no", "give true or false"),
]


@pytest.mark.parametrize(("key", "value", "says"), WRONG)
def test_a_wrong_key_is_named_with_its_job(key: str, value: Any, says: str) -> None:
    with pytest.raises(batch.JobError, match=says) as error:
        batch.Job("boots", **{"image": IMAGE, key: value})

    assert str(error.value).startswith(f"job 'boots', {key}: ")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: batch.Wait("("), "regular expression"),
        (lambda: batch.Wait(-1), "seconds from 0"),
        (lambda: batch.Wait("x", timeout=-1), "seconds from 0"),
        (lambda: batch.Type("\u20ac"), "no key"),
        (lambda: batch.Send("\u20ac"), "code page 437"),
        (lambda: batch.Golden("screen"), "name a file in .txt or .png"),
    ],
)
def test_a_wrong_step_is_refused(make: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def test_a_job_needs_something_to_run() -> None:
    with pytest.raises(batch.JobError, match="name an image to boot"):
        batch.Job("nothing")


@pytest.mark.parametrize("name", ["", 3, "x" * 201])
def test_a_job_has_a_name(name: Any) -> None:
    with pytest.raises(batch.JobError, match=r"named|longer"):
        batch.Job(name, IMAGE)


def test_a_job_is_small_however_large_its_image_is() -> None:
    job = batch.Job("large", bytes(1474560), steps=(batch.Wait("A:"), batch.Type("dir{ret}")))

    data = pickle.dumps(job)

    assert len(data) < 700
    assert pickle.loads(data) == job


def test_a_content_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(IMAGE)

    assert batch.Content.of(path) == batch.Content.of(IMAGE)
    assert batch.Content.of(path).read() == IMAGE


def test_a_content_of_another_process_has_no_bytes() -> None:
    content = pickle.loads(pickle.dumps(batch.Content.of(b"never sent to any process", "disk.img")))

    with pytest.raises(batch.ContentError, match=r"disk\.img are not here"):
        content.read()


def test_a_file_that_has_changed_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(IMAGE)
    content = batch.Content.of(path)
    path.write_bytes(IMAGE + b"x")

    for use in (content.read, content.image):
        with pytest.raises(batch.ContentError, match="was changed after"):
            use()
