"""Every verb of both programs under strace: no file is opened but those of the bundle, of the programs and of the system, nothing is
written but the answer, nothing is started but what a flag allows, and there is no socket."""

from __future__ import annotations

import os
import shutil
import site
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from builders.forms import zip_folder
from builders.isolation import can_isolate
from builders.programs import BUILD, ROOT, run_here
from builders.system_calls import Trace, trace
from builders.zoo import SPECIES, Zoo
from torchferry.errors import ExitCode

pytestmark = [
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing; type: sudo apt-get install strace"),
    pytest.mark.skipif(not can_isolate(), reason="no libseccomp at the build, or a kernel without Landlock"),
]

FERRY_RUN, FERRY_CELL = BUILD / "bin" / "ferry-run", BUILD / "lib" / "ferry" / "ferry-cell"

# What any program may read: prefixes of paths without links, and why.
READ = {
    "/etc/ld.so.cache": "the dynamic linker",
    "/usr/lib": "libraries, locales",
    "/lib": "libraries",
    "/usr/local/lib": "libraries: ferry-cell opens the folder to let models read there",
    "/proc/": "the process itself, the processors, the memory",
    "/sys/": "the processors",
    "/dev/null": "nothing",
    "/dev/urandom": "random numbers",
}
# What an interpreter may read too.
READ_BY_PYTHON = {
    str(Path(sys.base_prefix).resolve()): "the interpreter",
    str(Path(sys.prefix).resolve()): "its environment",
    **{str(Path(folder).resolve()): "where modules are looked for" for folder in sys.path if Path(folder).is_absolute()},
    str(Path(sys.executable).resolve().parent): "its program",
    **{str(Path(folder).resolve()): "installed packages" for folder in (*site.getsitepackages(), sysconfig.get_path("purelib"))},
    str(ROOT / "python"): "torchferry",
    "/etc/locale.alias": "names of languages",
    "/etc/ssl/openssl.cnf": "settings of OpenSSL, which computes SHA-256 for Python",
    "/etc/localtime": "the time zone",
    "/usr/share/zoneinfo": "the time zone",
    "/etc/passwd": "the name of the user",
    "/etc/nsswitch.conf": "where the name of the user stands",
    "/etc/mime.types": "kinds of files, which Python's standard library reads",
}
WRITE = {"/dev/null": "nothing", "/proc/self/": "the process itself", "/dev/shm/": "memory of threads"}


@dataclass(frozen=True)
class Place:
    """Where a program runs: a folder with decoys, an empty home, and folders for temporary files and for answers."""

    root: Path

    def __post_init__(self) -> None:
        for name in ("decoys", "home", "temporary", "answers"):
            (self.root / name).mkdir(parents=True)
        for name in ("libtorch.so", "model.onnx", "torch.py", "sitecustomize.py", "manifest.json", "secret.txt"):
            (self.root / "decoys" / name).write_text("decoy")

    def run(self, name: str, *command: object) -> Trace:
        kept = ("PATH", "PYTHONPATH", "LANG", "FERRY_ENGINE_DIR")
        environment = {key: os.environ[key] for key in kept if key in os.environ}
        environment |= {"HOME": str(self.root / "home"), "TMPDIR": str(self.root / "temporary"), "PYTHONDONTWRITEBYTECODE": "1"}
        environment["USER"] = "somebody"  # otherwise torch asks the system's service of names, through a socket
        environment |= {"PYTHONSAFEPATH": "1"} if sys.version_info >= (3, 11) else {}
        return trace(self.root / f"log-{name}", list(command), cwd=self.root / "decoys", environment=environment)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


def outside(paths: set[str], *allowed: str) -> list[str]:
    return sorted(path for path in paths if not path.startswith(allowed) and not path.startswith(("pipe:", "socket:", "anon_")))


