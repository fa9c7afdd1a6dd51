"""The KVM of this host: is there one for the tests, and if not, why."""

from __future__ import annotations

from functools import cache

import pytest

from pyx86emu import Vm


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
    """The instruction groups that this KVM lacks in real mode, by the probe's names."""
    with Vm("kvm") as vm:
        found = getattr(vm, "capabilities", None)
    return found.real_mode if found else ()


def need(accel: str) -> None:
    """Skip the test, and say why, if this back end cannot be used here."""
    if accel == "kvm" and (why := why_not()) is not None:
        pytest.skip(f"no KVM here: {why}")
