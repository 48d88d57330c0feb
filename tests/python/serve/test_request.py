"""Requests and answers of the Open Inference Protocol, without a server."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from builders.contracts import contract, doubling, spec
from torchferry.bundle.dtype import DTYPES
from torchferry.errors import ExitCode
from torchferry.serve.catalogue import Catalogue
from torchferry.serve.datatype import datatype_of
from torchferry.serve.refusal import RefusalError, refusal_of
from torchferry.serve.request import Asked, read_request
from torchferry.serve.response import model_metadata, write_answer
from torchferry.serve.served import Served

DATATYPES = {
    "BOOL",
    "UINT8",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP32",
    "FP64",
    "FP16",
    "BF16",
}  # of the protocol's table, as far as contracts go


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2.5, 3, 4], **changes}


def read(document: Any, binary: bytes | None = None) -> Asked:
    head = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_request(doubling(), head + (binary or b""), None if binary is None else len(head))


def test_every_dtype_has_its_name() -> None:
    assert {datatype_of(dtype) for dtype in DTYPES} == DATATYPES


@pytest.mark.parametrize("data", [[1, 2.5, 3, 4], [[1, 2.5], [3, 4]]], ids=["flat", "nested"])
def test_values_in_json_are_the_tensor(data: list[Any]) -> None:
    found = read({"id": "a", "inputs": [tensor(data=data)], "future_key": 1})
    assert (found.id, found.outputs, found.timeout_s) == ("a", {"y": False, "label": False}, 0)
    assert found.inputs["x"].dtype == np.float32
    assert found.inputs["x"].tolist() == [[1, 2.5], [3, 4]]


@pytest.mark.parametrize("json_bytes", [-1, -40, 10_000])
def test_an_end_of_the_json_outside_the_body_is_refused(json_bytes: int) -> None:
    with pytest.raises(RefusalError, match="Inference-Header-Content-Length: got"):
        read_request(doubling(), json.dumps({"inputs": [tensor()]}).encode(), json_bytes)


@pytest.mark.parametrize("changes", [{"data": [1, 2, 3, 4]}, {"parameters": {"binary_data_size": 16.0}}], ids=["both", "a float"])
def test_a_tensor_stands_in_one_place_and_its_size_is_an_integer(changes: dict[str, Any]) -> None:
    given = {"name": "x", "shape": [2, 2], "datatype": "FP32", "parameters": {"binary_data_size": 16}}
    assert read({"inputs": [given]}, bytes(16)).inputs["x"].shape == (2, 2)
    with pytest.raises(RefusalError, match="binary_data_size: got 16"):
        read({"inputs": [given | changes]}, bytes(16))


def test_bytes_behind_the_json_are_the_tensor() -> None:
    values = np.random.default_rng(1).standard_normal((3, 2)).astype(np.float32)
    given = {"name": "x", "shape": [3, 2], "datatype": "FP32", "parameters": {"binary_data_size": 24}}
    wanted = [{"name": "label"}, {"name": "y", "parameters": {"binary_data": True}}]
    found = read({"inputs": [given], "outputs": wanted, "parameters": {"timeout": 2_500_000}}, values.tobytes())
    assert found.inputs["x"].tobytes() == values.tobytes()
    assert (found.outputs, found.timeout_s) == ({"label": False, "y": True}, 2.5)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"", "got invalid JSON"),
        (b"[]", "request: "),
        (b'{"inputs": [], "inputs": []}', "the key inputs twice"),
        ({}, "inputs: Field required"),
        ({"inputs": []}, "inputs: got no x"),
        ({"inputs": [tensor(), tensor()]}, "inputs: got 'x'"),
        ({"inputs": [tensor(name="z")]}, "inputs: got 'z', expected each of x once"),
        ({"inputs": [tensor(datatype="FP64")]}, "datatype: got 'FP64', expected FP32"),
        ({"inputs": [tensor(shape=[2, 3])]}, "got 4 values, expected those of shape [2, 3]"),
        ({"inputs": [tensor(shape=[-2, -2])]}, "inputs.0.shape.0"),
        ({"inputs": [tensor(shape=[2.0, 2])]}, "inputs.0.shape.0"),
        ({"inputs": [tensor(shape=[2**40, 2**40])]}, "got 4 values"),
        ({"inputs": [tensor(shape=[0, 2**53, 2**53], data=[])]}, "input x: shape: got [0, 9007199254740992, 9007199254740992]"),
        ({"inputs": [tensor(data=[1, 2, 3, "4"])]}, 'got "4", expected values of FP32'),
        ({"inputs": [tensor(data=[1, 2, 3, None])]}, "got null, expected values of FP32"),
        ({"inputs": [tensor(data=[1, 2, 3, True])]}, "got true, expected values of FP32"),
        ({"inputs": [tensor(data=None)]}, "got 0 values"),
        ({"inputs": [tensor()], "outputs": [{"name": "z"}]}, "outputs: got 'z', expected some of y, label"),
        ({"inputs": [tensor()], "outputs": [{"name": "y"}, {"name": "y"}]}, "outputs: got 'y'"),
        ({"inputs": [tensor()], "parameters": {"timeout": -1}}, "timeout: got -1"),
        ({"inputs": [tensor()], "parameters": {"timeout": "soon"}}, 'timeout: got "soon"'),
        ({"inputs": [tensor()], "parameters": {"timeout": True}}, "timeout: got true"),
    ],
    ids=str,
)
def test_a_wrong_request_is_one_line_and_status_400(document: Any, words: str) -> None:
    with pytest.raises(RefusalError) as caught:
        read(document)
    assert caught.value.status == 400
    assert "\n" not in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("size", "binary", "json_bytes"),
    [(15, b"\0" * 16, None), (16, b"\0" * 15, None), (16, b"\0" * 17, None), (True, b"\0" * 16, None), (16, b"\0" * 16, 10_000)],
)
def test_bytes_that_do_not_fit_the_shape_are_refused(size: Any, binary: bytes, json_bytes: int | None) -> None:
    given = {"name": "x", "shape": [2, 2], "datatype": "FP32", "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [given]}).encode()
    with pytest.raises(RefusalError) as caught:
        read_request(doubling(), head + binary, json_bytes or len(head))
    assert caught.value.status == 400


@pytest.mark.parametrize(("value", "dtype"), [(256, "uint8"), (-1, "uint8"), (2**63, "int64"), (1.5, "int32"), (1, "bool")])
def test_a_value_that_its_dtype_cannot_hold_is_refused(value: float, dtype: str) -> None:
    whole = contract((spec("x", dtype, ("N",)),), (spec("y"),))
    given = {"name": "x", "shape": [1], "datatype": "BOOL" if dtype == "bool" else dtype.upper(), "data": [value]}
    with pytest.raises(RefusalError) as caught:
        read_request(whole, json.dumps({"inputs": [given]}).encode(), None)
    assert caught.value.status == 400


def test_every_float32_goes_through_json_with_its_bits() -> None:
    rng = np.random.default_rng(2)
    bits = rng.integers(0, 2**32, 4000, dtype=np.uint32).view(np.float32)
    values = np.concatenate([bits[np.isfinite(bits)], np.float32([0.0, -0.0, 1e-45, 3.4028235e38])])[: 2 * (len(bits) // 4)]
    values = values.reshape(-1, 2)
    outputs = {"y": values, "label": np.zeros(len(values), np.int64)}
    answer = write_answer(doubling(), "m", "1", Asked(None, {}, {"y": False}, 0), outputs)
    document = json.loads(answer.body)
    found = np.array(document["outputs"][0]["data"], np.float64).astype(np.float32).reshape(-1, 2)
    assert (answer.json_bytes, found.tobytes()) == (None, values.tobytes())
    again = read(
        {"inputs": [{"name": "x", "shape": list(values.shape), "datatype": "FP32", "data": document["outputs"][0]["data"]}]}
    )
    assert again.inputs["x"].tobytes() == values.tobytes()


def test_outputs_as_bytes_stand_behind_the_json_in_their_order() -> None:
    outputs = {"y": np.float32([[1, 2]]), "label": np.array([1])}
    answer = write_answer(doubling(), "m", "2", Asked("q", {}, {"label": True, "y": True}, 0), outputs)
    document = json.loads(answer.body[: answer.json_bytes])
    assert [(one["name"], one["parameters"]["binary_data_size"]) for one in document["outputs"]] == [("y", 8), ("label", 8)]
    assert answer.body[answer.json_bytes :] == outputs["y"].tobytes() + outputs["label"].tobytes()
    assert (document["id"], document["model_version"]) == ("q", "2")
    assert document["outputs"][1]["parameters"]["classes"] == ["large"]


def test_metadata_says_what_the_contract_says() -> None:
    said = model_metadata(doubling(), "m", "2", ["1", "2"], {"engine": "c"})
    assert (said["name"], said["versions"], said["platform"]) == ("m", ["1", "2"], "torchferry_c")
    assert said["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2], "parameters": {}}]
    assert said["outputs"][1] == {
        "name": "label",
        "datatype": "INT64",
        "shape": [-1],
        "parameters": {"classes": ["small", "large"]},
    }


def test_versions_are_switched_and_rolled_back_once() -> None:
    one, two = (Served("m", version, None, doubling()) for version in ("1", "2"))  # type: ignore[arg-type]
    catalogue = Catalogue([one])
    assert (catalogue.next_version("m"), catalogue.next_version("other")) == ("2", "1")
    catalogue.add(two)
    assert catalogue.find("m") is one
    catalogue.switch(two)
    assert (catalogue.find("m"), catalogue.find("m", "1"), catalogue.versions("m")) == (two, one, ["1", "2"])
    assert catalogue.roll_back("m") is one
    assert catalogue.find("m") is one
    for call in (lambda: catalogue.roll_back("m"), lambda: catalogue.find("m", "3"), lambda: catalogue.find("n")):
        with pytest.raises(RefusalError):
            call()


@pytest.mark.parametrize("code", [code for code in ExitCode if code != ExitCode.OK])
def test_every_error_has_a_status(code: ExitCode) -> None:
    from torchferry.errors import FerryError

    status = refusal_of(FerryError(code, "why")).status
    assert status == {ExitCode.BAD_INPUT: 400, ExitCode.USAGE: 400, ExitCode.UNAVAILABLE: 503}.get(code, 500)
