"""What the parity tests share: both programs, the verdicts of every engine, and the mutants."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.model_faults import FAULTS
from builders.mutants import write_mutant
from builders.programs import Program
from builders.sides import ALLOW, LANGUAGES, Verify, runnable_engines
from builders.trained import Trained


@pytest.fixture
def programs(ferry_here: Program, ferry_run: Program) -> dict[str, Program]:
    """Both programs by language."""
    return {"python": ferry_here, "c++": ferry_run}


@pytest.fixture(params=LANGUAGES)
def verify(request: pytest.FixtureRequest, programs: dict[str, Program]) -> Verify:
    """The exit code of every engine of the bundle in each language."""

    def run(bundle: Path) -> dict[str, int]:
        program = programs[request.param]
        engines = runnable_engines(bundle, request.param)
        if not engines:
            pytest.skip(f"{request.param} has no engine of this bundle here")
        return {engine: program("verify", bundle, "--engine", engine, ALLOW).code for engine in engines}

    return run


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, trained: Trained) -> Callable[[str], Path]:
    """The mutant of that fault, written once for both languages."""
    folder = tmp_path_factory.mktemp("mutants")

    def make(fault: str) -> Path:
        target = folder / fault.replace(" ", "-")
        if not target.exists():
            name, change = FAULTS[fault]
            write_mutant(trained.bundle(name), change(copy.deepcopy(trained.run(name).module)).eval(), target)
        return target

    return make
