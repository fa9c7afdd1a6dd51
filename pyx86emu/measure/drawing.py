"""Pictures of measurements: place dots, spreads and limits on axes. Know no benchmark.

A chart is one dot a row, with the row's name at the left and its figure at the right. A logarithmic
axis has no zero, so the length of a bar would mean nothing there: figures are dots.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

BLUE, RED, GREEN, YELLOW, GREY = "#4477aa", "#cc3311", "#228833", "#ccaa22", "#777777"
MARKERS = ("o", "s", "D", "^")
COLOURS = (BLUE, RED, GREEN, YELLOW)
#: Inches of a row, and of what is above and below all rows.
ROW, REST = 0.27, 1.75


@dataclass(frozen=True)
class Dots:
    """One figure a row, or None. `spreads` are drawn as lines through the dots."""

    label: str
    values: Sequence[float | None]
    spreads: Sequence[tuple[float, float] | None] = ()


def figure(rows: int, panels: int = 1, width: float = 9.0) -> tuple[Any, Any]:
    """Return a figure for so many rows, and the axes of its panels, which share the rows."""
    from matplotlib import pyplot

    drawn, axes = pyplot.subplots(
        1, panels, figsize=(width, ROW * rows + REST), sharey=True, squeeze=False
    )
    return drawn, list(axes[0])


def rows(axes: Any, names: Sequence[str]) -> None:
    """Name the rows, the first at the top, with a thin line through each."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    for row in range(len(names)):
        axes.axhline(row, color="#eeeeee", linewidth=0.8, zorder=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def dots(axes: Any, series: Sequence[Dots], colours: Sequence[str] = COLOURS) -> None:
    """Draw one marker a value. What comes first is drawn on top."""
    for number, each in enumerate(series):
        colour = colours[number % len(colours)]
        at = [i for i, value in enumerate(each.values) if value is not None]
        if not at:
            continue
        for i, span in enumerate(each.spreads):
            if span is not None:
                axes.hlines(i, *span, color=colour, linewidth=2.4, alpha=0.45, zorder=2)
        axes.plot(
            [each.values[i] for i in at],
            at,
            MARKERS[number % len(MARKERS)],
            color=colour,
            markersize=6 if number == 0 else 5,
            label=each.label,
            zorder=4 - number / 10,
        )


def limits(axes: Any, values: Sequence[float | None], label: str) -> None:
    """Draw the limit of each row that has one: a short upright line."""
    at = [i for i, value in enumerate(values) if value is not None]
    if at:
        where = [values[i] for i in at]
        axes.plot(where, at, "|", color="black", markersize=11, label=label, zorder=5)


def beside(axes: Any, texts: Sequence[str]) -> None:
    """Write the figure of each row at the right."""
    for i, text in enumerate(texts):
        axes.text(1.01, i, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8)


def upright(axes: Any, value: float, colour: str = GREY) -> None:
    """Draw a line at a value through all rows."""
    axes.axvline(value, color=colour, linewidth=1, zorder=1)


def logarithmic(axes: Any, form: Any = None) -> None:
    """Make the axis logarithmic, with plain numbers at its ticks. To be called after the dots."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    few = high < 300 * low  # powers of ten, too few to read values from
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: (form or plain)(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def plain(value: float) -> str:
    """Return a number without an exponent.

    >>> plain(1000), plain(0.5)
    ('1,000', '0.5')
    """
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def times(ratio: float) -> str:
    """Return a ratio with the decimals that matter.

    >>> times(0.8765), times(13.94), times(971.3)
    ('0.88 x', '13.9 x', '971 x')
    """
    return f"{ratio:,.{0 if ratio >= 100 else 1 if ratio >= 10 else 2}f} x"


def time(seconds: float) -> str:
    """Return a time in the unit that suits it.

    >>> time(2.5e-9), time(1e-6), time(0.00908)
    ('2.5 ns', '1 \u00b5s', '9.08 ms')
    """
    for unit, size in (("ns", 1e-9), ("\u00b5s", 1e-6), ("ms", 1e-3)):
        if seconds < size * 999.5:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def finish(drawn: Any, path: str, title: str, notes: Sequence[str]) -> None:
    """Add the title, the legend of the last panel and the notes; write the picture."""
    from matplotlib import pyplot

    height = drawn.get_figheight()
    for axes in drawn.axes:
        found, _ = axes.get_legend_handles_labels()
        if len(found) > 1:
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=8)
    drawn.text(0.01, 1 - 0.1 / height, title, va="top", fontsize=12, fontweight="bold")
    drawn.text(0.01, 0.06 / height, "\n".join(notes), va="bottom", fontsize=7, color="#555555")
    below = (0.15 + 0.125 * len(notes)) / height
    drawn.tight_layout(rect=(0, below, 1, 1 - 0.3 / height))
    drawn.savefig(path, dpi=150)
    pyplot.close(drawn)
