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

from collections.abc import Callable, Iterator
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
BOOT_SECTOR, ROM = 0x7C00, 0xF000
RESETS = ((0xF000, 0xFFF0), (0xFFFF, 0))

#: What a frame is: ("code", CS << 16 | IP of what was called), or ("int", "irq", "fault" ...).
Key = tuple[str, int]


class Node:
    """A stack that was seen: its top, the stack below, how many instructions it had."""

    __slots__ = ("below", "calls", "count", "key")

    def __init__(self, key: Key, below: "Node | None") -> None:
        self.key, self.below, self.count = key, below, 0
        self.calls: dict[Key, Node] = {}


class Frame(NamedTuple):
    """A frame that is open."""

    node: Node
    ss: int
    sp: int
    cs: int
    """Where it returns to: `cs`:`ip`."""
    ip: int


class Arrival(NamedTuple):
    """The first instruction after a jump: how many instructions were retired before it, and the
    registers."""

    n: int
    cs: int
    ip: int
    ss: int
    sp: int


class Delivery(NamedTuple):
    """A fault or an interrupt of hardware: the registers are those after it was delivered;
    `cs`:`ip` is where it returns to."""

    n: int
    key: Key
    cs: int
    ip: int
    ss: int
    sp: int


class Stacks:
    """Counts of a run. `flow(cs, ip, again)` says how the code there ends; `again`: it has changed.
    Only one thread uses it."""

    def __init__(self, flow: Callable[[int, int, bool], Flow]) -> None:
        self._flow = flow
        self._flows: dict[int, Flow] = {}
        self.root = Node(("", 0), None)
        self._nodes = 0
        self._frames: list[Frame] = []
        self._tasks: list[list[Frame]] = []
        self._since = 0
        """So many instructions were retired when the current stack became that."""
        self._before: int | None = None
        """CS << 16 | IP of the arrival before; None: there is none."""
        self._before_n = 0

    # -- from outside ------------------------------------------------------------------------------

    def begin(self, here: Arrival) -> None:
        """The guest is here, whatever was before."""
        self._frames = [self._base(("code", here.cs << 16 | here.ip))]
        self._tasks.clear()
        self._since = self._before_n = here.n
        self._before = here.cs << 16 | here.ip

    def lose(self, here: Arrival) -> None:
        """What was executed up to here was not seen."""
        self._frames = [self._base(("lost", 0))]
        self._leave(here.n)
        self.begin(here)
        self._before = None

    def catch_up(self, n: int) -> None:
        """So many instructions are retired now."""
        self._leave(n)

    def take(self, arrivals: Iterator[tuple[int, int, int, int, int]], due: list[Delivery]) -> None:
        """What happened, in order. Of `due`, what was delivered meanwhile, that is left whose
        first instruction is still to come."""
        flows, frames = self._flows, self._frames
        due.reverse()
        next_n = due[-1].n if due else 1 << 64
        before, top = self._before, frames[-1]
        for n, cs, ip, ss, esp in arrivals:
            sp = esp & 0xFFFF
            if before is not None and n < next_n:
                flow = flows.get(before)
                if (
                    flow is not None
                    and flow.kind == JUMP
                    and flow.to is not None
                    and ip in flow.to
                    and ss == top.ss
                    and sp <= top.sp
                ):
                    before = cs << 16 | ip
                    self._before_n = n
                    continue
            self._before = before
            here = Arrival(n, cs, ip, ss, sp)
            if n >= next_n:
                self._deliver(here, due)
                next_n = due[-1].n if due else 1 << 64
            self._arrive(here)
            before, frames = self._before, self._frames
            top = frames[-1]
        self._before = before
        due.reverse()

    # -- inside ------------------------------------------------------------------------------------

    def _base(self, key: Key) -> Frame:
        return Frame(self._called(self.root, key), -1, 0x10000, -1, -1)

    def _called(self, node: Node, key: Key) -> Node:
        """A stack with one more frame."""
        found = node.calls.get(key)
        if found is None:
            if self._nodes >= MOST_NODES and node is not self.root:
                return node
            self._nodes += 1
            found = node.calls[key] = Node(key, node)
        return found

    def _leave(self, n: int) -> None:
        """The current stack is left."""
        self._frames[-1].node.count += n - self._since
        self._since = n

    def _deliver(self, here: Arrival, due: list[Delivery]) -> None:
        """Push the frames of what was delivered before this arrival."""
        same = [each for each in due if each.n == here.n]
        first = [each for each in same if (each.ss, each.sp) == (here.ss, here.sp)]
        last = first[0] if first else None  # `due` has the latest first
        while due and due[-1].n <= here.n:
            if due[-1].n == here.n and last is None:
                return
            each = due.pop()
            if each is last:
                last = None
                self._interrupted(each)
                return
            self._interrupted(each)

    def _interrupted(self, each: Delivery) -> None:
        if self._before is not None:
            self._before_delivery(each)
        self._leave(each.n)
        node = self._called(self._frames[-1].node, each.key)
        self._push(Frame(node, each.ss, each.sp, each.cs, each.ip))
        self._before = None

    def _before_delivery(self, each: Delivery) -> None:
        """Was the jump that ends the current block executed before it? The delivery itself counts
        as an instruction, of what it interrupts."""
        before, n = self._before, each.n - 1
        assert before is not None
        cs, ip = before >> 16, before & 0xFFFF
        flow = self._flow_at(before)
        inside = each.cs == cs and ip <= each.ip <= flow.last and flow.kind != UNKNOWN
        if n > self._before_n and not (inside and each.ip != ip):
            self._arrive(Arrival(n, each.cs, each.ip, each.ss, each.sp + 6 & 0xFFFF))

    def _flow_at(self, at: int, again: bool = False) -> Flow:
        flow = None if again else self._flows.get(at)
        if flow is None:
            if len(self._flows) >= MOST_FLOWS:
                self._flows.clear()
            flow = self._flows[at] = self._flow(at >> 16, at & 0xFFFF, again)
        return flow

    def _arrive(self, here: Arrival) -> None:
        """A block begins: how did the guest come here?"""
        n, cs, ip, ss, sp = here
        before, self._before, self._before_n = self._before, cs << 16 | ip, n
        if (cs, ip) in RESETS or (
            (cs << 4) + ip == BOOT_SECTOR and before is not None and before >> 16 >= ROM
        ):
            self._leave(n)
            self._frames = [self._base(("code", cs << 16 | ip))]
            self._tasks.clear()
            return
        if before is None:
            self._unwind(here)
            return
        flow = self._flow_at(before)
        if flow.to is not None and (cs != before >> 16 or ip not in flow.to):
            flow = self._flow_at(before, again=True)  # its code was rewritten
        if flow.kind == RETURN and self._returns(here, flow):
            return
        self._unwind(here)
        skipped = flow.to is not None and ip not in flow.to
        goes_on = ip == flow.after and cs == before >> 16  # INTO without overflow; call $+3
        if flow.kind in (CALL, INT) and not skipped and not goes_on:
            self._leave(n)
            key = ("int", flow.vector) if flow.kind == INT else ("code", cs << 16 | ip)
            node = self._called(self._frames[-1].node, key)
            self._push(Frame(node, ss, sp, before >> 16, flow.after))
        elif len(self._frames) == 1 and cs != before >> 16:
            self._leave(n)
            self._frames = [self._base(("code", cs << 16 | ip))]

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
        at = self._returned(self._frames, here, flow, len(self._frames))
        if at is not None:
            self._leave(here.n)
            if at < len(self._frames) - 1:
                self._keep(self._frames)
            self._frames = self._frames[:at]
            return True
        for number, task in enumerate(self._tasks):
            if self._returned(task, here, flow, 1) is not None:
                self._leave(here.n)
                del self._tasks[number]
                self._keep(self._frames)
                self._frames = task[:-1]
                return True
        return False

    @staticmethod
    def _returned(frames: list[Frame], here: Arrival, flow: Flow, most: int) -> int | None:
        """Which of the upper `most` frames returns here with this SP?"""
        for at in range(len(frames) - 1, max(len(frames) - 1 - most, 0), -1):
            frame = frames[at]
            if (
                frame.ip == here.ip
                and frame.cs == here.cs
                and frame.ss == here.ss
                and frame.sp == here.sp - flow.size & 0xFFFF
            ):
                return at
        return None

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
            self._leave(here.n)
            del frames[keep:]

    def counts(self) -> Iterator[tuple[list[Key], int]]:
        """Each stack, from its root, and how many instructions were executed with it."""
        stack = [(self.root, list[Key]())]
        while stack:
            node, path = stack.pop()
            if node.count:
                yield path, node.count
            for key, called in node.calls.items():
                stack.append((called, [*path, key]))
