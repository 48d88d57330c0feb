"""Programs of ExecuTorch with changed bytes and correct digests, each in a process of its own, in both languages: no crash.

Half of the mutants are changed in the program's FlatBuffer, half anywhere, delegates' blobs included.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builders.bundles import reseal
from builders.programs import run_here
from builders.spread import spread
from builders.zoo import Zoo
from torchferry.errors import ExitCode

ALLOWED = {ExitCode.OK, ExitCode.MISMATCH, ExitCode.FORMAT, ExitCode.UNAVAILABLE, ExitCode.IO, ExitCode.BAD_INPUT}
LIMIT_S = 20
FERRY_RUN = Path(os.environ.get("FERRY_BUILD", Path(__file__).resolve().parents[2] / "build")) / "bin" / "ferry-run"
Start = Callable[[Path], int]


def program_size(data: bytes) -> int:
    """Bytes of the FlatBuffer, from the extended header behind its first eight bytes."""
    return int(struct.unpack_from("<Q", data, 16)[0]) if data[8:12] == b"eh00" else len(data)


def mutant(data: bytes, source: random.Random) -> bytes:
    changed = bytearray(data)
    limit = program_size(data) if source.random() < 0.5 else len(data)
    for _ in range(source.choice([1, 1, 1, 2, 4])):
        at = source.randrange(limit)
        kind = source.randrange(4)
        if kind == 0:
            changed[at] = source.randrange(256)
        elif kind == 1:
            changed[at] ^= 1 << source.randrange(8)
        else:
            value = (
                source.getrandbits(32) if kind == 2 else source.choice([0, 1, 2, 5, 17, 127, 255, 2**16, 2**31 - 1, 2**32 - 1])
            )
            at = min(at // 4 * 4, len(changed) - 4)
            struct.pack_into("<I", changed, at, value)
    return bytes(changed)


def start_python(bundle: Path) -> int:
    """Fork: the parent has imported everything."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            import resource

            resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
            os._exit(run_here("verify", bundle, "--engine", "executorch").code)
        os._exit(99)
    return child


def start_cpp(bundle: Path) -> int:
    null = os.open(os.devnull, os.O_WRONLY)
    actions = [(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
    arguments = ["prlimit", f"--cpu={LIMIT_S}", str(FERRY_RUN), "verify", str(bundle), "--engine", "executorch"]
    child = os.posix_spawnp("prlimit", arguments, dict(os.environ), file_actions=actions)
    os.close(null)
    return child


STARTS: dict[str, Start] = {"python": start_python, "c++": start_cpp}


def outcomes(bundle: Path, folder: Path, start: Start, seeds: range) -> Iterator[tuple[int, int]]:
    """Each mutant's seed and how its process ended: an exit code, or minus the signal."""
    data = (bundle / "model.pte").read_bytes()
    copy = Path(shutil.copytree(bundle, folder / "mutant"))
    for seed in seeds:
        (copy / "model.pte").write_bytes(mutant(data, random.Random(seed)))
        reseal(copy)
        _, status = os.waitpid(start(copy), 0)
        yield seed, os.waitstatus_to_exitcode(status)


@pytest.fixture(scope="module", params=["classifier", "mixed"])
def bundle(request: pytest.FixtureRequest, zoo: Zoo) -> Path:
    found = zoo.bundle(request.param, "executorch")
    if found is None:
        pytest.skip("ExecuTorch is not installed: pip install 'torchferry[executorch]'")
    return found


@pytest.mark.parametrize("language", spread(STARTS, 1))
@pytest.mark.parametrize("count", [25, pytest.param(int(os.environ.get("FERRY_MUTANTS", "2000")), marks=pytest.mark.slow)])
def test_no_mutant_crashes(bundle: Path, tmp_path: Path, language: str, count: int) -> None:
    if language == "python":
        run_here("verify", bundle, "--engine", "onnxruntime")  # imports what the children need; no pool of threads is started
        import torchferry.engines.executorch as _  # noqa: F401
    found = dict(outcomes(bundle, tmp_path, STARTS[language], range(count)))
    print(f"{bundle.name}, {language}: {sorted(Counter(found.values()).items())}", file=sys.stderr)
    assert {seed: code for seed, code in found.items() if code not in ALLOWED} == {}
