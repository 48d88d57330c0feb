"""The door in front of a torch.export archive: what engine `eager` opens is read and judged here, before torch sees any of it.

`torch.export.load` is no reader of data: it unpickles sample inputs, weights and constants that say so, evaluates the texts of
sizes, looks operators up by attribute paths, imports the classes of tree specifications and compiles names and guards into
Python code. Here the archive is scanned, held to torch's own schema and walked; whatever could name code is refused.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch._export.serde import schema

from torchferry.bundle.stored_zip import Rules, entry_refusal, read_members
from torchferry.engines.program_expression import check_expression, is_symbol
from torchferry.engines.program_operators import check_target
from torchferry.engines.program_schema import parse_document
from torchferry.errors import ExitCode, FerryError

_PROGRAM, _SAMPLES = "models/model.json", "data/sample_inputs/model.pt"
_WEIGHTS, _CONSTANTS = "data/weights/model_weights_config.json", "data/constants/model_constants_config.json"
_KNOWN = re.compile(
    r"archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id|models/model\.json|data/sample_inputs/model\.pt|"
    r"data/weights/(?:model_weights_config\.json|weight_[0-9]{1,5})|data/constants/(?:model_constants_config\.json|tensor_[0-9]{1,5})"
)
_ROOT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_PATH = re.compile(r"(?!.*__)[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")  # of a weight or module: no attribute of Python itself
_STACK = re.compile(r"[A-Za-z0-9_.,;@<>\[\] -]*")
_PLAIN_TREES = ("builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict")
_MAX_ENTRIES = 100_000  # one for each weight, and about ten more


@dataclass(frozen=True)
class Payload:
    """The bytes behind one weight or constant, and torch's description of the tensor in them."""

    data: memoryview
    is_parameter: bool
    meta: dict[str, Any]


@dataclass(frozen=True)
class JudgedProgram:
    """A program without anything that could run, and its tensors by name."""

    document: dict[str, Any]
    weights: dict[str, Payload]
    constants: dict[str, Payload]


def judge_program(path: str, data: bytes) -> JudgedProgram:
    """Judge an archive of torch.export. Raises FerryError(FORMAT) that names the entry and the rule."""
    try:
        entries = _read_archive(data)
        document = _in_entry(_PROGRAM, lambda: parse_document(schema.ExportedProgram, bytes(entries[_PROGRAM])))
        _in_entry(_PROGRAM, lambda: _judge_document(document))
        weights = _in_entry(_WEIGHTS, lambda: _payloads(entries, _WEIGHTS, "data/weights/"))
        constants = _in_entry(_CONSTANTS, lambda: _payloads(entries, _CONSTANTS, "data/constants/"))
    except (ValueError, RecursionError) as error:
        raise FerryError(ExitCode.FORMAT, f"{path}: {error}; export the bundle again, or do not trust it") from None
    return JudgedProgram(document, weights, constants)


def _in_entry(name: str, judge: Callable[[], Any]) -> Any:
    try:
        return judge()
    except (ValueError, RecursionError) as error:
        text = (
            "got a program that is nested too deep, expected that of torch.export" if isinstance(error, RecursionError) else error
        )
        raise ValueError(f"{name}: {text}") from None


def _read_archive(data: bytes) -> dict[str, memoryview]:
    """Return the entries by their names without the root folder."""
    found = {name: member.data for name, member in read_members(memoryview(data), Rules(max_entries=_MAX_ENTRIES)).items()}
    first = next(iter(found), "").partition("/")[0]
    entries: dict[str, memoryview] = {}
    for name, content in found.items():
        root, _, inner = name.partition("/")
        if not _ROOT.fullmatch(root) or root != first or not _KNOWN.fullmatch(inner):
            raise entry_refusal(
                name, "an entry of no known kind", "those of torch.export.save for one model without custom objects"
            )
        entries[inner] = content
    for name, wanted in (("archive_format", b"pt2"), ("archive_version", b"0"), ("byteorder", b"little")):
        if bytes(entries.get(name, b"")) != wanted:
            raise entry_refusal(name, "none or another value", wanted.decode())
    for name in (_PROGRAM, _WEIGHTS, _CONSTANTS):
        if name not in entries:
            raise entry_refusal(name, "no such entry", "one")
    if len(entries.get(_SAMPLES, b"")):
        raise entry_refusal(
            _SAMPLES, f"{len(entries[_SAMPLES])} bytes of pickle", "none: unpickling runs code, and no engine needs samples"
        )
    return entries


def _judge_document(document: dict[str, Any]) -> None:
    """Walk the whole program; drop what only describes where it came from. Raises ValueError."""
    module = document["graph_module"]
    if document.get("guards_code"):
        raise ValueError("guards_code: got Python code, expected none; the contract checks the inputs")
    if not set(document.get("verifiers", [])) <= {"TRAINING", "ATEN"}:
        raise ValueError("verifiers: got a dialect of a backend, expected TRAINING or ATEN")
    for name in document["range_constraints"]:
        _require(is_symbol(name), "range_constraints", name, "names of sizes")
    _judge_signature(module["signature"])
    for entry in module["module_call_graph"]:
        _judge_call(entry)
    _walk(module["graph"])
    _walk(module["signature"])
    module["metadata"], module["treespec_namedtuple_fields"] = {}, {}


