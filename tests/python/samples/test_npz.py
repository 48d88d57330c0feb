from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from builders.contracts import contract, doubling, spec
from builders.zip_parts import Part, write_zip
from torchferry.bundle.contract import Array
from torchferry.errors import ExitCode, FerryError
from torchferry.samples import npz
from torchferry.samples.npz import read_npz
from torchferry.samples.source import open_samples

X = np.arange(10, dtype=np.float32).reshape(5, 2)
B = np.arange(5)
SCALE = np.float32(3)
CONTRACT = contract((spec("a"), spec("b", "int64", ("N",)), spec("scale", shape=())), (spec("y"),))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.savez(tmp_path / "in.npz", b=B, scale=SCALE, a=X)
    return tmp_path / "in.npz"


def refusal(data: bytes, *names: str) -> str:
    with pytest.raises(FerryError) as caught:
        read_npz(io.BytesIO(data), names, where="in.npz")
    assert caught.value.code == ExitCode.BAD_INPUT
    return str(caught.value)


def test_an_archive_holds_every_input_in_any_order(file: Path) -> None:
    with open_samples(CONTRACT, [str(file)], batch=2) as source:
        assert source.total == 5
        batches = list(source.batches)
    assert [len(batch["a"]) for batch in batches] == [2, 2, 1]
    assert np.concatenate([batch["a"] for batch in batches]).tobytes() == X.tobytes()
    assert np.concatenate([batch["b"] for batch in batches]).tolist() == B.tolist()
    assert all(batch["scale"] == SCALE for batch in batches)


def test_the_archive_is_told_by_its_content(file: Path, tmp_path: Path) -> None:
    with open_samples(CONTRACT, [str(file.rename(tmp_path / "in.csv"))], batch=100) as source:
        assert next(source.batches)["a"].shape == (5, 2)


def test_one_input_may_come_in_an_archive_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "k=v.npz", x=X)
    with open_samples(doubling(), [str(tmp_path / "k=v.npz")], batch=100) as source:
        assert next(source.batches)["x"].tobytes() == X.tobytes()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": X, "b": B[:4], "scale": SCALE}, r"inputs of different numbers of samples"),
        ({"a": X, "b": B.astype(np.int32), "scale": SCALE}, r"in.npz: b.npy: b: got int32\[5\], expected int64\[N\]"),
        ({"a": X, "b": B, "scale": X}, r"in.npz: scale.npy: scale: got float32"),
    ],
    ids=["lengths", "dtype", "shape"],
)
def test_arrays_outside_the_contract_are_refused_at_once(file: Path, arrays: dict[str, Array], words: str) -> None:
    np.savez(file, **arrays)  # type: ignore[arg-type]  # no array is named allow_pickle
    with pytest.raises(FerryError, match=words), open_samples(CONTRACT, [str(file)], batch=2):
        pass


@pytest.mark.parametrize("arguments", [["a={}"], ["{}", "{}"], ["a={}", "b={}", "scale={}"]])
def test_an_archive_beside_or_with_a_name_is_a_usage_error(file: Path, arguments: list[str]) -> None:
    with (
        pytest.raises(FerryError) as caught,
        open_samples(CONTRACT, [argument.format(file) for argument in arguments], batch=2),
    ):
        pass
    assert caught.value.code == ExitCode.USAGE


def test_a_refusal_says_what_was_found_expected_and_to_do(file: Path) -> None:
    data = file.read_bytes()
    assert refusal(data, "a", "b") == (
        "in.npz: entry 'scale.npy': got a name that is no input, expected a.npy, b.npy; write it with numpy.savez"
    )
    assert refusal(data, "a", "b", "scale", "c", "d").startswith("in.npz: got no entry c.npy, d.npy, expected a.npy, b.npy, ")
    assert refusal(data[:-1], "a").startswith("in.npz: end of zip: got none at the end of the file, expected a whole archive")
    np.savez_compressed(file, a=X)
    assert refusal(file.read_bytes(), "a") == (
        "in.npz: entry 'a.npy': got a compressed entry (method 8), expected a stored one, not one of numpy.savez_compressed; "
        "write it with numpy.savez"
    )


def test_an_archive_that_is_cut_anywhere_is_refused() -> None:
    whole = write_zip([Part("a.npy", b"first"), Part("b.npy", b"the second")])
    assert {name: file.read() for name, file in read_npz(io.BytesIO(whole), ["a", "b"], where="").items()} == {
        "a": b"first",
        "b": b"the second",
    }
    for size in range(len(whole)):
        refusal(whole[:size], "a", "b")


def test_a_pipe_of_too_many_bytes_is_refused(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    data = file.read_bytes()
    monkeypatch.setattr(npz, "MAX_NPZ_BYTES", len(data) - 1)
    stream = io.BytesIO(data)
    monkeypatch.setattr(stream, "seekable", lambda: False)
    with pytest.raises(FerryError, match=f"got more than {len(data) - 1} bytes"):
        read_npz(stream, ["a"], where="in.npz")
