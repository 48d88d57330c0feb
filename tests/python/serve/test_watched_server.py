"""`ferry serve --join --shadow --log`, asked from another process: bits, the log, the counters of the shadow."""

from __future__ import annotations

import json
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

from builders.ports import free_port
from builders.programs import Program
from builders.scoring import start, stop
from builders.zoo import Zoo

pytest.importorskip("ray", reason="ray is not installed: pip install 'torchferry[serve]'")

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
PATIENCE_S = 500


@dataclass(frozen=True)
class Watched:
    """A server with its bundle, its log and what it said."""

    url: str
    bundle: Path
    log: Path
    errors: Path

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=60) as found:
                return found.status, found.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def infer(self, image: Any, **headers: str) -> tuple[dict[str, Any], dict[str, str]]:
        tensor = {"name": "image", "shape": list(image.shape), "datatype": "UINT8", "data": image.ravel().tolist()}
        asked = urllib.request.Request(
            f"{self.url}/v2/models/classifier/infer", json.dumps({"inputs": [tensor]}).encode(), headers, method="POST"
        )
        with urllib.request.urlopen(asked, timeout=120) as found:
            return json.load(found), {name.lower(): value for name, value in found.headers.items()}

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def counted(self, name: str) -> dict[str, float]:
        lines = [line for line in self.get("/metrics")[1].splitlines() if line.startswith(name)]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


pytestmark = pytest.mark.slow  # a server of its own; what every server does is in test_server.py


@pytest.fixture(scope="module")
def server(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    bundle, folder, port = zoo.bundle("classifier", "c"), tmp_path_factory.mktemp("watched"), free_port()
    assert bundle is not None
    found = Watched(f"http://127.0.0.1:{port}", bundle, folder / "log.jsonl", folder / "stderr")
    options = ["--join", 16, "--join-wait", 50, "--shadow", "eager", "--shadow-every", 2, "--log", found.log]
    with found.errors.open("wb") as errors:
        process = start("serve", bundle, "--engine", "c", "--allow-native", "--port", port, *options, errors=errors)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while "ready: classifier" not in found.errors.read_text():
            assert process.poll() is None, found.errors.read_text()
            assert time.monotonic() < deadline, found.errors.read_text()
            time.sleep(0.2)
        yield found
    finally:
        stop(process)


def images(count: int) -> list[Any]:
    random = np.random.default_rng(5)
    return [random.integers(0, 256, (1 + index % 3, 4, 4), np.uint8) for index in range(count)]


def test_answers_of_many_callers_have_the_bits_of_ferry_run(server: Watched, ferry_run: Program, tmp_path: Path) -> None:
    calls = images(24)
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda call: server.infer(call)[0], calls))
    for call, answer in zip(calls, found, strict=True):
        np.save(tmp_path / "call.npy", call)
        options = ["--engine", "c", "--allow-native", "--batch", len(call), "--input", tmp_path / "call.npy"]
        assert ferry_run("predict", server.bundle, *options, "--output", tmp_path / "alone.npz").code == 0
        alone = dict(np.load(tmp_path / "alone.npz"))
        for output in answer["outputs"]:
            expected = alone[output["name"]]
            assert np.array(output["data"], expected.dtype).tobytes() == expected.tobytes()


def test_each_request_leaves_one_line_under_its_own_id_and_trace(server: Watched) -> None:
    answer, headers = server.infer(images(3)[2], traceparent=PARENT, **{"X-Request-Id": "the-42nd"})
    assert headers["x-request-id"] == "the-42nd"
    assert headers["traceparent"].startswith(PARENT[:36])
    (line,) = [one for one in server.lines() if one["request_id"] == "the-42nd"]
    assert (line["trace_id"], line["parent_id"], line["span_id"]) == (PARENT[3:35], PARENT[36:52], headers["traceparent"][36:52])
    assert (line["model"], line["version"], line["engine"], line["rows"]) == ("classifier", "1", "c", 3)
    assert (line["status"], line["protocol"], line["seconds"] > 0) == (200, "http", True)
    assert len(answer["outputs"]) == 3


def test_a_refused_request_is_logged_with_its_reason(server: Watched) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        server.infer(np.zeros((1, 3, 4), np.uint8), **{"X-Request-Id": "wrong"})
    (line,) = [one for one in server.lines() if one["request_id"] == "wrong"]
    assert (line["status"], "dim 1: got 3, expected 4" in line["error"]) == (400, True)


def test_the_shadow_repeats_one_call_of_two_within_the_bound(server: Watched) -> None:
    def repeated(result: str) -> float:
        return sum(count for name, count in server.counted("ferry_shadow_calls_total").items() if f'result="{result}"' in name)

    before = repeated("within")
    for call in images(8):
        server.infer(call)
        time.sleep(0.2)
    deadline = time.monotonic() + 60
    while repeated("within") + repeated("dropped") < before + 3 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert repeated("within") > before
    assert (repeated("outside"), repeated("failed")) == (0, 0)
    differences = server.counted("ferry_shadow_difference")
    assert len(differences) == 3
    assert all(0 <= value < 1e-5 for value in differences.values())


def test_a_port_that_is_taken_is_refused(server: Watched, ferry: Program) -> None:
    done = ferry("serve", server.bundle, "--engine", "eager", "--port", server.url.rpartition(":")[2])
    assert (done.code, done.stderr.count("\n")) == (6, 2), done.stderr
    assert "expected to listen there (Address already in use)" in done.stderr
    assert server.get("/v2/health/live")[0] == 200


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        pytest.param(
            ["--engine", "eager", "--shadow", "eager"], 2, "--shadow: got eager, which answers for", marks=pytest.mark.slow
        ),
        (["--engine", "eager", "--join", "4"], 2, "got engine eager, whose bits for a sample may change"),
        (["--join", "4", "--join-keeps", "all"], 2, "--join-keeps: got 'all', expected bits or bound"),
        (["--join", "-1"], 2, "--join"),
        pytest.param(["--engine", "eager", "--log", "/nowhere/log"], 6, "--log: /nowhere/log", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_served_is_one_line(zoo: Zoo, ferry: Program, options: list[str], code: int, words: str) -> None:
    done = ferry("serve", zoo.bundle("classifier", "c"), *options)
    assert (done.code, words in done.stderr) == (code, True), done.stderr
