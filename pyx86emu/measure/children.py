"""Other processes of a measurement: name the environment in which Python finds this package."""

import os

#: The directory that has the package.
PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def environment(compiled: str | None = None) -> dict[str, str]:
    """This process's environment, with the path of the package. `compiled`: a directory in which
    Python keeps its modules compiled, so that it finds them as after an installation."""
    found = {**os.environ, "PYTHONPATH": PACKAGE}
    if compiled is not None:
        found["PYTHONPYCACHEPREFIX"] = compiled
        found.pop("PYTHONDONTWRITEBYTECODE", None)
    return found
