"""Who may see the page and who may type: tokens, hosts and origins."""

from __future__ import annotations

import pytest

from pyx86emu.pc.web.access import Access, Right, is_loopback


@pytest.fixture
def access() -> Access:
    return Access("127.0.0.1", 8000)


def test_each_token_gives_its_right_and_no_other_gives_any(access: Access) -> None:
    assert access.right(access.type_token) is Right.TYPE
    assert access.right(access.view_token) is Right.VIEW
    wrong = (None, "", "x", access.type_token[:-1], access.type_token + "x", "\udcff", "ä" * 32)
    assert {access.right(token) for token in wrong} == {Right.NOTHING}


def test_two_servers_have_different_tokens(access: Access) -> None:
    other = Access("127.0.0.1", 8000)

    tokens = {access.type_token, access.view_token, other.type_token, other.view_token}

    assert len(tokens) == 4
    assert min(map(len, tokens)) >= 32


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST:8000", "[::1]:8000"]
)
def test_the_names_of_this_computer_are_known(access: Access, host: str) -> None:
    assert access.knows_host(host)


@pytest.mark.parametrize(
    "host",
    [
        *(None, "", ":", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8001", "localhost", "[::1]"),
        *("evil.example:8000", "127.0.0.1.evil.example:8000", "192.0.2.1:8000", "[::2]:8000"),
    ],
)
def test_other_names_are_not(access: Access, host: str | None) -> None:
    assert not access.knows_host(host)


def test_a_server_for_all_is_known_by_addresses_but_not_by_names_of_others() -> None:
    access = Access("0.0.0.0", 8000)

    assert access.knows_host("192.0.2.1:8000")
    assert access.knows_host("[2001:db8::1]:8000")
    assert not access.knows_host("evil.example:8000")


def test_a_server_is_known_by_the_name_that_was_given() -> None:
    assert Access("box.example", 8000).knows_host("Box.example:8000")


def test_the_origin_is_the_page_itself(access: Access) -> None:
    host = "127.0.0.1:8000"

    assert access.knows_origin("http://127.0.0.1:8000", host)
    for origin in (
        None,
        "null",
        "http://localhost:8000",
        "https://127.0.0.1:8000",
        "http://x:8000",
    ):
        assert not access.knows_origin(origin, host)


def test_an_origin_and_a_host_that_agree_are_not_enough(access: Access) -> None:
    assert not access.knows_origin("http://evil.example:8000", "evil.example:8000")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_only_this_computer_reaches_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "box.example"])
def test_others_reach_every_other_host(host: str) -> None:
    assert not is_loopback(host)
