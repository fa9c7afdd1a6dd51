"""dask: a cluster of several worker processes on this host, at 127.0.0.1 only, without its page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest


def need() -> None:
    """Skip the test, or with CI=true fail it, where dask.distributed is missing."""
    if find_spec("distributed") is None:
        why = "dask is missing: pip install 'pyx86emu[dask]'"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)


@contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """A client of a new cluster, whose processes are ended at the end."""
    need()
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=60,  # a worker that is killed is no news
        ) as local,
        Client(local) as client,
    ):
        yield client