def assert_harmless(
    found: Trace, place: Place, *readable: object, starts: tuple[object, ...] = (), writable: tuple[object, ...] = ()
) -> None:
    """Hold a program to the tables; it may also read `readable`, change `writable`, and start `starts` in this order."""
    assert found.code in (ExitCode.OK, ExitCode.MISMATCH), found.stderr
    own = (str(place.root / "temporary"), str(place.root / "answers"), *map(str, writable))
    assert outside(found.read, *READ, str(BUILD), *map(str, readable), *own) == []
    assert outside(found.written, *WRITE, *own) == []
    assert [Path(path).name for path in found.started] == [Path(str(program)).name for program in starts]
    assert found.connections == []
    left = [path.name for path in (place.root / "temporary").iterdir()]
    assert left in ([], ["torchinductor_somebody"]), "a temporary file is left that is none of torch's caches"


# ---- bundles ------------------------------------------------------------------------------------------------------------


def unsigned(bundle: Path, _: Path) -> tuple[Path, list[object]]:
    return bundle, []


def signed(bundle: Path, folder: Path) -> tuple[Path, list[object]]:
    """Sign a copy, and trust the key."""
    copy = Path(shutil.copytree(bundle, folder / "signed"))
    assert run_here("key", folder / "mine", "--no-password").code == ExitCode.OK
    assert run_here("sign", copy, "--key", folder / "mine.key").code == ExitCode.OK
    return copy, ["--trust", folder / "mine.pub"]


def one_file(bundle: Path, folder: Path) -> tuple[Path, list[object]]:
    return zip_folder(bundle, folder / "one.ferry"), []


FORMS: list[Callable[[Path, Path], tuple[Path, list[object]]]] = [unsigned, signed, one_file]


def sample_of(bundle: Path) -> Path:
    return next(path for path in sorted((bundle / "golden").iterdir()) if ".input." in path.name and "batch-1." in path.name)


# ---- ferry-run ------------------------------------------------------------------------------------------------------------


def verbs_of_ferry_run(bundle: Path, sample: Path, engine: list[object], answer: Path) -> dict[str, list[object]]:
    return {
        "inspect": ["inspect", bundle],
        "verify": ["verify", bundle, *engine],
        "predict": ["predict", bundle, *engine, "--input", sample, "--output", answer],
        "bench": ["bench", bundle, *engine, "--batch", 1, "--calls", 2],
    }


def check_ferry_run(place: Place, bundle: Path, sample: Path, engine: str, more: list[object], isolate: str) -> None:
    options: list[object] = ["--engine", engine, "--allow-native", isolate, *more]
    for verb, words in verbs_of_ferry_run(bundle, sample, options, place.root / "answers" / "answer.jsonl").items():
        words = [*words, *(more if verb == "inspect" else [])]
        found = place.run(f"{verb}{isolate}", FERRY_RUN, *words)
        starts = (FERRY_RUN, *((FERRY_CELL,) if isolate == "--isolate" and verb != "inspect" else ()))
        keys = [word for word in more if isinstance(word, Path)]
        assert_harmless(found, place, bundle, sample, *keys, *runtimes(), starts=starts)


def runtimes() -> list[Path]:
    """The folders of LibTorch, ONNX Runtime and ExecuTorch that the plugins were built with."""
    return [Path(sysconfig.get_path("purelib")).resolve()]


IRIS = ROOT / "exported" / "iris-adaline"


@pytest.mark.parametrize("isolate", ["--isolate", "--no-isolate"])
def test_ferry_run_keeps_to_the_bundle(place: Place, isolate: str) -> None:
    check_ferry_run(place, IRIS, sample_of(IRIS), "onnxruntime", [], isolate)


@pytest.mark.slow
@pytest.mark.parametrize("isolate", ["--isolate", "--no-isolate"])
@pytest.mark.parametrize("engine", ["torchscript", "onnxruntime"])
@pytest.mark.parametrize("form", FORMS)
def test_ferry_run_keeps_to_every_form_of_the_bundle(
    place: Place,
    reference_bundle: Path,
    tmp_path: Path,
    form: Callable[[Path, Path], tuple[Path, list[object]]],
    engine: str,
    isolate: str,
) -> None:
    bundle, more = form(reference_bundle, tmp_path)
    check_ferry_run(place, bundle, sample_of(reference_bundle), engine, more, isolate)


