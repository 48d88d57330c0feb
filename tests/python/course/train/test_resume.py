"""Equal seeds give equal bits, also when the training was killed in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from builders.spread import spread
from torchferry.course.train import load_run, train_recipe
from torchferry.errors import ExitCode, FerryError

CHANGES = {"epochs": 6}


def weights(folder: str | Path) -> dict[str, torch.Tensor]:
    return load_run(folder).module.state_dict()


def assert_equal_bits(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.equal(value, right[name]), name


def stop_after(epoch: int):
    def on_epoch(record, _):
        if record.epoch == epoch:
            raise KeyboardInterrupt

    return on_epoch


def test_equal_seeds_give_equal_bits():
    for folder in ("a", "b"):
        train_recipe("digits-mlp", out=Path(folder), changes=CHANGES)
    assert_equal_bits(weights("a"), weights("b"))


def test_another_seed_gives_other_weights():
    train_recipe("digits-mlp", out=Path("a"), changes=CHANGES)
    train_recipe("digits-mlp", out=Path("b"), changes={**CHANGES, "seed": 2})
    assert not torch.equal(weights("a")["network.hidden.weight"], weights("b")["network.hidden.weight"])


@pytest.mark.parametrize("epoch", spread([1, 3, 5], 1))
def test_interrupted_run_resumes_to_the_bits_of_an_unbroken_one(epoch: int):
    unbroken = train_recipe("digits-mlp", out=Path("unbroken"), changes=CHANGES)
    with pytest.raises(KeyboardInterrupt):
        train_recipe("digits-mlp", out=Path("broken"), changes=CHANGES, on_epoch=stop_after(epoch))
    assert len(load_run("broken").history) == epoch
    torch.rand(17)  # whatever else used the random numbers in the meantime
    resumed = train_recipe("digits-mlp", out=Path("broken"), resume=True)
    assert_equal_bits(weights("broken"), weights("unbroken"))
    assert [record.loss for record in resumed.history] == [record.loss for record in unbroken.history]


@pytest.mark.slow
def test_run_killed_by_sigkill_resumes_to_the_same_bits(tmp_path: Path):
    changes = {"epochs": 40}
    train_recipe("digits-mlp", out=Path("unbroken"), changes=changes)
    code = (
        "import torch; torch.set_num_threads(1); from pathlib import Path; from torchferry.course.train import train_recipe;"
        f"train_recipe('digits-mlp', out=Path('killed'), changes={changes}, on_epoch=lambda r, c: print(r.epoch, flush=True))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=tmp_path)
    assert process.stdout is not None
    for _ in range(5):
        process.stdout.readline()
    time.sleep(0.013)  # somewhere inside an epoch, or inside the writing of a checkpoint
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert 5 <= len(load_run("killed").history) < 40
    train_recipe("digits-mlp", out=Path("killed"), resume=True)
    assert_equal_bits(weights("killed"), weights("unbroken"))


def test_resuming_a_run_that_was_killed_before_its_first_checkpoint_starts_it():
    run = train_recipe("digits-mlp", out=Path("a"), changes={"epochs": 1}, resume=True)
    assert len(run.history) == 1


def test_resuming_from_a_damaged_checkpoint_is_refused_by_name():
    train_recipe("digits-mlp", out=Path("a"), changes={"epochs": 1})
    path = Path("a/checkpoint.pt")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(FerryError, match=r"^a/checkpoint\.pt: damaged") as caught:
        train_recipe("digits-mlp", out=Path("a"), resume=True)
    assert caught.value.code == ExitCode.INTEGRITY


def test_finished_run_can_go_on_for_more_epochs():
    train_recipe("digits-mlp", out=Path("a"), changes={"epochs": 2})
    train_recipe("digits-mlp", out=Path("a"), changes=CHANGES, resume=True)
    train_recipe("digits-mlp", out=Path("b"), changes=CHANGES)
    assert_equal_bits(weights("a"), weights("b"))


@pytest.mark.parametrize("change", [{"seed": 2}, {"learning_rate": 0.5}, {"batch_size": 7}])
def test_resuming_with_other_settings_is_refused_by_name(change: dict[str, object]):
    train_recipe("digits-mlp", out=Path("a"), changes={"epochs": 1})
    with pytest.raises(FerryError, match=f"^--{next(iter(change)).replace('_', '-')}: got") as caught:
        train_recipe("digits-mlp", out=Path("a"), resume=True, changes=change)
    assert caught.value.code == ExitCode.USAGE


def test_resuming_another_recipe_is_refused():
    train_recipe("iris-adaline", out=Path("a"), changes={"epochs": 1})
    with pytest.raises(FerryError, match="recipe: got iris-adaline, expected digits-mlp"):
        train_recipe("digits-mlp", out=Path("a"), resume=True)


def test_diverging_training_stops_and_keeps_the_last_good_checkpoint(monkeypatch: pytest.MonkeyPatch):
    from torchferry.course.train import gradient

    calls = 0

    def breaks_in_the_second_epoch(*arguments: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        loss = gradient.backward(*arguments)  # type: ignore[arg-type]
        return loss if calls != 10 else torch.tensor(float("nan"))

    monkeypatch.setitem(gradient.GRADIENTS, "autograd", breaks_in_the_second_epoch)
    with pytest.raises(FerryError, match="epoch 2, batch 3 of 7: got nan") as caught:
        train_recipe("iris-adaline", out=Path("a"))
    assert caught.value.code == ExitCode.BAD_INPUT
    kept = load_run("a")
    assert len(kept.history) == 1
    assert all(torch.isfinite(value).all() for value in kept.module.state_dict().values())


def test_last_step_that_breaks_the_weights_is_named_before_its_checkpoint_is_written(monkeypatch: pytest.MonkeyPatch):
    from torchferry.course.train import gradient

    calls = 0

    def breaks_the_last_step(*arguments: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        loss = gradient.backward(*arguments)  # type: ignore[arg-type]
        if calls == 7:
            next(arguments[0].parameters()).grad.fill_(float("nan"))  # type: ignore[attr-defined]
        return loss

    monkeypatch.setitem(gradient.GRADIENTS, "autograd", breaks_the_last_step)
    with pytest.raises(FerryError, match="epoch 1, batch 7 of 7: got nan"):
        train_recipe("iris-adaline", out=Path("a"))
    assert load_run("a").history == ()


def test_far_too_large_learning_rate_stops_the_run():
    with pytest.raises(FerryError, match=r"^loss: epoch 1, batch \d+ of 7: got (nan|inf)"):
        train_recipe("iris-adaline", out=Path("a"), changes={"learning_rate": 1e30})
    assert load_run("a").history == ()
