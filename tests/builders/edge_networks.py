"""The C of the networks that people ship to small devices, from `edge_networks.py` in the folder of the cases."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import Any

from builders.generated_c import contract_of
from builders.programs import ROOT
from torchferry.cgen import Generated, generate, generate_int8
from torchferry.intake.source import ExportSource
from torchferry.intake.specs import parse_inputs

FILE = Path(os.environ.get("FERRY_CASES", ROOT.parent / "shared" / "cases")) / "edge_networks.py"


@cache
def _cases() -> dict[str, Any]:
    found = importlib.util.spec_from_file_location("edge_networks", FILE)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    cases: dict[str, Any] = module.CASES
    return cases


def edge_case(name: str) -> tuple[Any, Any, Any]:
    """One network: module, inputs and goldens."""
    module, inputs, golden = _cases()[name]
    return module, inputs, golden


@cache
def edge_network(name: str, *, int8: bool = False) -> Generated:
    """The C of one network, whose outputs are called `probabilities`; in int8 it is calibrated on the goldens."""
    module, inputs, golden = edge_case(name)
    promised = contract_of(module, parse_inputs(inputs), ("probabilities",))
    program = ExportSource(module, promised, {key: array[:4] for key, array in golden.items()}).program
    if int8:
        return generate_int8(program, promised, name=name, goldens=golden, calibration=golden)
    return generate(program, promised, name=name, goldens=golden)
