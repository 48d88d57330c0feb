"""What `load` does with a version that is not to be taken, without a server."""

from __future__ import annotations

import asyncio
import shutil
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from builders.programs import ROOT
from torchferry.proof.where import Where
from torchferry.serve.refusal import RefusalError
from torchferry.serve.served import Limits, Served, choose

pytest.importorskip("ray", reason="ray is not installed: pip install 'torchferry[serve]'")
from torchferry.serve import front

BUNDLE = ROOT / "exported" / "iris-adaline"


def test_a_version_with_other_answers_starts_no_replica_where_the_same_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Served] = []
    monkeypatch.setattr(front.Replicas, "start", lambda _self, served, _shadow: started.append(served))
    other: list[dict[str, Any]] = [{"output": "label", "max_abs": 1.0, "within_tolerance": False}]
    monkeypatch.setattr(front, "_compared", lambda _before, _after: other)
    shutil.copytree(BUNDLE, tmp_path / "new")
    served = choose(str(BUNDLE), "1", Where(), engine="onnxruntime", trust=None)
    server = front.Front([served], Limits(2**20, 10, 4, 1), [str(tmp_path)])
    given = {"bundle": str(tmp_path / "new")}
    with pytest.raises(RefusalError) as caught:
        server._load("iris-adaline", {**given, "require_same": True})
    assert (caught.value.status, started) == (HTTPStatus.CONFLICT, [])
    assert server.find("iris-adaline", "").version == "1"
    assert server._load("iris-adaline", given)["version"] == "2"
    assert [one.version for one in started] == ["2"]


def test_a_request_over_the_limit_is_not_read_whatever_brought_it() -> None:
    served = choose(str(BUNDLE), "1", Where(), engine="onnxruntime", trust=None)
    server = front.Front([served], Limits(100, 10, 4, 1), [])
    for size, status in ((100, HTTPStatus.BAD_REQUEST), (101, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)):
        with pytest.raises(RefusalError) as caught:
            asyncio.run(server.answer(served, b" " * size, None))
        assert caught.value.status == status


def test_calls_beyond_those_that_are_computed_and_those_that_wait_get_503_until_one_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    served = choose(str(BUNDLE), "1", Where(), engine="onnxruntime", trust=None)
    replicas = front.Replicas(Limits(queue=3, replicas=2))

    async def ask_beyond() -> tuple[RefusalError, list[Any], Any]:
        opened = asyncio.Event()

        async def answered(_served: Served, inputs: Any) -> Any:
            await opened.wait()
            return inputs

        monkeypatch.setattr(replicas, "_call", answered)
        calls = [asyncio.create_task(replicas.call(served, {"n": index}, 10)) for index in range(5)]  # type: ignore[dict-item]
        await asyncio.sleep(0)
        with pytest.raises(RefusalError) as caught:
            await replicas.call(served, {}, 10)
        calls[0].cancel()
        await asyncio.wait(calls[:1])
        last = asyncio.create_task(replicas.call(served, {"n": 5}, 10))  # type: ignore[dict-item]
        await asyncio.sleep(0)
        opened.set()
        return caught.value, [await call for call in calls[1:]], await last

    refused, answers, last = asyncio.run(ask_beyond())
    assert (refused.status, "more than 3 waiting requests" in str(refused)) == (HTTPStatus.SERVICE_UNAVAILABLE, True)
    assert [*answers, last] == [{"n": index} for index in range(1, 6)]
