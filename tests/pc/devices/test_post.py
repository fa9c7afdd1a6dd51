"""PostPort."""

from pyx86emu.pc.devices import PostPort


def test_last_code_can_be_read_back():
    post = PostPort()

    post.pio_write(0, 1, 0x12)
    post.pio_write(0, 1, 0x34)

    assert post.code == post.pio_read(0, 1) == 0x34
    assert list(post.history) == [0x12, 0x34]


def test_history_is_bounded():
    post = PostPort(keep=4)
    for code in range(10):
        post.pio_write(0, 1, code)

    assert list(post.history) == [6, 7, 8, 9]


def test_reset_forgets():
    post = PostPort()
    post.pio_write(0, 1, 0x55)

    post.reset()

    assert post.code == 0
    assert not post.history
