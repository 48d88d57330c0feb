"""All mutants, room by room."""

from __future__ import annotations

from mutants import rows_bounds, rows_bundle, rows_compare

MUTANTS = (*rows_compare.ROWS, *rows_bundle.ROWS, *rows_bounds.ROWS)
