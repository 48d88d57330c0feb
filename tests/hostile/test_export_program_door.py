"""The door of a torch.export archive, which engine `eager` opens: pickles, Python code in place of sizes, names and operators.

Every archive is sealed: its SHA-256 stands in the manifest, so that nothing but the door can refuse it. What would run leaves a
marker file; each attack has been seen to leave it when the door was open (`torch.export.load`).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from builders.bundles import reseal
from builders.programs import Program
from builders.spread import spread
from builders.zip_parts import Part, read_parts, renamed, write_zip
from hostile.refusal import assert_error, snapshot
from torchferry.engines.program_door import judge_program
from torchferry.engines.program_expression import check_expression
from torchferry.engines.program_operators import check_target
from torchferry.errors import ExitCode, FerryError

ROOT = Path(__file__).resolve().parents[2]
FILE = "model.export.pt2"
PROGRAM = "archive/models/model.json"
WEIGHTS = "archive/data/weights/model_weights_config.json"
CONSTANTS = "archive/data/constants/model_constants_config.json"
SAMPLES = "archive/data/sample_inputs/model.pt"
MARKER = "marker"
CODE = f"__import__('os').system('touch {MARKER}')"  # the working folder is the test's own
Change = Callable[[Any], object]
Make = Callable[[list[Part]], list[Part]]


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {MARKER}",))


def pickled() -> bytes:
    buffer = io.BytesIO()
    torch.save(Evil(), buffer)
    return buffer.getvalue()


def edited(name: str, change: Change) -> Make:
    """The archive with one JSON entry changed."""

    def make(parts: list[Part]) -> list[Part]:
        require_entry(parts, name)
        return [Part(part.name, change_json(part.data, change)) if part.name == name else part for part in parts]

    return make


def require_entry(parts: list[Part], name: str) -> None:
    """Refuse to attack an entry that the archive does not have: nothing would be changed."""
    assert name in [part.name for part in parts], f"no entry {name}"


def change_json(data: bytes, change: Change) -> bytes:
    value = json.loads(data)
    change(value)
    return json.dumps(value).encode()


def replaced(name: str, data: bytes) -> Make:
    def make(parts: list[Part]) -> list[Part]:
        require_entry(parts, name)
        return [Part(part.name, data) if part.name == name else part for part in parts]

    return make


def added(name: str, data: bytes = b"x") -> Make:
    return lambda parts: [*parts, Part(name, data)]


def both(*makes: Make) -> Make:
    def make(parts: list[Part]) -> list[Part]:
        for one in makes:
            parts = one(parts)
        return parts

    return make


def graph(value: Any) -> Any:
    return value["graph_module"]["graph"]


def set_at(*path: Any, to: Any) -> Change:
    """Put `to` at a path of keys and indexes."""

    def change(value: Any) -> None:
        for key in path[:-1]:
            value = value[key]
        assert path[-1] in value if isinstance(value, dict) else True, f"the honest program has no {path[-1]}"
        value[path[-1]] = to

    return change


def with_weight(**fields: Any) -> Make:
    return edited(WEIGHTS, lambda value: next(iter(value["config"].values())).update(fields))


def with_constant(path_name: str, data: bytes, *, use_pickle: bool) -> Make:
    entry = {"path_name": path_name, "is_param": False, "use_pickle": use_pickle, "tensor_meta": None}
    return both(edited(CONSTANTS, set_at("config", to={"c": entry})), added(f"archive/data/constants/{path_name}", data))


GRAPH = ("graph_module", "graph")
NODE = (*GRAPH, "nodes", 1)
CALL = ("graph_module", "module_call_graph", 0, "signature")
EXPRESSION = {"as_expr": {"expr_str": CODE, "hint": None}}


def tree(kind: str, context: str) -> str:
    leaf = {"type": None, "context": None, "children_spec": []}
    return json.dumps([1, {"type": kind, "context": context, "children_spec": [leaf]}])


def add_input_argument(value: Any, argument: Any) -> None:
    graph(value)["nodes"][1]["inputs"].append({"name": "extra", "arg": argument, "kind": 1})


HOSTILE: dict[str, tuple[Make, str]] = {
    "pickled sample inputs": (replaced(SAMPLES, pickled()), "sample_inputs"),
    "a plain pickle as sample inputs": (replaced(SAMPLES, pickle.dumps(Evil())), "sample_inputs"),
    "a pickled weight": (
        both(with_weight(use_pickle=True), replaced("archive/data/weights/weight_0", pickled())),
        "use_pickle",
    ),
    "a pickled constant": (with_constant("tensor_0", pickled(), use_pickle=True), "use_pickle"),
    "a custom object": (with_constant("custom_obj_0", pickled(), use_pickle=True), "custom_obj_0"),
    "an opaque object": (with_constant("opaque_obj_0", pickle.dumps(Evil()), use_pickle=True), "opaque_obj_0"),
    "weights of the older format": (added("archive/data/weights/model.pt", pickled()), "weights/model.pt"),
    "constants of the older format": (added("archive/data/constants/model.pt", pickled()), "constants/model.pt"),
    "code as a size": (
        edited(PROGRAM, lambda value: graph(value)["tensor_values"]["inputs_0"]["sizes"].__setitem__(0, EXPRESSION)),
        "expression",
    ),
    "code as a stride": (
        edited(PROGRAM, lambda value: graph(value)["tensor_values"]["inputs_0"]["strides"].__setitem__(0, EXPRESSION)),
        "expression",
    ),
    "code as an offset": (
        edited(PROGRAM, lambda value: graph(value)["tensor_values"]["inputs_0"].update(storage_offset=EXPRESSION)),
        "expression",
    ),
    "code as a whole number": (edited(PROGRAM, set_at(*GRAPH, "sym_int_values", to={"s": EXPRESSION})), "expression"),
    "code as a truth": (edited(PROGRAM, set_at(*GRAPH, "sym_bool_values", to={"s": EXPRESSION})), "expression"),
    "code as a float": (edited(PROGRAM, set_at(*GRAPH, "sym_float_values", to={"s": EXPRESSION})), "expression"),
    "code as a weight's size": (
        edited(WEIGHTS, lambda value: next(iter(value["config"].values()))["tensor_meta"]["sizes"].__setitem__(0, EXPRESSION)),
        "size",
    ),
    "code as the name of a range": (
        edited(PROGRAM, set_at("range_constraints", to={CODE: {"min_val": 0, "max_val": None}})),
        "range_constraints",
    ),
    "guards": (edited(PROGRAM, set_at("guards_code", to=[CODE])), "guards_code"),
    "a function of torch as operator": (edited(PROGRAM, set_at(*NODE, "target", to="torch.load")), "torch.load"),
    "a module behind torch": (edited(PROGRAM, set_at(*NODE, "target", to="torch.os.system")), "torch.os.system"),
    "a function of operator": (edited(PROGRAM, set_at(*NODE, "target", to="_operator.attrgetter")), "attrgetter"),
    "an extension": (edited(PROGRAM, set_at(*NODE, "target", to="#ns:op")), "#ns:op"),
    "a file as operator": (edited(PROGRAM, set_at(*NODE, "target", to="torch.ops.aten.from_file.default")), "from_file"),
    "a writer as operator": (edited(PROGRAM, set_at(*NODE, "target", to="torch.ops.aten.save.default")), "save"),
    "a debug operator": (edited(PROGRAM, set_at(*NODE, "target", to="torch.ops.debugprims.load_tensor.default")), "debugprims"),
    "foreign memory": (edited(PROGRAM, set_at(*NODE, "target", to="torch.ops.aten.as_strided.default")), "as_strided"),
    "indexes that nobody checks": (
        edited(PROGRAM, set_at(*NODE, "target", to="torch.ops.aten._index_put_impl_.default")),
        "_index_put_impl_",
    ),
    "a method of an operator": (edited(PROGRAM, set_at(*NODE, "target", to="torch.ops.aten.add.op")), "aten.add.op"),
    "a triton kernel": (
        edited(PROGRAM, set_at(*NODE, "target", to="torch.ops.higher_order.triton_kernel_wrapper_functional")),
        "triton",
    ),
    "an operator as argument": (
        edited(PROGRAM, lambda value: add_input_argument(value, {"as_operator": "torch.load"})),
        "as_operator",
    ),
    "a custom object as argument": (
        edited(PROGRAM, lambda value: add_input_argument(value, {"as_custom_obj": {"name": "c", "class_fqn": "os.system"}})),
        "as_custom_obj",
    ),
    "code as a node's name": (edited(PROGRAM, set_at(*NODE, "name", to=f"x = {CODE}\n")), "name"),
    "code as a tensor's name": (
        edited(PROGRAM, set_at(*GRAPH, "inputs", 0, "as_tensor", "name", to=f"x={CODE}")),
        "name",
    ),
    "code as an argument's name": (edited(PROGRAM, set_at(*CALL, "forward_arg_names", to=[f"x={CODE}"])), "forward_arg_names"),
    "code as a module": (edited(PROGRAM, set_at("graph_module", "module_call_graph", 1, "fqn", to=f'a"{CODE}"')), "fqn"),
    "code in a module stack": (
        edited(PROGRAM, set_at(*NODE, "metadata", to={"nn_module_stack": f'"{CODE},,"'})),
        "nn_module_stack",
    ),
    "a tree that imports a module": (
        edited(
            PROGRAM, set_at(*CALL, "in_spec", to=tree("collections.defaultdict", json.dumps({"default_factory_module": "evil"})))
        ),
        "in_spec",
    ),
    "a tree with an enum": (
        edited(PROGRAM, set_at(*CALL, "out_spec", to=tree("builtins.dict", json.dumps([{"__enum__": True, "fqn": "evil:a"}])))),
        "out_spec",
    ),
    "a constant text as input": (
        edited(
            PROGRAM,
            lambda value: value["graph_module"]["signature"]["input_specs"].append(
                {"constant_input": {"name": "x", "value": {"as_string": f"' or {CODE} or '"}}}
            ),
        ),
        "input_specs",
    ),
    "a buffer that is written": (
        edited(
            PROGRAM,
            lambda value: value["graph_module"]["signature"]["output_specs"].append(
                {"buffer_mutation": {"arg": {"name": "to"}, "buffer_name": "b"}}
            ),
        ),
        "output_specs",
    ),
    "an unknown key": (edited(PROGRAM, lambda value: value.update(hook=CODE)), "hook"),
    "a number in place of a text": (edited(PROGRAM, set_at(*NODE, "target", to=7)), "target"),
    "a text in place of a number": (edited(PROGRAM, set_at("schema_version", "major", to="8")), "major"),
    "deep JSON": (replaced(PROGRAM, b'{"graph_module":' + b"[" * 100_000), "nested"),
    "no JSON": (replaced(PROGRAM, b"\x80\x02"), PROGRAM.partition("/")[2]),
    "a key twice": (replaced(PROGRAM, b'{"a":1,"a":2}'), "twice"),
    "a weight of too few bytes": (replaced("archive/data/weights/weight_0", b"\0\0\0\0"), "bytes"),
    "a weight of an entry that is not there": (with_weight(path_name="../../x"), "path"),
    "an extra entry": (added("archive/extra/run.py"), "extra/run.py"),
    "an entry above the archive": (added("archive/../../evil"), "evil"),
    "an entry that climbs from the root": (added("../evil"), "../evil"),
    "a compiled model": (added("archive/data/aotinductor/model/x.so"), "aotinductor"),
    "a second model": (added("archive/models/other.json", b"{}"), "models/other.json"),
    "an entry twice": (lambda parts: [*parts, parts[0]], "twice"),
    "another root": (lambda parts: [renamed(parts[0], "other/data/weights/weight_0"), *parts[1:]], "no known kind"),
    "another byte order": (replaced("archive/byteorder", b"big"), "byteorder"),
    "no archive": (lambda _: [], "got 0 entries"),
}


def hostile_file(folder: Path, make: Make) -> None:
    path = folder / FILE
    path.chmod(0o644)
    path.write_bytes(write_zip(make(read_parts(path))))
    reseal(folder)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, in which the marker would appear."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("what", spread(HOSTILE, 20))
def test_a_hostile_program_is_refused_and_runs_nothing(ferry_here: Program, iris: Path, work: Path, what: str) -> None:
    make, named = HOSTILE[what]
    hostile_file(iris, make)
    before = snapshot(iris)
    assert_error(ferry_here("verify", iris, "--engine", "eager"), ExitCode.FORMAT, FILE, named)
    sample = iris / "golden" / "batch-1.input.measurements.npy"
    assert_error(ferry_here("predict", iris, "--engine", "eager", "--input", sample), ExitCode.FORMAT, FILE, named)
    assert snapshot(iris) == before
    assert not list(work.iterdir()), "something ran"


RUNS_WITHOUT_A_DOOR = [
    "pickled sample inputs",
    "a plain pickle as sample inputs",
    "a pickled weight",
    "code as a size",
    "code as a stride",
    "an opaque object",
]


@pytest.mark.slow
@pytest.mark.parametrize("what", RUNS_WITHOUT_A_DOOR)
def test_the_attack_is_real(iris: Path, work: Path, what: str) -> None:
    """torch's own loader runs it: the marker would have been seen."""
    hostile_file(iris, HOSTILE[what][0])
    try:
        torch.export.load(io.BytesIO((iris / FILE).read_bytes()))
    except Exception as error:  # after it has run
        print(error)
    assert (work / MARKER).exists()


