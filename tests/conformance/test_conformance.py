"""What every engine of both languages must do. An engine is picked up by itself (builders/subjects.py); nothing here names one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from builders.bundles import fill_bundle, reseal
from builders.programs import BUILD
from builders.spread import spread
from builders.subjects import Answer, Named, NoSessionError, Question, Subject, find_subjects
from builders.zoo import ROWS, SPECIES, STEPS, Zoo
from torchferry.bundle.contract import Array
from torchferry.bundle.golden import read_case
from torchferry.bundle.reader import open_bundle
from torchferry.errors import ExitCode
from torchferry.intake.reference import Reference
from torchferry.proof.replay import compare_output

SUBJECTS = find_subjects(BUILD)
Change = Callable[[dict[str, Array]], object]


@pytest.fixture(params=SUBJECTS, ids=lambda subject: f"{subject.language}-{subject.engine}")
def subject(request: pytest.FixtureRequest) -> Subject:
    """Each engine of each language in turn."""
    found: Subject = request.param
    return found


@pytest.fixture
def bundle(subject: Subject, zoo: Zoo) -> Path:
    """The classifier, in a format of the subject's engine."""
    return bundle_of("classifier", subject, zoo)


def bundle_of(name: str, subject: Subject, zoo: Zoo) -> Path:
    found = zoo.bundle(name, subject.engine)
    if found is None:
        pytest.skip(f"no format that is here expresses {name} for engine {subject.engine}")
    return found


def ask(subject: Subject, bundle: Path, *requests: Named, **how: object) -> list[Answer]:
    try:
        return subject.ask(bundle, requests, Question(**how))  # type: ignore[arg-type]
    except NoSessionError as failure:
        if failure.code == ExitCode.UNAVAILABLE and how.get("device", "cpu") == "cpu":
            pytest.skip(f"{subject.language} engine {subject.engine} cannot run here: {failure}")
        raise


def refusal_of_session(subject: Subject, bundle: Path, **how: object) -> NoSessionError:
    ask(subject, bundle, SPECIES["classifier"].inputs(1))  # it can run here at all
    with pytest.raises(NoSessionError) as caught:
        ask(subject, bundle, SPECIES["classifier"].inputs(1), **how)
    assert "\n" not in str(caught.value).strip()
    return caught.value


def same(a: Named, b: Named) -> bool:
    return list(a) == list(b) and all(a[name].tobytes() == b[name].tobytes() for name in a)


def test_every_language_has_engines() -> None:
    assert {subject.language for subject in SUBJECTS} - {"c++ isolated"} == {"python", "c++"}, (
        f"no plugin in {BUILD}/lib/ferry; run `make build` first"
    )


@pytest.mark.parametrize("name", SPECIES)
def test_outputs_have_the_contracts_names_order_dtypes_and_shapes_at_every_batch(subject: Subject, zoo: Zoo, name: str) -> None:
    species = SPECIES[name]
    sizes = (0, 1, 7, ROWS)
    answers = ask(subject, bundle_of(name, subject, zoo), *map(species.inputs, sizes))
    for size, answer in zip(sizes, answers, strict=True):
        found = [(key, array.dtype.name, array.shape) for key, array in answer.only.items()]
        symbols = {"N": size, "T": STEPS}
        assert found == [
            (spec.name, spec.dtype, tuple(symbols[dim] if isinstance(dim, str) else dim for dim in spec.shape))
            for spec in species.contract.outputs
        ]
        assert all(array.flags.c_contiguous for array in answer.only.values())


@pytest.mark.parametrize("name", spread(SPECIES, 2))
def test_outputs_are_within_the_bundles_tolerances(subject: Subject, zoo: Zoo, name: str) -> None:
    folder = bundle_of(name, subject, zoo)
    bundle = open_bundle(folder)
    cases = [read_case(bundle, case) for case in bundle.manifest.golden.cases]
    for case, answer in zip(cases, ask(subject, folder, *(case.inputs for case in cases)), strict=True):
        for spec in bundle.contract.outputs:
            verdict = compare_output(bundle, case, answer.only, spec.name, engine=subject.engine, device="cpu", numerics="")
            assert verdict.passed, verdict


