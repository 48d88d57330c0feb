"""The core without the extras: what works without torch, and the one line that names an extra which is missing.

A package counts as missing where an import hook of the process refuses it, so that nothing has to be installed or removed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from builders.programs import BUILD, ROOT, Finished, run_program
from builders.trained import Trained
from torchferry.errors import ExitCode
from torchferry.extras import EXTRAS, LIBTORCH, missing_package

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BUNDLE = ROOT / "exported" / "iris-adaline"
SAMPLES = BUNDLE / "golden" / "batch-64.input.measurements.npy"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "markupsafe": "jinja2",
    "cyclonedx": "cyclonedx-python-lib",
    "packageurl": "packageurl-python",
    "grpc": "grpcio",
}  # jinja2 brings markupsafe
REFUSE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
"""
FERRY = "from torchferry.cli.main import main; main()"


def without(names: set[str], *arguments: object, code: str = FERRY) -> Finished:
    """Run `ferry`, or `code`, in a Python that has none of these packages."""
    return run_program([sys.executable, "-c", REFUSE.format(names=names) + code], *arguments)


def passed(done: Finished) -> set[str]:
    """The engines that passed."""
    return set(re.findall(r"^PASSED (\S+)", done.stdout.decode(), re.MULTILINE))


def brought_by(extra: str) -> set[str]:
    """The distributions that an extra names, and those of the extras in it."""
    names: set[str] = set()
    for row in PROJECT["optional-dependencies"][extra]:
        inner = re.fullmatch(r"torchferry\[(.*)\]", row)
        names |= (
            set().union(*map(brought_by, inner[1].split(","))) if inner else {re.split(r"[^A-Za-z0-9_.-]", row, maxsplit=1)[0]}
        )
    return names


def test_every_package_of_the_table_is_brought_by_its_extra_and_by_no_core() -> None:
    core = {re.split(r"[^A-Za-z0-9_.-]", row, maxsplit=1)[0].lower() for row in PROJECT["dependencies"]}
    assert core == {"numpy", "pydantic", "pynacl", "rich", "typer", "typing-extensions"}
    for module, extra in EXTRAS.items():
        name = DISTRIBUTIONS.get(module, module)
        assert name in brought_by(extra), f"{module}: {extra} does not bring {name}"
        assert name not in core


def test_every_package_that_an_extra_brings_stands_in_the_table() -> None:
    brought = set().union(
        *(brought_by(extra) for extra in PROJECT["optional-dependencies"] if extra not in ("dev", "docs", "habits"))
    )
    assert brought == {DISTRIBUTIONS.get(module, module) for module in EXTRAS}


def test_an_extra_names_the_torch_that_the_plugins_of_the_wheel_are_built_with() -> None:
    """`make wheel` builds with constraints.txt, and so does the workflow."""
    (torch,) = re.findall(r"^torch==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert PROJECT["optional-dependencies"][LIBTORCH] == [f"torch=={torch}"]
    assert "pip install -c {project}/constraints.txt " in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("extra", ["export", "course"])
def test_an_extra_that_brings_torch_is_advised_with_the_torch_of_the_wheel(extra: str) -> None:
    assert str(missing_package(ModuleNotFoundError(name="onnx"), extra)).endswith(f"pip install 'torchferry[{extra},libtorch]'")
    assert {"torch"} < brought_by(extra)


def test_no_wheel_is_built_with_another_torch_than_its_extra_names(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 2.14.1+cu130\n")
    python.chmod(0o755)
    done = run_program([str(ROOT / ".ci" / "wheel")], python, tmp_path / "dist")
    assert (done.code, done.stderr.count("\n")) == (2, 1), done
    assert "got 2.14.1, expected 2.13.0, which the extra libtorch of pyproject.toml names" in done.stderr
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["inspect", BUNDLE], ["verify", "--help"]], ids=str)
def test_the_core_alone_is_enough_to_look_at_a_bundle(arguments: list[object]) -> None:
    assert without(set(EXTRAS), *arguments).code == ExitCode.OK


def test_the_public_names_need_no_extra_but_export_and_what_goes_into_it() -> None:
    of_export = {"export", "ImagePreprocess"}
    code = f"import torchferry; [getattr(torchferry, name) for name in torchferry.__all__ if name not in {of_export}]"
    assert without(set(EXTRAS), code=code).code == ExitCode.OK


@pytest.mark.parametrize(("engine", "extras"), [("onnx", {"onnxruntime"}), ("c", set())])
def test_an_engine_that_needs_no_torch_verifies_and_predicts_without_it(
    engine: str, extras: set[str], trained: Trained, tmp_path: Path
) -> None:
    bundle, name = trained.bundle_for("iris-adaline", engine), {"onnx": "onnxruntime"}.get(engine, engine)
    missing = set(EXTRAS) - extras
    assert passed(without(missing, "verify", bundle, "--engine", name, "--allow-native")) == {name}
    options = ["--engine", name, "--allow-native", "--input", SAMPLES, "--output", tmp_path / "answers.jsonl"]
    assert without(missing, "predict", bundle, *options).code == ExitCode.OK
    assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == 64


