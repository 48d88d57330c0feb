"""Generated C against MISRA C:2012 by cppcheck's addon: what it violates is what the deviation record says."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.edge_networks import edge_network
from builders.generated_c import quantized, write
from builders.networks import fork, residual
from builders.sound_nets import every_sound_net
from builders.spread import spread
from edge.misra import DEVIATIONS
from torchferry.cgen import Generated

pytestmark = pytest.mark.skipif(shutil.which("cppcheck") is None, reason="cppcheck is not installed; run `make setup-edge`")
RULE = re.compile(r"\[misra-c2012-([0-9.]+)\]")


def violated(folder: Path) -> set[str]:
    """The rules that cppcheck finds violated in model.c; it must have looked at the code, which strict.c keeps from odd machines."""
    command = ["cppcheck", "--addon=misra", "--enable=style", "--std=c99", "--quiet", "-DFLT_EVAL_METHOD=0", folder / "model.c"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    return set(RULE.findall(done.stderr))


NETWORKS: dict[str, Callable[[], Generated]] = {
    "every function": lambda: fork().generated,
    "int8": lambda: quantized(residual()).generated,
    "CNN": lambda: edge_network("keyword_spotting"),
    "int8 CNN": lambda: edge_network("keyword_spotting", int8=True),
    "int8 of sounds": lambda: quantized(every_sound_net()).generated,
}
CNNS = [pytest.param(name, marks=pytest.mark.slow) for name in ("CNN", "int8 CNN", "int8 of sounds")]


@pytest.mark.parametrize("name", [*spread(["every function", "int8"], 1), *CNNS])
def test_only_recorded_rules_are_violated(name: str, tmp_path: Path) -> None:
    write(NETWORKS[name](), tmp_path)
    found = violated(tmp_path)
    assert len(found) > 5, "the checker saw no code"
    assert sorted(found - DEVIATIONS.keys()) == []


def test_a_rule_that_is_not_recorded_is_found(tmp_path: Path) -> None:
    """A goto (15.1) and an octal constant (7.1) in the code."""
    source = write(fork().generated, tmp_path)
    text = "static int odd(void) {\n  int at = 017;\n  goto end;\nend:\n  return at;\n}\n"
    source.write_text(source.read_text() + text)
    assert {"15.1", "7.1"} <= violated(tmp_path) - DEVIATIONS.keys()


def test_each_deviation_has_a_reason() -> None:
    assert all(len(reason) > 20 for reason in DEVIATIONS.values())