@pytest.mark.parametrize("name", ["mixed"])
def test_other_batches_and_lengths_than_the_goldens_are_as_right(subject: Subject, zoo: Zoo, name: str) -> None:
    folder = bundle_of(name, subject, zoo)
    random = np.random.default_rng(4)
    requests = [
        {**SPECIES[name].inputs(rows), "steps": random.normal(size=(rows, steps)).astype(np.float32)}
        for rows, steps in ((3, 9), (11, 2), (1, 1), (5, 16))
    ]
    for request, answer in zip(requests, ask(subject, folder, *requests), strict=True):
        assert np.array_equal(answer.only["doubled"], 2 * request["steps"])
        assert np.allclose(answer.only["total"], request["steps"].astype(np.float64).sum(1), rtol=0, atol=1e-5)


def test_a_sample_gives_the_same_answer_in_every_batch(subject: Subject, bundle: Path) -> None:
    rows = SPECIES["classifier"].inputs(ROWS)["image"]
    whole, *parts = ask(subject, bundle, {"image": rows}, *({"image": rows[start : start + 4]} for start in range(0, ROWS, 4)))
    bounds = {row.output: row.bound for row in open_bundle(bundle).manifest.tolerances if row.engine == subject.engine}
    for index, part in enumerate(parts):
        for name, values in part.only.items():
            expected = whole.only[name][4 * index : 4 * index + 4]
            if name == "label":
                assert np.array_equal(values, expected)
            else:
                assert np.abs(values.astype(float) - expected.astype(float)).max() <= 2 * bounds[name]


@pytest.mark.parametrize("name", spread(SPECIES, 1))
def test_five_calls_give_equal_bits_whatever_stands_between(subject: Subject, zoo: Zoo, name: str) -> None:
    few, many = (SPECIES[name].inputs(size) for size in (3, ROWS))
    answers = ask(subject, bundle_of(name, subject, zoo), few, many, few, calls=5)
    first, other = answers[0].outputs[0], answers[1].outputs[0]
    assert len(answers[0].outputs) == 5
    assert all(same(outputs, first) for answer in (answers[0], answers[2]) for outputs in answer.outputs)
    assert all(same(outputs, other) for outputs in answers[1].outputs)


@pytest.mark.parametrize("name", spread(SPECIES, 1))
def test_eight_threads_at_once_get_the_answers_of_one(subject: Subject, zoo: Zoo, name: str) -> None:
    folder, inputs = bundle_of(name, subject, zoo), SPECIES[name].inputs(ROWS)
    alone = ask(subject, folder, inputs)[0].only
    together = ask(subject, folder, inputs, workers=8, calls=25)[0].outputs
    assert len(together) == 200
    assert all(same(outputs, alone) for outputs in together)


def test_two_threads_inside_a_call_are_as_right_as_one(subject: Subject, bundle: Path) -> None:
    opened = open_bundle(bundle)
    case = read_case(opened, opened.manifest.golden.cases[0])
    answer = ask(subject, bundle, case.inputs, threads=2)[0]
    for name in answer.only:
        assert compare_output(opened, case, answer.only, name, engine=subject.engine, device="cpu", numerics="").passed


def without(name: str) -> Change:
    return lambda inputs: inputs.pop(name)


def changed(name: str, change: Callable[[Array], Array]) -> Change:
    return lambda inputs: inputs.update({name: change(inputs[name])})


def with_nan(array: Array) -> Array:
    spoilt = array.copy()
    spoilt.flat[-1] = np.nan
    return spoilt


WRONG: dict[str, tuple[str, Change]] = {
    "nothing at all": ("classifier", without("image")),
    "an unknown input": ("classifier", lambda inputs: inputs.update(more=inputs["image"])),
    "another name": ("classifier", lambda inputs: inputs.update(picture=inputs.pop("image"))),
    "another dtype of that size": ("classifier", changed("image", lambda image: image.astype(np.int8))),
    "a wider dtype": ("classifier", changed("image", lambda image: image.astype(np.float32))),
    "a dim too few": ("classifier", changed("image", lambda image: image[0])),
    "a dim too many": ("classifier", changed("image", lambda image: image[None])),
    "as many elements in another shape": ("classifier", changed("image", lambda image: image.reshape(len(image), 2, 8))),
    "an empty sample": ("classifier", changed("image", lambda image: image[:, :0])),
    "one input missing": ("mixed", without("flag")),
    "NaN": ("mixed", changed("x", with_nan)),
    "infinity": ("mixed", changed("scale", lambda scale: np.array(np.inf, scale.dtype))),
    "NaN in float64": ("mixed", changed("wide", with_nan)),
    "two batch sizes": ("mixed", changed("count", lambda count: count[:-1])),
    "more steps than the limit": ("mixed", changed("steps", lambda steps: np.tile(steps, 3))),
    "no steps": ("mixed", changed("steps", lambda steps: steps[:, :0])),
    "a scalar as a vector": ("mixed", changed("scale", lambda scale: scale.reshape(1))),
}


@pytest.mark.parametrize("name", ["classifier", "mixed"])
def test_wrong_inputs_are_refused_and_the_session_goes_on(subject: Subject, zoo: Zoo, name: str) -> None:
    inputs = SPECIES[name].inputs(7)
    wrong = {what: dict(inputs) for what, (of, _) in WRONG.items() if of == name}
    for what, request in wrong.items():
        WRONG[what][1](request)
    folder = bundle_of(name, subject, zoo)
    *refused, good = ask(subject, folder, *wrong.values(), inputs)
    for what, answer in zip(wrong, refused, strict=True):
        assert answer.code == ExitCode.BAD_INPUT, f"{what}: {answer}"
        assert "\n" not in answer.problem
        assert "expected" in answer.problem
    assert same(good.only, ask(subject, folder, inputs)[0].only)


@pytest.mark.parametrize("name", ["mixed"])
def test_inputs_may_come_in_any_order_and_layout(subject: Subject, zoo: Zoo, name: str) -> None:
    inputs = SPECIES[name].inputs(7)
    odd = {name: np.array(array, order="F") for name, array in reversed(inputs.items())}
    folder = bundle_of(name, subject, zoo)
    for array in odd.values():
        array.flags.writeable = False
    plain, other = ask(
        subject, folder, inputs, {name: odd[name] if subject.language == "python" else inputs[name] for name in odd}
    )
    assert same(plain.only, other.only)


@pytest.mark.parametrize(
    ("device", "code"),
    [("cuda:9999", ExitCode.UNAVAILABLE), ("tpu", ExitCode.USAGE), ("cuda", ExitCode.USAGE), ("", ExitCode.USAGE)],
)
def test_a_device_that_is_not_here_is_refused(subject: Subject, bundle: Path, device: str, code: int) -> None:
    assert refusal_of_session(subject, bundle, device=device).code == code


def test_the_first_gpu_is_refused_where_there_is_none(subject: Subject, bundle: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert refusal_of_session(subject, bundle, device="cuda:0").code == ExitCode.UNAVAILABLE


@pytest.mark.parametrize("threads", spread([0, -1, 1025], 1))
def test_an_odd_number_of_threads_is_refused(subject: Subject, bundle: Path, threads: int) -> None:
    assert refusal_of_session(subject, bundle, threads=threads).code == ExitCode.USAGE


@pytest.mark.parametrize(
    "spoil",
    [lambda _: b"", lambda data: bytes(len(data)), lambda data: data[: len(data) // 2]],
    ids=["empty", "zeros", "half"],
)
def test_an_artifact_that_cannot_be_decoded_is_a_format_error(
    subject: Subject, bundle: Path, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    broken = Path(shutil.copytree(bundle, tmp_path / "broken"))
    artifact = open_bundle(broken).artifact(subject.engine)
    path = broken / artifact.files[0].path
    path.write_bytes(spoil(path.read_bytes()))
    reseal(broken)
    ask(subject, bundle, SPECIES["classifier"].inputs(1))  # it can run here at all
    with pytest.raises(NoSessionError) as caught:
        ask(subject, broken, SPECIES["classifier"].inputs(1))
    assert caught.value.code == ExitCode.FORMAT, caught.value


def test_an_engine_without_an_artifact_is_unavailable(subject: Subject, tmp_path: Path) -> None:
    fill_bundle(tmp_path, artifacts={"abacus": b"beads"})
    with pytest.raises(NoSessionError) as caught:
        subject.ask(tmp_path, [], Question())
    assert caught.value.code == ExitCode.UNAVAILABLE


def test_the_suite_can_fail(bundle: Path, subject: Subject) -> None:
    """The tolerances are no empty promise: the answers for another input lie outside of them."""
    opened = open_bundle(bundle)
    case = read_case(opened, opened.manifest.golden.cases[0])
    answer = ask(subject, bundle, {"image": 255 - case.inputs["image"]})[0]
    verdicts = [
        compare_output(opened, case, answer.only, name, engine=subject.engine, device="cpu", numerics="")
        for name in ("logits", "probabilities")
    ]
    assert not any(verdict.passed for verdict in verdicts)


def test_the_zoo_is_what_its_contracts_say() -> None:
    for species in SPECIES.values():
        outputs = Reference(species.build().eval(), species.contract).float32(species.inputs(5))
        assert list(outputs) == [spec.name for spec in species.contract.outputs]
