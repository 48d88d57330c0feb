from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from builders.contracts import contract, doubling, spec
from torchferry.bundle.contract import Array, Contract
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.source import open_samples

TWO = contract((spec("a"), spec("b", "int64", ("N",))), (spec("y"),))
IMAGE = contract((spec("image", "uint8", ("N", 2, 3)),), (spec("y"),))


def read(wanted: Contract, *arguments: object, batch: int = 100) -> list[dict[str, Array]]:
    with open_samples(wanted, list(map(str, arguments)), batch=batch) as source:
        return list(source.batches)


def refusal(wanted: Contract, *arguments: object, batch: int = 100) -> tuple[ExitCode, str]:
    with pytest.raises(FerryError) as caught:
        read(wanted, *arguments, batch=batch)
    return caught.value.code, str(caught.value)


@pytest.fixture
def x(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", np.arange(10, dtype=np.float32).reshape(5, 2))
    return tmp_path / "x.npy"


def test_the_kind_is_told_by_the_content_not_by_the_name(x: Path, tmp_path: Path) -> None:
    renamed = x.rename(tmp_path / "x.csv")
    assert read(doubling(), renamed)[0]["x"].shape == (5, 2)
    (tmp_path / "y.npy").write_text("1,2\n")
    assert read(doubling(), tmp_path / "y.npy")[0]["x"].tolist() == [[1, 2]]


def test_batches_cut_the_samples_in_order(x: Path) -> None:
    with open_samples(doubling(), [str(x)], batch=2) as source:
        assert source.total == 5
        batches = [batch["x"] for batch in source.batches]
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert np.concatenate(batches).tobytes() == np.load(x).tobytes()


def test_no_samples_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "none.npy", np.zeros((0, 2), np.float32))
    (tmp_path / "none.csv").write_text("width,length\n")
    (tmp_path / "empty").write_text("")
    for name in ("none.npy", "none.csv", "empty"):
        code, text = refusal(doubling(), tmp_path / name)
        assert code == ExitCode.BAD_INPUT
        assert text == f"{tmp_path / name}: got no samples, expected at least one; is this the right file?"