@pytest.mark.parametrize("verb", ["diff", "report"])
def test_other_verbs_hold_the_program_to_the_same_door(ferry_here: Program, iris: Path, work: Path, verb: str) -> None:
    hostile_file(iris, HOSTILE["code as a size"][0])
    options = {"diff": ["--engine", "onnxruntime"], "report": ["-o", work / "report.html"]}[verb]
    ferry_here(verb, iris, *options)
    assert not (work / MARKER).exists()


def test_weights_are_read_without_a_pickle(ferry_here: Program, iris: Path, digits: Path, work: Path) -> None:
    hostile_file(iris, HOSTILE["a pickled weight"][0])
    assert ferry_here("diff", iris, digits).code != ExitCode.OK
    assert not (work / MARKER).exists()


EXPRESSIONS_REFUSED = [
    CODE,
    "s0 + 1",
    "Symbol('s0').__class__",
    "Symbol(__import__('os').system('touch marker'))",
    "Integer(Symbol('s0'))",
    "Pow(Integer(10), Integer(1000000000))",
    "Pow(Integer(10), Pow(Integer(10), Integer(10)))",
    "Add(*[1])",
    "Add(**{})",
    "lambda: 1",
    "[x for x in (1,)]",
    "f'{1}'",
    "(" * 3000 + ")" * 3000,
    "Add(" * 900 + ")" * 900,
    "-" * 3999 + "1",
    "Symbol('s0', positive=open('x'))",
    "Symbol('s0', evil=True)",
    "Symbol('a' 'b', **{})",
    "Function('f')(1)",
    "Integer(9999999999999999999999)",
    "",
    "1\n2",
    "Add(1, 2).subs(1, 2)",
]


