"""The gallery: its pictures are what the guests draw."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest

from tests.harness import ROOT

SCRIPT = ROOT / "docs" / "gallery.py"
GALLERY = run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gallery as the guests draw it now."""
    directory: Path = tmp_path_factory.mktemp("gallery")
    GALLERY["main"](directory)
    return directory


@pytest.mark.parametrize("name", sorted(GALLERY["PICTURES"]))
def test_a_picture_of_the_gallery_is_what_its_guest_draws(name: str, made: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    there = (SCRIPT.parent / "gallery" / f"{name}.png").read_bytes()

    now = (made / f"{name}.png").read_bytes()

    dots = [np.asarray(image.open(BytesIO(data)).convert("RGB")) for data in (there, now)]
    assert np.array_equal(*dots), "write it again: make gallery"
    assert len(there) < 64 << 10


def test_the_readme_shows_the_gallery() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")

    for name in GALLERY["PICTURES"]:
        assert f"docs/gallery/{name}.png" in readme
