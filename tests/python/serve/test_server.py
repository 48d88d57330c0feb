"""`ferry serve` asked from another process: tritonclient and curl, refusals, replicas that are killed, new versions."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders.bundles import reseal
from builders.programs import Program
from builders.scoring import BUNDLE, GOLDEN, descendants, kill, start, stop
from torchferry.bundle.reader import open_bundle

pytest.importorskip("ray", reason="ray is not installed: pip install 'torchferry[serve]'")
http = pytest.importorskip("tritonclient.http", reason="tritonclient is not installed")
rpc = pytest.importorskip("tritonclient.grpc", reason="tritonclient is not installed")

OTHER = BUNDLE.parent / "digits-mlp"
DIGITS = OTHER / "golden" / "batch-64.input.image.npy"
MOST_BYTES = 2_000_000


@dataclass(frozen=True)
class Server:
    """A running server, and a folder from which it loads new versions."""

    process: subprocess.Popen[bytes]
    address: str
    grpc_address: str
    repository: Path

    def get(self, path: str) -> tuple[int, bytes]:
        return self.ask(urllib.request.Request(f"http://{self.address}{path}"))

    def post(self, path: str, document: Any = None, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        data = body if document is None else json.dumps(document).encode()
        return self.ask(urllib.request.Request(f"http://{self.address}{path}", data, headers, method="POST"))

    def ask(self, request: urllib.request.Request) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(request, timeout=400) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    repository = tmp_path_factory.mktemp("repository")
    with socket.socket() as free, socket.socket() as other:
        free.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, grpc_port = free.getsockname()[1], other.getsockname()[1]
    limits = ["--replicas", 2, "--queue", 4, "--max-bytes", MOST_BYTES, "--repository", repository]
    ports = ["--port", port, "--grpc-port", grpc_port]
    with (repository / "stderr").open("wb") as errors:
        process = start("serve", BUNDLE, OTHER, "--engine", "onnxruntime", *ports, *limits, errors=errors)
    found = Server(process, f"127.0.0.1:{port}", f"127.0.0.1:{grpc_port}", repository)
    try:
        wait_until(lambda: answers(found, "/v2/health/live"))
        wait_until(lambda: answers(found, "/v2/health/ready"))
        yield found
    finally:
        stop(process)


def wait_until(happens: Any, patience_s: float = 400) -> None:
    deadline = time.monotonic() + patience_s
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def answers(server: Server, path: str) -> bool:
    assert server.process.poll() is None, (server.repository / "stderr").read_text()[-3000:]
    try:
        return server.get(path)[0] == 200
    except OSError:
        return False


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with http.InferenceServerClient(server.address, network_timeout=60, connection_timeout=60) as found:
        yield found


def rows(count: int) -> Any:
    golden = np.load(GOLDEN)
    return np.tile(golden, (-(-count // len(golden)), 1))[:count] + np.linspace(0, 1, count, dtype=np.float32)[:, None]


def expected(ferry_run: Program, folder: Path, bundle: Path, inputs: Any) -> dict[str, Any]:
    """Return what `ferry-run predict` answers to one call of all inputs."""
    np.save(folder / "call.npy", inputs)
    options = ["--engine", "onnxruntime", "--batch", len(inputs), "--input", folder / "call.npy"]
    assert ferry_run("predict", bundle, *options, "--output", folder / "answer.npz").code == 0
    return dict(np.load(folder / "answer.npz"))


def tensor(name: str, datatype: str, values: Any, *, binary: bool) -> Any:
    found = http.InferInput(name, list(values.shape), datatype)
    found.set_data_from_numpy(values, binary_data=binary)
    return found


def infer(client: Any, values: Any, *, binary: bool = True, version: str = "") -> Any:
    wanted = [http.InferRequestedOutput(name, binary_data=binary) for name in ("net_input", "label")]
    return client.infer("iris-adaline", [tensor("measurements", "FP32", values, binary=binary)], version, wanted)


def test_tritonclient_reads_the_contract(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("iris-adaline", "1")
    said = client.get_model_metadata("digits-mlp")
    contract = open_bundle(OTHER).contract
    assert [one["name"] for one in said["inputs"]] == [spec.name for spec in contract.inputs]
    assert (said["inputs"][0]["datatype"], said["inputs"][0]["shape"]) == ("UINT8", [-1, 8, 8])
    assert {one["name"]: one["shape"] for one in said["outputs"]} == {
        spec.name: [dim if isinstance(dim, int) else -1 for dim in spec.shape] for spec in contract.outputs
    }
    assert client.get_server_metadata()["name"] == "torchferry"


def test_tritonclient_gets_the_same_over_grpc(server: Server, ferry_run: Program, tmp_path: Path) -> None:
    with rpc.InferenceServerClient(server.grpc_address) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("iris-adaline")
        said = client.get_model_metadata("iris-adaline", "1")
        assert [(one.name, one.datatype, list(one.shape)) for one in said.outputs] == [
            ("net_input", "FP32", [-1]),
            ("label", "INT64", [-1]),
        ]
        assert client.get_server_metadata().name == "torchferry"
        for count in (1, 64, 500):
            values = rows(count)
            given = rpc.InferInput("measurements", list(values.shape), "FP32")
            given.set_data_from_numpy(values)
            found = client.infer("iris-adaline", [given], request_id="q")
            for name, array in expected(ferry_run, tmp_path, BUNDLE, values).items():
                assert found.as_numpy(name).tobytes() == array.tobytes()
        assert found.get_response().id == "q"
        for name, shape, code, words in (
            ("iris", [1, 2], "NOT_FOUND", "model: got 'iris', expected one of"),
            ("iris-adaline", [1, 3], "INVALID_ARGUMENT", "dim 1: got 3, expected 2"),
        ):
            given = rpc.InferInput("measurements", shape, "FP32")
            given.set_data_from_numpy(np.ones(shape, np.float32))
            with pytest.raises(rpc.InferenceServerException) as caught:
                client.infer(name, [given])
            assert (code in str(caught.value.status()), words in str(caught.value)) == (True, True), caught.value


@pytest.mark.parametrize(
    ("count", "timeout_us", "code", "words"),
    [
        (MOST_BYTES // 8 + 1, None, "RESOURCE_EXHAUSTED", f"got more than {MOST_BYTES} bytes"),
        (1, 1, "DEADLINE_EXCEEDED", "got no answer in 1e-06 s"),
    ],
)
def test_limits_hold_over_grpc_too(server: Server, count: int, timeout_us: int | None, code: str, words: str) -> None:
    values = rows(count)
    given = rpc.InferInput("measurements", list(values.shape), "FP32")
    given.set_data_from_numpy(values)
    with rpc.InferenceServerClient(server.grpc_address) as client, pytest.raises(rpc.InferenceServerException) as caught:
        client.infer("iris-adaline", [given], timeout=timeout_us)
    assert (code in str(caught.value.status()), words in str(caught.value)) == (True, True), caught.value


@pytest.mark.parametrize("binary", [True, False], ids=["bytes", "json"])
@pytest.mark.parametrize("count", [1, 3, 64, 500])
def test_answers_have_the_bits_of_ferry_run(client: Any, ferry_run: Program, tmp_path: Path, count: int, binary: bool) -> None:
    values = rows(count)
    found = infer(client, values, binary=binary)
    for name, array in expected(ferry_run, tmp_path, BUNDLE, values).items():
        assert found.as_numpy(name).tobytes() == array.tobytes()


def test_two_models_answer_beside_each_other(client: Any, ferry_run: Program, tmp_path: Path) -> None:
    values = np.load(DIGITS)
    found = client.infer("digits-mlp", [tensor("image", "UINT8", values, binary=True)])
    for name, array in expected(ferry_run, tmp_path, OTHER, values).items():
        assert found.as_numpy(name).tobytes() == array.tobytes()


def test_curl_gets_numbers_and_class_names(server: Server) -> None:
    document = {"inputs": [{"name": "measurements", "shape": [1, 2], "datatype": "FP32", "data": [9, 9]}]}
    url = f"http://{server.address}/v2/models/iris-adaline/versions/1/infer"
    done = subprocess.run(["curl", "-sS", "-d", json.dumps(document), url], capture_output=True, check=True, timeout=60)
    label = json.loads(done.stdout)["outputs"][1]
    assert (label["data"], label["parameters"]["classes"]) == ([1], ["virginica"])


@pytest.mark.parametrize(
    ("path", "document", "status", "words"),
    [
        ("iris", {}, 404, "model: got 'iris', expected one of iris-adaline, digits-mlp"),
        ("iris-adaline/versions/9", {}, 404, "got version '9', expected one of 1"),
        ("iris-adaline", {"inputs": []}, 400, "inputs: got no measurements"),
        ("iris-adaline", [[1, 3], [1, 2, 3]], 400, "dim 1: got 3, expected 2"),
        ("iris-adaline", [[1, 2], [1, 1e39]], 400, "expected a finite number"),
        ("iris-adaline", [[2], [1, 1]], 400, "rank: got 1"),
    ],
)
def test_a_wrong_request_is_one_line(server: Server, path: str, document: Any, status: int, words: str) -> None:
    if isinstance(document, list):
        shape, data = document
        document = {"inputs": [{"name": "measurements", "shape": shape, "datatype": "FP32", "data": data}]}
    code, body = server.post(f"/v2/models/{path}/infer", document)
    assert code == status, body
    assert words in json.loads(body)["error"]
    assert "\n" not in json.loads(body)["error"]


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/v2/models/iris-adaline", 405), ("/v2/models/a/b/c/infer", 404)]
)
def test_what_is_no_route_has_the_form_that_clients_read(server: Server, path: str, status: int) -> None:
    code, body = server.post(path, {})
    assert (code, json.loads(body)) == (
        status,
        {"error": f"POST {path}: got no such route, expected one of the Open Inference Protocol"},
    )


def test_a_method_of_grpc_that_is_not_served_is_one_line(server: Server) -> None:
    with pytest.raises(rpc.InferenceServerException) as refused:
        rpc.InferenceServerClient(server.grpc_address).get_model_config("iris-adaline")
    assert refused.value.status() == "StatusCode.UNIMPLEMENTED"
    assert refused.value.message().startswith("got a method that is not served, expected one of ServerLive, ")


def test_a_request_that_is_too_large_is_413(server: Server) -> None:
    code, body = server.post("/v2/models/iris-adaline/infer", body=b" " * (MOST_BYTES + 1))
    assert (code, "got more than 2000000 bytes" in json.loads(body)["error"]) == (413, True)


def test_a_deadline_that_cannot_be_kept_is_504(server: Server) -> None:
    document = {"inputs": [{"name": "measurements", "shape": [1, 2], "datatype": "FP32", "data": [9, 9]}]}
    code, body = server.post("/v2/models/iris-adaline/infer", {**document, "parameters": {"timeout": 1}})
    assert (code, "got no answer in 1e-06 s" in json.loads(body)["error"]) == (504, True)


def test_more_requests_than_may_wait_are_503_and_the_others_are_right(server: Server, ferry_run: Program, tmp_path: Path) -> None:
    values = rows(100_000)
    wanted = expected(ferry_run, tmp_path, BUNDLE, values)["net_input"].tobytes()
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": "measurements",
                    "shape": list(values.shape),
                    "datatype": "FP32",
                    "parameters": {"binary_data_size": values.nbytes},
                }
            ],
            "outputs": [{"name": "net_input", "parameters": {"binary_data": True}}],
        }
    ).encode()
    header = {"Inference-Header-Content-Length": str(len(head))}

    def ask(_: int) -> tuple[int, bytes]:
        return server.post("/v2/models/iris-adaline/infer", body=head + values.tobytes(), **header)

    with ThreadPoolExecutor(48) as pool:
        found = list(pool.map(ask, range(96)))
    statuses = {code for code, _ in found}
    assert statuses == {200, 503}, statuses
    assert all(body.endswith(wanted) for code, body in found if code == 200)
    assert all("expected fewer; try again later" in json.loads(body)["error"] for code, body in found if code == 503)


def replicas(server: Server) -> list[int]:
    return [one for one, line in descendants(server.process.pid) if "ServeReplica:model-iris-adaline" in line]


@pytest.mark.slow
def test_a_killed_replica_costs_no_answer(server: Server, ferry_run: Program, tmp_path: Path) -> None:
    values, chance = rows(64), random.Random(os.getpid())
    wanted = expected(ferry_run, tmp_path, BUNDLE, values)
    stop, wrong, right = threading.Event(), [], []

    def stream() -> None:
        with http.InferenceServerClient(server.address, network_timeout=120, connection_timeout=60) as client:
            while not stop.is_set():
                try:
                    found = infer(client, values)
                    same = all(found.as_numpy(name).tobytes() == array.tobytes() for name, array in wanted.items())
                    (right if same else wrong).append(same)
                except Exception as error:
                    wrong.append(error)

    threads = [threading.Thread(target=stream) for _ in range(3)]
    for thread in threads:
        thread.start()
    killed = set()
    for _ in range(2):
        wait_until(lambda: len(set(replicas(server)) - killed) == 2)
        time.sleep(chance.uniform(0.2, 1))
        killed.add(victim := chance.choice([one for one in replicas(server) if one not in killed]))
        kill(victim)
        time.sleep(3)
    stop.set()
    for thread in threads:
        thread.join()
    assert (wrong, len(killed), len(right) > 10) == ([], 2, True)


def test_prometheus_reads_what_was_asked(server: Server, client: Any) -> None:
    infer(client, rows(7))
    _, text = server.get("/metrics")
    lines = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
    assert float(lines['ferry_requests_total{model="iris-adaline",status="200",version="1"}']) >= 1
    assert float(lines['ferry_rows_total{model="iris-adaline",version="1"}']) >= 7
    assert lines['ferry_version_proven{engine="onnxruntime",model="digits-mlp",version="1"}'] == "1.0"


def test_a_new_version_is_proven_compared_and_switched_to_and_back_in_one_call(
    server: Server, client: Any, ferry_run: Program, tmp_path: Path
) -> None:
    load, wrong = "/v2/repository/models/iris-adaline/load", server.repository / "wrong"
    values = rows(5)
    wanted = expected(ferry_run, tmp_path, BUNDLE, values)["net_input"].tobytes()
    shutil.copytree(BUNDLE, wrong)
    for path in (wrong / "golden").glob("*net_input*.npy"):
        np.save(path, np.load(path) + 1)
    reseal(wrong)
    for bundle, status, words in (
        (wrong, 422, "fails the goldens on this machine"),
        (BUNDLE, 403, "expected one inside"),
        (server.repository / "none", 422, "none"),
    ):
        code, body = server.post(load, {"parameters": {"bundle": str(bundle)}})
        assert (code, words in json.loads(body)["error"]) == (status, True), body
        assert infer(client, values).get_response()["model_version"] == "1"
    shutil.copytree(BUNDLE, server.repository / "new")
    code, body = server.post(load, {"parameters": {"bundle": str(server.repository / "new"), "require_same": True}})
    said = json.loads(body)
    assert (code, said["version"], said["before"]) == (200, "2", "1"), body
    assert {one["output"]: one["max_abs"] for one in said["differences"]} == {"net_input": 0, "label": 0}
    for version, answered in (("", "2"), ("1", "1"), ("2", "2")):
        found = infer(client, values, version=version)
        assert (found.get_response()["model_version"], found.as_numpy("net_input").tobytes()) == (answered, wanted)
    assert server.post("/v2/repository/models/iris-adaline/rollback")[0] == 200
    assert infer(client, values).get_response()["model_version"] == "1"
    assert server.post("/v2/repository/models/iris-adaline/rollback")[0] == 409
