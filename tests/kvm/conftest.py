"""What tests of the KVM back end share: a Vm on it, or a skip that says why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from pyx86emu import Vm
from tests import on_kvm


@pytest.fixture(scope="session")
def usable_kvm() -> None:
    """Skip where /dev/kvm cannot be used, and say why."""
    on_kvm.need("kvm")


@pytest.fixture
def kvm(usable_kvm: None) -> Iterator[Callable[..., Vm]]:
    """Make Vms as `Vm("kvm", ...)` does; they are closed when the test ends."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(Vm("kvm", *args, **kwargs))
