"""What the tests of the command line share: boot sectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.drive import Image


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """Write boot sectors: `image("faf4")` is the path of one."""
    return Image(tmp_path)
