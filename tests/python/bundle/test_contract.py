"""The contract's own rules, and what it refuses of a call."""

from __future__ import annotations

import time

import numpy as np
import pytest
from pydantic import ValidationError

from builders.contracts import contract, doubling, spec
from torchferry.bundle.call_checks import check_inputs, check_outputs
from torchferry.bundle.contract import Classes, Contract, SymbolRange, batch_symbols
from torchferry.errors import ExitCode, FerryError

IMAGE_AND_SCALE = contract((spec("image", "uint8", ("N", 4)), spec("scale", "float64", ("N",))), (spec("y"),))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "1x"},
        {"name": "x\n"},
        {"name": "x" * 65},
        {"dtype": "float8"},
        {"shape": ("N", -1)},
        {"shape": ("N", 2.0)},
        {"shape": ("N", True)},
        {"shape": ("N", "8")},
        {"shape": ("n",)},
        {"shape": (1,) * 9},
        {"shape": ("M", "N")},
        {"range": (1.0, 0.0)},
        {"range": (0.0, float("inf"))},
        {"range": (0.0,)},
        {"dtype": "int64", "allow_nonfinite": True},
        {"allow_nonfinite": 1},
        {"colour": "red"},
    ],
    ids=str,
)
def test_a_spec_that_breaks_a_rule_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        spec(**changes)


def test_a_spec_describes_itself_as_dtype_and_shape() -> None:
    assert spec("image", "uint8", ("N", 8, 8)).describe() == "uint8[N,8,8]"


def test_an_output_symbol_must_occur_in_an_input() -> None:
    with pytest.raises(ValidationError, match=r"outputs\[0\].shape: got the symbol T"):
        contract((spec("x"),), (spec("y", shape=("N", "T")),))


def test_symbols_must_be_exactly_those_of_the_shapes() -> None:
    with pytest.raises(ValidationError, match="symbols: got no range for N"):
        Contract(inputs=(spec("x"),), outputs=(spec("y"),), symbols={}, classes=None, samples="independent")
    with pytest.raises(ValidationError, match=r"symbols\.M: got a symbol"):
        Contract(
            inputs=(spec("x"),),
            outputs=(spec("y"),),
            symbols=dict.fromkeys("NM", SymbolRange(min=0, max=None)),
            classes=None,
            samples="independent",
        )


def test_names_must_be_unique_within_inputs_and_within_outputs() -> None:
    with pytest.raises(ValidationError, match="got x a second time"):
        contract((spec("x"), spec("x")), (spec("y"),))
    assert contract((spec("x"),), (spec("x"),)).outputs[0].name == "x"


@pytest.mark.parametrize(
    "classes", [Classes(output="y", names=("a",)), Classes(output="z", names=("a",))], ids=["float", "unknown"]
)
def test_classes_must_name_an_int64_output(classes: Classes) -> None:
    with pytest.raises(ValidationError, match="the name of an int64 output"):
        contract((spec("x"),), (spec("y"), spec("label", "int64", ("N",))), classes=classes)


def test_many_class_names_are_checked_in_a_moment() -> None:
    classes = Classes(output="label", names=tuple(map(str, range(100_000))))
    start = time.monotonic()
    contract((spec("x"),), (spec("label", "int64", ("N",)),), classes=classes)
    assert time.monotonic() - start < 1
    with pytest.raises(ValidationError, match="got 7 a second time"):
        contract((spec("x"),), (spec("label", "int64", ("N",)),), classes=Classes(output="label", names=(*classes.names, "7")))


def test_a_symbol_may_take_at_least_one_value() -> None:
    assert SymbolRange(min=2, max=2).max == 2
    with pytest.raises(ValidationError, match="expected an integer from 2"):
        SymbolRange(min=2, max=1)


def test_batch_symbols_have_no_limits() -> None:
    assert batch_symbols(spec(shape=("N", "T")), spec(shape=("T", 2))) == {
        "N": SymbolRange(min=0, max=None),
        "T": SymbolRange(min=0, max=None),
    }


