"""What .ci/wheel-licences adds to a wheel: a licence and its text for each library that was copied or compiled in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from builders.programs import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

SCRIPT = ROOT / ".ci" / "wheel-licences"
DEBIAN = Path("/usr/share/doc")
COMPILED = {"nlohmann-json": "MIT", "CLI11": "BSD-3-Clause", "stb_image": "MIT OR Unlicense"}
on_debian = pytest.mark.skipif(not (DEBIAN / "libsodium23" / "copyright").is_file(), reason="not a Debian with libsodium")
CODE = """
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
script = SourceFileLoader('licences', sys.argv[1]).load_module()
wheel, fetched, system = map(Path, sys.argv[2:])
if system.name:
    script.DEBIAN, script.RED_HAT = system / 'doc', system / 'licenses'
script.add_licences(wheel, fetched if fetched.name else None)
"""


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """An unpacked wheel without a bill."""
    folder = tmp_path / "wheel"
    (folder / "torchferry-0.1.0.dist-info").mkdir(parents=True)
    return folder


def write_bill(wheel: Path, *packages: str) -> None:
    """Write what auditwheel does: the wheel itself and the packages of what it has copied."""
    path = wheel / "torchferry-0.1.0.dist-info" / "sboms" / "auditwheel.cdx.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"components": [{"type": "library", "name": name} for name in ("torchferry", *packages)]}))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def add_licences(wheel: Path, fetched: Path = Path(), system: Path = Path()) -> subprocess.CompletedProcess[str]:
    """Complete the bill of an unpacked wheel, on this system or on one whose texts lie in `system`."""
    words = [sys.executable, "-W", "ignore", "-c", CODE, SCRIPT, wheel, fetched, system]
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)


def told(wheel: Path) -> dict[str, tuple[Any, str]]:
    """Each library of the bill with its licence and its text."""
    information = wheel / "torchferry-0.1.0.dist-info"
    bill = json.loads((information / "sboms" / "auditwheel.cdx.json").read_text())
    named = {component["name"]: component.get("licenses") for component in bill["components"]}
    assert named.pop("torchferry", None) is None
    return {
        name: (licences[0]["expression"], (information / "licenses" / f"{name}.txt").read_text())
        for name, licences in named.items()
    }


@on_debian
def test_each_library_gets_its_licence_and_debian_s_text(wheel: Path) -> None:
    write_bill(wheel, "libsodium23")
    done = add_licences(wheel)
    assert done.returncode == 0, done.stderr
    packages = {
        "libsodium23": "libsodium23",
        "nlohmann-json": "nlohmann-json3-dev",
        "CLI11": "libcli11-dev",
        "stb_image": "libstb-dev",
    }
    texts = {name: (DEBIAN / package / "copyright").read_text() for name, package in packages.items()}
    assert told(wheel) == {name: ({"libsodium23": "ISC", **COMPILED}[name], text) for name, text in texts.items()}


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    """Sources as CMake fetches them: archives, and a header alone."""
    folder = tmp_path / "fetched"
    write(folder / "nlohmann_json-src" / "LICENSE.MIT", "MIT of json")
    write(folder / "cli11-src" / "LICENSE", "BSD of CLI11")
    ending = "This software is available under 2 licenses -- choose whichever you prefer.\nALTERNATIVE A - MIT License\n"
    write(folder / "stb-src" / "stb_image.h", f"int code;\n/*\n{ending}")
    return folder


def test_red_hat_s_texts_and_those_of_fetched_sources_are_taken(wheel: Path, fetched: Path, tmp_path: Path) -> None:
    """As in the image of cibuildwheel: shared libraries of packages, headers that were fetched."""
    write_bill(wheel, "libjpeg-turbo", "libseccomp", "libsodium")
    for name in ("libjpeg-turbo", "libseccomp", "libsodium"):
        write(tmp_path / "system" / "licenses" / name / "LICENSE", f"text of {name}")
    for name in ("libjpeg-1a2b.so.62.3.0", "libseccomp-3c4d.so.2.5.2", "libsodium-5e6f.so.23.3.0"):
        write(wheel / "torchferry.libs" / name, "ELF")
    done = add_licences(wheel, fetched, tmp_path / "system")
    assert done.returncode == 0, done.stderr
    found = told(wheel)
    assert {name: text for name, (_, text) in found.items()} == {
        "libjpeg-turbo": "text of libjpeg-turbo",
        "libseccomp": "text of libseccomp",
        "libsodium": "text of libsodium",
        "nlohmann-json": "MIT of json",
        "CLI11": "BSD of CLI11",
        "stb_image": (fetched / "stb-src" / "stb_image.h").read_text().partition("/*\n")[2],
    }
    assert (found["libseccomp"][0], found["CLI11"][0]) == ("LGPL-2.1-only", "BSD-3-Clause")


def test_a_wheel_without_a_bill_gets_one_with_what_was_compiled_in(wheel: Path, fetched: Path, tmp_path: Path) -> None:
    """As on macOS: nothing is copied, libsodium is compiled from its sources."""
    write(fetched / "sodium-src" / "LICENSE", "ISC of sodium")
    done = add_licences(wheel, fetched, tmp_path / "nothing")
    assert done.returncode == 0, done.stderr
    found = told(wheel)
    assert set(found) == {"libsodium", *COMPILED}
    assert found["libsodium"] == ("ISC", "ISC of sodium")


@pytest.mark.parametrize("place", ["torchferry.libs/libreadline-1a2b.so.8", "torchferry/.dylibs/libsodium.23.dylib"])
def test_a_copied_library_that_the_bill_has_not_is_an_error(place: str, wheel: Path, fetched: Path, tmp_path: Path) -> None:
    write(wheel / place, "ELF")
    done = add_licences(wheel, fetched, tmp_path / "nothing")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"error: {place}: got a library that the bill of materials has not")


def test_a_library_without_a_known_licence_or_text_is_an_error(wheel: Path, fetched: Path, tmp_path: Path) -> None:
    write_bill(wheel, "libreadline8")
    done = add_licences(wheel)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: libreadline8: got a library that is copied into the wheel, expected one of ")
    (wheel / "torchferry-0.1.0.dist-info" / "sboms" / "auditwheel.cdx.json").unlink()
    (fetched / "cli11-src" / "LICENSE").unlink()
    done = add_licences(wheel, fetched, tmp_path / "nothing")
    assert done.stderr == "error: CLI11: got no text of its licence, expected a package libcli11-dev\n"


def test_the_wheels_of_the_workflow_get_them_too() -> None:
    """.ci/wheel and cibuildwheel, on each system: the step after the repair, with the folder that CMake fetches into."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
    for system in ("linux", "macos"):
        folder = settings[system]["environment"]["CMAKE_ARGS"].partition("-DFETCHCONTENT_BASE_DIR=")[2].split()[0]
        repair = settings[system]["repair-wheel-command"]
        assert repair.split(" && ")[-1] == f"python {{project}}/.ci/wheel-licences {{dest_dir}}/*.whl {folder}"
    assert "wheel" in settings["before-build"].split()
    assert '.ci/wheel-licences "$out"/torchferry-*.whl' in (ROOT / ".ci" / "wheel").read_text()
