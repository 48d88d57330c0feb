"""What .ci/wheel-licences adds to a wheel: a licence and its text for each library that auditwheel has copied in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from builders.programs import ROOT

SCRIPT = ROOT / ".ci" / "wheel-licences"
DEBIAN = Path("/usr/share/doc")
pytestmark = pytest.mark.skipif(not (DEBIAN / "libsodium23" / "copyright").is_file(), reason="not a Debian with libsodium")


def add_licences(folder: Path, *libraries: str) -> subprocess.CompletedProcess[str]:
    """Complete the bill of an unpacked wheel with those libraries."""
    sboms = folder / "torchferry-0.1.0.dist-info" / "sboms"
    sboms.mkdir(parents=True)
    components = [{"type": "library", "name": name} for name in ("torchferry", *libraries)]
    (sboms / "auditwheel.cdx.json").write_text(json.dumps({"components": components}))
    code = (
        "import sys; from importlib.machinery import SourceFileLoader as Loader; from pathlib import Path; "
        f"Loader('licences', {str(SCRIPT)!r}).load_module().add_licences(Path(sys.argv[1]))"
    )
    return subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=False)


def test_each_library_gets_its_licence_and_debian_s_text(tmp_path: Path) -> None:
    done = add_licences(tmp_path, "libsodium23")
    assert done.returncode == 0, done.stderr
    (information,) = tmp_path.iterdir()
    bill = json.loads((information / "sboms" / "auditwheel.cdx.json").read_text())
    licences = {component["name"]: component.get("licenses") for component in bill["components"]}
    assert licences.pop("torchferry") is None
    assert licences["libsodium23"] == [{"expression": "ISC"}]
    assert {"nlohmann-json3-dev", "libcli11-dev", "libstb-dev"} < set(licences)
    for name in licences:
        assert (information / "licenses" / f"{name}.txt").read_text() == (DEBIAN / name / "copyright").read_text()


def test_a_library_without_a_known_licence_is_an_error(tmp_path: Path) -> None:
    done = add_licences(tmp_path, "libreadline8")
    assert done.returncode == 1
    assert done.stderr.startswith("error: libreadline8: got a library that is copied into the wheel, expected one of ")
    assert done.stderr.count("\n") == 1
