"""matplotlib: let tests look into the charts that it draws."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

from pyx86emu.measure import drawing


def need() -> None:
    """Skip the test, or with CI=true fail it, where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        why = "matplotlib is missing: pip install 'pyx86emu[plot]'"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    import matplotlib

    matplotlib.use("Agg")


def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The figures that are drawn from now on, by the names of their files."""
    need()
    figures: dict[str, Any] = {}
    finish: Callable[..., None] = drawing.finish

    def keep(drawn: Any, path: str, title: str, notes: Any) -> None:
        finish(drawn, path, title, notes)
        figures[os.path.basename(path)] = drawn

    monkeypatch.setattr(drawing, "finish", keep)
    return figures


def texts(figure: Any) -> list[str]:
    """All that is written in a figure, names of rows and legends included."""
    from matplotlib.text import Text

    return [each.get_text() for each in figure.findobj(Text) if each.get_text()]


def outside(figure: Any) -> list[str]:
    """What is written, and does not fit into the picture."""
    from matplotlib.text import Text

    figure.draw_without_rendering()
    width, height = figure.bbox.width + 1, figure.bbox.height + 1
    found = []
    for axes in figure.axes:
        ticks = [*axes.get_xticklabels(), *axes.get_yticklabels()]
        shown = {id(each) for each in ticks}
        for each in [*ticks, *(e for e in axes.findobj(Text) if id(e) not in shown)]:
            box = each.get_window_extent()
            far = each in axes.get_xticklabels() and not (
                axes.bbox.x0 - 1 <= (box.x0 + box.x1) / 2 <= axes.bbox.x1 + 1
            )
            if far or not each.get_visible() or not each.get_text():
                continue
            if box.x0 < -1 or box.y0 < -1 or box.x1 > width or box.y1 > height:
                found.append(each.get_text())
    for each in figure.texts:
        box = each.get_window_extent()
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width or box.y1 > height:
            found.append(each.get_text())
    return found
