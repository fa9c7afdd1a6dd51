"""Pictures: what a guest shows in a graphics mode, scaled for a display. Knows no terminal."""

from typing import Any


def is_text(screen: Any) -> bool:
    """True in a text mode; a graphics mode has no rows of characters."""
    return mode_name(screen).startswith("text")


def mode_name(screen: Any) -> str:
    """The name of the mode, such as "text 80x25" or "320x200 256 colours"."""
    name: str = getattr(screen, "mode_name", "text")
    return name
