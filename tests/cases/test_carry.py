"""Modules that users bring are carried to C++, and those that are not are refused for the reason that is true, in one line."""

from __future__ import annotations

import pytest

from cases.carry import CASES, DEFAULT_FORMATS, assert_row, carry, load_cases

# What is refused, and words of the reason.
REFUSED = {
    "vae_sample": "two answers to the same input (randn_like at real_modules.py",
    "dyn_quant": "a quantized layer has no float64 reference",
    "ssdlite320": "Couldn't load custom C++ ops",
}
LARGE = (
    "squeezenet1_1",
    "resnet18",
    "efficientnet_b0",
    "densenet121",
    "swin_t",
    "r3d_18",
    "vit_b_16",
    "ssdlite320",
    "unet",
    "lstm_state_bf",
    "audio1d",
    "seg_dyn",
    "gpt_tied",
)
NAMES = sorted(load_cases()) if (CASES / "real_modules.py").exists() else []
QUICK = [name for name in NAMES if name not in LARGE][::5]  # always; the others in `make test-slow`


@pytest.mark.skipif(not NAMES, reason=f"{CASES} has no real_modules.py; set FERRY_CASES")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in NAMES or ("none",)]
)
def test_a_module_of_users_runs_in_cpp_or_is_refused_for_its_reason(name: str) -> None:
    assert_row(carry(name, list(DEFAULT_FORMATS)), name, "onnxruntime torchscript", REFUSED)
