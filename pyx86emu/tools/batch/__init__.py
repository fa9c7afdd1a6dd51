"""Batch: run many guests, on all CPUs of this host or on a cluster.

`run(jobs)` takes jobs and returns their results; `map_inputs(state, inputs)` runs one saved state
with many inputs. docs/FLEET.md is the guide.
"""

from .contents import Content, ContentError
from .jobs import ENDS, Golden, Job, JobError, Result, Send, Step, Type, Wait
from .processes import Processes, WorkerLost
from .runs import run

__all__ = [
    "ENDS",
    "Content",
    "ContentError",
    "Golden",
    "Job",
    "JobError",
    "Processes",
    "Result",
    "Send",
    "Step",
    "Type",
    "Wait",
    "WorkerLost",
    "run",
]
