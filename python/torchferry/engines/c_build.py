"""Building an object of the engine `c` from sources that have been checked: in a private folder that is gone afterwards.

cpp/engines/c_build.cpp is its twin: the same compiler, options and messages.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from torchferry.engines.machine import VNNI, triples
from torchferry.engines.private_folder import private_folder
from torchferry.errors import ExitCode, FerryError

# Contraction is off in the source too; visibility: only what engine.c shows to a session.
OPTIONS = ("-std=c99", "-O3", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=hidden", "-s")
OBJECT = "model.so"
WEIGHTS = "model.weights.bin"
_DECIMAL = [str(byte).encode() for byte in range(256)]
# What every model includes: a compiler that cannot build this is no C compiler for this machine.
_PROBE = b"#include <float.h>\n#include <stddef.h>\n#include <stdint.h>\nextern const size_t ferryProbe;\nconst size_t ferryProbe = 1;\n"


def find_compiler() -> list[str] | None:
    """Return the C compiler's command: CC where it is set, else cc, gcc or clang; None where there is none."""
    wanted = os.environ.get("CC", "").split()
    for command in [wanted] if wanted else [["cc"], ["gcc"], ["clang"]]:
        if shutil.which(command[0]) is not None:
            return command
    return None


def sources_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the C files among an artifact's; the first is the one to compile."""
    return {path: data for path, data in files.items() if path.endswith((".c", ".h")) and "/" not in path}


def digest_of(sources: Mapping[str, bytes]) -> str:
    """Return what an object says of the files that it was built from: the SHA-256 of each."""
    return ",".join(hashlib.sha256(data).hexdigest() for data in sources.values())


def require_own_weights(files: Mapping[str, bytes]) -> None:
    """Refuse weights as a file that are not those of weights.c, which is what a session runs. Raises FerryError(FORMAT)."""
    if WEIGHTS not in files:
        return
    found, _, _ = files.get("weights.c", b"").partition(b"{")[2].partition(b"}")
    if found.translate(None, b" \n") != b",".join(map(_DECIMAL.__getitem__, files[WEIGHTS])):
        raise FerryError(
            ExitCode.FORMAT,
            f"{WEIGHTS}: got other bytes than those of weights.c, which the session runs, expected the same; export it again",
        )


def build(sources: Mapping[str, bytes], triple: str) -> bytes:
    """Build the shared object. Raises FerryError: UNAVAILABLE without a C compiler that works, FORMAT for sources that are no C."""
    compiler = find_compiler()
    if compiler is None:
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"engine c: got no object for {triples()[0]} in the bundle and no C compiler to build one, expected either; "
            "install gcc or clang, set CC, or export the bundle on such a machine",
        )
    command = [*compiler, *OPTIONS, *_level_option(triple)]
    file = next(iter(sources))
    built, problem = _compile([*command, f'-DFERRY_SOURCES="{digest_of(sources)}"'], sources)
    if built is not None:
        return built
    if _compile(command, {"probe.c": _PROBE})[0] is None:
        raise FerryError(
            ExitCode.UNAVAILABLE,
            f"engine c: got a C compiler, {compiler[0]}, that builds nothing here ({problem}), expected one that works; set CC to another",
        )
    raise FerryError(ExitCode.FORMAT, f"{file}: got C that {compiler[0]} cannot compile: {problem}; export the bundle again")


def _level_option(triple: str) -> list[str]:
    level, vnni, _ = triple.partition("-")[0].removeprefix("x86_64_").partition(VNNI)
    return [f"-march=x86-64-{level}", *(["-mavx512vnni"] if vnni else [])] if level.startswith("v") else []


def _compile(command: Sequence[str], sources: Mapping[str, bytes]) -> tuple[bytes | None, str]:
    """Return the object, or None and the compiler's first complaint."""
    with private_folder("ferry-c-") as name:
        folder = Path(name)
        for path, data in sources.items():
            (folder / path).write_bytes(data)
        arguments = [*command, str(folder / next(iter(sources))), "-o", str(folder / OBJECT)]
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            preexec_fn=_heed_children if _ignores_children() else None,
        )
        if done.returncode == 0 and (folder / OBJECT).exists():  # where SIGCHLD is ignored, the status is always 0
            return (folder / OBJECT).read_bytes(), ""
        return None, _complaint(done.stderr.decode("utf-8", "replace").replace(f"{folder}/", ""))


def _ignores_children() -> bool:
    return signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN


def _heed_children() -> None:
    """Restore SIGCHLD: a compiler that inherits an ignored one from the host program cannot wait for its own parts."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _complaint(text: str) -> str:
    """Return the first line that names an error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line]
    return (errors or lines or ["it says nothing"])[0][:300]
