"""Modules that users bring, and networks of small devices, become C and run, or are refused for the reason that is true."""

from __future__ import annotations

import pytest

from cases.carry import CASES, assert_row, carry, load_cases, load_edge_networks

# What is refused, and words of the reason.
REFUSED = {
    "vae_sample": "two answers to the same input (randn_like at real_modules.py",
    "dyn_quant": "a quantized layer has no float64 reference",
    "half": "got float16, expected float32, in which C computes",
    "bf16": "got bfloat16, expected float32, in which C computes",
    "bf16_inside": "got bfloat16, expected float32, in which C computes",
    "embag_offsets": "a module that mixes the samples of a batch",
    "ssdlite320": "Couldn't load custom C++ ops",
}
# Of tens of MiB: minutes each, in `carry.py --to c` only.
LARGE = ("efficientnet_b0", "densenet121", "swin_t", "r3d_18", "vit_b_16", "resnet18")
REAL = sorted(set(load_cases()) - set(LARGE)) if (CASES / "real_modules.py").exists() else []
EDGE = sorted(load_edge_networks()) if (CASES / "edge_networks.py").exists() else []
NAMES = [*REAL, *EDGE]
QUICK = ("fft", "tabular", "streaming_gru", "int16_input")  # always; the others in `make test-slow`


@pytest.mark.skipif(not NAMES, reason=f"{CASES} has no real_modules.py; set FERRY_CASES")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in NAMES or ("none",)]
)
def test_a_module_of_users_becomes_c_or_is_refused_for_its_reason(name: str) -> None:
    assert_row(carry(name, ["c"]), name, "c", REFUSED)
