"""Mutants that nobody has tried before: another seed each run, which FERRY_SEED repeats and every failure names."""

from __future__ import annotations

import os
import secrets

SEED = os.environ.get("FERRY_SEED") or secrets.token_hex(4)


def seed_of(index: int) -> str:
    """Return the seed of the family `index` of this run."""
    return f"{SEED}-{index}"


def told(index: int) -> str:
    """Return how to repeat this run, for messages."""
    return f"repeat with FERRY_SEED={SEED}, family {index}"
