"""Messages of viewers: check each, and give the call of the guest that it asks for."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from .guest import Guest
from .keys import NAMES

#: The longest message, in characters.
LONGEST = 4096
MOST_TEXT = 1000
MOVE = 1000


class MessageError(ValueError):
    """The message is not one of the page's."""


def parse(text: str) -> dict[str, Any]:
    """The message as a dict. MessageError: it is none."""
    if len(text) > LONGEST:
        raise MessageError(f"the message has more than {LONGEST} characters")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MessageError("the message is no JSON") from error
    if not isinstance(message, dict):
        raise MessageError("the message is no JSON object")
    return message


def needs_keyboard(message: dict[str, Any]) -> bool:
    """True if only the viewer at the keyboard may send it."""
    return not message.keys().isdisjoint(("key", "text", "mouse", "release"))


def call(guest: Guest, message: dict[str, Any]) -> Callable[[], object]:
    """What the guest's thread has to call. MessageError: the message asks for nothing known."""
    if "key" in message:
        name = NAMES.get(_string(message, "key"))
        if name is None:
            raise MessageError("a PC's keyboard has no such key")
        return partial(guest.key, name, _flag(message, "down"))
    if "text" in message:
        return partial(guest.type, _string(message, "text")[:MOST_TEXT])
    if "release" in message:
        return guest.release
    if "mouse" in message:
        return partial(guest.mouse, *_numbers(message["mouse"]))
    if "insert" in message:
        return partial(guest.insert, _string(message, "drive"), _string(message, "insert"))
    if "eject" in message:
        return partial(guest.eject, _string(message, "eject"))
    if message.get("do") == "reset":
        return guest.reset
    if message.get("do") in ("pause", "resume"):
        return partial(guest.pause, message["do"] == "pause")
    raise MessageError("the message asks for nothing that is known")


def _string(message: dict[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise MessageError(f"{name} is no text")
    return value


def _flag(message: dict[str, Any], name: str) -> bool:
    value = message.get(name)
    if not isinstance(value, bool):
        raise MessageError(f"{name} is neither true nor false")
    return value


def _numbers(value: object) -> tuple[int, int, int, int]:
    """dx, dy, buttons, wheel."""
    if not isinstance(value, list) or len(value) != 4:
        raise MessageError("mouse has four numbers: dx, dy, buttons, wheel")
    if any(type(each) is not int or abs(each) > MOVE for each in value):
        raise MessageError(f"mouse has whole numbers up to {MOVE}")
    dx, dy, buttons, wheel = value
    return dx, dy, buttons & 7, wheel
