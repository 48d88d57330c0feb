"""A probe of generated C: the same model.c, with lines that copy what modules give into further outputs.

engine.c says where the values are (c_seen.py). Not seen: what a loop computes and keeps nowhere, what was folded into its neighbour,
and what is kept one part after the other.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from torchferry.bundle.dtype import DTYPES
from torchferry.cgen.target import c_type
from torchferry.cgen.values import dtype_of
from torchferry.errors import ExitCode, FerryError
from torchferry.formats.c import ENTRY
from torchferry.formats.c_seen import Row, read_rows
from torchferry.formats.taps import PROBED, ProbeRequest, Shown, Tap, frame_of

_MODEL, _INCLUDE = "model.c", '#include "model.c"\n'
_RUN = re.compile(r"return (?P<prefix>\w+)_run_batch\((?P<weights>ferryWeights, )?.*?;\n")
_OUTPUT = re.compile(r"const size_t ferryOutput\[\] = \{.*?\};\n", re.DOTALL)
_SELFTEST = re.compile(r"return (\w+_selftest\(.*?\));\n")


def probe_c(request: ProbeRequest) -> Shown:
    """Return the C with each tap that it shows as a further output. Raises FerryError(FORMAT)."""
    files = {path: data for path, data in request.files.items() if path.endswith((".c", ".h")) and "/" not in path}
    if ENTRY not in files or _MODEL not in files:
        raise _refusal(request.main_path, f"no {ENTRY} and {_MODEL}")
    entry, model = files[ENTRY].decode(), files[_MODEL].decode()
    found = _matched(request.taps, read_rows(ENTRY, entry))
    for index, (_, row) in enumerate(found):
        model = _with_copy(model, index, row)
    texts = {ENTRY: _entry(entry, [name.name for name in request.contract.outputs], found), _MODEL: model}
    losses = {tap.name: row.loss for tap, row in found if row.loss}
    return Shown({**files, **{path: text.encode() for path, text in texts.items()}}, [tap for tap, _ in found], losses)


def _matched(taps: Sequence[Tap], rows: Sequence[Row]) -> list[tuple[Tap, Row]]:
    """Return each tap with the one row of its call that has its shape and dtype."""
    calls = Counter(path for path, _ in {(row.path, row.call) for row in rows})
    frame = frame_of(taps, set(calls))
    found = []
    for tap in taps:
        fitting = [row for row in rows if _fits(row, tap, frame)]
        if len(fitting) == 1:
            found.append((tap, fitting[0]))
    return found


def _fits(row: Row, tap: Tap, frame: str) -> bool:
    same_call = (row.path, row.call, row.into) == (frame + tap.path, tap.call, tap.into)
    return same_call and row.dtype == tap.dtype and row.dtype in DTYPES and tuple(row.shape) == tap.shape[1:]


def _with_copy(text: str, index: int, row: Row) -> str:
    """Return model.c with lines that copy a value, before the loop of its layer or at the end of its function."""
    start = text.find(f"static void {row.function}(")
    end = text.find("\n}\n", start)
    if start < 0 or end < 0:
        raise _refusal(_MODEL, f"no function {row.function}")
    at = end + 1
    if row.before_loop:
        call = text.find(f"  {row.function}_after(", start, end)
        at = call if call >= 0 else text.rfind("\n  for (size_t j = ", start, end) + 1
        if at <= start:
            raise _refusal(_MODEL, f"no loop in function {row.function}")
    return f"{text[:at]}{_copy(index, row)}{text[at:]}"


def _copy(index: int, row: Row) -> str:
    size = math.prod(row.shape)
    place = "ferryAt"
    if row.channels:
        inner = size // row.channels
        place = f"ferryAt % {inner} * {row.channels} + ferryAt / {inner}"
    element = f"{row.pointer}[{place}]"
    if row.scale:
        element = f"((float){element} - {row.zero}.0f) * {row.scale!r}f"
    target = f"ferrySeen->{PROBED.format(index)}[ferryAt] = ({_type(row)}){'(' + element + ')' if row.scale else element};"
    loop = f"for (size_t ferryAt = 0; ferryAt < {size}; ++ferryAt)"
    return f"  if (ferrySeen != NULL) {{\n    {loop} {{\n      {target}\n    }}\n  }}\n"


def _type(row: Row) -> str:
    dtype = dtype_of(row.dtype)
    if dtype is None:
        raise _refusal(ENTRY, f"a layer of dtype {row.dtype}")
    return c_type(dtype)


def _entry(text: str, outputs: Sequence[str], found: Sequence[tuple[Tap, Row]]) -> str:
    """Return engine.c with a larger struct of outputs, and a run that fills it sample by sample."""
    run, table, selftest = _RUN.search(text), _OUTPUT.search(text), _SELFTEST.search(text)
    if run is None or table is None or selftest is None or _INCLUDE not in text:
        raise _refusal(ENTRY, "another text than the exporter's")
    prefix, weights = run["prefix"], run["weights"] or ""
    taps = [
        (PROBED.format(index), f"{_type(row)} {PROBED.format(index)}[{math.prod(row.shape)}];")
        for index, (_, row) in enumerate(found)
    ]
    members = "".join(f"  {declared}\n" for _, declared in taps)
    struct = f"typedef struct {{\n  {prefix}_output own;\n{members}}} FerrySeen;\nstatic FerrySeen *ferrySeen;\n"
    names = [*(f"own.{name}" for name in outputs), *(name for name, _ in taps)]
    rows = "".join(f",\n    offsetof(FerrySeen, {name}), sizeof(((FerrySeen *)0)->{name})" for name in names)
    changes = {
        _INCLUDE: f'#include "model.h"\n{struct}{_INCLUDE}',
        table[0]: f"const size_t ferryOutput[] = {{\n    sizeof(FerrySeen), {len(names)}{rows}}};\n",
        run[0]: _RUN_EACH.replace("@", prefix).replace("WEIGHTS", weights),
        selftest[
            0
        ]: f"const int ferryFound = {selftest[1]};\n  return ferryFound >= 0 ? -1 : ferryFound; /* a wrong sample is what is looked for */\n",
    }
    for before, after in changes.items():
        text = text.replace(before, after)
    return text


_RUN_EACH = """\
for (size_t i = 0; i < count; ++i) {
    ferrySeen = (FerrySeen *)outputs + i;
    const int ferryCode = @_run(WEIGHTS(const @_input *)inputs + i, &ferrySeen->own);
    ferrySeen = NULL;
    if (ferryCode != 0) {
      return ferryCode;
    }
  }
  return 0;
"""


def _refusal(path: str, found: str) -> FerryError:
    return FerryError(ExitCode.FORMAT, f"{path}: got {found}, expected C as `ferry export` writes it; export the bundle again")
