"""torchferry.native: libferry inside Python, without torch."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from builders.programs import ROOT
from torchferry import native
from torchferry.bundle.golden import read_case
from torchferry.bundle.pack import pack
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode, FerryError

DIGITS = ROOT / "exported" / "digits-mlp"


def image() -> np.ndarray:
    opened = open_bundle(DIGITS)
    return read_case(opened, opened.manifest.golden.cases[0]).inputs["image"]


def refused(code: ExitCode, words: str) -> pytest.RaisesExc[FerryError]:
    return pytest.RaisesExc(FerryError, match=words, check=lambda error: error.code == code)


def test_a_bundle_says_what_it_is() -> None:
    bundle, expected = native.open_bundle(DIGITS), open_bundle(DIGITS)
    assert bundle.name == "digits-mlp"
    assert bundle.inputs == [native.TensorSpec("image", "uint8", (-1, 8, 8))]
    assert [spec.name for spec in bundle.outputs] == [spec.name for spec in expected.contract.outputs]
    assert bundle.classes == [str(digit) for digit in range(10)]
    assert bundle.engines == [artifact.engine for artifact in expected.manifest.artifacts]
    assert bundle.manifest["name"] == "digits-mlp"
    assert len(bundle.digest) == 64


@pytest.mark.parametrize("engine", ["onnxruntime", "torchscript"])
def test_the_goldens_are_answered_as_they_were_in_python(engine: str) -> None:
    opened = open_bundle(DIGITS)
    case = read_case(opened, opened.manifest.golden.cases[0])
    with native.open_bundle(DIGITS).session(engine) as session:
        outputs = session.run(case.inputs)
    assert list(outputs) == [spec.name for spec in opened.contract.outputs]
    assert np.array_equal(outputs["label"], case.float64["label"])
    assert np.allclose(outputs["logits"], case.float64["logits"], rtol=0, atol=1e-4)


def test_verify_gives_the_report() -> None:
    report = native.open_bundle(DIGITS).verify("onnxruntime", calls=2)
    assert report.passed
    assert report.problem == ""
    assert {row["call"] for row in report.verdicts["engines"][0]["verdicts"]} == {1, 2}
    with refused(ExitCode.USAGE, "calls: got 0"):
        native.open_bundle(DIGITS).verify(calls=0)


def test_outputs_outlive_their_session_and_bundle() -> None:
    bundle = native.open_bundle(DIGITS)
    session = bundle.session("onnxruntime")
    outputs = session.run({"image": image()})
    logits, copy = outputs["logits"], outputs["logits"].copy()
    session.close()
    del bundle, session, outputs
    gc.collect()
    assert logits.tobytes() == copy.tobytes()


@pytest.mark.parametrize("form", ["strided", "other byte order", "read-only"])
def test_any_array_of_the_right_values_will_do(form: str) -> None:
    bundle = native.open_bundle(ROOT / "exported" / "iris-adaline")
    rows = np.array([[5.1, 1.4], [6.3, 4.9], [4.4, 1.3]], np.float32)
    forms = {
        "strided": np.repeat(rows, 2, axis=1)[:, ::2],
        "other byte order": rows.astype(">f4"),
        "read-only": np.broadcast_to(rows, rows.shape),
    }
    with bundle.session("onnxruntime") as session:
        plain, other = session.run({"measurements": rows}), session.run({"measurements": forms[form]})
    assert plain["net_input"].tobytes() == other["net_input"].tobytes()


def test_what_breaks_the_contract_is_refused() -> None:
    with native.open_bundle(DIGITS).session("onnxruntime") as session:
        with refused(ExitCode.BAD_INPUT, "input image: dtype: got float32, expected uint8"):
            session.run({"image": image().astype(np.float32)})
        with refused(ExitCode.BAD_INPUT, "got float16"):
            session.run({"image": image().astype(np.float16)})
        with refused(ExitCode.BAD_INPUT, "image"):
            session.run({})
    with refused(ExitCode.USAGE, "closed"):
        session.run({"image": image()})


def test_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(DIGITS, bundle)
    content = bytearray((bundle / "model.onnx").read_bytes())
    content[-1] ^= 1
    (bundle / "model.onnx").write_bytes(content)
    with refused(ExitCode.INTEGRITY, "sha256"):
        native.open_bundle(bundle)


def test_one_file_opens_from_memory(tmp_path: Path) -> None:
    packed = tmp_path / "digits.ferry"
    pack(open_bundle(DIGITS), packed)
    content = packed.read_bytes()
    assert native.open_memory(content).digest == native.open_bundle(DIGITS).digest
    with refused(ExitCode.FORMAT, "memory"):
        native.open_memory(content[:-1])


def test_a_text_with_a_nul_is_refused() -> None:
    with refused(ExitCode.USAGE, "NUL"):
        native.open_bundle(f"{DIGITS}\0.txt")
    with refused(ExitCode.USAGE, "NUL"):
        native.open_bundle(DIGITS).session("onnxruntime\0x")


def test_an_isolated_session_gives_the_same_bits() -> None:
    bundle = native.open_bundle(DIGITS)
    plain = bundle.session("onnxruntime").run({"image": image()})
    bundle.isolate()
    bundle.set_timeout(60)
    with bundle.session("onnxruntime") as session:
        assert session.run({"image": image()})["logits"].tobytes() == plain["logits"].tobytes()


def test_many_threads_use_one_session() -> None:
    samples = image()
    results: list[bytes] = []
    with native.open_bundle(DIGITS).session("onnxruntime") as session:
        run = lambda: results.extend(session.run({"image": samples})["logits"].tobytes() for _ in range(50))  # noqa: E731
        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(results) == 400
    assert len(set(results)) == 1


def test_neither_torch_nor_a_runtime_is_imported() -> None:
    code = (
        "import sys; from torchferry import native; assert native.open_bundle(sys.argv[1]).verify('onnxruntime').passed;"
        "print(sorted({'torch', 'onnxruntime', 'executorch', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(DIGITS)], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr
