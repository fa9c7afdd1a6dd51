"""QueueDriver: any virtio device of a back end, tested without a guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyx86emu.examples.virtio_device import Upper
from pyx86emu.virtio import QueueDriver, VirtioConsole, VirtioDevice, VirtioRng, serve
from pyx86emu.virtio.vhost.messages import ProtocolError


@pytest.fixture
def sock(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "any.sock"


def test_a_device_of_ones_own_answers(sock: Path) -> None:
    with serve(Upper(), sock) as back, QueueDriver(sock) as driver:  # a queue of 8 descriptors
        assert driver.request(b"hello", 64) == b"HELLO"
        assert driver.request(b"longer than its answer", 6) == b"LONGER"
        assert driver.request(b"no answer") == b""
        assert driver.features & 1 << 32
        assert back.errors == []


def test_many_requests_are_in_flight_and_the_ring_wraps(sock: Path) -> None:
    with serve(Upper(), sock), QueueDriver(sock, depth=3, size=512) as driver:
        for turn in range(20):
            sent = {driver.submit(b"%d%d" % (turn, n), 8): b"%d%d" % (turn, n) for n in range(3)}
            with pytest.raises(RuntimeError, match="in flight"):
                driver.submit(b"one more", 8)
            answers: dict[int, bytes] = {}
            while len(answers) < 3:
                answers |= dict(driver.collect())
            assert answers == sent


def test_each_queue_of_a_device_is_its_own(sock: Path) -> None:
    said: list[bytes] = []
    console = VirtioConsole(output=said.append)
    with serve(console, sock), QueueDriver(sock, queues=2) as driver:
        waiting = driver.submit(room=16, queue=0)
        assert driver.request(b"from the guest", queue=1) == b""
        console.send(b"from the host")

        assert driver.collect(0) == [(waiting, b"from the host")]
        assert said == [b"from the guest"]


def test_the_next_back_end_gets_what_was_in_flight(sock: Path) -> None:
    class Silent(VirtioDevice):
        device_id = 4
        queue_sizes = (64,)

    first = serve(Silent(), sock)
    with QueueDriver(sock) as driver:
        ticket = driver.submit(room=8)
        first.close()
        with serve(VirtioRng(seed=1), sock):
            [(found, answer)] = driver.collect()

            assert (found, len(answer)) == (ticket, 8)
            assert driver.connections == 2


def test_an_answer_that_does_not_come_says_what_is_in_flight(sock: Path) -> None:
    class Bad(VirtioDevice):
        device_id = 4
        queue_sizes = (64,)

        def kicked(self, index: int) -> None:
            raise RuntimeError("a bug of mine")

    with serve(Bad(), sock) as back, QueueDriver(sock, timeout=0.3) as driver:
        with pytest.raises(TimeoutError, match=r"no request is done in 0\.3 s; in flight: 1"):
            driver.request(room=8)

        assert str(back.errors[0]) == "a bug of mine"


def test_wrong_requests_are_refused(sock: Path) -> None:
    with serve(Upper(), sock), QueueDriver(sock, size=512) as driver:
        with pytest.raises(ValueError, match="a request has data= for the device, or room="):
            driver.request()
        with pytest.raises(ValueError, match="at most size=512"):
            driver.request(bytes(500), 13)
        with pytest.raises(ValueError, match="queue"):
            driver.request(b"x", queue=1)


def test_an_answer_longer_than_its_room_breaks_the_protocol(
    sock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(Upper(), sock), QueueDriver(sock) as driver:
        queue = driver._queues[0]
        done = queue.done
        monkeypatch.setattr(
            queue, "done", lambda: [each._replace(written=1 << 20) for each in done()]
        )

        with pytest.raises(ProtocolError, match="has written 1048576 bytes, but there is room"):
            driver.request(b"x", 4)
