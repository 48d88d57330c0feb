"""Writes the first inputs of the fuzzers into tests/fuzz/corpus: small, honest files of each form. (found/ keeps the mutants that were faults.)

python tests/fuzz/seeds.py
"""

from __future__ import annotations

import base64
import io
import random
import struct
import sys
import tempfile
import wave
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torchferry
from builders.bundles import fill_bundle
from builders.programs import ROOT
from builders.zip_parts import read_parts, write_zip
from hostile import pictures
from torchferry.bundle.pack import pack
from torchferry.bundle.reader import open_bundle

CORPUS = Path(__file__).resolve().parent / "corpus"
EXPORTED = ROOT / "exported" / "iris-adaline"


class Net(nn.Module):
    """Two layers and a label, as small as they come."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 3), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map x [N,2] to scores [N,2] and their label [N]."""
        scores = self.second(torch.relu(self.first(x)))
        return scores, scores.argmax(1)


def seeds(folder: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield fuzzer, name and bytes of each input; `folder` is free to write in."""
    torchferry.export(
        Net().eval(), inputs={"x": "float32[N,2]:0..1"}, out=folder / "net", to=("torchscript", "onnx", "executorch", "aoti")
    )
    manifest = (folder / "net" / "manifest.json").read_bytes()
    yield from [("manifest", "net.json", manifest), ("manifest", "iris.json", (EXPORTED / "manifest.json").read_bytes())]
    for path in sorted((folder / "net").iterdir()):
        match path.suffix:
            case ".onnx":
                yield "onnx", "net.onnx", path.read_bytes()
            case ".pte":
                yield "pte", "net.pte", path.read_bytes()
            case ".pt":
                yield from archive_parts(path)
            case ".pt2":
                yield "aoti", "net.pt2", without_machine_code(path)
    yield "program", "iris.pt2", (EXPORTED / "model.export.pt2").read_bytes()
    yield "packed", "doubling.ferry", packed_bundle(folder)
    yield from signatures()
    yield from arrays(folder)
    yield from [("csv", "rows.csv", b"a,b\n1,2\n-3.5e-2,4\n"), ("csv", "quoted.csv", b'"1","2"\r\n3,nan\r\n')]
    yield from [("csv", "semicolons.csv", b"\xef\xbb\xbfx[1];n;x[0]\n1;a;2\n"), ("csv", "pandas.csv", b",0,1\n0,1.5,2.0\n")]
    yield "csv", "spaces.csv", b"# x[0] x[1]\n1.0e+00  2.0\t\n"
    yield "json_lines", "lists.jsonl", b'[1, -2.5e-3]\n\n {"x": ["nan", 0]}\r\n'
    yield "json_lines", "objects.jsonl", b'{"x": [0.5, 3], "y": 255}\n{"y": 0, "x": [1e39, -0]}\n'
    yield from pictures_of_8_bits(random.Random(1))
    yield from sounds()


def without_machine_code(path: Path) -> bytes:
    """Return an AOTInductor package whose library is a few bytes: the door does not look into it."""
    return write_zip([replace(part, data=part.data[:8]) if part.name.endswith(".so") else part for part in read_parts(path)])


def pictures_of_8_bits(random_: random.Random) -> Iterator[tuple[str, str, bytes]]:
    """Yield a grey and a coloured PNG, and what the random makers of the other kinds make."""
    for colour in (0, 2):
        data = zlib.compress(pictures.scanlines(random_, colour))
        yield "image", f"colour-{colour}.png", pictures.png(pictures.header(colour=colour), pictures.chunk(b"IDAT", data))
    for number in range(4):
        yield "image", f"{number}.bmp", pictures.random_bmp(random_)
        yield "image", f"{number}.pgm", pictures.random_pgm(random_)


def sounds() -> Iterator[tuple[str, str, bytes]]:
    """Yield WAV files of each kind of number, and one with other chunks around its own."""
    for width in (2, 3, 4):
        stream = io.BytesIO()
        with wave.open(stream, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(width)
            file.setframerate(16000)
            file.writeframes(bytes(range(6 * width)))
        yield "wav", f"pcm-{8 * width}.wav", stream.getvalue()
    extension = struct.pack("<HHIH14s", 22, 32, 4, 3, bytes.fromhex("000000001000800000aa00389b71"))
    form = struct.pack("<HHIIHH", 0xFFFE, 1, 16000, 64000, 4, 32) + extension
    parts = ((b"LIST", b"odd"), (b"fmt ", form), (b"data", np.ones(3, np.float32).tobytes()), (b"id3 ", b""))
    body = b"WAVE" + b"".join(name + struct.pack("<I", len(part)) + part + bytes(len(part) % 2) for name, part in parts)
    yield "wav", "extended.wav", b"RIFF" + struct.pack("<I", len(body)) + body


def archive_parts(path: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield a TorchScript archive, its pickles and its code."""
    yield "zip", "net.pt", path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".pkl"):
                yield "torchscript_pickle", Path(name).name, archive.read(name)
            if name.endswith(".py"):
                yield "torchscript_source", f"{Path(name).stem}.txt", archive.read(name)  # no file for our linters


def packed_bundle(folder: Path) -> bytes:
    """Return a small bundle as one file."""
    (folder / "doubling").mkdir()
    fill_bundle(folder / "doubling")
    pack(open_bundle(folder / "doubling"), folder / "doubling.ferry")
    return (folder / "doubling.ferry").read_bytes()


def signatures() -> Iterator[tuple[str, str, bytes]]:
    """Yield a signature and a public key in minisign's form, of numbers that are nobody's key."""
    key_id, numbers = b"12345678", bytes(range(64))
    for name, algorithm in (("legacy", b"Ed"), ("prehashed", b"ED")):
        lines = (b"untrusted comment: a seed", base64.b64encode(algorithm + key_id + numbers), b"trusted comment: a seed")
        yield "signature", f"{name}.minisig", b"\n".join((*lines, base64.b64encode(numbers), b""))
    key = base64.b64encode(b"Ed" + key_id + numbers[:32])
    yield "signature", "key.pub", b"untrusted comment: minisign public key\n" + key + b"\n"


def arrays(folder: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield .npy files of each kind of number, and a .npz."""
    for dtype in ("bool", "uint8", "int64", "float32", "float64"):
        path = folder / f"{dtype}.npy"
        np.save(path, np.arange(6).reshape(3, 2).astype(dtype))
        yield "npy", path.name, path.read_bytes()
    np.savez(folder / "two.npz", x=np.zeros(3, np.float32), y=np.ones((2, 2), np.int64))
    yield "zip", "two.npz", (folder / "two.npz").read_bytes()


def main() -> None:
    """Write every input anew."""
    with tempfile.TemporaryDirectory() as name:
        for fuzzer, file, data in seeds(Path(name)):
            (CORPUS / fuzzer).mkdir(parents=True, exist_ok=True)
            (CORPUS / fuzzer / file).write_bytes(data)


if __name__ == "__main__":
    main()
