"""`misuse.py CASE BUNDLE ENGINE ABSENT < IMAGE`: see tests/bindings/test_misuse.py."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from torchferry import native
from torchferry.errors import FerryError

Inputs = dict[str, Any]


def into(session: native.Session, inputs: Inputs, case: str) -> list[Any]:
    memory = np.zeros(128, np.uint8)
    second = {"overlap": 36, "misaligned": 41}.get(case, 40)
    logits = memory[:40].view(np.float32).reshape(1, 10)
    probabilities = np.frombuffer(memory, np.float32, 10, second).reshape(1, 10)
    label = np.zeros(1, np.int64)
    if case == "small":
        logits = logits[:, :9]
    if case == "strided":
        logits = np.zeros((1, 20), np.float32)[:, ::2]
    if case == "read-only":
        label.flags.writeable = False
    session.run_into(inputs, {"logits": logits, "probabilities": probabilities, "label": label})
    return [logits, probabilities, label]


def batched(bundle: native.Bundle, engine: str, inputs: Inputs, case: str) -> Iterable[Any]:
    wait = 0.05 if case in ("late", "batch") else 60
    with bundle.batcher(engine, most=2, wait=wait, queue=2, keep_bits=case == "kept") as batcher:
        if case == "closed-batcher":
            batcher.close()
        call = batcher.submit(inputs, limit=0.001 if case == "late" else None)
        if case == "full":
            batcher.run({"image": np.zeros((2, 8, 8), np.uint8)})
        if case in ("cancelled", "twice"):
            call.cancel()
        if case == "twice":
            call.cancel()
        return call.get().values()


def until_it_fails(call: Callable[[], object], failures: list[FerryError]) -> None:
    try:
        while True:
            call()
    except FerryError as error:
        failures.append(error)


def closing(bundle: native.Bundle, engine: str, case: str) -> None:
    """Close what four threads use, ten times; raise what the last of them got."""
    inputs, failures = {"image": np.zeros((64, 8, 8), np.uint8)}, list[FerryError]()
    for _ in range(10):
        used: Any = bundle.session(engine) if case == "closing" else bundle.batcher(engine, keep_bits=False)
        threads = [threading.Thread(target=until_it_fails, args=(partial(used.run, inputs), failures)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.02)
        used.close()
        for thread in threads:
            thread.join()
    raise failures[-1]


# What Python's own types let a program ask for.
WRONG: dict[str, Callable[[native.Bundle, native.Session, Any], object]] = {
    "no-path": lambda _bundle, _session, _image: native.open_bundle(3),  # type: ignore[arg-type]
    "no-engine": lambda bundle, _session, _image: bundle.session(None),  # type: ignore[arg-type]
    "cut-engine": lambda bundle, _session, _image: bundle.session("onnxruntime\0junk"),
    "wide-threads": lambda bundle, _session, _image: bundle.session("onnxruntime", threads=2**32 + 1),
    "text-threads": lambda bundle, _session, _image: bundle.verify(threads="2"),  # type: ignore[arg-type]
    "wide-calls": lambda bundle, _session, _image: bundle.verify(calls=2**32 + 1),
    "negative-most": lambda bundle, _session, _image: bundle.batcher("onnxruntime", most=-1),
    "nan-wait": lambda bundle, _session, _image: bundle.batcher("onnxruntime", wait=float("nan")),
    "endless-wait": lambda bundle, _session, _image: bundle.batcher("onnxruntime", wait=float("inf")),
    "text-timeout": lambda bundle, _session, _image: bundle.set_timeout("1"),  # type: ignore[arg-type]
    "no-inputs": lambda _bundle, session, _image: session.run(None),  # type: ignore[arg-type]
    "no-name": lambda _bundle, session, image: session.run({1: image}),  # type: ignore[dict-item]
    "ragged": lambda _bundle, session, _image: session.run({"image": [[1], [1, 2]]}),  # type: ignore[dict-item]
    "no-memory": lambda _bundle, session, image: session.run_into({"image": image}, {"label": [0]}),  # type: ignore[dict-item]
}


def misuse(case: str, path: str, engine: str, absent: str) -> Iterable[Any]:
    bundle = native.open_bundle(path)
    session = bundle.session(engine)
    inputs = {"image": np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(1, 8, 8)}
    if case in ("into", "small", "misaligned", "overlap", "strided", "read-only"):
        return into(session, inputs, case)
    if case == "closed":
        session.close()
        return session.run(inputs).values()
    if case in ("closing", "closing-batcher"):
        closing(bundle, engine, case)
    if case in WRONG:
        WRONG[case](bundle, session, inputs["image"])
    if case == "no-bytes":
        native.open_memory(None)  # type: ignore[arg-type]
    if case == "absent":
        return [bundle.verify(absent)]
    return batched(bundle, engine, inputs, case)


if __name__ == "__main__":
    try:
        for output in misuse(*sys.argv[1:]):
            sys.stdout.buffer.write(output.tobytes())
    except FerryError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code)
