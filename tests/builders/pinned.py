"""What the digests of pinned_bits.json are taken of: every network of the tests and the reference bundles, in float32 and int8.

`PYTHONPATH=python:tests python -m builders.pinned` writes the file again. Do that only for a new network, or where the definition
of an operator's bits has changed on purpose.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from builders.generated_c import Array, Subject, load, quantized
from builders.image_nets import every_image_net
from builders.networks import FLOAT_SUBJECTS, QUANTIZED_SUBJECTS
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.cgen import generate

ROOT = Path(__file__).resolve().parents[2]
PINS = ROOT / "tests" / "python" / "cgen" / "pinned_bits.json"
BUNDLES = ("iris-adaline", "digits-mlp")


def reference_bundle(name: str) -> Subject:
    """A bundle that is kept in git: its program, its contract, and the inputs of its largest golden case."""
    bundle = open_bundle(ROOT / "exported" / name)
    case = max(
        (read_case(bundle, case) for case in bundle.manifest.golden.cases), key=lambda case: len(next(iter(case.inputs.values())))
    )
    program = torch.export.load(bundle.folder / "model.export.pt2")
    samples = {key: np.ascontiguousarray(array) for key, array in case.inputs.items()}
    module = program.module()
    assert isinstance(module, nn.Module)
    return Subject(module, bundle.contract, samples, program, generate(program, bundle.contract, name=name, goldens=samples))


PINNED: dict[str, Callable[[], Subject]] = {
    **{f"float32: {name}": make for name, make in FLOAT_SUBJECTS.items()},
    **{f"int8: {name}": lambda make=make: quantized(make()) for name, make in QUANTIZED_SUBJECTS.items()},
    "float32: images": every_image_net,
    "int8: images": lambda: quantized(every_image_net()),
    **{f"float32: {name}": lambda name=name: reference_bundle(name) for name in BUNDLES},
    **{f"int8: {name}": lambda name=name: quantized(reference_bundle(name)) for name in BUNDLES},
}


def digest(arrays: Mapping[str, Array]) -> str:
    """SHA-256 of names, dtypes, shapes and bytes."""
    whole = hashlib.sha256()
    for name, array in arrays.items():
        whole.update(f"{name} {array.dtype} {array.shape}\n".encode())
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()


def given(subject: Subject) -> str:
    """Digest of what the outputs depend on: the module's tensors and the samples."""
    tensors = {name: tensor.detach().float().numpy() for name, tensor in subject.module.state_dict().items()}
    return digest({**tensors, **subject.samples})


def pin(subject: Subject, folder: Path) -> dict[str, str]:
    """`given`, and `computed`: the digest of the outputs of the compiled C."""
    return {"given": given(subject), "computed": digest(load(subject, folder, "gcc", "-O2").run(subject.samples))}


def main() -> None:
    """Write pinned_bits.json."""
    pins = {}
    for name, make in PINNED.items():
        with TemporaryDirectory() as folder:
            pins[name] = pin(make(), Path(folder))
    PINS.write_text(json.dumps(pins, indent=1) + "\n")


if __name__ == "__main__":
    main()