@pytest.mark.slow
@pytest.mark.parametrize("isolate", ["--isolate", "--no-isolate"])
@pytest.mark.parametrize("engine", ["aoti", "c", "c-int8", "executorch"])
def test_ferry_run_keeps_to_the_bundle_with_every_engine(
    place: Place, zoo: Zoo, tmp_path: Path, engine: str, isolate: str
) -> None:
    bundle = zoo.bundle("classifier", engine)
    if bundle is None:
        pytest.skip(f"{engine} cannot be exported here")
    sample = tmp_path / "image.npy"
    np.save(sample, SPECIES["classifier"].inputs(1)["image"])
    check_ferry_run(place, bundle, sample, engine, [], isolate)


# ---- ferry ----------------------------------------------------------------------------------------------------------------


def verbs_of_ferry(place: Place, bundle: Path, sample: Path, more: list[object]) -> dict[str, list[object]]:
    answers = place.root / "answers"
    engine: list[object] = ["--engine", "onnxruntime", *more]
    return {
        "inspect": ["inspect", bundle, *more],
        "verify": ["verify", bundle, *more],
        "verify-isolated": ["verify", bundle, *engine, "--isolate"],
        "verify-all": ["verify", bundle, *engine, "--all"],
        "predict": ["predict", bundle, *engine, "--input", sample, "--output", answers / "answer.jsonl"],
        "bench": ["bench", bundle, *engine, "--batch", 1, "--calls", 2],
        "diff": ["diff", bundle, "--engines", "onnxruntime,torchscript", *more],
        "diff-layers": ["diff", bundle, *engine],
        "report": ["report", bundle, "-o", answers / "report.html", *more],
        "pack": ["pack", bundle, "--out", answers / "packed.ferry", *more],
    }


# matplotlib lists the system's fonts the first time and keeps the list in the home of the user.
FONTS = ("/etc/fonts", "/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/fontconfig", "/var/cache/fontconfig")
QUICK = ["inspect", "pack", "predict"]
ALL = ["bench", "diff", "diff-layers", "inspect", "pack", "predict", "report", "verify", "verify-all", "verify-isolated"]
STARTS = {"verify-isolated", "verify-all", "report"}  # these ask ferry-run, which isolates


def check_ferry(place: Place, bundle: Path, sample: Path, more: list[object], verb: str) -> None:
    words = verbs_of_ferry(place, bundle, sample, more)[verb]
    allowed = {Path(sys.executable).name, *(("ferry-run", "ferry-cell") if verb in STARTS else ())}
    homes = [place.root / "home" / name / "matplotlib" for name in (".cache", ".config")] if verb == "report" else []
    if homes:
        allowed.add("fc-list")
        for home in homes:
            home.parent.mkdir()
    found = place.run(verb, sys.executable, "-m", "torchferry", *words)
    keys = [word for word in more if isinstance(word, Path)]
    assert {Path(path).name for path in found.started} <= allowed
    found.started.clear()
    fonts = FONTS if homes else ()
    assert_harmless(found, place, bundle, sample, *keys, *READ_BY_PYTHON, *fonts, writable=tuple(homes))


@pytest.mark.parametrize("verb", QUICK)
def test_ferry_keeps_to_the_bundle(place: Place, verb: str) -> None:
    check_ferry(place, IRIS, sample_of(IRIS), [], verb)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ALL)
@pytest.mark.parametrize("form", FORMS)
def test_ferry_keeps_to_every_form_of_the_bundle(
    place: Place,
    reference_bundle: Path,
    tmp_path: Path,
    form: Callable[[Path, Path], tuple[Path, list[object]]],
    verb: str,
) -> None:
    bundle, more = form(reference_bundle, tmp_path)
    if verb == "pack" and bundle.is_file():
        pytest.skip("it is packed already")
    check_ferry(place, bundle, sample_of(reference_bundle), more, verb)
