"""Faults that users meet in both programs, each with the command line on which it shows."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from builders.bundles import edit_manifest

ARTIFACT, GOLDEN = "model.onnx", "golden/batch-1.input.measurements.npy"


@dataclass(frozen=True)
class Fault:
    """A change of the bundle (input float32 [N,2]) or files beside it, then a command line.

    In the line B is the bundle, I one of its inputs, DIR the folder that it lies in, '' an empty word.
    """

    line: str
    plant: Callable[[Path], object] = lambda _: None
    stdin: bytes = b""

    def words(self, bundle: Path) -> list[str]:
        """Return the command line for this bundle."""
        known = {"B": str(bundle), "I": str(bundle / GOLDEN), "DIR": str(bundle.parent), "''": ""}
        named = [word.rpartition("=") for word in self.line.split()]
        return [head + mark + "/".join(known.get(part, part) for part in tail.split("/")) for head, mark, tail in named]


def _flip(name: str) -> Callable[[Path], object]:
    def plant(bundle: Path) -> None:
        data = bytearray((bundle / name).read_bytes())
        data[len(data) // 2] ^= 1
        (bundle / name).write_bytes(data)

    return plant


def _cut(name: str) -> Callable[[Path], object]:
    return lambda bundle: (bundle / name).write_bytes((bundle / name).read_bytes()[:-1])


def _gone(name: str) -> Callable[[Path], object]:
    return lambda bundle: (bundle / name).unlink()


def _manifest(change: Callable[[Any], object]) -> Callable[[Path], object]:
    return lambda bundle: edit_manifest(bundle, change)


def _text(text: str) -> Callable[[Path], object]:
    return lambda bundle: (bundle / "manifest.json").write_text(text)


def _csv(text: str | bytes) -> Fault:
    return _file("rows.csv", text if isinstance(text, bytes) else text.encode())


def _file(name: str, data: bytes, options: str = "") -> Fault:
    return Fault(f"predict B --input DIR/{name} {options}", lambda bundle: (bundle.parent / name).write_bytes(data))


def _array(array: Any) -> Fault:
    return Fault("predict B --input DIR/x.npy", lambda bundle: np.save(bundle.parent / "x.npy", array))


def _npz(**arrays: Any) -> Fault:
    return Fault("predict B --input DIR/x.npz", lambda bundle: np.savez(bundle.parent / "x.npz", **arrays))


def npy_of_shape(shape: str) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()


def _set(*place: str | int, value: object) -> Callable[[Path], object]:
    def change(document: Any) -> None:
        for part in place[:-1]:
            document = document[part]
        document[place[-1]] = value

    return _manifest(change)


def _add_golden(document: Any) -> None:
    group = document["golden"]["cases"][0]["float32"]
    group["other"] = {**group["label"], "path": "golden/other.npy"}


def _rename_engine(old: str, new: str) -> Callable[[Path], object]:
    def change(document: Any) -> None:
        for row in (*document["artifacts"], *document["tolerances"]):
            row["engine"] = new if row["engine"] == old else row["engine"]

    return _manifest(change)


LONG = 300 * "a"  # more than a file system takes
ROWS = np.zeros((3, 2), np.float32)
NAN = np.array([[1, np.nan]], np.float32)

COMMAND_LINE = {
    "an unknown verb": Fault("no-such-verb"),
    "no verb": Fault(""),
    "no bundle": Fault("inspect"),
    "a word too many": Fault("inspect B more"),
    "an unknown option": Fault("inspect B --no-such"),
    "an option of another verb": Fault("inspect B --device cpu"),
    "an abbreviated option": Fault("predict B --input I --inp I"),
    "an option without its value": Fault("verify B --engine"),
    "an option twice": Fault("predict B --input I --batch 1 --batch 2"),
    "no input": Fault("predict B"),
    "an empty engine": Fault("verify B --engine ''"),
    "an unknown device": Fault("predict B --input I --device gpu"),
    "a device without a number": Fault("verify B --device cuda:x"),
    "no threads": Fault("predict B --input I --threads 0"),
    "threads that are no number": Fault("predict B --input I --threads x"),
    "threads that are no whole number": Fault("predict B --input I --threads 1.5"),
    "too many threads": Fault("predict B --input I --threads 4097"),
    "threads out of range": Fault("predict B --input I --threads 99999999999999999999"),
    "a batch of none": Fault("predict B --input I --batch 0"),
    "a batch that is no number": Fault("predict B --input I --batch 1e3"),
    "an empty batch": Fault("predict B --input I --batch ''"),
    "no calls": Fault("verify B --calls 0"),
    "too many calls": Fault("verify B --calls 99999"),
    "negative calls": Fault("verify B --calls -1"),
    "an unknown format": Fault("predict B --input I --format xml"),
    "an empty format": Fault("predict B --input I --format ''"),
    "an unknown ending": Fault("predict B --input I --output DIR/out.txt"),
    "an empty output": Fault("predict B --input I --output ''"),
    "an unknown output": Fault("predict B --input I --select no-such"),
    "an empty select": Fault("predict B --input I --select ''"),
    "several outputs to one npy": Fault("predict B --input I --format npy"),
    "several outputs to one png": Fault("predict B --input I --output DIR/out.png"),
    "a png of what is no mask": Fault("predict B --input I --output DIR/out.png --select label"),
    "a value for a flag": Fault("inspect B --json=yes"),
    "a verb that is an option": Fault("--no-such"),
    "an operator's name that is none": Fault("predict B --input I --allow-op x"),
    "a timeout that is no number": Fault("verify B --timeout x"),
    "a timeout with an underscore": Fault("verify B --timeout 1_0"),
    "a timeout in another base": Fault("predict B --input I --timeout 0x10"),
    "a timeout that is none": Fault("predict B --input I --timeout nan"),
    "an empty timeout": Fault("verify B --timeout ''"),
    "a negative timeout": Fault("verify B --timeout -1"),
    "a timeout of more than a year": Fault("verify B --timeout 31536001"),
    "a timeout out of range": Fault("verify B --timeout 1e999"),
    "two timeouts": Fault("verify B --timeout 1 --timeout 2"),
    "a value for isolation": Fault("verify B --isolate=yes"),
    "a bench batch that is no number": Fault("bench B --batch 1,x"),
    "a bench batch of none": Fault("bench B --batch 0"),
}
FILES = {
    "no such bundle": Fault("inspect DIR/none"),
    "an empty path": Fault("inspect ''"),
    "a file in place of a bundle": Fault("inspect B/model.onnx"),
    "a folder without a manifest": Fault("inspect DIR"),
    "no such input": Fault("predict B --input DIR/none.npy"),
    "an input that is a folder": Fault("predict B --input DIR"),
    "an input without a name": Fault("predict B --input ''"),
    "an input's unknown name": Fault("predict B --input other=I"),
    "two files for one input": Fault("predict B --input I --input I"),
    "one input twice by its name": Fault("predict B --input measurements=I --input measurements=I"),
    "no room on the device": Fault("predict B --input I --output /dev/full"),
    "several outputs to one device": Fault("predict B --input I --output /dev/null --format npy"),
    "stdin twice": Fault("predict B --input - --input -"),
    "no folder for the output": Fault("predict B --input I --output DIR/none/out.jsonl"),
    "a folder in the output's place": Fault("predict B --input I --output DIR --format jsonl"),
    "a file in the place of the output's folder": Fault("predict B --input I --output I/out.csv"),
    "a long name of a bundle": Fault(f"inspect {LONG}"),
    "a long name of an input": Fault(f"predict B --input {LONG}"),
    "a long name behind the input's": Fault(f"predict B --input measurements={LONG}"),
    "a long name of an output": Fault(f"predict B --input I --output {LONG}.csv"),
    "a long name of a folder of outputs": Fault(f"predict B --input I --output {LONG}/"),
    "a long name on the way to an output": Fault(f"predict B --input I --output {LONG}/x.csv"),
    "a list that is not there": Fault("predict B --input @none.txt"),
    "a long name of a list": Fault(f"predict B --input @{LONG}"),
    "a list without a name": Fault("predict B --input @"),
    "text on stdin": Fault("predict B --input -", stdin=b"hello\nworld\n"),
}
BUNDLES = {
    "a flipped byte of an artifact": Fault("verify B", _flip(ARTIFACT)),
    "a flipped byte of a golden": Fault("verify B", _flip(GOLDEN)),
    "an artifact cut short": Fault("inspect B", _cut(ARTIFACT)),
    "a missing artifact": Fault("inspect B", _gone(ARTIFACT)),
    "a missing manifest": Fault("inspect B", _gone("manifest.json")),
    "a file more": Fault("inspect B", lambda bundle: (bundle / "extra").write_bytes(b"")),
    "a link that leads nowhere": Fault(
        "inspect B", lambda bundle: (bundle / ARTIFACT).unlink() or (bundle / ARTIFACT).symlink_to("../nothing")
    ),
    "no goldens": Fault("inspect B", lambda bundle: shutil.rmtree(bundle / "golden")),
    "an empty manifest": Fault("inspect B", _text("")),
    "a manifest that is no JSON": Fault("inspect B", _text("{'a': 1}")),
    "a manifest that is no object": Fault("inspect B", _text("[]")),
    "a key twice": Fault("inspect B", _text('{"name": 1, "name": 2}')),
    "a manifest cut short": Fault("inspect B", lambda bundle: _cut("manifest.json")(bundle) and _cut("manifest.json")(bundle)),
    "NaN in the manifest": Fault("inspect B", _text('{"name": NaN}')),
    "a manifest that is too large": Fault("inspect B", _text(" " * (1 << 20) + "{}")),
    "an unknown key": Fault("inspect B", _set("author", value="me")),
    "an unknown key deep down": Fault("inspect B", _set("contract", "inputs", 0, "colour", value="red")),
    "a missing key": Fault("inspect B", _manifest(lambda document: document.pop("golden"))),
    "a newer format": Fault("inspect B", _set("format_version", value=99)),
    "a wrong type": Fault("inspect B", _set("name", value=7)),
    "an unknown dtype": Fault("inspect B", _set("contract", "inputs", 0, "dtype", value="float8")),
    "a path that leaves the bundle": Fault("inspect B", _set("artifacts", 0, "files", 0, "path", value="../x")),
    "a digest that is none": Fault("inspect B", _set("artifacts", 0, "files", 0, "sha256", value="abc")),
    "a size below nothing": Fault("inspect B", _set("artifacts", 0, "files", 0, "bytes", value=-1)),
    "an unknown kind of tolerance": Fault("inspect B", _set("tolerances", 0, "kind", value="loose")),
    "an infinite bound": Fault("inspect B", _set("tolerances", 0, "bound", value=float("inf"))),
    "no tolerances": Fault("inspect B", _set("tolerances", value=[])),
    "bytes that are not UTF-8": Fault("inspect B", lambda bundle: (bundle / "manifest.json").write_bytes(b'{"name": "\xff"}')),
    "a byte order mark": Fault("inspect B", _text("\ufeff{}")),
    "half a character": Fault("inspect B", _text('{"name": "\\ud800"}')),
    "a number beyond float64": Fault("inspect B", _text('{"name": 1e999}')),
    "deep nesting": Fault("inspect B", _text("[" * 40)),
    "an array in an object's place": Fault("inspect B", _set("contract", value=[])),
    "an object in an array's place": Fault("inspect B", _set("artifacts", value={})),
    "no artifacts": Fault("inspect B", _set("artifacts", value=[])),
    "a text in a number's place": Fault("inspect B", _set("tolerances", 0, "bound", value="0")),
    "a number in a flag's place": Fault("inspect B", _set("contract", "inputs", 0, "allow_nonfinite", value=1)),
    "a symbol that is none": Fault("inspect B", _set("contract", "inputs", 0, "shape", value=["n x", 2])),
    "a dim that is none": Fault("inspect B", _set("contract", "inputs", 0, "shape", value=["N", 1.5])),
    "too many dims": Fault("inspect B", _set("contract", "inputs", 0, "shape", value=["N", *[1] * 8])),
    "a batch that is not first": Fault("inspect B", _set("contract", "inputs", 0, "shape", value=[2, "N"])),
    "a symbol of no input": Fault("inspect B", _set("contract", "outputs", 0, "shape", value=["T"])),
    "limits of no symbol": Fault("inspect B", _set("contract", "symbols", "T", value={"min": 0, "max": None})),
    "a symbol without limits": Fault("inspect B", _set("contract", "symbols", value={})),
    "limits the wrong way round": Fault("inspect B", _set("contract", "symbols", "N", value={"min": 5, "max": 1})),
    "a range the wrong way round": Fault("inspect B", _set("contract", "inputs", 0, "range", value=[1, 0])),
    "a range of one number": Fault("inspect B", _set("contract", "inputs", 0, "range", value=[1])),
    "NaN allowed in integers": Fault("inspect B", _set("contract", "outputs", 1, "allow_nonfinite", value=True)),
    "classes of no output": Fault("inspect B", _set("contract", "classes", "output", value="net_input")),
    "one class twice": Fault("inspect B", _set("contract", "classes", "names", value=["a", "a"])),
    "an empty class name": Fault("inspect B", _set("contract", "classes", "names", value=["a", ""])),
    "artifacts out of order": Fault("inspect B", _manifest(lambda document: document["artifacts"].reverse())),
    "one engine twice": Fault("inspect B", _set("artifacts", 1, "engine", value="eager")),
    "one path twice": Fault("inspect B", _set("artifacts", 1, "files", 0, "path", value="model.export.pt2")),
    "a manifest that lists itself": Fault("inspect B", _set("artifacts", 1, "files", 0, "path", value="manifest.json")),
    "native code first": Fault("inspect B", _set("artifacts", 1, "files", 0, "path", value="native/x")),
    "a golden without its input": Fault("inspect B", _set("golden", "cases", 0, "inputs", value={})),
    "a golden of no output": Fault("inspect B", _manifest(_add_golden)),
    "one case twice": Fault("inspect B", _set("golden", "cases", 0, "name", value="batch-1")),
    "a source of goldens that is none": Fault("inspect B", _set("golden", "source", value="made up")),
    "a tolerance of no output": Fault("inspect B", _set("tolerances", 0, "output", value="other")),
    "one tolerance twice": Fault(
        "inspect B", _manifest(lambda document: document["tolerances"].append(document["tolerances"][0]))
    ),
    "a bound below nothing": Fault("inspect B", _set("tolerances", 0, "bound", value=-1)),
    "equal bits with a bound": Fault("inspect B", _set("tolerances", 0, "bound", value=0.5)),
    "equal bits of float64": Fault("inspect B", _set("tolerances", 0, "reference", value="float64")),
    "a reason that is empty": Fault("inspect B", _set("tolerances", 0, "reason", value="")),
    "an output named twice": Fault(
        "inspect B", _manifest(lambda d: d["contract"]["outputs"].append(d["contract"]["outputs"][0]))
    ),
}
INPUTS = {
    "float64": _array(ROWS.astype(np.float64)),
    "a dtype that no bundle has": _array(ROWS.astype(np.complex64)),
    "objects": _array(np.array([[1, None]], dtype=object)),
    "three columns": _array(np.zeros((3, 3), np.float32)),
    "one dim too few": _array(np.zeros(2, np.float32)),
    "Fortran order": _array(np.asfortranarray(np.arange(6, dtype=np.float32).reshape(3, 2))),
    "NaN": _array(NAN),
    "infinity": _array(np.array([[1, np.inf]], np.float32)),
    "a file that is no npy": _file("x.npy", b"\x93NUMPYxxxx"),
    "an npy cut short": _file("x.npy", npy_of_shape("(3, 2)") + bytes(20)),
    "an npy with bytes after its data": _file("x.npy", npy_of_shape("(3, 2)") + bytes(25)),
    "an npy that claims to be huge": _file("x.npy", npy_of_shape(f"({2**40}, 2)") + bytes(16)),
    "an npy larger than any memory": _file("x.npy", npy_of_shape(f"({2**62}, 2)")),
    "an npy with a dim that no file has": _file("x.npy", npy_of_shape(f"({2**63}, 2)")),
    "an npy of rank 9": _file("x.npy", npy_of_shape(str((1,) * 9))),
    "an npy with a header that is none": _file("x.npy", npy_of_shape("oops")),
    "a word in a CSV": _csv("1,2\n3,x\n"),
    "a cell too few": _csv("1,2\n3\n"),
    "an empty cell": _csv("1,\n"),
    "NaN in a CSV": _csv("1,nan\n"),
    "a CSV that is no UTF-8": _csv(b"1,\xff\n"),
    "an open quote": _csv('1,"2\n'),
    "a control character": _csv("1,\x1b2\n"),
    "an image for an input of rows": _file("x.png", b"\x89PNG\r\n\x1a\n" + bytes(30)),
    "a JPEG": _file("x.jpg", b"\xff\xd8\xff" + bytes(30)),
    "an npz without the input": _npz(other=ROWS),
    "an npz with more than the input": _npz(measurements=ROWS, other=ROWS),
    "an npz of another dtype": _npz(measurements=ROWS.astype(np.int64)),
    "an npz that is no zip": _file("x.npz", b"PK\x03\x04" + bytes(40)),
    "an npz with a name": Fault(
        "predict B --input measurements=DIR/x.npz", lambda bundle: np.savez(bundle.parent / "x.npz", measurements=ROWS)
    ),
    "a compressed npz with a flaw": Fault(
        "predict B --input DIR/x.npz", lambda b: np.savez_compressed(b.parent / "x.npz", measurements=ROWS)
    ),
    "a line of millions of cells": _csv("," * (8 << 20) + "\n"),
    "a late line of millions of cells": _csv("1,2\n" * 40 + " 1" * (8 << 20) + "\n"),
    "as many cells as are judged": _csv("," * (2 + (1 << 18) - 1) + "\n"),
}
ENGINES = {
    "an engine that nobody has": Fault("predict B --input I --engine no-such"),
    "an engine that is no word": Fault("verify B --engine ../../evil"),
    "an engine that was not exported": Fault("verify B --engine aoti"),
    "an engine that was not exported, for predict": Fault("predict B --input I --engine executorch"),
    "machine code": Fault("predict B --input I --engine c", _rename_engine("onnxruntime", "c")),
    "machine code, for verify": Fault("verify B --engine c", _rename_engine("onnxruntime", "c")),
    "a device that is not here": Fault("predict B --input I --engine onnxruntime --device cuda:9999"),
    "a device that torch has not": Fault("predict B --input I --engine torchscript --device cuda:9999"),
    "an engine that neither has": Fault("predict B --input I --engine spare", _rename_engine("onnxruntime", "spare")),
    "an engine not exported, for bench": Fault("bench B --engine c"),
    "a time that is too short": Fault("predict B --input I --engine onnxruntime --timeout 0.0001"),
    "a time that is too short, without isolation": Fault(
        "predict B --input I --engine onnxruntime --no-isolate --timeout 0.0001"
    ),
}
FAULTS = {**COMMAND_LINE, **FILES, **BUNDLES, **INPUTS, **ENGINES}
