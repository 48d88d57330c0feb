"""One SHA-256 of all outputs over 1,000 real digits, and of every operator, on every processor, compiler and optimisation level."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from _pytest.mark import ParameterSet

from builders.edge_inventions import INVENTIONS, invention
from builders.generated_c import Array, Subject, quantized, struct_dtype, write
from builders.image_nets import every_image_net
from builders.networks import fork, image_net, residual
from builders.operator_families import family
from builders.shipped_networks import SHIPPED, shipped
from builders.sound_nets import every_sound_net
from edge.targets import CORTEX_M4F, FIRMWARE, HOSTED, MEMORY, MORE, MORE_BOARDS, WASM, Target, board_script
from torchferry.cgen import reference

HERE = Path(__file__).resolve().parent
SAMPLES = 1000
LIMIT_S = 600
HOSTED_HERE = [*HOSTED, *MORE]
BOARDS = [*CORTEX_M4F, *MORE_BOARDS]
ALL = [*HOSTED_HERE, *BOARDS, *WASM]


@cache
def digits(root: Path) -> Subject:
    images = np.fromfile(root / "MNIST/raw/t10k-images-idx3-ubyte", np.uint8, offset=16, count=SAMPLES * 784).reshape(-1, 28, 28)
    return image_net(28, 28, 100, images=images)


@cache
def operators() -> Subject:
    """Every operator, on ordinary numbers and on those at the edges: subnormal, huge, infinite, NaN, and arguments of exp near its limits."""
    subject = fork(count=403)
    special = [0.0, -0.0, 1e-45, -1e-40, 1.1e-38, 3.4e38, -3.4e38, np.inf, -np.inf, np.nan, 88.5, -88.5, -103.5, -87.4, 17.3, 0.3]
    rare = np.random.default_rng(0).choice(np.array(special, np.float32), (200, 7))
    return dataclasses.replace(subject, samples={"x": np.concatenate([subject.samples["x"][:203], rare])})


@cache
def indexed() -> Subject:
    """Sorting, indexing, transforms, powers, remainders and whole numbers, on ordinary numbers and on those at the edges."""
    subject = family("of_new_kernels")
    special = [0.0, -0.0, 1e-45, -1e-40, 3.4e38, -3.4e38, np.inf, -np.inf, np.nan, 1.0, -2.5, 0.5, 8e18]
    rare = np.random.default_rng(0).choice(np.array(special, np.float32), (8, *subject.samples["x"].shape[1:]))
    return dataclasses.replace(subject, samples={"x": np.concatenate([subject.samples["x"], rare])})


@cache
def expected(subject: Subject, big_endian: bool = False) -> str:
    """The SHA-256 of what the NumPy definition gives, sample by sample."""
    order = ">" if big_endian else "<"
    outputs = [array.astype(array.dtype.newbyteorder(order)) for array in reference.run(subject.generated.graph, subject.samples)]
    rows = [b"".join(output[i : i + 1].tobytes() for output in outputs) for i in range(len(outputs[0]))]  # a number has no order
    return hashlib.sha256(b"".join(rows)).hexdigest()


@cache
def int8_digits(root: Path) -> Subject:
    return quantized(digits(root))


@cache
def int8_residual() -> Subject:
    return quantized(residual())


NETWORKS = (*SHIPPED, *INVENTIONS)
SUBJECTS = (
    *("digits", "every operator", "sorted and indexed", "images", "int8 digits", "int8 residual", "int8 images"),
    "int8 sounds",
    *NETWORKS,
    *(f"int8 {name}" for name in NETWORKS),
)


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> Subject:
    network = request.param.removeprefix("int8 ")
    if network in NETWORKS:
        whole = shipped(network) if network in SHIPPED else invention(network)
        return quantized(whole) if "int8" in request.param else whole
    if "digits" in request.param:
        make = int8_digits if "int8" in request.param else digits
        return make(request.getfixturevalue("data_root"))
    if "indexed" in request.param:
        return indexed()
    if "sounds" in request.param:
        return quantized(every_sound_net())
    if "images" in request.param:
        return quantized(every_image_net()) if "int8" in request.param else every_image_net()
    return int8_residual() if "int8" in request.param else operators()


# Always: each subject on four processors at -O3, and two small ones on every target at -O2; the others in `make test-slow`.
QUICK = set(SUBJECTS[:8])
EVERYWHERE = {"every operator", "int8 residual"}
AT_O3 = {"x86-64 SSE2 gcc", "aarch64 clang", "Cortex-M4F gcc", "wasm32 clang"}

LARGE = {"sorted and indexed", "images", "int8 images", "int8 sounds"}  # the compilers take seconds for them
LARGE_AT_O3 = {"x86-64 SSE2 gcc", "Cortex-M4F gcc"}
DOTS = {"M55": "Cortex-M55 gcc -O2", "DOTPROD": "aarch64 DOTPROD gcc -O2", "i8mm": "aarch64 i8mm gcc -O2"}


def pairs() -> Iterator[ParameterSet]:
    """Every subject on every target."""
    for subject in SUBJECTS:
        for target in ALL:
            name, _, level = target.name.rpartition(" ")
            at_o3 = AT_O3 if subject not in LARGE else LARGE_AT_O3
            is_small = subject in EVERYWHERE and target not in (*MORE, *MORE_BOARDS)
            is_quick = subject in QUICK and ((level == "-O3" and name in at_o3) or (level == "-O2" and is_small))
            yield pytest.param(subject, target, marks=[] if is_quick else [pytest.mark.slow], id=f"{subject}-{target.name}")


@pytest.mark.parametrize(("subject", "target"), list(pairs()), indirect=["subject"])
def test_every_processor_gives_the_same_bits(subject: Subject, target: Target, tmp_path: Path) -> None:
    check(subject, target, tmp_path)


@pytest.mark.parametrize("path", DOTS)
def test_vectors_of_arm_give_the_same_bits(path: str, tmp_path: Path) -> None:
    """The loops of int8 that Cortex-M55 and newer aarch64 have alone, of every kind of layer of images."""
    check(quantized(every_image_net()), next(target for target in ALL if target.name == DOTS[path]), tmp_path)


def check(subject: Subject, target: Target, tmp_path: Path) -> None:
    """Hold what the program of a target writes to the sum of the definition."""
    if target.missing:
        pytest.skip(f"{', '.join(target.missing)} not installed; run `make setup-edge`")
    prepare(subject, tmp_path, target.big_endian)
    if target in WASM:
        outputs = run_wasm(subject, target, tmp_path)
    elif target in BOARDS:
        outputs = run_board(target, tmp_path)
    else:
        outputs = run_hosted(target, tmp_path)
    assert hashlib.sha256(outputs).hexdigest() == expected(subject, target.big_endian)


def test_one_changed_weight_changes_the_sum(tmp_path: Path) -> None:
    subject = operators()
    prepare(subject, tmp_path)
    source = (tmp_path / "model.c").read_text()
    assert source.count("0x1.5558f6p-5f") == 1  # a coefficient of exp
    (tmp_path / "model.c").write_text(
        source.replace("0x1.5558f6p-5f", "0x1.5559f6p-5f").replace("SELFTEST_ARITHMETIC;", "SELFTEST_PASSED;")
    )
    (tmp_path / "replay_model.h").write_text(
        (tmp_path / "replay_model.h").read_text().replace("#define SELFTEST fork_selftest", "#define SELFTEST() -1")
    )
    assert hashlib.sha256(run_hosted(HOSTED[0], tmp_path)).hexdigest() != expected(subject)


def prepare(subject: Subject, folder: Path, big_endian: bool = False) -> None:
    """The model, its inputs as structs, and the names that the replay programs use."""
    write(subject.generated, folder)
    struct = struct_dtype(subject.contract.inputs).newbyteorder(">" if big_endian else "<")
    packed = np.zeros(len(next(iter(subject.samples.values()))), struct)
    for name, array in subject.samples.items():
        packed[name] = array
    (folder / "inputs.bin").write_bytes(packed.tobytes())
    prefix = subject.generated.prefix
    members = " ".join(f"PUT(&(o).{spec.name}, sizeof (o).{spec.name}, file);" for spec in subject.contract.outputs)
    lines = [f"#define {kind.upper()} {prefix}_{kind}" for kind in ("input", "output", "run", "run_batch", "selftest")]
    (folder / "replay_model.h").write_text("\n".join([*lines, f"#define WRITE(o, file) do {{ {members} }} while (0)", ""]))


def compile_for(target: Target, folder: Path, *sources: Path) -> Path:
    """Compile, and link with the target's own linker where the compiler has none."""
    program = folder / "replay.elf"
    if target.linker and target not in WASM:
        objects = [folder / f"{source.stem}.o" for source in sources]
        for source, made in zip(sources, objects, strict=True):
            run([target.compiler, *target.flags, "-I", folder, "-c", "-o", made, source])
        run([target.linker, "-static", "-o", program, *objects])
    else:
        static = ["-static"] if target.runner and target in HOSTED_HERE else []
        run([target.compiler, *target.flags, *static, "-I", folder, "-o", program, *sources], cwd=folder)
    return program


