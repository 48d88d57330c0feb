"""The plots of a report as inline SVG. Text takes the page's colour (`currentColor`), so that one drawing is right in light and dark."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from torchferry.bundle.contract import Array
from torchferry.bundle.printable import printable
from torchferry.compare.bisect import Bisection
from torchferry.proof.evidence import Float64, Latency

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#010203"  # a colour that no plot uses otherwise; it becomes currentColor
_COLOURS = ("#3b82f6", "#f59e0b", "#10b981", "#a855f7", "#ef4444")  # told apart on white and on black
_BOUND = "#ef4444"
_SMALLEST, _LARGEST = 1e-12, 1e12  # where 0 and infinity are drawn


def error_histogram(errors: Mapping[str, Float64], bound: float) -> str:
    """Draw how far each engine is from float64, of any shape, on a logarithmic axis, with the bound; the legend counts equal values."""
    figure, axes = _figure(4.8, 2.6)
    positive = [values[np.isfinite(values) & (values > 0)] for values in errors.values()]
    low, high = _limits([*positive, np.array([bound] if bound else [])])
    bins = [float(edge) for edge in np.logspace(low, high, 40)]
    for (engine, values), seen, colour in zip(errors.items(), positive, _COLOURS * len(errors), strict=False):
        exact = int(np.count_nonzero(values == 0))
        axes.hist(
            seen, bins=bins, histtype="stepfilled", alpha=0.35, color=colour, edgecolor=colour, label=_legend(engine, exact)
        )
    if bound:
        axes.axvline(bound, color=_BOUND, linestyle="--", label=f"bound {bound:.3g}")
    axes.set(xscale="log", xlim=(10.0**low, 10.0**high), xlabel="distance from float64", ylabel="values")
    _legend_below(axes)
    return _svg(figure)


def layer_plot(found: Bisection) -> str:
    """Draw the largest error of each layer in the order in which they ran, and the bound of each."""
    seen = [entry for entry in (*found.layers, *found.outputs) if entry.verdict is not None]
    figure, axes = _figure(4.8, 1.2 + 0.22 * len(seen))
    places = np.arange(len(seen))[::-1]
    errors = _above_zero([float((entry.verdict or {})["max_abs"]) for entry in seen])
    bounds = _above_zero([float((entry.verdict or {})["bound"]) for entry in seen])
    axes.scatter(
        errors, places, color=[_BOUND if entry.is_off else _COLOURS[0] for entry in seen], label="largest error", zorder=3
    )
    axes.scatter(bounds, places, color=_BOUND, marker="|", s=90, label="bound", zorder=3)
    axes.hlines(places, errors, bounds, color=_INK, alpha=0.25)
    axes.set(xscale="log", xlabel="distance from eager's float64 (leftmost: equal)")
    axes.set_yticks(places, [_short(entry.layer) for entry in seen])
    _legend_below(axes)
    return _svg(figure)


def latency_plot(latencies: Sequence[Latency]) -> str:
    """Draw the median time of a call, a bar for each engine, language and batch."""
    figure, axes = _figure(4.8, 0.8 + 0.22 * len(latencies))
    batches = sorted({entry.batch for entry in latencies})
    names = [f"{entry.engine}, {entry.language}, batch {entry.batch}" for entry in latencies][::-1]
    colours = [_COLOURS[batches.index(entry.batch) % len(_COLOURS)] for entry in latencies][::-1]
    values = [entry.microseconds for entry in latencies][::-1]
    bars = axes.barh(names, values, color=colours)
    axes.bar_label(bars, [f"{value:.3g}" for value in values], padding=3, color=_INK, fontsize=8)
    axes.set(xscale="log", xlabel="microseconds a call", xlim=(min(values) / 3, max(values) * 4))
    return _svg(figure)


def confusion_plot(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    """Draw counts [classes, classes]: golden labels by row, the engine's by column."""
    side = min(4.8, 1.6 + 0.32 * len(names))
    figure, axes = _figure(side, side)
    axes.imshow(np.where(counts > 0, counts / max(int(counts.max()), 1), np.nan), cmap="Blues", vmin=-0.3, vmax=2)
    for row, column in np.argwhere(counts > 0) if len(names) <= 20 else ():
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color="#0b1f3a", fontsize=9)
    ticks = range(0, len(names), 1 if len(names) <= 20 else len(names) // 10)
    labels = [_short(names[tick], 12) for tick in ticks]
    axes.set_xticks(ticks, labels, rotation=0 if max(map(len, labels)) < 3 else 60)
    axes.set_yticks(ticks, labels)
    axes.set(xlabel="engine", ylabel="golden")
    axes.grid(visible=False)
    return _svg(figure)


def picture(image: Array, largest: float) -> str:
    """Return an image, grey [H,W] or coloured [H,W,3], as the address of a PNG."""
    from PIL import Image

    pixels = np.clip(image.astype(np.float64) * (255 / max(largest, 1)), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure  # here, because importing it takes longer than most verbs

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
    axes = figure.subplots()
    axes.set_facecolor("none")
    axes.tick_params(colors=_INK, which="both", labelsize=8)
    for part in (axes.xaxis.label, axes.yaxis.label):
        part.set(color=_INK, fontsize=8.5)
    for spine in axes.spines.values():
        spine.set_color(_INK)
        spine.set_alpha(0.4)
    axes.grid(axis="x", color=_INK, alpha=0.15)
    axes.set_axisbelow(True)
    return figure, axes


def _above_zero(values: Sequence[float]) -> list[float]:
    """Numbers that a logarithmic axis has: 0 stands at the left edge, what is not finite at the right one."""
    return [min(max(value, _SMALLEST), _LARGEST) if not math.isnan(value) else _LARGEST for value in values]


def _legend_below(axes: Axes) -> None:
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, labelcolor=_INK, fontsize=8)


def _legend(engine: str, exact: int) -> str:
    return f"{engine} ({exact} equal)" if exact else engine


def _limits(values: Sequence[Float64]) -> tuple[float, float]:
    found = np.concatenate([np.asarray(part, dtype=np.float64) for part in values])
    if not found.size:
        return -9.0, 0.0
    return float(np.floor(np.log10(found.min()))), float(np.ceil(np.log10(found.max()) + 0.2))


def _short(name: str, most: int = 28) -> str:
    """One line without dollars, which matplotlib takes for formulas."""
    text = printable(name).replace("$", r"\$")
    return text if len(text) <= most else "\u2026" + text[1 - most :]


def _svg(figure: Figure) -> str:
    """Return the figure as an element of a page: no XML head, no metadata, no size of its own beyond its proportions."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1), count=1)
    return text.replace(_INK, "currentColor")