def test_one_table_holds_every_input(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("b;a[1];a[0]\n1;3;2\n4;6;5\n")
    with open_samples(TWO, [str(tmp_path / "all.csv")], batch=1) as source:
        batches = list(source.batches)
        assert source.describe() == f"2 samples from {tmp_path / 'all.csv'} (cells between semicolons; line 1 names the columns)"
    assert [(batch["a"].tolist(), batch["b"].tolist()) for batch in batches] == [([[2, 3]], [1]), ([[5, 6]], [4])]


def test_several_inputs_go_by_name_in_any_order(x: Path, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("1\n2\n3\n4\n5\n")
    batches = read(TWO, f"b={tmp_path / 'b.csv'}", f"a={x}", batch=3)
    assert [(batch["a"].shape, batch["b"].tolist()) for batch in batches] == [((3, 2), [1, 2, 3]), ((2, 2), [4, 5])]


def test_one_input_may_be_given_by_name_too(x: Path) -> None:
    assert read(doubling(), f"x={x}")[0]["x"].shape == (5, 2)


def test_a_path_with_an_equals_sign_is_a_path(x: Path, tmp_path: Path) -> None:
    renamed = x.rename(tmp_path / "k=v.npy")
    assert read(doubling(), renamed)[0]["x"].shape == (5, 2)


def test_an_input_without_batch_stays_the_same_for_every_batch(x: Path, tmp_path: Path) -> None:
    scaled = contract((spec("x"), spec("scale", shape=(2,)), spec("bias", shape=())), (spec("y"),))
    np.save(tmp_path / "scale.npy", np.array([1, 2], np.float32))
    np.save(tmp_path / "bias.npy", np.float32(3))
    batches = read(scaled, f"x={x}", f"scale={tmp_path / 'scale.npy'}", f"bias={tmp_path / 'bias.npy'}", batch=2)
    assert len(batches) == 3
    assert all(batch["scale"].tolist() == [1, 2] and batch["bias"] == 3 for batch in batches)


def test_each_image_is_a_sample(tmp_path: Path) -> None:
    paths = []
    for level in range(5):
        paths.append(tmp_path / f"{level}.png")
        Image.fromarray(np.full((2, 3), level, np.uint8)).save(paths[-1])
    batches = [batch["image"] for batch in read(IMAGE, *paths, batch=2)]
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert np.concatenate(batches)[:, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_the_first_image_fixes_a_free_size(tmp_path: Path) -> None:
    free = contract((spec("image", "uint8", ("N", "H", "W")),), (spec("y"),))
    for width in (3, 4):
        Image.fromarray(np.zeros((2, width), np.uint8)).save(tmp_path / f"{width}.png")
    assert read(free, tmp_path / "4.png")[0]["image"].shape == (1, 2, 4)
    code, text = refusal(free, tmp_path / "3.png", tmp_path / "4.png")
    assert code == ExitCode.BAD_INPUT
    assert "got 4 x 2 pixels, expected 3 x 2" in text


def test_stdin_is_read_as_any_file(x: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BufferedReader(io.BytesIO(x.read_bytes()))  # type: ignore[arg-type]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream))
    assert read(doubling(), "-")[0]["x"].shape == (5, 2)


def test_wrong_arguments_are_usage_errors(x: Path) -> None:
    assert refusal(doubling(), x, batch=0)[0] == ExitCode.USAGE
    for wanted, arguments in ((TWO, [x]), (TWO, [f"a={x}"]), (TWO, [f"a={x}", f"c={x}"]), (doubling(), [x, x]), (doubling(), [])):
        code, text = refusal(wanted, *arguments)
        assert code == ExitCode.USAGE, text
        assert "--input" in text


def test_a_file_that_is_not_there_is_an_io_error(tmp_path: Path) -> None:
    code, text = refusal(doubling(), tmp_path / "absent.npy")
    assert code == ExitCode.IO
    assert "absent.npy" in text
    code, text = refusal(doubling(), tmp_path)
    assert (code, "got no files, expected at least one" in text) == (ExitCode.BAD_INPUT, True)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((5, 2)), "x: got float64[5,2], expected float32[N,2]"),
        (np.zeros((5, 3), np.float32), "x: got float32[5,3], expected float32[N,2]"),
        (np.zeros(5, np.float32), "x: got float32[5], expected float32[N,2]"),
        (np.array([[1, np.nan]], np.float32), "element [0,1]: got nan"),
    ],
    ids=["dtype", "dim", "rank", "nan"],
)
def test_arrays_outside_the_contract_are_bad_input(tmp_path: Path, array: Array, words: str) -> None:
    np.save(tmp_path / "x.npy", array)
    code, text = refusal(doubling(), tmp_path / "x.npy")
    assert code == ExitCode.BAD_INPUT
    assert words in text


def test_inputs_of_different_lengths_are_refused(x: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "b.npy", np.arange(4))
    (tmp_path / "b.csv").write_text("1\n2\n3\n4\n")
    for name in ("b.npy", "b.csv"):
        for batch in (100, 2):
            assert refusal(TWO, f"a={x}", f"b={tmp_path / name}", batch=batch)[0] == ExitCode.BAD_INPUT


def test_different_lengths_are_told_before_the_first_batch_where_the_files_say_them(x: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "b.npy", np.arange(4))
    with (
        pytest.raises(FerryError, match=r"inputs of different numbers of samples"),
        open_samples(TWO, [f"a={x}", f"b={tmp_path / 'b.npy'}"], batch=2),
    ):
        pass


def test_a_cut_file_and_trailing_bytes_are_refused_before_anything_runs(x: Path) -> None:
    whole = x.read_bytes()
    for data in (whole[:-1], whole + b"\0"):
        x.write_bytes(data)
        assert refusal(doubling(), x)[0] == ExitCode.BAD_INPUT
