"""The host of a measurement: name its processor, its software and the time. Measure nothing."""

import os
import platform
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from typing import Any

#: Other emulators, whose versions matter where they are compared.
PEERS = ("unicorn",)


@dataclass(frozen=True)
class Host:
    """Where and when something was measured."""

    processor: str
    cpus: int
    """Processors that this process may use."""
    system: str
    python: str
    pyx86emu: str
    peers: dict[str, str]
    date: str
    """Local time, to the minute, with its distance from UTC."""
    load: float
    """Processes that were ready to run in the last minute, before the measurement."""

    def as_dict(self) -> dict[str, Any]:
        """The host as `--json` prints it."""
        return asdict(self)


def here(version: str) -> Host:
    """Return this host, now. `version` is that of pyx86emu."""
    return Host(
        processor(),
        len(os.sched_getaffinity(0)),
        f"{platform.system()} {platform.release()}",
        platform.python_version(),
        version,
        {name: found for name in PEERS if (found := installed(name))},
        datetime.now().astimezone().isoformat(" ", "minutes"),
        round(os.getloadavg()[0], 2),
    )


def processor(path: str = "/proc/cpuinfo") -> str:
    """Return the name of the processor as the kernel has it, or else its architecture."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() == "model name" and value.strip():
                    return " ".join(value.split())
    except OSError:
        pass
    return platform.machine() or "an unknown processor"


def installed(name: str) -> str | None:
    """Return the version of a package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def line(host: dict[str, Any]) -> str:
    """Return the host of a report as a line of text."""
    peers = [f"{name.capitalize()} {version}" for name, version in host["peers"].items()]
    cpus = f"{host['cpus']} CPU{'s' * (host['cpus'] != 1)}"
    versions = [f"Python {host['python']}", f"pyx86emu {host['pyx86emu']}", *peers]
    return ", ".join([host["processor"], cpus, host["system"], *versions])
