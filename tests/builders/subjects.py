"""The engines of both languages behind one call, so that one suite can be run on all of them.

An engine is found, never listed: Python's in the registry of formats, C++'s as plugins in the build folder.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier
from typing import Protocol

import numpy as np

from builders.isolation import can_isolate
from torchferry.bundle.contract import Array
from torchferry.bundle.reader import open_bundle
from torchferry.engines import Session
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry

PLUGIN = "libferry_engine_{}.so"
Named = Mapping[str, Array]


@dataclass(frozen=True)
class Answer:
    """What one request came to: the outputs of every call of every worker, or the code and line of a refusal."""

    outputs: Sequence[Named] = ()
    code: int = ExitCode.OK
    problem: str = ""

    @property
    def only(self) -> Named:
        """The outputs of the one call."""
        assert self.code == ExitCode.OK, self.problem
        (outputs,) = self.outputs
        return outputs


class NoSessionError(Exception):
    """The session did not open."""

    def __init__(self, code: int, problem: str) -> None:
        super().__init__(problem)
        self.code = code


@dataclass(frozen=True)
class Question:
    """How the requests are put to one session."""

    device: str = "cpu"
    threads: int = 1
    workers: int = 1
    calls: int = 1


class Subject(Protocol):
    """An engine of one language."""

    engine: str

    @property
    def language(self) -> str:
        """Also says whether it is isolated."""

    def ask(self, bundle: Path, requests: Sequence[Named], how: Question) -> list[Answer]:
        """Put the requests to one session, in order. Raises NoSessionError."""


@dataclass(frozen=True)
class PythonEngine:
    """`torchferry.engines.Session` inside this process."""

    engine: str
    language: str = field(default="python", init=False)

    def ask(self, bundle: Path, requests: Sequence[Named], how: Question) -> list[Answer]:
        """See Subject."""
        try:
            session = Session(open_bundle(bundle), self.engine, device=how.device, threads=how.threads, allow_native=True)
        except FerryError as error:
            raise NoSessionError(error.code, str(error)) from None
        return [self._answer(session, request, how) for request in requests]

    def _answer(self, session: Session, inputs: Named, how: Question) -> Answer:
        before = {name: array.tobytes() for name, array in inputs.items()}
        start = Barrier(how.workers)

        def work(_: int) -> list[Named]:
            start.wait()
            return [session.run(inputs) for _ in range(how.calls)]

        try:
            with ThreadPoolExecutor(how.workers) as pool:
                outputs = [call for calls in pool.map(work, range(how.workers)) for call in calls]
        except FerryError as error:
            return Answer(code=error.code, problem=str(error))
        assert before == {name: array.tobytes() for name, array in inputs.items()}, "the engine wrote into the caller's inputs"
        return Answer(outputs)


@dataclass(frozen=True)
class CppEngine:
    """`ferry::Session` in tests/conformance/driver.cpp, in its process or in isolation."""

    engine: str
    build: Path
    isolated: bool = False

    @property
    def language(self) -> str:
        """See Subject."""
        return "c++ isolated" if self.isolated else "c++"

    def ask(self, bundle: Path, requests: Sequence[Named], how: Question) -> list[Answer]:
        """See Subject."""
        with TemporaryDirectory() as name:
            folders = [Path(name) / str(index) for index in range(len(requests))]
            for folder, inputs in zip(folders, requests, strict=True):
                folder.mkdir()
                for key, array in inputs.items():
                    np.save(folder / f"{key}.npy", array)
            options = [how.device, how.threads, how.workers, how.calls, "isolated" if self.isolated else "here"]
            self._run(str(bundle), self.engine, *map(str, options), *map(str, folders))
            return [_read_answer(folder, how) for folder in folders]

    def _run(self, *arguments: str) -> None:
        program = self.build / "tests" / "ferry-conformance"
        assert program.exists(), f"{program} is missing; run `make build` first"
        done = subprocess.run([program, *arguments], capture_output=True, timeout=120, check=False)
        assert done.returncode >= 0, f"killed by signal {-done.returncode}: {done.stderr.decode()}"
        if done.returncode:
            raise NoSessionError(done.returncode, done.stderr.decode().removeprefix("error: "))


def _read_answer(folder: Path, how: Question) -> Answer:
    refusal = folder / "refusal"
    if refusal.exists():
        code, problem = refusal.read_text().split("\n", 1)
        return Answer(code=int(code), problem=problem.strip())
    calls = [folder / f"{worker}-{call}" for worker in range(how.workers) for call in range(how.calls)]
    return Answer([dict(_read_outputs(call)) for call in calls])


def _read_outputs(folder: Path) -> Iterator[tuple[str, Array]]:
    """In the order in which the session gave them."""
    for path in sorted(folder.iterdir(), key=lambda path: int(path.name.partition(".")[0])):
        yield path.stem.partition(".")[2], np.load(path)


def find_subjects(build: Path) -> list[Subject]:
    """Every engine that there is, of both languages; a plugin is looked for where ferry-run looks."""
    start, end = PLUGIN.split("{}")
    folders = [build / "lib" / "ferry", *map(Path, filter(None, os.environ.get("FERRY_ENGINE_DIR", "").split(":")))]
    plugins = sorted(path for folder in folders for path in folder.glob(PLUGIN.format("*")))
    cpp = [path.name.removeprefix(start).removesuffix(end) for path in plugins]
    isolated = [CppEngine(engine, build, True) for engine in cpp if can_isolate()]
    return [*map(PythonEngine, registry.engines()), *(CppEngine(engine, build) for engine in cpp), *isolated]
