"""The public functions: NULL, batch 0, overlap, the caller's workspace, threads, and the self-test."""

from __future__ import annotations

import ctypes
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from builders.generated_c import WARNINGS, Compiled, Subject, address, load, run_tool, same_bits, struct_dtype, write
from builders.networks import image_net
from torchferry.bundle.contract import Classes

OK, NULL, OVERLAP, TOO_MANY = 0, 1, 2, 3


@pytest.fixture(scope="module")
def subject() -> Subject:
    return image_net(8, 9, 70, 3)


@pytest.fixture(scope="module")
def compiled(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    return load(subject, tmp_path_factory.mktemp("calls"), "gcc", "-O2")


def test_null_pointers_are_an_error_and_nothing_is_written(compiled: Compiled, subject: Subject) -> None:
    packed, outputs = compiled.pack(subject.samples), compiled.empty(2)
    run, batch = compiled.function("run"), compiled.function("run_batch")
    assert run(None, address(outputs)) == NULL
    assert run(address(packed), None) == NULL
    assert batch(None, address(outputs), ctypes.c_size_t(2), None) == NULL
    assert batch(address(packed), None, ctypes.c_size_t(2), None) == NULL
    assert compiled.function("classify")(None) == -1
    assert not outputs.tobytes().strip(b"\0")


def test_batch_0_reads_and_writes_nothing(compiled: Compiled) -> None:
    assert compiled.function("run_batch")(None, None, ctypes.c_size_t(0), None) == OK


def test_overlapping_buffers_are_an_error(compiled: Compiled, subject: Subject) -> None:
    sizes = struct_dtype(subject.contract.inputs).itemsize, struct_dtype(subject.contract.outputs).itemsize
    memory = np.zeros(16 * sum(sizes), np.uint8)
    run, batch = compiled.function("run"), compiled.function("run_batch")
    assert run(address(memory), address(memory)) == OVERLAP
    assert run(address(memory), address(memory, sizes[0] // 8 * 8 - 8)) == OVERLAP
    assert run(address(memory, sizes[1] - 8), address(memory)) == OVERLAP
    assert batch(address(memory), address(memory, 4 * sizes[0] // 8 * 8 - 8), ctypes.c_size_t(4), None) == OVERLAP
    assert not memory.any()
    assert run(address(memory), address(memory, -(-sizes[0] // 8) * 8)) == OK


def test_the_callers_workspace_gives_the_same_bits_and_may_not_overlap(compiled: Compiled, subject: Subject) -> None:
    size = int(
        next(line.split()[2][:-1] for line in subject.generated.files["model.h"].splitlines() if "_WORKSPACE_BYTES " in line)
    )
    packed, workspace = compiled.pack(subject.samples), np.full(4 * size, 0xA5, np.uint8)
    expected, outputs = compiled.run(subject.samples), compiled.empty(len(packed))
    for i in range(len(packed)):
        assert compiled.function("run_with")(address(packed[i:]), address(outputs[i:]), address(workspace)) == OK
    assert same_bits(compiled.unpack(outputs), expected)
    batch = compiled.function("run_batch")
    assert batch(address(packed), address(outputs), ctypes.c_size_t(len(packed)), address(workspace)) == OK
    assert same_bits(compiled.unpack(outputs), expected)
    assert compiled.function("run_with")(address(packed), address(workspace, 64), address(workspace)) == OVERLAP
    assert compiled.function("run_with")(address(workspace, 64), address(outputs), address(workspace)) == OVERLAP


@pytest.mark.parametrize("count", [2**62, 2**63, 2**64 - 1, (2**63 - 1) // 72 + 1])
def test_more_samples_than_memory_can_hold_are_an_error(compiled: Compiled, subject: Subject, count: int) -> None:
    packed, outputs = compiled.pack(subject.samples), compiled.empty(2)
    assert struct_dtype(subject.contract.inputs).itemsize == 72
    assert compiled.function("run_batch")(address(packed), address(outputs), ctypes.c_size_t(count), None) == TOO_MANY
    assert not outputs.tobytes().strip(b"\0")


def test_classify_gives_the_label(compiled: Compiled, subject: Subject) -> None:
    labels = compiled.run(subject.samples)["label"]
    packed = compiled.pack(subject.samples)
    assert [compiled.function("classify")(address(packed[i:])) for i in range(len(packed))] == labels.tolist()


def test_eight_threads_at_once_get_the_same_bits(compiled: Compiled, subject: Subject) -> None:
    expected, wrong = compiled.run(subject.samples), []

    def work() -> None:
        wrong.extend(1 for _ in range(5) if not same_bits(compiled.run(subject.samples, batch=True), expected))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_self_test_names_the_first_wrong_sample(subject: Subject, tmp_path: Path) -> None:
    source = subject.generated.files["model.c"]
    before, table, samples = source.partition("_golden_outputs[IMAGE_NET_GOLDENS]")
    parts = samples.split(".probabilities = {")
    parts[3] = f" 0x1p-2f,{parts[3].partition(',')[2]}"  # of sample 2
    broken = before + table + ".probabilities = {".join(parts)
    assert load(replace_source(subject, broken), tmp_path).selftest() == 2


def test_the_self_test_notices_one_changed_weight(subject: Subject, tmp_path: Path) -> None:
    source = subject.generated.files["model.c"]
    at = source.index("_narrow[")
    at = source.index("0x1.", at)
    end = source.index("p", at)
    assert load(replace_source(subject, f"{source[:at]}0x1.8{source[end:]}"), tmp_path).selftest() == 0


def replace_source(subject: Subject, source: str) -> Subject:
    return replace(subject, generated=replace(subject.generated, files={**subject.generated.files, "model.c": source}))


def test_the_self_test_can_be_left_out(subject: Subject, tmp_path: Path) -> None:
    source = write(subject.generated, tmp_path)
    run_tool("gcc", *WARNINGS, "-DIMAGE_NET_NO_SELFTEST", "-c", "-o", tmp_path / "small.o", source)
    symbols = run_tool("nm", tmp_path / "small.o").stdout
    assert "selftest" not in symbols
    assert "golden" not in symbols
    assert "image_net_run" in symbols


def test_the_object_needs_nothing_but_memory_functions_and_has_no_mutable_globals(subject: Subject, tmp_path: Path) -> None:
    source = write(subject.generated, tmp_path)
    run_tool("gcc", *WARNINGS, "-O2", "-fno-builtin", "-c", "-o", tmp_path / "model.o", source)
    lines = [line.split() for line in run_tool("nm", tmp_path / "model.o").stdout.splitlines()]
    undefined = {parts[-1] for parts in lines if parts[-2] == "U"} - {"_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}
    assert undefined <= {"memcpy", "memmove", "memset"}
    assert not [parts for parts in lines if parts[-2] in "bBdDcC" and "class_names" not in parts[-1]]


def test_cpp_programs_include_the_header(tmp_path: Path) -> None:
    subject = image_net(4, 4, 5, 2, images=None)
    write(subject.generated, tmp_path)
    (tmp_path / "main.cpp").write_text(
        '#include "model.h"\nint main() { return image_net_selftest() == IMAGE_NET_SELFTEST_PASSED ? 0 : 1; }\n'
    )
    run_tool("gcc", *WARNINGS, "-c", "-o", tmp_path / "model.o", tmp_path / "model.c")
    run_tool(
        "g++",
        "-std=c++11",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        "-o",
        tmp_path / "main",
        tmp_path / "main.cpp",
        tmp_path / "model.o",
    )
    run_tool(tmp_path / "main")


def test_class_names_reach_c_as_utf8(tmp_path: Path) -> None:
    import torch
    from torch import nn

    from builders.contracts import spec
    from builders.generated_c import subject_of
    from builders.networks import ImageNet

    names = ("naïve", 'a"b\\c', "??=", "日本1", "5")
    images = np.zeros((4, 3, 3), np.uint8)
    torch.manual_seed(0)
    subject = subject_of(
        ImageNet(3, 3, 4, 5, nn.ReLU()),
        (spec("image", "uint8", ("N", 3, 3)),),
        ("logits", "probabilities", "label"),
        {"image": images},
        classes=Classes(output="label", names=names),
    )
    table = (ctypes.c_char_p * 5).in_dll(load(subject, tmp_path).library, "net_class_names")
    assert tuple(text.decode() for text in table) == names