@pytest.mark.parametrize("text", EXPRESSIONS_REFUSED, ids=range(len(EXPRESSIONS_REFUSED)))
def test_an_expression_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expression"):
        check_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "Symbol('s21', positive=True, integer=True)",
        "Add(Mul(Integer(2), Symbol('s77', positive=True, integer=True)), Integer(-1))",
        "FloorDiv(Symbol('s0', integer=True), Integer(2))",
        "Max(Integer(1), Symbol('u0', integer=True))",
        "Equality(Mod(Symbol('s0', integer=True), Integer(2)), Integer(0))",
        "Pow(Symbol('s0', integer=True), Integer(-1))",
        "Rational(1, 2)",
        "Float('1.5', precision=53)",
    ],
)
def test_sizes_as_torch_writes_them_pass(text: str) -> None:
    check_expression(text)


@pytest.mark.parametrize(
    "target",
    [
        "linear.default",
        "conv2d.default",
        "slice.Tensor",
        "max_pool2d_with_indices.default",
        "add_.Tensor",
        "__and__.Tensor",
        "to.dtype",
    ],
)
def test_ordinary_operators_pass(target: str) -> None:
    check_target(f"torch.ops.aten.{target}")


def test_no_operator_that_passes_takes_a_file_name() -> None:
    """An operator of torch with an argument of such a name passes through no list unseen; einsum's path is one of numbers."""
    suspicious = ("file", "path", "url", "uri", "storage", "unsafe", "host", "addr", "port")
    for schema in torch._C._jit_get_all_schemas():
        if schema.name != "aten::einsum" and any(word in argument.name for argument in schema.arguments for word in suspicious):
            namespace, name = schema.name.split("::")
            with pytest.raises(ValueError, match="got a call"):
                check_target(f"torch.ops.{namespace}.{name}.{schema.overload_name or 'default'}")


def test_flipped_bytes_end_in_a_refusal_or_in_an_answer(iris: Path, work: Path) -> None:
    """Random changes of the program's JSON, one character each, in this process: nothing but FerryError comes out."""
    path = iris / FILE
    parts = {part.name: part.data for part in read_parts(path)}
    random = np.random.default_rng(3)
    passed = 0
    for _ in range(200):
        text = bytearray(parts[PROGRAM])
        text[random.integers(len(text))] = random.integers(32, 127)
        archive = write_zip([Part(name, bytes(text) if name == PROGRAM else data) for name, data in parts.items()])
        with contextlib.suppress(FerryError):
            judge_program(FILE, archive)
            passed += 1
    assert passed < 150
    assert not list(work.iterdir())
