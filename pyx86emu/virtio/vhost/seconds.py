"""Host seconds that a caller gives: check them, as integers are checked."""


def seconds(value: object, name: str) -> float:
    """The value as a float. TypeError: it is no number; ValueError: it is negative or no time."""
    if isinstance(value, str | bytes) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    found = float(value)
    if not 0 <= found <= 1e9:
        raise ValueError(f"{name} is {found}: give seconds from 0 to a billion")
    return found
