from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.contracts import contract, doubling, spec
from torchferry.bundle.contract import Classes
from torchferry.errors import ExitCode, FerryError
from torchferry.samples.arrow_rows import arrow_lines
from torchferry.samples.text import csv_header, csv_rows, json_rows

IMAGE_OUT = contract((spec("x"),), (spec("map", shape=("N", 2, 2)), spec("flag", "bool", ("N",))))
MAPS = {"map": np.arange(8, dtype=np.float32).reshape(2, 2, 2) / 2, "flag": np.array([True, False])}


def test_a_sample_is_one_object_in_contract_order_with_its_class_last() -> None:
    outputs = {"y": np.array([[0.5, -0.25]], np.float32), "label": np.array([1])}
    assert list(json_rows(doubling(), outputs)) == ['{"y": [0.5, -0.25], "label": 1, "class": "large"}']


def test_more_dims_are_nested_lists() -> None:
    rows = [json.loads(row) for row in json_rows(IMAGE_OUT, MAPS)]
    assert rows[0] == {"map": [[0.0, 0.5], [1.0, 1.5]], "flag": True}
    assert rows[1]["flag"] is False


def test_a_csv_has_one_column_an_element() -> None:
    assert csv_header(IMAGE_OUT, MAPS) == "map[0][0],map[0][1],map[1][0],map[1][1],flag"
    assert next(csv_rows(IMAGE_OUT, MAPS)).split(",")[-2:] == ["1.5", "true"]
    outputs = {"y": np.zeros((1, 2), np.float32), "label": np.array([1])}
    assert csv_header(doubling(), outputs) == "y[0],y[1],label,class"
    assert csv_header(doubling(), {"y": outputs["y"]}) == "y[0],y[1]"


def test_one_element_a_sample_is_a_column_without_index() -> None:
    assert csv_header(IMAGE_OUT, {"map": np.zeros((3, 1, 1), np.float32)}) == "map"


def test_several_labels_a_sample_have_as_many_classes() -> None:
    outputs = {"label": np.array([[0, 1]])}
    assert csv_header(doubling(), outputs) == "label[0],label[1],class[0],class[1]"
    assert list(csv_rows(doubling(), outputs)) == ["0,1,small,large"]
    assert list(json_rows(doubling(), outputs)) == ['{"label": [0, 1], "class": ["small", "large"]}']


def test_a_class_name_with_a_comma_is_quoted() -> None:
    classes = Classes(output="label", names=('a "b", c', "é"))
    named = contract((spec("x"),), (spec("label", "int64", ("N",)),), classes=classes)
    outputs = {"label": np.array([0, 1])}
    assert list(csv_rows(named, outputs)) == ['0,"a ""b"", c"', "1,é"]
    assert json.loads(next(json_rows(named, outputs)))["class"] == 'a "b", c'


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_without_a_name_breaks_the_contract(label: int) -> None:
    outputs = {"y": np.zeros((1, 2), np.float32), "label": np.array([label])}
    for rows in (json_rows, csv_rows):
        with pytest.raises(FerryError, match=f"got class {label}, expected 0 to 1") as caught:
            list(rows(doubling(), outputs))
        assert caught.value.code == ExitCode.MISMATCH


def test_what_is_not_finite_is_a_string_in_json_and_bare_in_csv() -> None:
    outputs = {"y": np.array([[np.nan, -np.inf]], np.float32), "label": np.array([0])}
    assert json.loads(next(json_rows(doubling(), outputs)))["y"] == ["nan", "-inf"]
    assert next(csv_rows(doubling(), outputs)).startswith("nan,-inf,")


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_to_the_same_bits(narrow: float, wide: float) -> None:
    both = contract((spec("x"),), (spec("f", shape=("N",)), spec("d", "float64", ("N",))))
    row = json.loads(next(json_rows(both, {"f": np.array([narrow], np.float32), "d": np.array([wide])})))
    assert np.float32(row["f"]) == np.float32(narrow)
    assert math.copysign(1, row["f"]) == math.copysign(1, narrow)
    assert row["d"] == wide


def test_a_float32_is_printed_with_as_few_digits_as_a_float32_needs() -> None:
    one = contract((spec("x"),), (spec("f", shape=("N",)),))
    assert list(json_rows(one, {"f": np.array([0.1, 1e-7], np.float32)})) == ['{"f": 0.1}', '{"f": 1e-07}']


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_long_table_has_the_texts_of_a_short_one(dtype: str) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install -e .[tables]")
    drawn = np.random.default_rng(0)
    bits = np.frombuffer(drawn.bytes(8 * 20_000), dtype)
    sizes = drawn.standard_normal(20_000) * 10.0 ** drawn.integers(-6, 20, 20_000)
    edges = [0.0, -0.0, np.nan, np.inf, -np.inf, 0.01, 0.00999999, 99999.0, 99999.99, 100000.0, *range(-20, 20)]
    with np.errstate(invalid="ignore", over="ignore"):
        values = np.concatenate([bits, sizes, edges]).astype(dtype)
    values = values[: len(values) // 3 * 3].reshape(-1, 3)
    lines = arrow_lines(values, lambda numbers: np.array(["odd"] * len(numbers)))
    assert lines is not None
    cells = [cell for line in lines for cell in line.split(",")]
    own = [(cell, value) for cell, value in zip(cells, values.ravel().tolist(), strict=True) if cell != "odd"]
    assert len(own) > 5_000
    assert [cell for cell, _ in own] == [str(np.dtype(dtype).type(value)) for _, value in own]
    out = contract((spec("x"),), (spec("map", dtype, ("N", 3), allow_nonfinite=True),))
    assert list(csv_rows(out, {"map": values}, use_arrow=True)) == list(csv_rows(out, {"map": values}))
