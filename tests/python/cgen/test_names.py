"""Names: tensors keep theirs as struct members or are refused; names from submodules never clash with the generated C's own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from builders.contracts import contract, spec
from builders.generated_c import COMPILERS, WARNINGS, Subject, load, quantized, run_tool, subject_of, write
from builders.networks import dense, fork, image_net, once
from builders.spread import spread
from torchferry.bundle.contract import Contract
from torchferry.cgen import generate
from torchferry.cgen.emit import naming
from torchferry.cgen.emit.model import Model
from torchferry.errors import ExitCode, FerryError
from torchferry.intake.source import ExportSource

X = np.random.default_rng(0).standard_normal((4, 40)).astype(np.float32)
HEADERS = "#include <stddef.h>\n#include <stdint.h>\n#include <float.h>\n"
# Parameters, variables and constants of the printed functions: free as members of a struct.
OURS = ["input", "output", "inputs", "outputs", "workspace", "j", "r", "row", "rows", "values", "found", "floats", "sums",
        "count", "index", "right", "i", "x", "y", "wide", "narrow", "bias"]  # fmt: skip


class Net(nn.Module):
    """Products with a variant for four samples, a gather and a loop of their own; the results of three stay in memory."""

    def __init__(self, *attributes: str) -> None:
        super().__init__()
        self.order = (*(attributes or ("first", "second", "third")), "last")
        for name, inputs, outputs in zip(self.order, (40, 60, 60, 60), (60, 60, 60, 3), strict=True):
            self.add_module(name, nn.Linear(inputs, outputs))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, second, third, last = map(self.get_submodule, self.order)
        a = first(x)
        b = second(a)
        scores = last(third((a + b).relu()))
        return scores, scores.argmax(1)


@once
def net(name: str = "net", given: str = "x", wanted: str = "scores", attributes: tuple[str, ...] = ()) -> Subject:
    torch.manual_seed(0)
    return subject_of(Net(*attributes), (spec(given, shape=("N", 40)),), (wanted, "label"), {given: X}, name=name)


def assert_right(subject: Subject, folder: Path, compiler: str = "gcc") -> None:
    """It compiles with the strict warnings, passes its self-test and agrees with eager."""
    compiled = load(subject, folder, compiler, "-O1")
    assert compiled.selftest() == -1
    expected = subject.float64()
    for batch in (False, True):
        actual = compiled.run(subject.samples, batch=batch)
        assert all(np.allclose(actual[name], expected[name], atol=1e-5) for name in expected)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
def test_tensors_may_be_named_like_our_parameters_and_variables(compiler: str, tmp_path: Path) -> None:
    class Each(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = nn.Linear(40, 60)

        def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
            return (*(self.part(x).tanh() for x in inputs[1:]), inputs[0] * 2 + inputs[1])

    samples = {name: X * np.float32(1 + index / 8) for index, name in enumerate(OURS)}
    inputs = tuple(spec(name, shape=("N", 40)) for name in OURS)
    subject = subject_of(Each(), inputs, tuple(OURS), samples)
    assert "float input[40];" in subject.generated.files["model.h"]
    assert "float output[60];" in subject.generated.files["model.h"]
    assert_right(subject, tmp_path, compiler)


def test_the_default_name_of_an_output_is_accepted_and_usable_from_cpp(tmp_path: Path) -> None:
    subject = subject_of(nn.Sequential(nn.Linear(40, 3)), (spec("input", shape=("N", 40)),), ("output",), {"input": X})
    assert_right(subject, tmp_path)
    (tmp_path / "main.cpp").write_text(
        '#include "model.h"\nint main() { net_input i{}; net_output o; i.input[0] = 1; return net_run(&i, &o) + (o.output[0] == 0); }\n'
    )
    run_tool("g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-c", "-o", tmp_path / "main.o", tmp_path / "main.cpp")


@pytest.mark.parametrize("name", ["workspace", "my_workspace"])
def test_an_output_may_be_called_workspace_in_a_model_that_has_none(name: str, tmp_path: Path) -> None:
    assert_right(subject_of(nn.Linear(40, 3), (spec("x", shape=("N", 40)),), (name,), {"x": X}), tmp_path)


def test_a_tensor_whose_name_is_another_with_our_suffix_stays_apart(tmp_path: Path) -> None:
    class Sum(nn.Module):
        def forward(self, y: Tensor, y_j: Tensor) -> Tensor:
            return (y + y_j) * y_j

    samples = {"y": X, "y_j": X[::-1].copy()}
    inputs = tuple(spec(name, shape=("N", 40)) for name in samples)
    for output in ("mul_j", "mul", "add_j", "add", "y_j_j"):
        assert_right(subject_of(Sum(), inputs, (output,), samples), tmp_path / output)


def renamed(given: str, wanted: str) -> Contract:
    return contract((spec(given, shape=("N", 40)),), (spec(wanted, shape=("N", 3)), net().contract.outputs[1]))


def refusal(given: str = "x", wanted: str = "scores") -> str:
    """What is said when the same graph is to be printed with these names."""
    with pytest.raises(FerryError) as caught:
        Model.build("net", renamed(given, wanted), net().generated.graph)
    assert caught.value.code == ExitCode.FORMAT
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["size_t", "int64_t", "uint_fast8_t", "FLT_MAX", "INT64_MAX", "INT64_C", "UINTPTR_MAX", "SIZE_MAX", "NULL", "offsetof", "INFINITY",
     "RAND_MAX", "int", "class", "a__b", "_hidden", "linux", "wchar_t"],
)  # fmt: skip
def test_tensors_that_no_struct_can_hold_are_refused_with_the_way_out(name: str) -> None:
    for kind, option, text in (
        ("output", "--output NAME", refusal(wanted=name)),
        ("input", "--input NAME=", refusal(given=name)),
    ):
        assert text.startswith(f"c: {kind} name: got {name!r}, expected a C identifier")
        assert option in text


def test_what_cannot_be_printed_is_not_generated() -> None:
    with pytest.raises(FerryError, match="c: output name: got 'size_t'"):
        generate(net().program, renamed("x", "size_t"), name="net", goldens={"x": X})


@pytest.mark.parametrize("name", spread(["net_relu", "net_columns", "net_input", "net_run", "net_layer1_0"], 1))
def test_tensors_may_be_named_like_our_functions_and_types(name: str, tmp_path: Path) -> None:
    """A member of a struct has a name space of its own; what stands for it in a function gets another name."""
    assert_right(net(wanted=name), tmp_path / "wanted")
    assert_right(net(given=name), tmp_path / "given")


@pytest.mark.parametrize("name", ["NET_H", "NET_LANES", "NET_PANEL", "NET_ALIGNED"])
def test_tensors_named_like_our_macros_are_refused(name: str) -> None:
    for kind, text in (("output", refusal(wanted=name)), ("input", refusal(given=name))):
        assert text.startswith(f"c: {kind} name: got {name!r}, expected a name that does not begin with NET_")
        assert "--name" in text


def test_another_bundle_may_have_these_tensors(tmp_path: Path) -> None:
    assert_right(net(name="other", given="net_columns", wanted="NET_LANES"), tmp_path)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_every_macro_and_type_of_the_included_headers_is_refused(tmp_path: Path) -> None:
    """Of the standard headers alone, and of what the intrinsics of the int8 model bring with them."""
    (tmp_path / "all.c").write_text(HEADERS)
    (tmp_path / "wide.c").write_text(HEADERS + "#include <immintrin.h>\n")
    macros: set[str] = set()
    for file, flags in (("all.c", ["-std=c2x"]), ("all.c", ["-std=gnu99"]), ("wide.c", ["-std=gnu99", "-march=x86-64-v4"])):
        text = run_tool("gcc", *flags, "-dM", "-E", tmp_path / file).stdout
        macros |= set(re.findall(r"^#define ([A-Za-z]\w*) ", text, re.MULTILINE))  # with arguments: no clash with a member
    text = run_tool("gcc", "-E", "-P", tmp_path / "all.c").stdout
    types = set(re.findall(r"\b([a-z]\w*_t)\s*;", text))
    assert {"FLT_MAX", "INT64_MAX", "SIZE_MAX"} <= macros
    assert {"size_t", "uint8_t", "uintmax_t"} <= types
    kind = contract((spec("x"),), (spec("y"),))
    accepted = []
    for name in sorted(macros | types):
        try:
            naming.check_members(contract((spec(name),), kind.outputs), "net")
            accepted.append(name)
        except FerryError:
            pass
    assert accepted == []


@pytest.mark.parametrize(
    "attributes",
    [
        ("NET_LANES", "net_columns", "FLT_MAX"),
        ("size_t", "uint8_t", "INT64_MAX"),
        ("NET_INLINE", "net_to_bits", "net_relu"),
        ("net", "NET", "net_"),
        ("input", "output", "workspace"),
        ("rows", "values", "sums"),
        ("couche_cachée", "_", "__"),
        ("int", "union", "NULL"),
        ("x_j", "x", "j"),
        ("net_net_row", "NET_0", "net_net_"),
    ],
    ids=lambda names: names[0],
)
@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
def test_submodules_may_have_any_name(compiler: str, attributes: tuple[str, ...], tmp_path: Path) -> None:
    subject = net(attributes=attributes)
    assert all(text.isascii() for text in subject.generated.files.values())
    assert_right(subject, tmp_path, compiler)


@pytest.mark.parametrize("name", spread(["value", "tensor", "layer1", "x", "input", "j", "flt", "int64", "SIZE", "model"], 3))
def test_submodules_and_any_bundle_name_go_together(name: str, tmp_path: Path) -> None:
    subject = net(name=name, given="given", attributes=("value_0", f"{name}_columns", f"{name.upper()}_LANES"))
    assert_right(subject, tmp_path)
    assert load(quantized(subject), tmp_path / "bytes", "gcc", "-O1").selftest() == -1


@pytest.mark.slow
@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
def test_no_function_is_left_without_a_caller(compiler: str, tmp_path: Path) -> None:
    """With the self-test and without it: clang names static inline functions too."""

    class Label(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.argmax(1)

    class Magnitude(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.abs().argmax(1)

    kind, samples = (spec("x", shape=("N", 40)),), {"x": X}
    subjects = [
        subject_of(part, kind, ("y",), samples) for part in (Label(), Magnitude(), nn.Linear(40, 3), nn.Tanh(), nn.ReLU())
    ]
    for number, subject in enumerate([*subjects, fork(), dense(30, 70, 9), image_net(6, 5, 70, 3), quantized(net())]):
        source = write(subject.generated, tmp_path / str(number))
        for flags in ([], [f"-D{subject.generated.prefix.upper()}_NO_SELFTEST"]):
            run_tool(compiler, *WARNINGS, *flags, "-O1", "-c", "-o", tmp_path / "model.o", source)


TARGETS = ["all", "ALL_BUILD", "clean", "codegen", "depend", "edit_cache", "help", "install", "INSTALL", "package", "PACKAGE",
           "list_install_components", "package_source", "preinstall", "rebuild_cache", "RUN_TESTS", "test", "Test", "ZERO_CHECK",
           "Nightly", "NightlyBuild", "ContinuousStart", "Experimental", "debug", "optimized", "general", "PUBLIC", "INTERFACE",
           "m", "c", "dl", "pthread", "mnist_mlp", "model", "ferry", "app_model"]  # fmt: skip


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
@pytest.mark.slow
def test_every_bundle_name_gives_a_cmake_target_that_links(tmp_path: Path) -> None:
    """One project with all of them, next to CTest and CPack, which make targets of their own."""
    lines = ["cmake_minimum_required(VERSION 3.16)", "project(every C)", "include(CTest)", "include(CPack)"]
    lines += ["install(FILES CMakeLists.txt DESTINATION x)", "add_executable(program main.c)"]
    calls = []
    subject = dense(3, 2)
    program = ExportSource(subject.module, subject.contract, {"x": subject.samples["x"][:4]}).program
    for number, name in enumerate(TARGETS):
        generated = generate(program, subject.contract, name=name, goldens=subject.samples)
        write(generated, tmp_path / str(number))
        calls.append((f'#include "{number}/model.h"', f"{name}_selftest() != -1"))
        target = naming.cmake_target(name)
        lines += [f"include({number}/model.cmake)", f"target_link_libraries(program PRIVATE {target})"]
        assert f"target_link_libraries(your_target PRIVATE {target})" in generated.files["model.cmake"]
    includes, tests = ("\n".join(part for part, _ in calls), " || ".join(part for _, part in calls))
    (tmp_path / "main.c").write_text(f"{includes}\nint main(void) {{ return {tests}; }}\n")
    (tmp_path / "CMakeLists.txt").write_text("\n".join(lines) + "\n")
    run_tool("cmake", "-G", "Ninja" if shutil.which("ninja") else "Unix Makefiles", "-S", tmp_path, "-B", tmp_path / "build")
    run_tool("cmake", "--build", tmp_path / "build")
    run_tool(tmp_path / "build" / "program")


def test_the_snippet_says_which_target_it_makes() -> None:
    taken, free = (dense_named(name) for name in ("test", "mnist_mlp"))
    assert "target_link_libraries(your_target PRIVATE test_model)" in taken
    assert "# Not test: that name means something else" in taken
    assert "target_link_libraries(your_target PRIVATE mnist_mlp)" in free
    assert "# Not" not in free


def dense_named(name: str) -> str:
    subject = dense(3, 2)
    return subject_of(subject.module, subject.contract.inputs, ("y",), subject.samples, name=name).generated.files["model.cmake"]
