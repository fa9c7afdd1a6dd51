"""Batch: run many guests, on all CPUs of this host or on a cluster.

`run(jobs)` takes jobs and returns their results; `map_inputs(case, inputs)` runs one saved state
with many inputs. docs/FLEET.md is the guide.
"""

from .contents import Content, ContentError
from .inputs import BareVm, Case, Ran, map_inputs
from .jobs import ENDS, Golden, Job, JobError, Result, Send, Step, Type, Wait
from .processes import Processes, WorkerLost
from .runs import run

__all__ = [
    "ENDS",
    "BareVm",
    "Case",
    "Content",
    "ContentError",
    "Golden",
    "Job",
    "JobError",
    "Processes",
    "Ran",
    "Result",
    "Send",
    "Step",
    "Type",
    "Wait",
    "WorkerLost",
    "map_inputs",
    "run",
]
