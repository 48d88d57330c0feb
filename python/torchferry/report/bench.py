"""What `ferry bench` measured, for people and as JSON, in the form of `ferry-run bench`."""

from __future__ import annotations

from typing import Any

from torchferry.bundle.reader import Bundle
from torchferry.proof.bench import BatchFigures, BenchResult
from torchferry.report.text import aligned

COLUMNS = ("batch", "calls", "first us", "p50 us", "p99 us", "samples/s", "direct p50 us", "overhead us", "overhead %")


def bench_lines(bundle: Bundle, result: BenchResult) -> list[str]:
    """Return a heading and an aligned table, one row a batch size."""
    session = result.session
    heading = (
        f"{bundle.manifest.name}: {session.engine} on {session.device}, {session.runtime}, threads {result.threads}, "
        f"load {result.load_ms:.3g} ms"
    )
    return [heading, *aligned([COLUMNS, *map(_row, result.batches)])]


def bench_json(bundle: Bundle, result: BenchResult) -> dict[str, Any]:
    """Return the object of `ferry-run bench --json`; nothing in Python calls a runtime more directly, so those figures are null."""
    session = result.session
    return {
        "bundle": str(bundle.folder),
        "name": bundle.manifest.name,
        "engine": session.engine,
        "device": session.device,
        "runtime": session.runtime,
        "numerics": session.numerics,
        "threads": result.threads,
        "load_ms": result.load_ms,
        "batches": [_entry(figures) for figures in result.batches],
    }


def _row(figures: BatchFigures) -> tuple[str, ...]:
    times = (_us(value) for value in (figures.first_us, figures.p50_us, figures.p99_us))
    return (str(figures.batch), str(figures.calls), *times, f"{figures.samples_per_s:.0f}", "-", "-", "-")


def _us(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.4g}"


def _entry(figures: BatchFigures) -> dict[str, Any]:
    direct = dict.fromkeys(("direct_p50_us", "overhead_us", "overhead_percent"))
    return {
        "batch": figures.batch,
        "calls": figures.calls,
        "first_us": figures.first_us,
        "p50_us": figures.p50_us,
        "p99_us": figures.p99_us,
        "samples_per_s": figures.samples_per_s,
        **direct,
    }
