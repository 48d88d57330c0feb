"""With its macro, C in int8 counts the floats that lie beyond their bytes; the answers keep their bits, and without it nothing is there.

Sums are counted too: test_saturated_sums.py.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from builders.contracts import spec
from builders.generated_c import COMPILERS, Array, Compiled, Subject, load, quantized, run_tool, same_bits, subject_of, write
from builders.image_nets import Skip
from builders.networks import dense, image_net, normal
from torchferry.cgen.ops.quantize import Quantize


def images(module: nn.Module) -> Subject:
    return subject_of(module, (spec("x", shape=("N", 4, 6, 5)),), ("y",), {"x": normal(30, 4, 6, 5)})


SUBJECTS: dict[str, Callable[[], Subject]] = {
    "floats": lambda: dense(13, 5),
    "sums": lambda: dense(13, 17, 19, 5),
    "a table": lambda: dense(13, 17, 5, activation=nn.Tanh),
    "images": lambda: images(Skip(*(nn.Conv2d(4, 4, 3, padding=1, groups=groups) for groups in (1, 4)), nn.Conv2d(4, 4, 1))),
}
COUNTING = "-DDENSE_COUNT_SATURATIONS"


@pytest.fixture(scope="module")
def subject() -> Subject:
    """Floats that become bytes once, where they come in; the one product gives floats."""
    return quantized(dense(13, 5))


def loud(subject: Subject) -> dict[str, Array]:
    """Samples some of which leave the calibrated range, on both sides, at its ends, and as NaN and infinity."""
    samples = {name: (array * np.float32(2.5)).astype(np.float32) for name, array in subject.samples.items()}
    (array,) = samples.values()
    array[0, :3] = np.nan, np.inf, -np.inf
    (layer,) = (node for node in subject.generated.graph.nodes if isinstance(node, Quantize))
    array[1, :2] = -layer.zero / np.float32(layer.inverse), (255 - layer.zero) / np.float32(layer.inverse)
    return samples


def beyond(subject: Subject, samples: dict[str, Array]) -> int:
    """How many numbers have their nearest step beyond the bytes; none of these samples is a tie there."""
    (layer,) = (node for node in subject.generated.graph.nodes if isinstance(node, Quantize))
    steps = samples[layer.x.name] * np.float32(layer.inverse)
    return int(((np.rint(steps) < -layer.zero) | (np.rint(steps) > 255 - layer.zero)).sum())


def counter(compiled: Compiled) -> ctypes._NamedFuncPointer:
    function = compiled.function("saturations")
    function.restype = ctypes.c_size_t
    return function  # type: ignore[no-any-return]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_it_counts_what_numpy_counts_and_starts_again(subject: Subject, compiler: str, tmp_path: Path) -> None:
    samples, compiled = loud(subject), load(subject, tmp_path, compiler, "-O3", COUNTING)
    count, expected = counter(compiled), beyond(subject, samples)
    assert expected > 20
    assert count() == 0
    for batch in (False, True):
        compiled.run(samples, batch=batch)
        assert count() == expected
        assert count() == 0


def test_calibration_data_is_within(subject: Subject, tmp_path: Path) -> None:
    compiled = load(subject, tmp_path, "gcc", "-O2", COUNTING)
    compiled.run(subject.samples)
    assert counter(compiled)() == beyond(subject, subject.samples) == 0


def test_the_bits_are_the_same_with_it(subject: Subject, tmp_path: Path) -> None:
    samples = loud(subject)
    plain, counting = load(subject, tmp_path, "gcc", "-O3"), load(subject, tmp_path, "gcc", "-O3", COUNTING)
    assert same_bits(counting.run(samples), plain.run(samples))
    assert counting.selftest() == -1


@pytest.mark.parametrize("level", ["-O0", "-O3"])
@pytest.mark.parametrize("name", SUBJECTS)
def test_without_it_the_machine_code_is_what_it_was(name: str, level: str, tmp_path: Path) -> None:
    """The text without the counter, as the preprocessor sees it, gives the same object file."""
    subject = quantized(SUBJECTS[name](), "dense")
    source = write(subject.generated, tmp_path)
    run_tool("gcc", level, "-c", "-o", tmp_path / "now.o", source)
    bare = re.sub(r"#if defined\(DENSE_COUNT_SATURATIONS\)\n.*?#endif\n", "", source.read_text(), flags=re.DOTALL)
    bare = re.sub(r" DENSE_IF_COUNTING\([^()]*(\([^()]*\)[^()]*)*\)", "", bare)
    bare = re.sub(r"( *)DENSE_COUNT_BEYOND\(.*\);\n", "", bare)
    assert "BEYOND" not in bare
    assert "COUNTING" not in bare
    source.write_text(bare)
    run_tool("gcc", level, "-c", "-o", tmp_path / "before.o", source)
    assert (tmp_path / "now.o").read_bytes() == (tmp_path / "before.o").read_bytes()


def test_code_that_makes_no_bytes_has_no_counter() -> None:
    assert "COUNT_SATURATIONS" in quantized(dense(4, 6, 3)).generated.files["model.h"]
    files = quantized(image_net(5, 7, 9, 3)).generated.files
    assert "quantize(" not in files["model.c"], "its bytes are the caller's and those of sums"
    assert "COUNT_SATURATIONS" in files["model.h"]
    assert "COUNT_SATURATIONS" not in dense(4, 6, 3).generated.files["model.h"]