def _judge_signature(signature: dict[str, Any]) -> None:
    """Tensors go in, tensors come out, and nothing is written back into weights: a session gives equal answers to equal inputs."""
    for kind, value in ((kind, value) for item in signature["input_specs"] for kind, value in item.items()):
        is_plain = kind in ("parameter", "buffer", "tensor_constant") or (kind == "user_input" and "as_tensor" in value["arg"])
        _require(is_plain, "input_specs", kind, "tensors only")
        for key, name in value.items():
            if key.endswith("_name"):
                _require(_PATH.fullmatch(name) is not None, key, name, "a path of names")
    for kind in (kind for item in signature["output_specs"] for kind in item):
        _require(kind in ("user_output", "user_input_mutation"), "output_specs", kind, "outputs only")


def _judge_call(entry: dict[str, Any]) -> None:
    _require(
        not entry["fqn"] or _PATH.fullmatch(entry["fqn"].replace("@", "_")) is not None, "fqn", entry["fqn"], "a path of names"
    )
    call = entry.get("signature")
    if call is None:
        return
    for name in call.get("forward_arg_names") or []:
        _require(_is_name(name), "forward_arg_names", name, "a name")
    for argument in [*call["inputs"], *call["outputs"]]:
        _walk(argument)
    for key in ("in_spec", "out_spec"):
        version, tree = _parse_tree(call[key])
        _require(version == 1 and _is_plain_tree(tree), key, call[key], "tuples, lists and dicts")


def _parse_tree(text: str) -> tuple[Any, Any]:
    value = json.loads(text) if len(text) < 1_000_000 else None
    return (value[0], value[1]) if isinstance(value, list) and len(value) == 2 else (None, None)


def _is_plain_tree(tree: object) -> bool:
    """Say whether a tree specification is plain: others can name any class, and in their context any module to import."""
    if not isinstance(tree, dict) or tree.keys() != {"type", "context", "children_spec"}:
        return False
    kind, context, children = tree["type"], tree["context"], tree["children_spec"]
    if not isinstance(children, list) or not (kind in _PLAIN_TREES or (kind is None and context is None and not children)):
        return False
    keys = json.loads(context) if isinstance(context, str) else None
    is_plain = keys is None or (isinstance(keys, list) and all(isinstance(key, str | int) for key in keys))
    return is_plain and all(map(_is_plain_tree, children))


def _walk(value: Any) -> None:
    """Judge everything below a graph or argument by its key; the schema has fixed what each key may hold."""
    if isinstance(value, list):
        for item in value:
            _walk(item)
    elif isinstance(value, dict):
        for key, item in list(value.items()):
            _judge_key(value, key, item)
            _walk(item)


def _judge_key(holder: dict[str, Any], key: str, item: Any) -> None:
    if key == "expr_str":
        check_expression(item)
    elif key == "target":
        check_target(item)
    elif key in ("as_operator", "as_custom_obj", "custom_obj", "token", "as_string_to_argument"):
        raise ValueError(f"{key}: got an argument of another kind, expected tensors, numbers and branches")
    elif key == "custom_obj_values":
        _require(not item, key, str(item), "none: custom objects are pickles")
    elif key in ("name", "as_name"):
        _require(item is None or item == "" or _is_name(item), key, str(item), "a name")
    elif key in ("tensor_values", "sym_int_values", "sym_bool_values", "sym_float_values"):
        for name in item:
            _require(_is_name(name), key, name, "a name")
    elif key == "metadata":
        stack = item.get("nn_module_stack", "")
        _require(_STACK.fullmatch(stack) is not None, "nn_module_stack", stack, "names of modules")
        holder[key] = {"nn_module_stack": stack} if stack else {}


def _is_name(text: str) -> bool:
    """Names become variables of Python code that torch writes and compiles."""
    return (
        len(text) <= 1000 and text.isascii() and text.isidentifier() and not keyword.iskeyword(text) and not text.startswith("__")
    )


def _require(is_good: bool, where: str, got: str, expected: str) -> None:
    if not is_good:
        raise ValueError(f"{where}: got {got[:60]!r}, expected {expected}")


def _payloads(entries: dict[str, memoryview], config: str, folder: str) -> dict[str, Payload]:
    """Return the tensors' bytes by name; each description must fit into its bytes."""
    document = parse_document(schema.PayloadConfig, bytes(entries[config]))
    found = {}
    for name, item in document["config"].items():
        _require(_PATH.fullmatch(name) is not None, "config", name, "a path of names")
        meta = item["tensor_meta"]
        if item["use_pickle"] or meta is None:
            raise ValueError(f"{name}: got use_pickle or no tensor_meta, expected raw bytes: unpickling runs code")
        data = entries.get(folder + item["path_name"])
        if data is None or not re.fullmatch(r"(?:weight|tensor)_[0-9]+", item["path_name"]):
            raise ValueError(f"{name}: got the path {item['path_name'][:60]!r}, expected an entry of {folder}")
        found[name] = Payload(data, item["is_param"], meta)
    return found
