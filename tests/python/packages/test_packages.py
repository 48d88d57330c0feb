"""`ferry pack --package`: the C of bundles as what others install, built and run by their own tools."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
from builders.bundles import edit_manifest
from builders.programs import ROOT, Finished, Program
from builders.spread import spread
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle

X = np.random.default_rng(0).standard_normal((8, 3, 4)).astype(np.float32)


class Net(nn.Module):
    """Scores of three classes, and the class, of 3 x 4 numbers."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layer = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.layer(x.flatten(1))
        return scores, scores.argmax(1)


def exported(folder: Path, name: str, *, separate: bool = False) -> Path:
    torchferry.export(
        Net(len(name)).eval(),
        inputs={"x": "float32[N,3,4]"},
        outputs=["scores", "label"],
        golden={"x": X},
        classes=["no", "may be", 'y"es'],
        to=["c"],
        out=folder / name,
        name=name,
        metadata={"licence": "MIT", "version": "1.2.3"},
        separate_weights=separate,
        stress=False,
    )
    return folder / name


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    return {
        "one": exported(folder, "one"),
        "a-b": exported(folder, "a-b"),
        "a.b": exported(folder, "a.b"),
        "apart": exported(folder, "apart", separate=True),
    }


def tool(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def packed(program: Program, kind: str, out: Path, *given: Path) -> Path:
    done = program("pack", *given, "--package", kind, "--out", out)
    assert done.code == 0, done.stderr
    return out


MAIN = """\
#include <stdio.h>
#include "one.h"
#include "a_b.h"
int main(void) { return one_selftest() == ONE_SELFTEST_PASSED && a_b_selftest() == A_B_SELFTEST_PASSED ? 0 : 1; }
"""


@pytest.mark.parametrize("compiler", spread(["gcc", "g++"], 1))
def test_two_bundles_stand_in_one_program(ferry_here: Program, bundles: dict[str, Path], tmp_path: Path, compiler: str) -> None:
    folder = packed(ferry_here, "c", tmp_path / "both", bundles["one"], bundles["a-b"])
    assert sorted(path.name for path in folder.iterdir()) == ["a_b.c", "a_b.h", "one.c", "one.h"]
    main = folder / ("main.c" if compiler == "gcc" else "main.cpp")
    main.write_text(MAIN)
    for name in ("one", "a_b"):
        tool("gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-c", f"{name}.c", cwd=folder)
    tool(compiler, "-o", "program", main, "one.o", "a_b.o", cwd=folder)
    tool(folder / "program")


def test_the_digest_in_a_file_is_that_of_its_code(ferry_here: Program, bundles: dict[str, Path], tmp_path: Path) -> None:
    folder = packed(ferry_here, "c", tmp_path / "one", bundles["one"])
    about, _, code = (folder / "one.c").read_text().partition(" */\n")
    digest = hashlib.sha256(code.encode()).hexdigest()
    for text in (about, (folder / "one.h").read_text()):
        assert f"SHA-256 of one.c after this comment: {digest}" in text
        assert "SPDX-License-Identifier: MIT" in text


def refused(done: Finished, code: int, *words: str) -> None:
    assert done.code == code
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_what_cannot_be_packed_is_refused_and_nothing_is_written(
    ferry_here: Program, bundles: dict[str, Path], tmp_path: Path
) -> None:
    out, one = tmp_path / "out", bundles["one"]
    pack = ("pack", one, "--out", out)
    refused(
        ferry_here("pack", bundles["a-b"], bundles["a.b"], "--package", "c", "--out", out),
        2,
        "prefix a_b",
        "a.b",
        "a-b",
        "--name",
    )
    refused(ferry_here("pack", one, one, "--package", "c", "--out", out), 2, "prefix one")
    refused(ferry_here(*pack, "--package", "deb"), 2, "'deb'", "c, arduino, cmake, npm")
    refused(ferry_here(*pack, "--package", "c", "--force"), 2, "--force", "never replaced; remove it first")
    refused(ferry_here("pack", one, bundles["a-b"], "--out", out), 2, "2 bundles", "--package")
    refused(ferry_here("pack", ROOT / "exported" / "iris-adaline", "--package", "c", "--out", out), 5, "without C", "--to c")
    for kind in ("arduino", "npm"):
        refused(
            ferry_here("pack", bundles["apart"], "--package", kind, "--out", out), 3, "file of their own", "--separate-weights"
        )
    assert list(tmp_path.iterdir()) == []
    out.mkdir()
    (out / "mine").touch()
    refused(ferry_here(*pack, "--package", "c"), 6, "existing path")
    assert [path.name for path in out.iterdir()] == ["mine"]


NO_URL = ", expected https://...; library.properties, which must have one, says https://example.com"
NO_VERSION = "note: metadata version: got v1, expected three numbers as 1.2.0; the package says 0.0.0"


@pytest.mark.parametrize(
    ("metadata", "notes"),
    [
        ({"version": "1.2.3", "url": "https://a.org/b"}, []),
        ({"version": "v1", "url": "my page\n"}, [NO_VERSION, f"note: metadata url: got my page\\x0a{NO_URL}"]),
        ({}, [f"note: metadata url: got none{NO_URL}"]),
    ],
)
def test_what_an_arduino_library_says_in_place_of_metadata_is_told(
    ferry_here: Program, bundles: dict[str, Path], tmp_path: Path, metadata: dict[str, str], notes: list[str]
) -> None:
    shutil.copytree(bundles["one"], tmp_path / "one")
    edit_manifest(tmp_path / "one", lambda manifest: manifest.update(metadata=metadata))
    done = ferry_here("pack", tmp_path / "one", "--package", "arduino", "--out", tmp_path / "out")
    assert (done.code, done.stderr.splitlines()) == (0, notes)


def test_npm_without_clang_is_refused(
    ferry_here: Program, bundles: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(
        ferry_here("pack", bundles["one"], "--package", "npm", "--out", tmp_path / "out"), 5, "no clang and no wasm-ld", "install"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_export_writes_the_package_beside_the_bundle(ferry_here: Program, tmp_path: Path) -> None:
    out = tmp_path / "net"
    asked = ("export", "builders.models:Classifier", "--input", "image=uint8[N,4,4]:0..255", "--no-stress", "--out", out)
    refused(ferry_here(*asked, "--to", "onnx", "--package", "cmake"), 2, "--package applies to format c only")
    refused(ferry_here(*asked, "--to", "c", "--package", "deb"), 2, "'deb'")
    refused(
        ferry_here(*asked, "--to", "c", "--package", "arduino", "--separate-weights"), 3, "--package arduino", "file of their own"
    )
    (tmp_path / "net-cmake").mkdir()
    refused(ferry_here(*asked, "--to", "c", "--package", "cmake"), 6, "existing path")
    (tmp_path / "net-cmake").rmdir()
    bytes_ = ("--to", "c", "--quantize", "int8", "--io", "bytes", "--package", "npm")
    refused(ferry_here(*asked, *bytes_), 3, "--package npm: got the model with bytes in its structs")
    assert list(tmp_path.iterdir()) == []
    done = ferry_here(*asked, "--to", "c", "--package", "cmake")
    assert done.code == 0, done.stderr
    files = sorted(path.name for path in (tmp_path / "net-cmake").iterdir())
    assert len(files) == 3
    assert files[0] == "CMakeLists.txt"


def test_a_package_without_out_checks_its_target_before_anything_is_computed(
    ferry_here: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The factory does not exist, which an export would find out first."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exported" / "net-cmake").mkdir(parents=True)
    refused(ferry_here("export", "nowhere:net", "--to", "c", "--package", "cmake"), 6, "exported/net-cmake: got an existing path")


CONSUMER = """\
cmake_minimum_required(VERSION 3.13)
project(consumer LANGUAGES C)
find_package(both 0.0 REQUIRED)
add_executable(program main.c)
target_link_libraries(program PRIVATE both::one both::a_b)
"""


def test_an_installed_cmake_package_is_found_and_linked(ferry_here: Program, bundles: dict[str, Path], tmp_path: Path) -> None:
    folder = packed(ferry_here, "cmake", tmp_path / "both", bundles["one"], bundles["a-b"])
    build, prefix, consumer = tmp_path / "build", tmp_path / "prefix", tmp_path / "consumer"
    tool("cmake", "-S", folder, "-B", build, f"-DCMAKE_INSTALL_PREFIX={prefix}")
    tool("cmake", "--build", build)
    tool("cmake", "--install", build)
    shutil.rmtree(folder)
    shutil.rmtree(build)
    consumer.mkdir()
    (consumer / "main.c").write_text(MAIN)
    (consumer / "CMakeLists.txt").write_text(CONSUMER)
    tool("cmake", "-S", consumer, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}")
    tool("cmake", "--build", build)
    tool(build / "program")


def test_an_arduino_library_has_the_layout_of_the_specification(
    ferry_here: Program, bundles: dict[str, Path], tmp_path: Path
) -> None:
    folder = packed(ferry_here, "arduino", tmp_path / "lib", bundles["one"])
    paths = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert paths == ["examples/SelfTest/SelfTest.ino", "library.properties", "src/one.c", "src/one.h"]
    lines = (folder / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    assert {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"} <= set(fields)
    assert fields["version"] == "1.2.3"
    assert fields["url"] == "https://example.com", "the bundle names none"
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", fields["name"])
    assert fields["includes"] == "one.h"


ARDUINO = """\
#include <cstdio>
#define F(text) text
struct Port {
  void begin(long) {}
  explicit operator bool() const { return true; }
  void print(const char *text) { std::printf("%s", text); }
  void print(int number) { std::printf("%d", number); }
  void println(const char *text) { std::printf("%s\\n", text); }
  void println(int number) { std::printf("%d\\n", number); }
} Serial;
"""


@pytest.mark.slow
def test_the_sketch_of_a_library_checks_the_models(ferry_here: Program, bundles: dict[str, Path], tmp_path: Path) -> None:
    """Built as Arduino does it, C as C and the sketch as C++, with a port that prints."""
    folder = packed(ferry_here, "arduino", tmp_path / "lib", bundles["one"], bundles["a-b"])
    sketch = (folder / "examples" / "SelfTest" / "SelfTest.ino").read_text()
    (tmp_path / "main.cpp").write_text(f"{ARDUINO}{sketch}\nint main() {{ setup(); loop(); }}\n")
    for name in ("one", "a_b"):
        tool("gcc", "-std=gnu11", "-c", folder / "src" / f"{name}.c", cwd=tmp_path)
    tool("g++", "-std=gnu++17", "-I", folder / "src", "-o", "program", "main.cpp", "one.o", "a_b.o", cwd=tmp_path)
    assert tool(tmp_path / "program") == "one: PASS\na_b: PASS\n"


NODE = pytest.mark.skipif(
    any(shutil.which(name) is None for name in ("clang", "wasm-ld", "node", "npm")), reason="clang, lld, node or npm is not here"
)
REPLAY = """\
import { readFileSync } from "node:fs";
import { classes, load } from "one";
const model = await load();
model.verify();
const x = new Float32Array(new Uint8Array(readFileSync(process.argv[2])).buffer);
const rows = [];
for (let at = 0; at < x.length; at += 12) {
  const { scores, label } = model.run({ x: x.subarray(at, at + 12) });
  rows.push([Array.from(scores), classes[Number(label)]]);
}
console.log(JSON.stringify(rows));
"""


@NODE
def test_an_npm_package_tests_itself_and_gives_the_goldens(ferry_here: Program, bundles: dict[str, Path], tmp_path: Path) -> None:
    folder = packed(ferry_here, "npm", tmp_path / "package", bundles["one"])
    told = tool("npm", "test", "--silent", cwd=folder)
    assert "# pass 4" in told
    assert "# fail 0" in told
    user = tmp_path / "user"
    (user / "node_modules").mkdir(parents=True)
    shutil.copytree(folder, user / "node_modules" / "one")
    (user / "replay.mjs").write_text(REPLAY)
    opened = open_bundle(bundles["one"])
    case = read_case(opened, opened.manifest.golden.cases[0])
    case.inputs["x"].astype("<f4").tofile(user / "x.bin")
    rows = json.loads(tool("node", "replay.mjs", "x.bin", cwd=user))
    assert np.allclose([row[0] for row in rows], case.float64["scores"], rtol=0, atol=1e-6)
    assert [row[1] for row in rows] == [("no", "may be", 'y"es')[label] for label in case.float64["label"]]


@NODE
def test_the_types_of_an_npm_package_name_every_tensor(ferry_here: Program, bundles: dict[str, Path], tmp_path: Path) -> None:
    folder = packed(ferry_here, "npm", tmp_path / "package", bundles["one"], bundles["a-b"])
    types = (folder / "one.d.ts").read_text()
    assert "  x: Float32Array | readonly number[]; // float32[3, 4]\n" in types
    assert "  scores: Float32Array; // float32[3]\n" in types
    assert "  label: bigint; // int64[]\n" in types
    package = json.loads((folder / "package.json").read_text())
    assert (package["license"], package["version"]) == ("MIT", "0.0.0")
    assert set(package["exports"]) == {".", "./one", "./a_b"}


@NODE
def test_an_engine_with_other_bits_is_told(ferry_here: Program, bundles: dict[str, Path], tmp_path: Path) -> None:
    """A byte of a table in the module is another: the package's own test fails."""
    folder = packed(ferry_here, "npm", tmp_path / "package", bundles["one"])
    script = (folder / "one.js").read_text()
    bias = Net(len("one")).layer.bias.detach().numpy().astype("<f4").tobytes()
    found = re.search(r'const MODULE = "([^"]+)"', script)
    assert found is not None
    module = base64.b64decode(found[1])
    assert bias in module
    (folder / "one.js").write_text(script.replace(found[1], base64.b64encode(module.replace(bias, bias[4:] + bias[:4])).decode()))
    done = subprocess.run(["npm", "test", "--silent"], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode != 0
    assert "the self-test returned" in done.stdout
