"""What Debian's users install: three packages that are built, installed, used and removed; and an image of one program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from builders.binaries import needed
from builders.programs import BUILD, ROOT
from builders.zoo import Zoo
from torchferry.errors import ExitCode
from torchferry.version import VERSION

SERIES = VERSION.rpartition(".")[0]
BUNDLE = ROOT / "exported" / "digits-mlp"
PACKAGES = ["ferry-run", "libferry-dev", f"libferry{SERIES}"]
IMAGE_MB = 60
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in {"LD_LIBRARY_PATH", "FERRY_ENGINE_DIR"}}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may install a package or change its root folder")


def run(*command: object, code: int = 0, **options: object) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, env=ENVIRONMENT, **options
    )  # type: ignore[call-overload]
    assert done.returncode == code, done.stdout + done.stderr
    return str(done.stderr if code else done.stdout)


@pytest.fixture(scope="module")
def debs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The packages, by name."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg is not installed: not a Debian")
    folder = tmp_path_factory.mktemp("debs")
    run("cpack", "-G", "DEB", "-B", folder, cwd=BUILD)
    return {run("dpkg-deb", "-f", deb, "Package").strip(): deb for deb in folder.glob("*.deb")}


@pytest.fixture
def system(debs: dict[str, Path], tmp_path: Path) -> Path:
    """The root folder of a system in which the packages are installed, without what they depend on."""
    root = tmp_path / "system"
    for folder in ("updates", "info", "triggers"):
        (root / "var/lib/dpkg" / folder).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    run("dpkg", f"--root={root}", "--force-depends", "--install", *debs.values())
    return root


def test_there_is_a_package_for_each_kind_of_user(debs: dict[str, Path]) -> None:
    assert sorted(debs) == PACKAGES
    for name, deb in debs.items():
        fields = run("dpkg-deb", "-f", deb)
        assert f"Version: {VERSION}\n" in fields
        assert f"/usr/share/doc/{name}/copyright" in run("dpkg-deb", "--contents", deb)
        if not name.startswith("libferry0"):
            assert f"libferry{SERIES} (= {VERSION})" in fields


@pytest.mark.skipif(shutil.which("dpkg-shlibdeps") is None, reason="dpkg-dev is not installed")
def test_a_package_names_the_libraries_that_it_needs(debs: dict[str, Path]) -> None:
    depends = run("dpkg-deb", "-f", debs[f"libferry{SERIES}"], "Depends")
    assert {"libc6", "libsodium23", "libstdc++6"} <= set(re.findall(r"[a-z0-9+.-]{4,}", depends)), depends
    assert "torch" not in depends


@needs_root
def test_an_installed_program_verifies_and_a_removed_one_leaves_nothing(system: Path, debs: dict[str, Path], zoo: Zoo) -> None:
    program = system / "usr/bin/ferry-run"
    assert "PASSED c" in run(program, "verify", zoo.bundle("classifier", "c"), "--engine", "c", "--allow-native")
    assert "digits-mlp" in run(program, "inspect", BUNDLE)
    run(program, "verify", BUNDLE, "--engine", "torchscript", code=ExitCode.UNAVAILABLE)  # in no package
    run("dpkg", f"--root={system}", "--purge", *debs)
    assert [path for path in (system / "usr").rglob("*") if not path.is_dir()] == []


@needs_root
@pytest.mark.skipif(shutil.which("pkg-config") is None, reason="pkg-config is not installed")
def test_a_program_is_built_by_pkg_config_and_asks_for_the_series(system: Path, tmp_path: Path) -> None:
    flags = run("env", f"PKG_CONFIG_PATH={system}/usr/lib/pkgconfig", "pkg-config", "--cflags", "--libs", "ferry").split()
    assert run("env", f"PKG_CONFIG_PATH={system}/usr/lib/pkgconfig", "pkg-config", "--modversion", "ferry").strip() == VERSION
    program = tmp_path / "program"
    source = tmp_path / "program.cpp"
    source.write_text(
        "#include <ferry/ferry.hpp>\n#include <iostream>\n"
        'int main(int, char** words) { std::cout << ferry::Bundle::open(words[1]).contract().inputs[0].name << "\\n"; }\n'
    )
    run("g++", "-std=c++20", source, "-o", program, *flags)
    assert f"libferry.so.{SERIES}" in needed(program)
    assert run("env", f"LD_LIBRARY_PATH={system}/usr/lib", program, BUNDLE) == "image\n"


# As a container runtime starts an image: /proc and /dev/null are its own.
IN_CONTAINER = (
    'mount -t proc proc "$0/proc" && touch "$0/dev/null" && mount --bind /dev/null "$0/dev/null" && exec chroot "$0" "$@"'
)


def may_mount() -> bool:
    words = ["unshare", "--mount", "true"]
    return shutil.which("unshare") is not None and subprocess.run(words, check=False, capture_output=True).returncode == 0


@needs_root
@pytest.mark.skipif(not may_mount(), reason="this root may not mount")
@pytest.mark.parametrize("engine", ["c", "executorch"])
def test_an_image_holds_the_program_and_no_shell(engine: str, zoo: Zoo, tmp_path: Path) -> None:
    bundle, root = zoo.bundle("classifier", engine), tmp_path / "image"
    if bundle is None or not (BUILD / "lib" / "ferry" / f"libferry_engine_{engine}.so").exists():
        pytest.skip(f"engine {engine} is not here")
    run("cmake", "--install", BUILD, "--prefix", tmp_path / "prefix")
    run(ROOT / "cpp/examples/image/assemble", tmp_path / "prefix", root, engine)
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    assert size < IMAGE_MB * 1e6
    assert [path.name for path in (root / "usr/bin").iterdir()] == ["ferry-run"]
    shutil.copytree(bundle, root / "bundle")
    verify = ("/usr/bin/ferry-run", "verify", "/bundle", "--engine", engine, "--allow-native")
    verify = ("unshare", "--mount", "sh", "-c", IN_CONTAINER, root, *verify)  # type: ignore[assignment]
    assert f"PASSED {engine}" in run(*verify)


@needs_root
def test_a_program_without_proc_still_finds_its_engines(zoo: Zoo, tmp_path: Path) -> None:
    run("cmake", "--install", BUILD, "--prefix", tmp_path / "prefix")
    run(ROOT / "cpp/examples/image/assemble", tmp_path / "prefix", tmp_path / "image", "c")
    shutil.copytree(str(zoo.bundle("classifier", "c")), tmp_path / "image" / "bundle")
    assert "PASSED c" in run("chroot", tmp_path / "image", "/usr/bin/ferry-run", "verify", "/bundle", "--allow-native")


def test_an_image_without_the_engine_that_was_asked_for_is_refused(tmp_path: Path) -> None:
    run("cmake", "--install", BUILD, "--prefix", tmp_path / "prefix")
    run(ROOT / "cpp/examples/image/assemble", tmp_path / "prefix", tmp_path / "image", "abacus", code=ExitCode.UNAVAILABLE)
