"""The sources as a tree: name modules, list imports, rank them. Judges nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from tests import arrows


class Tree:
    """A checkout, or a copy of its sources."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.package = root / "pyx86emu"
        self.pyx = self.package / "_core.pyx"
        self.core = sorted((self.package / "core").rglob("*.pxi"))
        self.python = sorted(
            p for p in self.package.rglob("*.py") if "core" not in p.relative_to(self.package).parts
        )
        self.tests = sorted((root / "tests").rglob("*.py"))

    @cached_property
    def modules(self) -> set[str]:
        return {self.module(path) for path in self.python} | {"pyx86emu._core"}

    @cached_property
    def arrows(self) -> arrows.Core:
        return arrows.read(self.root)

    def module(self, path: Path) -> str:
        """Name a file as Python does: pyx86emu/pc/devices/uart.py is pyx86emu.pc.devices.uart."""
        parts = path.relative_to(self.root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def name(self, path: Path) -> str:
        return str(path.relative_to(self.root))

    def lines(self, paths: Iterable[Path], pattern: re.Pattern[str]) -> list[str]:
        """List the lines that match."""
        return [
            f"{self.name(path)}:{number}: {line.strip()}"
            for path in paths
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
            if pattern.search(line)
        ]


# Who may import whom: a line may import from the lines above it and from its own.
LAYERS = (
    "errors exits executed models owned irqfd structs capabilities coalesced address",
    "backend",
    "_core",
    "kvm",
    "events files unixsocket memory log clock state bus device forward listing symbols saved"
    " observe vm",
    "pc.devices pc.disks pc.screen pc.firmware pc",
    "pc.board",
    "pc.limits pc.expect pc.ending pc.idle pc.web pc.parts pc.running pc.saving pc.saving_state"
    " pc.saving_disks pc.timetravel pc.observing pc.inspecting pc.serving pc.plugging"
    " pc.machine",
    "tools",  # whatever is not named here: measure, conformance ...
    "__init__",  # the public names
    "testing pytest_plugin cli examples __main__",
)
#: Methods of Machine that are doors to a tool: they import it when they are called.
DOORS = {
    f"pyx86emu.pc.{name}"
    for name in ["saving", "timetravel", "observing", "inspecting", "serving", "plugging"]
}
#: They name classes of the core as types; when they are imported they need nothing of it.
TYPES_OF_THE_CORE = {"pyx86emu.backend"}
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names.split()}


def rank(module: str) -> int:
    """Find the layer of pyx86emu.x.y.z: that of x.y if it has one, else that of x."""
    _, *rooms = module.split(".")
    named = RANK.get(".".join(rooms[:2]), RANK.get(rooms[0] if rooms else "__init__"))
    return RANK["tools"] if named is None else named


def absolute(node: ast.ImportFrom, path: Path, tree: Tree) -> str:
    """Undo the dots of a relative import."""
    if not node.level:
        return node.module or ""
    package = path.parent.relative_to(tree.root).parts
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def imported(path: Path, tree: Tree, *, types: bool = True) -> Iterator[tuple[int, str]]:
    """List line and module of every import of ours in a file, also those inside functions, but for
    the doors to tools."""
    source = ast.parse(path.read_text("utf-8"))
    door = tree.module(path) in DOORS
    if door or not types:
        source.body = [node for node in source.body if "TYPE_CHECKING" not in ast.dump(node)[:60]]
    later = {
        id(each)
        for node in ast.walk(source)
        if door and isinstance(node, ast.FunctionDef)
        for each in ast.walk(node)
    }
    for node in ast.walk(source):
        if id(node) in later:
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, path, tree)
            inner = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if name in tree.modules else base for name in inner]
        for name in names:
            if name.split(".")[0] == "pyx86emu":
                yield node.lineno, name
