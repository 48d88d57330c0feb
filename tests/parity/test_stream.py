"""A Stream hands the state from call to call, in both languages, as a loop over the module in PyTorch does."""

from __future__ import annotations

import shutil
from ctypes import byref, c_int64, c_size_t, c_void_p
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchferry
import torchferry.native as native
from builders.bundles import edit_manifest
from builders.programs import BUILD, run_program
from builders.spread import spread
from torchferry.bundle.contract import Array
from torchferry.bundle.reader import Bundle, open_bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.native.library import check, libferry
from torchferry.native.tensors import Outputs, views_of

HOST = BUILD / "tests" / "bin" / "ferry_stream_host"
STEPS = 30
STATE = {"state": "next_state"}


class Step(nn.Module):
    """From samples [N, 3] and a state [N, 2, 8] of two layers to answers [N, 1] and the next state."""

    def __init__(self) -> None:
        super().__init__()
        self.memory, self.head = nn.GRU(3, 8, num_layers=2), nn.Linear(8, 1)

    def forward(self, sample: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        shown, state = self.memory(sample[None], state.transpose(0, 1).contiguous())
        return self.head(shown[0]), state.transpose(0, 1)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    torch.manual_seed(6)
    return torchferry.export(
        Step().eval(),
        inputs={"sample": "float32[N,3]:-1..1", "state": "float32[N,2,8]:-1..1"},
        outputs=["answer", "next_state"],
        state=STATE,
        to=["torchscript", "onnx"],
        out=tmp_path_factory.mktemp("stream") / "step",
        note=lambda _: None,
    )


@pytest.fixture(scope="module")
def samples() -> Array:
    """Two sequences side by side, [steps, 2, 3]."""
    return np.random.default_rng(8).uniform(-1, 1, (STEPS, 2, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def expected(samples: Array) -> Array:
    """What a loop in PyTorch gives, [steps, 2, 1], in float64."""
    torch.manual_seed(6)
    module, state, answers = Step().eval().double(), torch.zeros(2, 2, 8, dtype=torch.float64), []
    with torch.inference_mode():
        for sample in samples:
            answer, state = module(torch.from_numpy(sample).double(), state)
            answers.append(answer.numpy())
    return np.stack(answers)


@pytest.mark.parametrize("engine", spread(["torchscript", "onnxruntime"], 1))
def test_both_languages_answer_as_a_loop_in_pytorch(bundle: Bundle, samples: Array, expected: Array, engine: str) -> None:
    """The pairs are those of the contract."""
    stream = torchferry.Stream(torchferry.Session(bundle, engine), samples=2)
    ours = np.stack([stream.run({"sample": sample})["answer"] for sample in samples])
    assert np.abs(ours - expected).max() < 1e-5
    done = run_program([str(HOST)], bundle.folder, engine, stdin=samples.tobytes())
    assert done.code == 0, done.stderr
    theirs = np.frombuffer(done.stdout, np.float32).reshape(2, *expected.shape)
    assert theirs[0].tobytes() == theirs[1].tobytes(), "a reset begins with zeros again"
    assert np.abs(theirs[0] - expected).max() < 1e-5


def test_a_reset_begins_again_and_the_state_can_be_seen(bundle: Bundle, samples: Array) -> None:
    stream = torchferry.Stream(torchferry.Session(bundle, "torchscript"), STATE, samples=2)
    assert not stream.state["state"].any()
    first = stream.run({"sample": samples[0]})
    assert stream.state["state"].tobytes() == first["next_state"].tobytes()
    assert stream.run({"sample": samples[0]})["answer"].tobytes() != first["answer"].tobytes()
    stream.reset()
    assert stream.run({"sample": samples[0]})["answer"].tobytes() == first["answer"].tobytes()


def test_a_call_that_fails_leaves_the_state_as_it_was(bundle: Bundle, samples: Array) -> None:
    stream = torchferry.Stream(torchferry.Session(bundle, "torchscript"), STATE, samples=2)
    stream.run({"sample": samples[0]})
    before = stream.state["state"].tobytes()
    for wrong in (
        {"sample": samples[0] + np.nan},
        {"sample": samples[0][:1]},
        {"sample": samples[0], "state": stream.state["state"]},
    ):
        with pytest.raises(FerryError) as caught:
            stream.run(wrong)
        assert caught.value.code == ExitCode.BAD_INPUT
        assert stream.state["state"].tobytes() == before


def test_samples_of_another_batch_are_blamed_on_the_caller(bundle: Bundle, samples: Array) -> None:
    """The state, of which the checks of a call may come first, has the right batch."""
    stream = torchferry.Stream(torchferry.Session(bundle, "torchscript"), samples=2)
    expected = r"input sample: shape \[1,3\]: dim 0: got 1, expected N = 2, for which the stream was opened"
    with pytest.raises(FerryError, match=expected) as caught:
        stream.run({"sample": samples[0][:1]})
    assert caught.value.code == ExitCode.BAD_INPUT


def test_a_stream_of_c_without_names_has_the_pairs_of_the_contract(bundle: Bundle, samples: Array, expected: Array) -> None:
    library, opened, stream, answers = libferry(), native.open_bundle(bundle.folder), c_void_p(), []
    owner = opened.session("onnxruntime")  # its end is that of the handle
    with owner._handle as session:
        check(library.ferry_stream_open(opened._handle, session, None, None, c_size_t(0), c_int64(2), byref(stream)))
        for sample in samples:
            outputs = c_void_p()
            check(library.ferry_stream_run(stream, views_of({"sample": sample}), c_size_t(1), byref(outputs)))
            answers.append(Outputs(outputs).arrays()["answer"].copy())
        library.ferry_stream_close(stream)
    assert np.abs(np.stack(answers) - expected).max() < 1e-5


@pytest.mark.parametrize(
    ("state", "count", "words"),
    [
        ({}, 1, "got no state"),
        ({"state": "answer"}, 1, "expected one dtype and shape"),
        ({"state": "nothing"}, 1, "expected INPUT=OUTPUT with names of the contract"),
        ({"state": "next_state"}, 0, "got 0 samples side by side"),
    ],
)
def test_what_cannot_be_carried_is_one_line(bundle: Bundle, state: dict[str, str], count: int, words: str) -> None:
    with pytest.raises(FerryError, match=words) as caught:
        torchferry.Stream(torchferry.Session(bundle, "torchscript"), state, samples=count)
    assert caught.value.code == ExitCode.USAGE


def test_a_stream_without_pairs_needs_a_contract_with_some(bundle: Bundle) -> None:
    session = torchferry.Session(bundle, "torchscript")
    session.contract = bundle.contract.model_copy(update={"state": {}})
    with pytest.raises(FerryError, match="got no state here or in the contract"):
        torchferry.Stream(session)


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        (
            {"state": "answer"},
            ExitCode.BAD_INPUT,
            r"got state float32\[N,2,8\] and answer float32\[N,1\], expected one dtype and shape",
        ),
        ({"state": "nothing"}, ExitCode.USAGE, "got state=nothing, expected INPUT=OUTPUT"),
        ({"sample": "answer", "state": "next_state"}, ExitCode.BAD_INPUT, "expected one dtype and shape"),
    ],
)
def test_a_pair_that_cannot_be_carried_is_refused_at_export(
    tmp_path: Path, state: dict[str, str], code: ExitCode, words: str
) -> None:
    with pytest.raises(FerryError, match=words) as caught:
        torchferry.export(
            Step().eval(),
            inputs={"sample": "float32[N,3]:-1..1", "state": "float32[N,2,8]:-1..1"},
            outputs=["answer", "next_state"],
            state=state,
            out=tmp_path / "never",
            note=lambda _: None,
        )
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("state", "key"),
    [
        ({"state": "answer"}, "contract.state.state: got state float32[N,2,8] and answer float32[N,1]"),
        ({"nobody": "next_state"}, "contract.state.nobody: got nobody, expected the name of an input"),
        ({"state": "nobody"}, "contract.state.state: got nobody, expected the name of an output"),
        ({"state": 3}, "contract.state.state"),
        ([], "contract.state"),
    ],
)
def test_both_readers_refuse_a_state_that_no_stream_can_carry(bundle: Bundle, tmp_path: Path, state: object, key: str) -> None:
    copy = Path(shutil.copytree(bundle.folder, tmp_path / "copy"))
    edit_manifest(copy, lambda value: value["contract"].update(state=state))
    with pytest.raises(FerryError) as caught:
        open_bundle(copy)
    done = run_program([str(BUILD / "bin" / "ferry-run")], "inspect", copy)
    assert (caught.value.code, done.code) == (ExitCode.FORMAT, ExitCode.FORMAT)
    assert key in str(caught.value)
    assert key in done.stderr
