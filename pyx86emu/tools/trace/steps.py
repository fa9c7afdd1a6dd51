"""Steps: what a trace says of an instruction, kept, as a guest executes the same ones again."""

from .names import REMEMBERED, Names


class Steps:
    """The part of a writer that shows instructions. A subclass says in `_step` how."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._known: dict[tuple[int, int, bytes], str] = {}

    def _remembered(self, cs: int, ip: int, code: bytes) -> str:
        key = (cs, ip, code)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[key] = self._step(cs, ip, code)
        return known

    def _step(self, cs: int, ip: int, code: bytes) -> str:
        raise NotImplementedError
