"""The call stack of a guest, as far as its calls and returns show it: count instructions by it.

Nothing in the guest says what a call is: `push ax; ret` is a jump, `pop ax` after a CALL drops it,
a task switch changes SS:SP. So a frame is found like this:

- CALL and INT push a frame: what is called, where it returns to, and SS:SP after that
- a fault or an interrupt of hardware pushes one, too
- RET, RETF or IRET that goes to where a frame returns, with its SP, ends that frame and those above
- a frame ends too when SP of its segment is above it, however it came there
- if a return ends a frame below others, these are kept. A return to where they return goes on with
  them: so tasks that switch by RET or IRET keep their stacks
- a RET to another place is a jump
- a stack begins with a root: where the guest was, or where a jump to another segment led while no
  frame was there; a reset and the first instruction of a boot sector begin a new one
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from .profile_flow import CALL, INT, JUMP, RETURN, UNKNOWN, Flow

#: A deeper stack drops its oldest frames but the root.
DEEPEST = 500
#: Stacks of other tasks that are kept.
TASKS = 64
#: Of more stacks, new ones count for the frame that calls.
MOST_NODES = 250_000
#: More ends of code are found again.
MOST_FLOWS = 500_000
ROM = 0xF000
#: CS << 16 | IP of a boot sector's first instruction, and of that after a reset.
STARTS = frozenset((0x0000_7C00, 0x07C0_0000))
RESETS = frozenset((0xF000_FFF0, 0xFFFF_0000))
LATER = 1 << 64

#: What a frame is: ("code", CS << 16 | IP of what was called), or ("int", "irq", "fault" ...).
Key = tuple[str, int]


class Node:
    """A stack that was seen: its top, how many instructions it had, the stacks with one more."""

    __slots__ = ("calls", "count", "key")

    def __init__(self, key: Key) -> None:
        self.key, self.count = key, 0
        self.calls: dict[Key, Node] = {}


class Frame(NamedTuple):
    """A frame that is open."""

    node: Node
    ss: int
    sp: int
    back: int
    """Where it returns to: CS << 16 | IP."""


class Arrival(NamedTuple):
    """The first instruction after a jump: how many instructions were retired before it, CS << 16 |
    IP, and the stack."""

    n: int
    at: int
    ss: int
    sp: int


class Delivery(NamedTuple):
    """A fault or an interrupt of hardware: how many instructions were retired then, the delivery
    included; where it returns to; and the stack after it."""

    n: int
    key: Key
    back: int
    ss: int
    sp: int


class Stacks:
    """Counts of a run. `flow(cs, ip)` says how the code there ends. Only one thread uses it."""

    def __init__(self, flow: Callable[[int, int], Flow]) -> None:
        self._flow = flow
        self._flows: dict[int, Flow] = {}
        self.root = Node(("", 0))
        self._nodes = 0
        self._frames: list[Frame] = []
        self._tasks: list[list[Frame]] = []
        self._since = 0
        """So many instructions were retired when the current stack became that."""
        self._before: int | None = None
        """The arrival before; None: there is none."""
        self._before_n = 0

    # -- from outside ------------------------------------------------------------------------------

    def begin(self, here: Arrival) -> None:
        """The guest is here, whatever was before."""
        self._frames = [self._base(("code", here.at), here.ss)]
        self._tasks.clear()
        self._since = self._before_n = here.n
        self._before = here.at

    def lose(self, here: Arrival) -> None:
        """What was executed up to here was not seen."""
        self._frames = [self._base(("lost", 0), here.ss)]
        self.catch_up(here.n)
        self.begin(here)
        self._before = None

    def catch_up(self, n: int) -> None:
        """So many instructions are retired now."""
        self._frames[-1].node.count += n - self._since
        self._since = n

    def take(self, arrivals: Iterable[tuple[int, int, int, int]], due: list[Delivery]) -> None:
        """What happened, in order. Of `due`, what was delivered meanwhile, that is left whose
        first instruction is still to come.

        Jumps, calls and returns that are as they should be are done here, all else by _arrive().
        """
        flows, frames = self._flows, self._frames
        before, before_n, since = self._before, self._before_n, self._since
        node, top_ss, top_sp, back = frames[-1]
        due.reverse()
        next_n = due[-1].n if due else LATER
        new = tuple.__new__
        for n, at, ss, sp in arrivals:
            if n < next_n and (flow := flows.get(before)) is not None:  # type: ignore[arg-type]
                kind, to, after, size = flow[:4]
                if kind == JUMP:
                    if to is not None and at in to and ss == top_ss and sp <= top_sp:
                        before, before_n = at, n
                        continue
                elif kind == CALL:
                    if (
                        at != after
                        and (to is None or at in to)
                        and ss == top_ss
                        and sp <= top_sp
                        and len(frames) < DEEPEST
                    ):
                        node.count += n - since
                        since = n
                        called = node.calls.get(("code", at))
                        node = called or self._called(node, ("code", at))
                        top_sp, back = sp, after
                        frames.append(new(Frame, (node, ss, sp, after)))
                        before, before_n = at, n
                        continue
                elif (
                    kind == RETURN
                    and at == back
                    and ss == top_ss
                    and sp == top_sp + size
                    and at not in STARTS
                ):
                    node.count += n - since
                    since = n
                    frames.pop()
                    node, top_ss, top_sp, back = frames[-1]
                    before, before_n = at, n
                    continue
            self._before, self._before_n, self._since = before, before_n, since
            here = Arrival(n, at, ss, sp)
            if n >= next_n:
                self._deliver(here, due)
                next_n = due[-1].n if due else LATER
            self._arrive(here)
            before, before_n, since = at, n, self._since
            frames = self._frames
            node, top_ss, top_sp, back = frames[-1]
        self._before, self._before_n, self._since = before, before_n, since
        due.reverse()

    # -- inside ------------------------------------------------------------------------------------

    def _base(self, key: Key, ss: int) -> Frame:
        """A root: no SP is above it."""
        return Frame(self._called(self.root, key), ss, 0x10000, -1)

    def _called(self, node: Node, key: Key) -> Node:
        """A stack with one more frame."""
        found = node.calls.get(key)
        if found is None:
            if self._nodes >= MOST_NODES and node is not self.root:
                return node
            self._nodes += 1
            found = node.calls[key] = Node(key)
        return found

    def _deliver(self, here: Arrival, due: list[Delivery]) -> None:
        """Push the frames of what was delivered before this arrival. `due` has the latest first."""
        most = 0  # of those at this moment, which are before it?
        for number in range(len(due) - 1, -1, -1):
            each = due[number]
            if each.n > here.n:
                break
            if each.n < here.n or (each.ss, each.sp) == (here.ss, here.sp):
                most = len(due) - number
        for _ in range(most):
            self._interrupted(due.pop())

    def _interrupted(self, each: Delivery) -> None:
        if self._before is not None:
            self._before_delivery(each)
        self.catch_up(each.n)
        node = self._called(self._frames[-1].node, each.key)
        self._push(Frame(node, each.ss, each.sp, each.back))
        self._before = None

    def _before_delivery(self, each: Delivery) -> None:
        """Was the jump that ends the current block executed before it? The delivery itself counts
        as an instruction, of what it interrupts."""
        before, n = self._before, each.n - 1
        assert before is not None
        flow = self._flow_at(before)
        inside = before <= each.back <= flow.last and flow.kind != UNKNOWN
        if n > self._before_n and not (inside and each.back != before):
            self._arrive(Arrival(n, each.back, each.ss, each.sp + 6 & 0xFFFF))

    def _flow_at(self, at: int, again: bool = False) -> Flow:
        flow = None if again else self._flows.get(at)
        if flow is None:
            if len(self._flows) >= MOST_FLOWS:
                self._flows.clear()
            flow = self._flows[at] = self._flow(at >> 16, at & 0xFFFF)
        return flow

    def _arrive(self, here: Arrival) -> None:
        """A block begins: how did the guest come here?"""
        n, at, ss, sp = here
        before, self._before, self._before_n = self._before, at, n
        cs = at >> 16
        if at in RESETS or (at in STARTS and before is not None and before >> 16 >= ROM):
            self.catch_up(n)
            self._frames = [self._base(("code", at), ss)]
            self._tasks.clear()
            return
        if before is None:
            self._unwind(here)
            return
        flow = self._flow_at(before)
        if flow.to is not None and at not in flow.to:
            flow = self._flow_at(before, again=True)  # its code was rewritten
        if flow.kind == RETURN and self._returns(here, flow):
            return
        self._unwind(here)
        skipped = flow.to is not None and at not in flow.to
        if flow.kind in (CALL, INT) and not skipped and at != flow.after:  # INTO, call $+3
            self.catch_up(n)
            key = ("int", flow.vector) if flow.kind == INT else ("code", at)
            node = self._called(self._frames[-1].node, key)
            self._push(Frame(node, ss, sp, flow.after))
        elif len(self._frames) == 1 and cs != before >> 16:
            self.catch_up(n)
            self._frames = [self._base(("code", at), ss)]

    def _push(self, frame: Frame) -> None:
        self._frames.append(frame)
        if len(self._frames) > DEEPEST:
            # The nodes of the frames that stay have the whole stack: shorten it.
            kept = self._frames[-DEEPEST // 2 :]
            frames = [self._frames[0]]
            for each in kept:
                node = self._called(frames[-1].node, each.node.key)
                frames.append(each._replace(node=node))
            self._frames = frames

    def _returns(self, here: Arrival, flow: Flow) -> bool:
        """End the frame that returns here, on this stack or another one."""
        frames, end = self._frames, (here.at, here.ss, here.sp - flow.size & 0xFFFF)
        for at in range(len(frames) - 1, 0, -1):
            _, ss, sp, back = frames[at]
            if (back, ss, sp) == end:
                self.catch_up(here.n)
                if at < len(frames) - 1:
                    self._keep(frames)
                self._frames = frames[:at]
                return True
        for number, task in enumerate(self._tasks):
            _, ss, sp, back = task[-1]
            if (back, ss, sp) == end:
                self.catch_up(here.n)
                del self._tasks[number]
                self._keep(frames)
                self._frames = task[:-1]
                return True
        return False

    def _keep(self, frames: list[Frame]) -> None:
        """Another task may go on with these."""
        if len(frames) > 1:
            self._tasks.append(frames[:])
            del self._tasks[:-TASKS]

    def _unwind(self, here: Arrival) -> None:
        """End the frames that SP has passed."""
        frames, keep = self._frames, len(self._frames)
        for at in range(len(frames) - 1, 0, -1):
            frame = frames[at]
            if frame.ss == here.ss:
                if not 0 < (here.sp - frame.sp & 0xFFFF) < 0x8000:
                    break
                keep = at
        if keep < len(frames):
            self.catch_up(here.n)
            del frames[keep:]
        if len(frames) == 1 and frames[0].ss != here.ss:
            frames[0] = frames[0]._replace(ss=here.ss)

    def counts(self) -> Iterator[tuple[list[Key], int]]:
        """Each stack, from its root, and how many instructions were executed with it."""
        stack = [(self.root, list[Key]())]
        while stack:
            node, path = stack.pop()
            if node.count:
                yield path, node.count
            for key, called in node.calls.items():
                stack.append((called, [*path, key]))
