"""Images inside a graph have their channels last: the same numbers in another order, whatever stands between two convolutions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from builders.contracts import spec
from builders.functions import differing, member
from builders.generated_c import COMPILERS, Array, Subject, load, subject_of
from builders.image_nets import IMAGE_NETS, every_image_net
from builders.networks import normal
from builders.spread import spread
from torchferry.cgen import reference
from torchferry.cgen.ops.conv2d import Conv2d

FLAGS = [("-O0",), ("-O2",), ("-O3", "-march=native"), ("-O3", "-march=x86-64-v3"), ("-O2", "-U__SSE2__")]


def definition(subject: Subject) -> dict[str, Array]:
    results = reference.run(subject.generated.graph, subject.samples)
    return {spec.name: array for spec, array in zip(subject.contract.outputs, results, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
@pytest.mark.parametrize("flags", spread(FLAGS, 1), ids=" ".join)
def test_the_c_gives_the_bits_of_the_definition(compiler: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    subject = every_image_net()
    compiled = load(subject, tmp_path, compiler, *flags)
    assert differing(compiled.run(subject.samples), definition(subject)) == []
    assert compiled.selftest() == -1


@pytest.mark.parametrize("name", IMAGE_NETS)
def test_the_definition_is_near_to_float64(name: str) -> None:
    subject, output = every_image_net(), f"{member(name)}_0"
    exact = subject.float64()[output]
    assert np.abs(definition(subject)[output] - exact).max() <= 1e-5 * np.abs(exact).max()


@pytest.mark.parametrize("name", spread(IMAGE_NETS, 6))
def test_only_what_must_have_its_channels_first_has_them_there(name: str) -> None:
    """The first convolution reads the caller's image and the last one writes the caller's; all between have their channels last."""
    net, shape = IMAGE_NETS[name]
    subject = subject_of(net, (spec("x", shape=("N", *shape)),), ("y",), {"x": normal(5, *shape, seed=3)})
    nodes = [node for node in subject.generated.graph.nodes if isinstance(node, Conv2d)]
    given, made = subject.generated.graph.inputs, subject.generated.graph.outputs
    first = [order for node in nodes for order in (node.x_last or node.x in given, node.y_last or node.output in made)]
    assert all(first) == (name not in ("concatenation", "viewed otherwise", "viewed otherwise, relu")), (
        "a concatenation is made in place, channel by channel"
    )


@pytest.mark.slow
def test_sanitizers_find_nothing(tmp_path: Path) -> None:
    trap = ("-O1", "-march=native", "-fsanitize=undefined,bounds", "-fsanitize-undefined-trap-on-error")
    subject = every_image_net()
    assert differing(load(subject, tmp_path, "gcc", *trap).run(subject.samples), definition(subject)) == []
