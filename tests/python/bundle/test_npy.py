"""`.npy` files, against NumPy's own reader and writer."""

from __future__ import annotations

import io

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy

from torchferry.bundle import npy
from torchferry.errors import ExitCode, FerryError

ARRAYS = hypothesis_numpy.arrays(
    st.sampled_from(sorted(set(npy.DTYPES) - {"bfloat16"})).map(np.dtype),
    hypothesis_numpy.array_shapes(min_dims=0, max_dims=8, min_side=0, max_side=3),
)


def saved(array: np.ndarray, **options: bool) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def read(data: bytes) -> np.ndarray:
    return npy.read_array(data, where="x.npy", code=ExitCode.BAD_INPUT)


def with_header(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return npy.MAGIC + bytes(version) + len(text).to_bytes(2 if version[0] == 1 else 4, "little") + text + data


@given(ARRAYS)
def test_what_we_write_numpy_reads_and_the_reverse(array: np.ndarray) -> None:
    ours = np.load(io.BytesIO(npy.array_bytes(array)), allow_pickle=False)
    theirs = read(saved(array))
    for back in (ours, theirs):
        assert back.dtype == array.dtype
        assert back.shape == array.shape
        assert back.tobytes() == array.tobytes()


def test_bfloat16_lies_as_ml_dtypes_has_it() -> None:
    array = np.arange(65536, dtype=np.uint16).view(ml_dtypes.bfloat16).reshape(256, 256)
    assert npy.array_bytes(array) == saved(array)
    assert read(saved(array)).dtype == array.dtype
    assert read(saved(array)).tobytes() == array.tobytes()
    assert np.load(io.BytesIO(npy.array_bytes(array))).view(ml_dtypes.bfloat16).tobytes() == array.tobytes()


def test_version_2_headers_are_read() -> None:
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }"
    assert read(with_header(header, np.float32(3).tobytes(), (2, 0))) == np.float32(3)


def test_headers_of_all_row_counts_have_one_length() -> None:
    lengths = {len(npy.header_bytes(np.dtype("<f4"), (rows, 10))) for rows in (0, 9, 10**6, 10**15)}
    assert len(lengths) == 1


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "npy header"),
        (b"\x93NUMPX\x01\x00", "npy header"),
        (with_header(GOOD, b"1234", (3, 0)), "version 3.0"),
        (with_header(GOOD, b"1234", (1, 1)), "version 1.1"),
        (with_header(GOOD.replace("shape", "sizes"), b"1234"), "npy header"),
        (with_header(GOOD.replace("False", "'False'"), b"1234"), "npy header"),
        (saved(np.array([{}], dtype=object), allow_pickle=True), "objects (a pickle)"),
        (saved(np.zeros(2, ">f4")), "dtype '>f4'"),
        (saved(np.zeros(2, "V2")), "dtype '|V2'"),
        (saved(np.zeros(2, "<c8")), "dtype '<c8'"),
        (saved(np.zeros(2, "<U3")), "dtype '<U3'"),
        (saved(np.zeros(2, [("a", "<f4")])), "npy header"),
        (saved(np.asfortranarray(np.zeros((2, 3)))), "Fortran order"),
        *(
            (with_header(GOOD.replace("False", "True").replace("(1,)", shape), b"1234"), "Fortran order")
            for shape in ("(1,)", "()", "(1, 1)")
        ),
        *(
            (
                with_header(GOOD.replace("(1,)", shape), b""),
                "fits in memory" if "4611686018427387904" in shape else "expected one below 2^63",
            )
            for shape in (f"({2**63}, 0)", f"(0, {2**63})", f"({2**62}, 0)")
        ),
        (with_header(GOOD, b"123"), "the file is cut short"),
        (with_header(GOOD, b"12345"), "trailing bytes"),
        (with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"), "a tuple of whole numbers"),
        (with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976, 8), }"), "fits in memory"),
        (with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", b"1234"), "rank at most 8"),
        (with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (True,), }", b"1234"), "npy header"),
        (with_header("{'descr': '<f4', 'fortran_order': False}", b"1234"), "npy header"),
        (with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", b"1234"), "npy header"),
        (with_header("(" * 100, b"1234"), "npy header"),
        (npy.MAGIC + b"\x02\x00" + (20_000).to_bytes(4, "little") + GOOD.encode().ljust(20_000) + b"1234", "npy header"),
    ],
)
def test_files_of_other_kinds_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(FerryError) as caught:
        read(data)
    assert caught.value.code == ExitCode.BAD_INPUT
    assert "x.npy" in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
