""".npz: one file holds every input by its name. Whatever lies, lacks or is packed is refused, and in Python as in C++."""

from __future__ import annotations

import io
import os
import random
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.bundles import fill_bundle
from builders.contracts import contract, spec
from builders.programs import Program
from builders.spread import spread
from builders.zip_parts import Part, write_zip
from builders.zoo import SPECIES, Zoo
from hostile.acceptance import is_accepted
from hostile.refusal import assert_error, assert_refused
from hostile.wide_zip import wide_zip
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import CaseArrays

A = np.arange(6, dtype=np.float32).reshape(3, 2)
B = np.array([7, 8, 9])
FILES_A_SEED = 150


def saved(array: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def zipped(save: Callable[..., None] = np.savez, **arrays: Array) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


class Pipe(io.RawIOBase):
    """Where nobody can go back: zipfile writes the sizes behind the bytes."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.data += bytes(data)
        return len(data)


def piped(**arrays: Array) -> bytes:
    pipe = Pipe()
    np.savez(pipe, **arrays)  # type: ignore[arg-type]  # anything that writes
    return pipe.data


PARTS = [Part("a.npy", saved(A)), Part("b.npy", saved(B))]
FILES = {part.name: part.data for part in PARTS}
HONEST = write_zip(PARTS)
NUMPY = zipped(a=A, b=B)
PIPED = piped(a=A, b=B)


def changed(**fields: Any) -> bytes:
    """The second entry is another one."""
    return write_zip([PARTS[0], replace(PARTS[1], **fields)])


def with_end(count: int | None = None, size: int | None = None, start: int | None = None) -> bytes:
    """Another end record."""
    true_count, true_size, true_start = struct.unpack_from("<HII", HONEST, len(HONEST) - 12)
    counted = true_count if count is None else count
    fields = (counted, counted, true_size if size is None else size, true_start if start is None else start)
    return HONEST[:-14] + struct.pack("<HHII", *fields) + HONEST[-2:]


def nested() -> bytes:
    """The second entry lies inside the first, whose bytes are a header and the same array."""
    inner = write_zip([PARTS[1]])[: 30 + len("b.npy") + len(PARTS[1].data)]
    return write_zip([Part("a.npy", inner), replace(PARTS[1], told_offset=30 + len("a.npy"), is_listed=True)])


LARGE = 2**32 - 2
BROKEN: dict[str, tuple[bytes, str]] = {
    # Names.
    "a missing name": (zipped(a=A), "b.npy"),
    "an unknown name": (zipped(a=A, b=B, c=B), "c.npy"),
    "positions instead of names": (zipped(arr_0=A, arr_1=B), "arr_0.npy"),
    "a name without .npy": (write_zip([PARTS[0], Part("b", saved(B))]), "'b'"),
    "a name in capitals": (write_zip([PARTS[0], Part("B.NPY", saved(B))]), "B.NPY"),
    "a name in a folder": (write_zip([PARTS[0], Part("x/b.npy", saved(B))]), "x/b.npy"),
    "a name above": (write_zip([*PARTS, Part("../b.npy", saved(B))]), "../b.npy"),
    "a folder": (write_zip([*PARTS, Part("x/", b"", mode=0o040755)]), "x/"),
    "an empty name": (write_zip([*PARTS, Part("", b"")]), "entry ''"),
    "a name with a line break": (write_zip([*PARTS, Part("c\n.npy", b"")]), "c?.npy"),
    "a name with a NUL": (write_zip([PARTS[0], Part("b.npy\0", saved(B))]), "b.npy?"),
    "a name twice": (write_zip([*PARTS, PARTS[0]]), "twice"),
    "no entries": (zipped(), "0 entries"),
    "501 entries": (write_zip([Part(f"{i}.npy", b"") for i in range(501)]), "501 entries"),
    # What the contract refuses.
    "another dtype": (zipped(a=A.astype(np.float64), b=B), "a.npy"),
    "another shape": (zipped(a=A[:, :1], b=B), "a.npy"),
    "a single number": (zipped(a=np.array(3, np.float32), b=B), "a: got float32[], expected float32[N,2]; convert it with numpy"),
    "no array": (write_zip([PARTS[0], Part("b.npy", b"7\n8\n9\n")]), "b.npy"),
    "objects": (zipped(a=A, b=B.astype(object)), "b.npy"),
    "a cut array": (write_zip([PARTS[0], Part("b.npy", saved(B)[:-1])]), "b.npy"),
    "an array with trailing bytes": (write_zip([PARTS[0], Part("b.npy", saved(B) + b"\0")]), "b.npy"),
    "batches of two sizes": (zipped(a=A, b=B[:2]), "samples"),
    "not finite": (zipped(a=A * np.float32(np.nan), b=B), "nan"),
    # Packed, locked and special.
    "compressed": (zipped(np.savez_compressed, a=A, b=B), "numpy.savez"),
    "method 12": (changed(method=12), "method 12"),
    "encrypted": (changed(flags=1), "encrypted"),
    "an encrypted directory": (changed(flags=0x2000), "flags"),
    "patch data": (changed(flags=0x20), "flags"),
    # Sizes and offsets.
    "a size above the file's": (changed(told_size=2**31), "b.npy"),
    "the largest size": (changed(told_size=LARGE), "b.npy"),
    "a size that nothing tells": (changed(told_size=LARGE + 1), "b.npy"),
    "a size too small": (changed(told_size=len(PARTS[1].data) - 1), "CRC-32"),
    "a size that swallows the next": (write_zip([replace(PARTS[0], told_size=len(PARTS[0].data) + 60), PARTS[1]]), "CRC-32"),
    "two sizes": (changed(header_size=7), "header"),
    "two names": (changed(header_name="a.npy"), "header"),
    "a wrong CRC-32": (changed(told_crc=1), "CRC-32"),
    "a flipped bit": (HONEST.replace(saved(A), saved(A)[:-1] + b"\x41"), "CRC-32"),
    "an offset behind the file": (changed(told_offset=LARGE), "offset"),
    "an offset into the first entry": (changed(told_offset=0), "offset"),
    "an offset into the directory": (changed(told_offset=len(HONEST) - 60), "offset"),
    "overlapping entries": (nested(), "b.npy"),
    "a hole": (write_zip([PARTS[0], Part("c.npy", b"", is_listed=False), PARTS[1]]), "offset"),
    "a part that is not listed": (write_zip([*PARTS, Part("c.npy", b"", is_listed=False)]), "no entry"),
    # The directory and its end.
    "half a file": (HONEST[: len(HONEST) // 2], "end of zip"),
    "a byte too few": (HONEST[:-1], "end of zip"),
    "only the magic": (HONEST[:4], "end of zip"),
    "no directory": (HONEST[:-22], "end of zip"),
    "trailing bytes": (HONEST + b"\0", "end of zip"),
    "a second archive behind": (HONEST + HONEST, "directory"),
    "a comment": (write_zip(PARTS, comment=b"hello"), "end of zip"),
    "a prefix": (write_zip(PARTS, before=b"PK\x03\x04 and more"), "offset"),
    "a prefix that nothing counts": (HONEST[:30] + HONEST, "directory"),
    "a directory outside": (with_end(start=LARGE), "directory"),
    "a directory before its place": (with_end(start=4), "directory"),
    "a directory of all": (with_end(size=len(HONEST), start=0), "directory"),
    "a directory too long": (with_end(size=LARGE), "directory"),
    "a directory that wraps around": (with_end(size=LARGE, start=LARGE), "directory"),
    "more entries than there are": (with_end(count=3), "directory"),
    "fewer entries than there are": (with_end(count=1), "directory"),
    "65535 entries": (with_end(count=0xFFFF), "65535"),
    "a second disk": (HONEST[:-18] + b"\1\0" + HONEST[-16:], "end of zip"),
    # Numbers of 64 bits.
    "a wide size": (wide_zip(FILES, size=2**63), "bytes"),
    "a wide size that wraps around": (wide_zip(FILES, size=2**64 - 1, packed=2**64 - 1, header_size=2**64 - 1), "size"),
    "a size that no memory holds": (wide_zip(FILES, size=2**46, packed=2**46, header_size=2**46), "size of"),
    "a wide offset": (wide_zip(FILES, offset=2**64 - 30), "offset"),
    "a wide header": (wide_zip(FILES, header_size=1), "header"),
    "a wide directory outside": (wide_zip(FILES, start=2**63), "directory"),
    "a wide directory that wraps around": (wide_zip(FILES, start=2**64 - 8, directory_size=2**63), "directory"),
    "a wide count": (wide_zip(FILES, count=2**63), "entries"),
    "an end record elsewhere": (wide_zip(FILES, end=2**64 - 1), "end of zip"),
    "two end records that differ": (wide_zip(FILES, short_count=3), "end of zip"),
    # Sizes behind the bytes.
    "a descriptor of another size": (PIPED.replace(struct.pack("<Q", len(FILES["b.npy"])), struct.pack("<Q", 5)), "descriptor"),
    "no descriptor": (changed(flags=8), "descriptor"),
}


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A bundle with the inputs a float32 [N,2] and b int64 [N]; nothing runs it."""
    folder = tmp_path / "pair"
    folder.mkdir()
    two = contract((spec("a"), spec("b", "int64", ("N",))), (spec("y"),))
    fill_bundle(folder, contract=two, case=CaseArrays("batch-3", {"a": A, "b": B}, {"y": A}, {"y": A.astype(np.float64)}))
    return folder


@pytest.mark.parametrize("what", spread(BROKEN, 24))
def test_a_broken_archive_is_refused(quick_program: Program, pair: Path, what: str) -> None:
    data, named = BROKEN[what]
    file = pair.parent / "in.npz"
    file.write_bytes(data)
    output = pair.parent / "out.jsonl"
    arguments = ("predict", pair, "--input", file, "--output", output)
    assert_refused(quick_program, *arguments, code=7, named=named, under=pair.parent)
    assert_refused(quick_program, "predict", pair, "--input", "-", code=7, named=named, under=pair.parent, stdin=data)


def test_a_file_of_more_than_4_gib_is_refused_unread(quick_program: Program, pair: Path) -> None:
    file = pair.parent / "in.npz"
    file.write_bytes(HONEST)
    os.truncate(file, 2**32 + 1)  # a hole: no disk is taken
    assert_refused(quick_program, "predict", pair, "--input", file, code=7, named=("in.npz", "4294967296"), under=pair.parent)


def test_an_archive_is_given_alone(quick_program: Program, pair: Path, digits: Path) -> None:
    file = pair.parent / "in.npz"
    file.write_bytes(HONEST)
    (pair.parent / "grey.pgm").write_bytes(b"P5 8 8 255\n" + bytes(64))
    for bundle, inputs in (
        (pair, (file, file)),
        (pair, (file, f"b={file}")),
        (pair, (f"a={file}", f"b={file}")),
        (pair, (f"a={file}",)),
        (pair, (f"c={file}",)),
        (digits, (file, file)),
        (digits, (f"image={file}",)),
        (digits, (pair.parent / "grey.pgm", file)),
        (digits, (file, pair.parent / "grey.pgm")),
    ):
        words = [word for value in inputs for word in ("--input", value)]
        assert_refused(quick_program, "predict", bundle, *words, code=2, named="--input", under=pair.parent)


def test_a_file_without_a_name_is_no_archive(quick_program: Program, pair: Path) -> None:
    file = pair.parent / "a.npy"
    file.write_bytes(saved(A))
    assert_refused(quick_program, "predict", pair, "--input", file, code=2, named=".npz", under=pair.parent)
    assert_refused(quick_program, "predict", pair, "--input", "absent.npz", code=6, named="absent.npz", under=pair.parent)


ACCEPTED = {
    "as numpy writes it": NUMPY,
    "as numpy writes it to a pipe": PIPED,
    "in another order": zipped(b=B, a=A),
    "listed in another order": write_zip(PARTS[::-1]),
    "without numbers of 64 bits": HONEST,
    "with numbers of 64 bits only": wide_zip(FILES),
    "with names in UTF-8": write_zip([replace(part, flags=0x800) for part in PARTS]),
}


@pytest.mark.parametrize("data", ACCEPTED.values(), ids=ACCEPTED)
def test_every_way_to_store_the_same_arrays_is_accepted(quick_program: Program, pair: Path, data: bytes) -> None:
    file = pair.parent / "any.name"
    file.write_bytes(data)
    assert is_accepted(quick_program, pair, file)
    done = quick_program("predict", pair, "--engine", "no-such-engine", "--input", "-", stdin=data)
    assert_error(done, 5)


@pytest.mark.parametrize("model", ["scorer", "mixed"])
@pytest.mark.parametrize("batch", spread([1, 7, 256], 1))
def test_one_archive_answers_as_its_files_do_in_both_languages(
    zoo: Zoo, ferry_here: Program, ferry_run: Program, tmp_path: Path, model: str, batch: int
) -> None:
    """Inputs with and without a batch, of every dtype."""
    bundle = zoo.bundle(model, "torchscript")
    arrays = SPECIES[model].inputs(20)
    np.savez(tmp_path / "in.npz", **arrays)
    separate = []
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
        separate += ["--input", f"{name}={tmp_path / name}.npy"]
    answers = set()
    for program in (ferry_here, ferry_run):
        for inputs in (["--input", tmp_path / "in.npz"], separate):
            select = SPECIES[model].contract.outputs[0].name
            done = program("predict", bundle, "--engine", "torchscript", "--batch", batch, "--select", select, *inputs)
            assert done.code == 0, done.stderr
            assert done.stdout.count(b"\n") == 20
            answers.add(done.stdout)
    assert len(answers) == 1


def test_an_archive_of_one_input_answers_as_its_file(program: Program, iris: Path, engine: str) -> None:
    np.save(iris.parent / "in.npy", A)
    np.savez(iris.parent / "in.npz", measurements=A)
    answers = [program("predict", iris, "--engine", engine, "--input", iris.parent / name) for name in ("in.npy", "in.npz")]
    assert [answer.code for answer in answers] == [0, 0]
    assert answers[0].stdout == answers[1].stdout


def mutated(random_: random.Random) -> bytes:
    """A good archive with bytes flipped, cut, doubled or set to a number that is everywhere in archives."""
    data = bytearray(random_.choice(list(ACCEPTED.values())))
    for _ in range(random_.choice((1, 1, 2))):
        at = random_.randrange(len(data))
        change = random_.randrange(5)
        if change == 0:
            data[at] ^= 1 << random_.randrange(8)
        elif change == 1:
            del data[at : at + random_.randrange(1, 30)]
        elif change == 2:
            data[at:at] = data[at : at + random_.randrange(1, 30)]
        elif change == 3:
            data[-22 + random_.randrange(22)] = random_.choice((0, 1, 2, 255))
        else:
            data[at : at + 4] = random_.choice((b"\0" * 4, b"\xff" * 4, b"PK\x03\x04", b"PK\x07\x08"))
    return bytes(data)


@pytest.mark.parametrize("seed", spread(range(4), 1))
def test_python_and_cpp_accept_the_same_archives(pair: Path, ferry_here: Program, ferry_run: Program, seed: int) -> None:
    file = pair.parent / "in.npz"
    random_ = random.Random(seed)
    accepted = 0
    for _ in range(FILES_A_SEED):
        data = mutated(random_)
        file.write_bytes(data)
        words: Mapping[str, Program] = {"Python": ferry_here, "C++": ferry_run}
        verdicts = {language: takes(program, pair, file) for language, program in words.items()}
        assert len(set(verdicts.values())) == 1, f"{verdicts}: {data!r}"
        accepted += verdicts["C++"]
    assert 0 < accepted < FILES_A_SEED // 2


def takes(program: Program, bundle: Path, file: Path) -> bool:
    """A file that no longer begins as an archive is a usage error here: the bundle has two inputs."""
    done = program("predict", bundle, "--engine", "no-such-engine", "--input", file)
    assert_error(done, done.code if done.code in (2, 7) else 5)
    return done.code == 5
