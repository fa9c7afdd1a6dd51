"""What tests of virtio share: a machine with nothing to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyx86emu import Machine


@pytest.fixture
def m() -> Iterator[Machine]:
    with Machine(b"\xf4") as machine:
        yield machine