def test_executorch_predicts_without_torch_and_without_its_package_by_libferry(trained: Trained) -> None:
    if not (BUILD / "lib" / "ferry" / "libferry_engine_executorch.so").exists():
        pytest.skip("the C++ half has no ExecuTorch")
    bundle = trained.bundle_for("iris-adaline", "executorch")
    done = without(set(EXTRAS), "predict", bundle, "--engine", "executorch", "--input", SAMPLES)
    assert done.code == ExitCode.OK, done.stderr
    assert len(done.stdout.splitlines()) == 64


def test_the_core_alone_makes_keys_signs_and_trusts(bundle_copy: Path, tmp_path: Path) -> None:
    key = tmp_path / "mine"
    steps = (
        ["key", key, "--no-password"],
        ["sign", bundle_copy, "--key", f"{key}.key"],
        ["inspect", bundle_copy, "--trust", f"{key}.pub"],
    )
    for step in steps:
        done = without(set(EXTRAS), *step)
        assert done.code == ExitCode.OK, done.stderr


def test_verify_goes_on_without_torch_and_says_how_to_have_the_engines_that_need_it() -> None:
    done = without({"torch"}, "verify", BUNDLE)
    assert (done.code, passed(done)) == (ExitCode.OK, {"onnxruntime"})
    for engine in ("eager", "torchscript"):
        line = f"could not run {engine}: engine {engine}: this Python has no package torch; type: pip install 'torchferry[export,libtorch]'"
        assert line in done.stdout.decode().splitlines()


@pytest.mark.parametrize(
    ("missing", "extra", "arguments"),
    [
        ("torch", "export,libtorch", ["verify", BUNDLE, "--engine", "torchscript"]),
        ("onnxruntime", "onnxruntime", ["verify", BUNDLE, "--engine", "onnxruntime"]),
        ("onnxruntime", "onnxruntime", ["predict", BUNDLE, "--engine", "onnxruntime", "--input", SAMPLES]),
        (
            "torch",
            "export,libtorch",
            ["export", "builders.models:Classifier", "--input", "image=uint8[N,4,4]:0..255", "--output", "y"],
        ),
        ("torch", "course,libtorch", ["train", "iris-adaline"]),
        ("sklearn", "course,libtorch", ["train", "iris-adaline", "--out", "never-made"]),
        ("torch", "course,libtorch", ["course"]),
        ("torch", "export,libtorch", ["diff", BUNDLE, "--engine", "onnxruntime"]),
        ("jinja2", "report", ["report", BUNDLE]),
        ("cyclonedx", "evidence", ["bom", BUNDLE]),
        ("ray", "ray", ["score", BUNDLE, "--input", SAMPLES, "--output", "never-made"]),
        ("uvicorn", "serve", ["serve", BUNDLE]),
        ("huggingface_hub", "hub", ["push", BUNDLE, "me/mine"]),
        ("huggingface_hub", "hub", ["pull", "me/mine", "--out", "never-made"]),
        ("PIL", "images", ["predict", ROOT / "exported" / "digits-mlp", "--engine", "onnxruntime", "--input", "IMAGE"]),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_missing_extra_is_one_line_with_what_to_type(missing: str, extra: str, arguments: list[object], tmp_path: Path) -> None:
    image = tmp_path / "digit.png"
    if "IMAGE" in arguments:
        from PIL import Image

        Image.new("L", (8, 8)).save(image)
    done = without({missing}, *(image if argument == "IMAGE" else argument for argument in arguments))
    assert (done.code, done.stdout, done.stderr.count("\n")) == (ExitCode.UNAVAILABLE, b"", 1), done
    assert done.stderr.endswith(f"this Python has no package {missing}; type: pip install 'torchferry[{extra}]'\n")


@pytest.mark.parametrize(
    ("module", "missing", "line"),
    [
        ("mlflow", {"mlflow"}, "mlflow; type: pip install mlflow"),
        ("lightning", {"lightning", "pytorch_lightning"}, "pytorch_lightning; type: pip install pytorch-lightning"),
        ("transformers", {"transformers"}, "transformers; type: pip install transformers"),
        ("lightning", {"torch"}, "torch; type: pip install 'torchferry[export,libtorch]'"),
    ],
)
def test_an_integration_without_its_package_is_an_error_with_its_line(module: str, missing: set[str], line: str) -> None:
    name = f"torchferry.integrations.{module}"
    code = f"from torchferry import FerryError\ntry: import {name}\nexcept FerryError as error: print(int(error.code), error)"
    assert without(missing, code=code).stdout.decode() == f"5 {name}: this Python has no package {line}\n"


@pytest.mark.slow
def test_a_report_without_torch_says_so_of_the_layers_only(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert without({"torch"}, "report", BUNDLE, "-o", page).code == ExitCode.OK
    assert "torchferry[export,libtorch]" in page.read_text()


def test_a_missing_module_of_no_extra_is_not_taken_for_one() -> None:
    assert missing_package(ModuleNotFoundError("No module named 'mine'", name="mine")) is None
    assert missing_package(ModuleNotFoundError("no name")) is None


def test_an_import_of_the_api_without_its_extra_is_an_error_with_its_line() -> None:
    code = "import torchferry\ntry: torchferry.export\nexcept torchferry.FerryError as error: print(int(error.code), error)"
    done = without({"torch"}, code=code)
    assert (
        done.stdout.decode()
        == "5 torchferry.export: this Python has no package torch; type: pip install 'torchferry[export,libtorch]'\n"
    )
