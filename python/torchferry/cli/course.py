"""`ferry course`: train every row of the lectures and hold it against what they published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from torchferry.cli.console import say
from torchferry.errors import ExitCode

if TYPE_CHECKING:
    from torchferry.course.train.course import Result

HEADER = f"{'row':<20}{'epochs':>6}  {'train %':>16}  {'test %':>16}  {'cost':>17}  {'seconds':>13}  band"


def course(
    data_root: Annotated[Path | None, typer.Option(help="Folder with MNIST/raw; default: data, filled by download.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the results and of one run a row.")] = Path("runs/course"),
) -> None:
    """Train the lectures' models again; print published against ours, and whether each row is within its band."""
    from torchferry.course.train.course import ROWS, check_data, train_row
    from torchferry.course.train.progress import EpochProgress

    check_data(ROWS, data_root)
    results = []
    for published in ROWS:
        with EpochProgress(published.row, lines=4) as progress:
            results.append(train_row(published, out, data_root, progress))
    _write(out, results)
    say("")
    say(f"{HEADER}  (published -> ours)")
    for result in results:
        say(describe(result))
    outside = [result.published.row for result in results if not result.within]
    say(f"{len(results) - len(outside)} of {len(results)} rows within their bands; wrote {out}")
    if outside:
        raise typer.Exit(ExitCode.MISMATCH)


def describe(result: Result) -> str:
    """Return one line of the table; `-` where the lecture published nothing."""
    published = result.published
    cost = published.losses[-1] if published.losses else None
    columns = (
        f"{published.row:<20}{result.epochs:>6}",
        _pair(published.train_accuracy, result.train_accuracy, 100, 2, 16),
        _pair(published.test_accuracy, result.test_accuracy, 100, 2, 16),
        _pair(cost, result.loss, 1, 5 if published.exact else 4, 17),
        _pair(published.seconds, result.seconds, 1, 1, 13),
        "within" if result.within else "OUTSIDE",
    )
    return "  ".join(columns)


def _pair(published: float | None, ours: float, scale: float, digits: int, width: int) -> str:
    wanted = "-" if published is None else f"{published * scale:.{digits}f}"
    return f"{wanted + ' -> ' + format(ours * scale, f'.{digits}f'):>{width}}"


def _write(folder: Path, results: list[Result]) -> None:
    from torchferry.course.train.checkpoint import write_atomically
    from torchferry.course.train.training import versions

    rows: list[dict[str, Any]] = [result.to_json() for result in results]
    document = {"versions": versions(), "seconds": sum(result.seconds for result in results), "rows": rows}
    write_atomically(folder / "results.json", (json.dumps(document, indent=1, sort_keys=True) + "\n").encode())
