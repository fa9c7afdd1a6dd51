"""The KVM of this host: is there one for the tests, and if not, why."""

from __future__ import annotations

from functools import cache

import pytest

from pyx86emu import Vm
from pyx86emu.kvm import probe
from tests.conftest import BUILD


@cache
def why_not() -> str | None:
    """Why `accel="kvm"` cannot be used here; None: it can."""
    try:
        Vm("kvm").close()
    except (OSError, ValueError) as error:
        return str(error)
    return None


@cache
def lacks() -> tuple[str, ...]:
    """What this KVM lacks in real mode: groups of instructions, and "watchpoints"."""
    found = probe.found()
    return found.missing if found.watches else (*found.missing, "watchpoints")


def need(accel: str) -> None:
    """Skip the test, and say why, if this back end cannot be used here. It is Python, which the
    builds have in common: its tests run once."""
    if accel != "kvm":
        return
    if BUILD != "release":
        pytest.skip(f"KVM is tried on the release build, not on {BUILD}")
    if (why := why_not()) is not None:
        pytest.skip(f"no KVM here: {why}")