def test_good_inputs_give_the_value_of_each_symbol() -> None:
    inputs = {"scale": np.zeros(5), "image": np.zeros((5, 4), np.uint8)}
    assert check_inputs(IMAGE_AND_SCALE, inputs) == {"N": 5}


IMAGE, SCALE = np.zeros((2, 4), np.uint8), np.zeros(2)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"image": IMAGE}, "inputs: got ['image'], expected ['image', 'scale']"),
        ({"image": IMAGE, "scale": SCALE, "more": SCALE}, "inputs: got"),
        ({"image": IMAGE.astype(np.int8), "scale": SCALE}, "input image: dtype: got int8, expected uint8"),
        ({"image": IMAGE, "scale": SCALE.astype(">f8")}, "byte-swapped"),
        ({"image": IMAGE[0], "scale": SCALE}, "input image: rank: got 1 ([4]), expected 2 (uint8[N,4])"),
        ({"image": IMAGE[:, :3], "scale": SCALE}, "dim 1: got 3, expected 4"),
        ({"image": IMAGE, "scale": np.zeros(3)}, "dim 0: got 3, expected N = 2"),
        ({"image": IMAGE, "scale": np.zeros(1)}, "dim 0: got 1, expected N = 2"),
        ({"image": IMAGE, "scale": np.array([0.0, np.nan])}, "input scale: element [1]: got nan, expected a finite number"),
        ({"image": IMAGE, "scale": np.array([-np.inf, 0.0])}, "element [0]: got -inf"),
    ],
    ids=["missing", "extra", "dtype", "byte order", "rank", "dim", "two batches", "a smaller batch", "nan", "inf"],
)
def test_bad_inputs_are_refused_with_what_was_expected(inputs: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(FerryError) as caught:
        check_inputs(IMAGE_AND_SCALE, inputs)
    assert caught.value.code == ExitCode.BAD_INPUT
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [1, 31, 32, 33, 5000])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite_is_found_in_an_input_of_any_size(size: int, value: float) -> None:
    given = contract((spec("x", shape=("N",)),), (spec("y", shape=("N",)),))
    x = np.ones(size, np.float32)
    assert check_inputs(given, {"x": x}) == {"N": size}
    x[-1] = value
    with pytest.raises(FerryError, match=rf"element \[{size - 1}\]: got"):
        check_inputs(given, {"x": x})


def test_nan_passes_where_the_contract_allows_it() -> None:
    allowed = contract((spec("x", allow_nonfinite=True),), (spec("y"),))
    assert check_inputs(allowed, {"x": np.full((1, 2), np.nan, np.float32)}) == {"N": 1}


def test_the_limits_of_a_symbol_hold() -> None:
    limited = Contract(
        inputs=(spec("x"),), outputs=(spec("y"),), symbols={"N": SymbolRange(min=1, max=3)}, classes=None, samples="independent"
    )
    for size, fits in ((0, False), (1, True), (3, True), (4, False)):
        if fits:
            assert check_inputs(limited, {"x": np.zeros((size, 2), np.float32)}) == {"N": size}
        else:
            with pytest.raises(FerryError, match="expected N at least 1, at most 3"):
                check_inputs(limited, {"x": np.zeros((size, 2), np.float32)})


def test_outputs_that_break_the_contract_are_a_mismatch() -> None:
    outputs = {"y": np.zeros((2, 2), np.float32), "label": np.zeros(3, np.int64)}
    with pytest.raises(FerryError, match="expected N = 2") as caught:
        check_outputs(doubling(), outputs, {"N": 2})
    assert caught.value.code == ExitCode.MISMATCH
    check_outputs(doubling(), {**outputs, "label": np.zeros(2, np.int64)}, {"N": 2})


def test_the_dtype_of_an_output_comes_with_no_advice_to_the_caller() -> None:
    outputs = {"y": np.zeros((2, 2), np.float64), "label": np.zeros(2, np.int64)}
    with pytest.raises(FerryError) as caught:
        check_outputs(doubling(), outputs, {"N": 2})
    assert str(caught.value) == "output y: dtype: got float64, expected float32"
