"""All mutants, room by room."""

from __future__ import annotations

from mutants import (
    rows_bindings,
    rows_bounds,
    rows_bounds_layers,
    rows_bundle,
    rows_cgen,
    rows_compare,
    rows_cpp,
    rows_cpp_inputs,
    rows_edges,
    rows_engines,
    rows_evidence,
    rows_habits,
    rows_halves,
    rows_inputs,
    rows_int8,
    rows_outputs,
    rows_places,
    rows_rules,
    rows_scale,
    rows_streams,
)

_BOUNDS = (*rows_bounds.ROWS, *rows_bounds_layers.ROWS, *rows_rules.ROWS)
_PYTHON = (
    *rows_compare.ROWS,
    *rows_bundle.ROWS,
    *_BOUNDS,
    *rows_cgen.ROWS,
    *rows_int8.ROWS,
    *rows_engines.ROWS,
    *rows_inputs.ROWS,
)
_CPP = (*rows_cpp.ROWS, *rows_cpp_inputs.ROWS)

MUTANTS = (
    *_PYTHON,
    *_CPP,
    *rows_bindings.ROWS,
    *rows_edges.ROWS,
    *rows_evidence.ROWS,
    *rows_habits.ROWS,
    *rows_halves.ROWS,
    *rows_outputs.ROWS,
    *rows_places.ROWS,
    *rows_scale.ROWS,
    *rows_streams.ROWS,
)
