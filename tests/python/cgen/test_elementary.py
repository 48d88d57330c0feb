"""exp, tanh, erf, log and sigmoid in C: at most 2 (sigmoid 3) ULP from the exact value, over every float32 in the slow test."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from builders.generated_c import Array, run_tool
from torchferry.cgen import elementary
from torchferry.cgen.kernels import with_used
from torchferry.cgen.text import named

EXACT = {"exp": torch.exp, "expm1": torch.expm1, "tanh": torch.tanh, "erf": torch.erf, "sigmoid": torch.sigmoid, "log": torch.log}
RANGE = {"expm1": (-np.inf, 0.0), "log": (1.0, np.inf)}
# In double, for f = (double)x: near 0 the first terms of the series, whose error is below 2^-50 there; far out the limit; else libm.
C_EXACT = {
    "exp": "fabs(f) < 0x1p-17 ? 1 + f * (1 + f * (0.5 + f / 6)) : f < -110 ? 0 : f > 90 ? HUGE_VAL : exp(f)",
    "expm1": "fabs(f) < 0x1p-17 ? f * (1 + f * (0.5 + f / 6)) : f < -50 ? -1 : expm1(f)",
    "tanh": "fabs(f) < 0x1p-13 ? f * (1 - f * f / 3) : fabs(f) > 30 ? copysign(1, f) : tanh(f)",
    "erf": "fabs(f) < 0x1p-13 ? f * (1 - f * f / 3) * 1.12837916709551257390 : fabs(f) > 8 ? copysign(1, f) : erf(f)",
    "sigmoid": "fabs(f) < 0x1p-17 ? 0.5 + f / 4 : f < -110 ? 0 : f > 90 ? 1 : 1 / (1 + exp(-f))",
    "log": "log(f)",
}

# Every bit pattern of float32 in [low, high], and every NaN: prints the largest error in ULP and where it is.
EXHAUSTIVE = """
#include <math.h>
#include <stdio.h>
static double error_of(float got, double exact) {{
  const float nearest = (float)exact;
  if (got == nearest) return 0.5;
  if (isnan(nearest) || isnan(got) || isinf(nearest)) return 1e9;
  const float next = nextafterf(fabsf(nearest), INFINITY);
  const double ulp = isinf(next) ? 0x1p104 : (double)next - fabs((double)nearest);
  return fabs((double)got - exact) / ulp;
}}
int main(void) {{
  double worst = 0;
  float where = 0;
  for (uint64_t u = 0; u < 0x100000000u; ++u) {{
    const float x = t_from_bits((uint32_t)u);
    const float got = t_{name}(x);
    if (x != x) {{
      if (got == got) return 1;
      continue;
    }}
    if (!(x >= {low} && x <= {high})) continue;
    const double f = x;
    const double e = error_of(got, {exact});
    if (e > worst) {{ worst = e; where = x; }}
  }}
  printf("%.6f %a\\n", worst, (double)where);
  return 0;
}}
"""


def ulp_errors(name: str, x: Array) -> Array:
    """|value - exact| in units of the last place of the float32 nearest to the exact value."""
    exact = EXACT[name](torch.from_numpy(x.astype(np.float64))).numpy()
    with np.errstate(all="ignore"):
        got = getattr(elementary, name)(x).astype(np.float64)
        nearest = exact.astype(np.float32)
        errors = np.abs(got - exact) / np.spacing(np.abs(nearest)).astype(np.float64)
    return np.where(np.isinf(nearest) & (got == nearest), 0.0, errors)


def sample(name: str, count: int = 1_000_000) -> Array:
    """Numbers around the interesting range, and every magnitude that float32 has."""
    rng = np.random.default_rng(7)
    patterns = rng.integers(0, 2**32, count, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate([rng.uniform(-110, 95, count).astype(np.float32), rng.uniform(-5, 5, count).astype(np.float32), patterns])
    low, high = RANGE.get(name, (-np.inf, np.inf))
    return x[np.isfinite(x) & (x >= low) & (x <= high)]


@pytest.mark.parametrize("name", EXACT)
def test_sampled_errors_stay_below_the_bound(name: str) -> None:
    errors = ulp_errors(name, sample(name))
    assert not np.isnan(errors).any()
    assert errors.max() <= elementary.ULP_BOUND[name]


@pytest.mark.parametrize("name", EXACT)
def test_the_bound_would_notice_a_wrong_coefficient(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"tanh": "TANH", "erf": "ERF", "log": "LOG"}.get(name, "EXP")
    wrong = tuple(c * np.float32(1 + 2e-5) for c in getattr(elementary, table))
    monkeypatch.setattr(elementary, table, wrong)
    assert ulp_errors(name, sample(name, 100_000)).max() > elementary.ULP_BOUND[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
def test_no_float32_at_all_exceeds_the_bound(name: str, tmp_path: Path) -> None:
    low, high = {"expm1": ("-INFINITY", "0.0f"), "log": ("1.0f", "INFINITY")}.get(name, ("-INFINITY", "INFINITY"))
    body = EXHAUSTIVE.format(name=name, exact=C_EXACT[name], low=low, high=high)
    text = named("\n".join(kernel.text for kernel in with_used((name, "from_bits"))), "t")
    (tmp_path / "all.c").write_text(text + body)
    run_tool("gcc", "-O2", "-std=c99", "-o", tmp_path / "all", tmp_path / "all.c", "-lm")
    done = subprocess.run([tmp_path / "all"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, "NaN in must give NaN out"
    worst, where = done.stdout.split()
    assert float(worst) <= elementary.ULP_BOUND[name], where
