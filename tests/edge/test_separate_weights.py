"""Separate weights on other processors: the bits of the definition where numbers are little-endian, a refusal where they are not."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.edge_inventions import INVENTIONS, invention
from builders.generated_c import Subject
from builders.networks import deep
from builders.separate_weights import data_of, separate, separate_int8
from edge.targets import Target
from edge.test_same_bits import ALL, BOARDS, expected, prepare, run_board, run_hosted
from torchferry.formats.c import weights_text

SAMPLES = 40
NETWORKS: dict[str, Callable[[], Subject]] = {
    "dense": lambda: deep(depth=4, width=24),
    **{name: lambda name=name: invention(name) for name in INVENTIONS},  # type: ignore[misc]
}
FORMS = {"float32": separate, "int8": separate_int8}
TARGETS = {
    target.name: target
    for target in ALL
    if target.name
    in (
        "x86-64 AVX2 clang -O2",
        "aarch64 i8mm gcc -O2",
        "armhf gcc -O2",
        "Cortex-M4F gcc -O2",
        "Cortex-M0+ gcc -Os",
        "Cortex-M55 gcc -O2",
    )
}
CASES = [f"{network}/{form}/{target}" for network in NETWORKS for form in FORMS for target in TARGETS]
CHOSEN = [f"dense/int8/{name}" for name in TARGETS] + [
    "conv loop/int8/Cortex-M4F gcc -O2",
    "conv loop/float32/Cortex-M4F gcc -O2",
]
HANDED_ON = """
#define RUN(input, output) {prefix}_run(ferryWeights, input, output)
#define RUN_BATCH(input, output, count, workspace) {prefix}_run_batch(ferryWeights, input, output, count, workspace)
#define SELFTEST() ({prefix}_open(ferryWeights, sizeof ferryWeights) == 0 ? {prefix}_selftest(ferryWeights) : 99)
"""
REFUSED = """
#define RUN(input, output) 0
#define RUN_BATCH(input, output, count, workspace) 0
#define SELFTEST() ({prefix}_open(ferryWeights, sizeof ferryWeights) == {upper}_NO_WEIGHTS ? -1 : 99)
"""


def apart(network: str, form: str) -> Subject:
    subject = NETWORKS[network]()
    few = {name: array[:SAMPLES] for name, array in subject.samples.items()}
    return dataclasses.replace(FORMS[form](subject), samples=few)


def hand_on(subject: Subject, folder: Path, target: Target, macros: str = HANDED_ON) -> None:
    """The model, its inputs, and a program's names for its functions with the weights, which it has as an array in flash."""
    prepare(subject, folder, target.big_endian)
    prefix = subject.generated.prefix
    names = (folder / "replay_model.h").read_text()
    kept = [line for line in names.splitlines() if not line.startswith(("#define RUN", "#define SELFTEST"))]
    macro = f"#define {prefix.upper()}_ALIGNED __attribute__((aligned(8)))\n"
    text = macros.format(prefix=prefix, upper=prefix.upper())
    (folder / "replay_model.h").write_text("\n".join(kept) + text + macro + weights_text(prefix, data_of(subject)))


@pytest.mark.parametrize("case", [*CHOSEN, *(pytest.param(c, marks=pytest.mark.slow) for c in CASES if c not in CHOSEN)])
def test_separate_weights_give_the_same_bits(case: str, tmp_path: Path) -> None:
    network, form, name = case.split("/")
    target = TARGETS[name]
    if target.missing:
        pytest.skip(f"{', '.join(target.missing)} not installed; run `make setup-edge`")
    subject = apart(network, form)
    hand_on(subject, tmp_path, target)
    outputs = run_board(target, tmp_path) if target in BOARDS else run_hosted(target, tmp_path)
    assert hashlib.sha256(outputs).hexdigest() == expected(subject)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", [target for target in ALL if target.big_endian][-1:], ids=lambda target: target.name)
def test_a_big_endian_processor_refuses_them(form: str, target: Target, tmp_path: Path) -> None:
    """By the defined code: the program ends well where it gets that one."""
    if target.missing:
        pytest.skip(f"{', '.join(target.missing)} not installed; run `make setup-edge`")
    subject = apart("dense", form)
    hand_on(subject, tmp_path, target, REFUSED)
    run_hosted(target, tmp_path)