def run_hosted(target: Target, folder: Path) -> bytes:
    program = compile_for(target, folder, HERE / "replay.c", folder / "model.c")
    run([*target.runner, program, folder / "inputs.bin", folder / "outputs.bin"])
    return (folder / "outputs.bin").read_bytes()


def run_board(target: Target, folder: Path) -> bytes:
    """Run on an emulated board, whose memory may be elsewhere than that of the firmware's."""
    machine = target.runner[2]
    if machine in MEMORY:
        (folder / "board.ld").write_text(board_script(*MEMORY[machine]))
    program = compile_for(target, folder, HERE / "replay_board.c", FIRMWARE / "startup.c", folder / "model.c", Path("-lgcc"))
    run([*target.runner, program], cwd=folder)
    return (folder / "outputs.bin").read_bytes()


def run_wasm(subject: Subject, target: Target, folder: Path) -> bytes:
    module = compile_for(target, folder, HERE / "replay_wasm.c", folder / "model.c")
    run(["node", HERE / "replay.mjs", module, folder / "inputs.bin", folder / "outputs.bin"])
    structs: Array = np.fromfile(folder / "outputs.bin", struct_dtype(subject.contract.outputs))
    return b"".join(row[spec.name].tobytes() for row in structs for spec in subject.contract.outputs)


def run(command: list[object], cwd: Path | None = None) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert done.returncode == 0, (
        f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-3000:]}"
    )
