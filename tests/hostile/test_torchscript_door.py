"""The door of TorchScript, in both languages: archives that would read or write files, run code while they are loaded, leave their
memory, or hide any of that.

Every archive is sealed: its SHA-256 stands in the manifest, so that nothing but the door can refuse it.
"""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from builders.programs import Program
from builders.spread import spread
from builders.torchscript_archive import PICKLE, STATE, archive, archive_bundle, net, parts
from builders.zip_parts import Part, write_zip
from hostile.refusal import assert_refused
from torchferry.errors import ExitCode

TARGET = "TARGET"  # in the tables below: the file that the archive would write

# What hides an operator from a reader that looks for a call of it; each is the body of `forward`, or a whole file.
OPERATORS: dict[str, tuple[str, str]] = {
    "reads a file": (net('torch.add_(x, torch.sum(torch.from_file("TARGET", True, 4)))'), "aten::from_file"),
    "writes a file": (net('torch.save(x, "TARGET")'), "aten::save"),
    "loads a tensor": (net('_0 = ops.debugprims.load_tensor("TARGET", [2], [1])'), "debugprims::load_tensor"),
    "calls another process": (net('_0 = ops.prim.rpc_sync("worker", "f", ())'), "prim::rpc_sync"),
    "starts a thread": (net("_0 = fork(self.g, x)"), "prim::fork"),
    "names a thread": (net("f = fork"), "prim::fork"),
    "uses a custom operator": (net("_0 = ops.evil.run(x)"), "evil::run"),
    "runs a kernel of quantized tensors": (net("_0 = ops.quantized.relu6(x)"), "quantized::relu6"),
    "leaves its memory": (net("_0 = torch.as_strided(x, [1000000], [1], 0)"), "aten::as_strided"),
    "moves its memory": (net("_0 = torch.set_(x, x)"), "aten::set_"),
    "resizes its memory": (net("_0 = torch.resize_(x, [1000000])"), "aten::resize_"),
    "indexes without a check": (net("_0 = torch._index_put_impl_(x, [], x, False, True)"), "aten::_index_put_impl_"),
    "as a method": (net('(x).save("TARGET")'), "aten::save"),
    "as a method on a number": (net('5 .save("TARGET")'), "aten::save"),
    "as a method of a variable": (net('x.save("TARGET")'), "aten::save"),
    "under another name": (net("f = torch.save", 'f(x, "TARGET")'), "aten::save"),
    "under another name, as a method": (net("f = x.save", 'f("TARGET")'), "aten::save"),
    "by getattr": (net('getattr(x, "save")("TARGET")'), "aten::save"),
    "over two lines": (net("(torch", "  .save)(x, 3)"), "'torch'"),
    "by an alias of torch": (net("t = torch", 't.save(x, "TARGET")'), "'torch'"),
    "by an alias of ops": (net("t = ops.aten", 't.save(x, "TARGET")'), "'ops.aten'"),
    "by torch.autograd": (net('torch.autograd.save(x, "TARGET")'), "'torch.autograd.save'"),
    "after an attribute of its name": (
        net('(x).save("TARGET")', attributes="  save : int\n"),
        "aten::save",
    ),
    "in self that is no longer self": (
        net("self = x", 'self.save("TARGET")', attributes="  save : int\n"),
        "aten::save",
    ),
    "in a method that nothing calls": (
        net(more='  def unused(self: __torch__.Net,\n    x: Tensor) -> None:\n    torch.save(x, "TARGET")\n'),
        "__torch__.Net.unused",
    ),
    "in a function that nothing calls": (
        net(more='def unused(x: Tensor) -> None:\n  torch.save(x, "TARGET")\n'),
        "__torch__.unused",
    ),
    "in an interface": (
        net(more='class I(Interface):\n  def f(self,\n    x: Tensor) -> None:\n    torch.save(x, "TARGET")\n'),
        "__torch__.I.f",
    ),
}

WRITES_AS_STATE = net(
    more="  def __getstate__(self: __torch__.Net) -> Dict[str, bool]:\n    return {}\n"
    "  def __setstate__(self: __torch__.Net,\n    state: Dict[str, bool]) -> NoneType:\n"
    '    self.training = True\n    torch.save(1, "TARGET")\n    return None\n'
)
STRUCTURE: dict[str, tuple[str, str]] = {
    "a state that writes": (WRITES_AS_STATE, "__setstate__"),
    "a state that runs code": (
        net(more="  def __setstate__(self: __torch__.Net,\n    state: bool) -> None:\n    torch.add(1, 2)\n"),
        "__setstate__",
    ),
    "a state by getattr": (net('_0 = getattr(self, "__getstate__")(x)'), "__setstate__"),
    "a default that writes": (net(defaults=',\n    k: Tuple[()]=torch.save(1, "TARGET")'), "'torch.save'"),
    "a default that writes by a method": (
        net(defaults=',\n    k: NoneType=(1).save("TARGET")'),
        "a default that calls something",
    ),
    "a default that calls a function": (net(defaults=",\n    k: NoneType=__torch__.f()"), "a default that calls something"),
    "a constant that writes": (net(attributes='  k : Final[int] = torch.save(1, "TARGET")\n'), "'torch.save'"),
    "a statement in a class": (net(attributes='  torch.save(1, "TARGET")\n'), "'torch.save'"),
    "a statement outside": (net(more='torch.save(1, "TARGET")\n'), "'torch.save'"),
    "an import": ("import __torch__\n" + net(), "'import'"),
    "a letter of another alphabet": (net('tоrch.save(x, "TARGET")'), "expected code as PyTorch writes it"),
    "a line that goes on": (net("torch.\\", '  save(x, "TARGET")'), "expected code as PyTorch writes it"),
    "a formatted string": (net('_0 = f"{x}"'), "'f'"),
    "a comment": (net("# type: int"), "expected code as PyTorch writes it"),
    "a string over lines": (net('_0 = """', '"""'), "expected code as PyTorch writes it"),
    "a string in other quotes": (net("_0 = 'a'"), "expected code as PyTorch writes it"),
    "a getattr of a variable": (net('n = "save"', "getattr(x, n)"), "getattr in another form"),
    "a getattr with an escape": (net('getattr(x, "sav\\145")'), "getattr in another form"),
    "a name that nobody defined": (net("_0 = eval(x)"), "'eval'"),
    "a function in a function": (net("def f() -> int:", "  return 1"), "'def'"),
    "a class twice": (net(more=net()), "'class'"),
    "a class of another kind": (net().replace("(Module)", "(object)"), "'class'"),
    "a native class": (net("_0 = __torch__.torch.classes.a.B"), "__torch__.torch.classes.a.B"),
    "brackets without end": (net("_0 = " + "(" * 101 + ")" * 101), "brackets 101 deep"),
    "an open bracket": (net() + "def f(x: Tensor", "a line without an end"),
}


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def storage(kind: str = "FloatStorage", key: str = "0", elements: int = 4) -> bytes:
    parts_of_it = text("storage") + b"ctorch\n" + kind.encode() + b"\n" + text(key) + text("cpu")
    return b"(" + parts_of_it + b"J" + struct.pack("<i", elements) + b"tQ"


def tensor(sizes: list[int], strides: list[int], offset: int = 0, **of_storage: Any) -> bytes:
    def numbers(values: list[int]) -> bytes:
        return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"

    head = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(**of_storage) + b"J" + struct.pack("<i", offset)
    return head + numbers(sizes) + numbers(strides) + b"\x89ccollections\nOrderedDict\n)RtR"


def with_value(value: bytes) -> bytes:
    """The data of an archive whose attribute `w` is this."""
    return PICKLE.removesuffix(b"ub.") + text("w") + value + b"ub."


def valued(value: bytes) -> list[Part]:
    return [*parts(net(attributes="  w : Tensor\n"), data=with_value(value)), Part("model/data/0", bytes(16))]


PICKLES: dict[str, tuple[list[Part], str]] = {
    "a program": (parts(net(), data=b"\x80\x02cos\nsystem\n(" + text("touch TARGET") + b"tR."), "os.system"),
    "a program in the constants": (
        parts(net(), constants=b"\x80\x02cos\nsystem\n(" + text("touch TARGET") + b"tR."),
        "os.system",
    ),
    "a native class": (parts(net(), data=b"\x80\x02c__torch__.torch.classes.a\nB\n)\x81" + STATE), "__torch__.torch.classes.a.B"),
    "a remote reference": (valued(b"ctorch.distributed.rpc\nrref\n)R"), "torch.distributed.rpc.rref"),
    "an unknown instruction": (valued(b"i"), "instruction 0x69"),
    "another protocol": (parts(net(), data=b"\x80\x04" + PICKLE[2:]), "another protocol"),
    "a storage larger than its entry": (valued(tensor([2], [1], elements=5)), "5 elements and 16 bytes"),
    "a storage of wider elements": (valued(tensor([2], [1], kind="DoubleStorage")), "4 elements and 16 bytes"),
    "a storage that is not there": (valued(tensor([2], [1], key="1")), "no such entry"),
    "a tensor beyond its storage": (valued(tensor([5], [1])), "leaves its storage"),
    "a tensor by its strides": (valued(tensor([2, 2], [1, 3])), "leaves its storage"),
    "a tensor by its offset": (valued(tensor([2], [1], 3)), "leaves its storage"),
    "a tensor before its storage": (valued(tensor([2], [1], -1)), "leaves its storage"),
    "a tensor that overflows": (valued(tensor([2**31 - 1] * 8, [2**31 - 1] * 8)), "leaves its storage"),
    "a call of a class": (valued(b"c__torch__\nNet\n)R"), "a call of something else"),
    "an object of a function": (valued(b"ctorch\ndevice\n)\x81"), "an object of something else"),
    "a state of a list": (valued(b"]}b"), "a state for something else"),
    "items of an object": (valued(b"c__torch__\nNet\n)\x81K\x01a"), "items for something else"),
    "a value that is not there": (valued(b"h\x09"), "a reference to value 9"),
    "deep tuples": (valued(b")" + b"\x85" * 64), "tuples 65 deep"),
    "an early end": (parts(net(), data=PICKLE[:-4]), "ends early"),
    "two values": (parts(net(), data=PICKLE[:-1] + b"N."), "more than one value"),
    "line numbers that name a class": (
        [*parts(net()), Part("model/code/__torch__.py.debug_pkl", PICKLE)],
        "code/__torch__.py.debug_pkl",
    ),
}


def changed(name: str, **fields: Any) -> bytes:
    return write_zip([replace(part, **fields) if part.name == name else part for part in parts(net())])


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def many_zeros(name: str, count: int) -> bytes:
    """An archive in which that file of code has `count` bytes, deflated."""
    stream = io.BytesIO(write_zip(parts(net())))
    with zipfile.ZipFile(stream, "a") as file:
        file.writestr(zipfile.ZipInfo(name), bytes(count), zipfile.ZIP_DEFLATED, 1)
    return stream.getvalue()


ZIPS: dict[str, tuple[bytes, str]] = {
    "no zip": (b"not a zip archive at all, but long enough", "end of zip"),
    "bytes behind the end": (write_zip(parts(net()), after=b"more"), "end of zip"),
    "bytes before the start": (write_zip(parts(net()), before=b"more"), "an offset of 4"),
    "another name in front of the bytes": (
        changed("model/code/__torch__.py", header_name="model/code/__torcx__.py"),
        "a header that differs",
    ),
    "another size in front of the bytes": (changed("model/data.pkl", header_size=1), "a header that differs"),
    "an entry that nobody lists": (changed("model/version", is_listed=False), "got"),
    "an entry twice": (write_zip([*parts(net()), parts(net())[1]]), "this entry twice"),
    "an entry in another case": (write_zip([*parts(net()), Part("model/CODE/__torch__.py", b"")]), "no known kind"),
    "code in another case": (
        write_zip([*parts(net()), Part("model/code/__TORCH__.py", b"")]),
        "in another case",
    ),
    "code in two mixed cases": (
        write_zip([*parts(net()), Part("model/code/__torch__/Ab.py", b""), Part("model/code/__torch__/aB.py", b"")]),
        "in another case",
    ),
    "more code than anybody writes": (many_zeros("model/code/__torch__/zeros.py", 257 << 20), "bytes of code and pickles"),
    "two folders": (write_zip([*parts(net()), Part("other/version", b"3\n")]), "other/version"),
    "a model of an older format": (write_zip([*parts(net()), Part("model/model.json", b"{}")]), "model/model.json"),
    "bytecode": (write_zip([*parts(net()), Part("model/bytecode.pkl", b"")]), "model/bytecode.pkl"),
    "a file of nobody": (write_zip([*parts(net()), Part("model/extra/evil", b"")]), "model/extra/evil"),
    "a name that leaves": (write_zip([*parts(net()), Part("model/../evil", b"")]), "no known kind"),
    "no data": (write_zip(parts(net())[1:]), "no entry data.pkl"),
    "an encrypted entry": (changed("model/version", flags=1), "encrypted"),
    "a method of nobody": (changed("model/version", method=12), "method 12"),
    "deflated data": (changed("model/data.pkl", method=8, data=deflated(PICKLE)), "a deflated entry"),
    "code that cannot be inflated": (changed("model/code/__torch__.py", method=8), "cannot be inflated"),
}


def target_in(folder: Path) -> Path:
    return folder / "evil"


def aimed(content: str, folder: Path) -> str:
    return content.replace(TARGET, str(target_in(folder)))


def refused(program: Program, folder: Path, content: bytes, *named: str) -> str:
    bundle = archive_bundle(folder / "bundle", content)
    done = assert_refused(
        program,
        "verify",
        bundle,
        "--engine",
        "torchscript",
        code=ExitCode.FORMAT,
        named=("model.torchscript", *named),
        under=folder,
    )
    return done.stderr


@pytest.mark.parametrize("case", spread(OPERATORS, 12))
def test_an_operator_is_found_wherever_it_hides(case: str, tmp_path: Path, quick_program: Program) -> None:
    code, named = OPERATORS[case]
    refused(quick_program, tmp_path, archive(aimed(code, tmp_path)), named)


@pytest.mark.parametrize("case", spread(STRUCTURE, 12))
def test_code_that_pytorch_does_not_write_is_refused(case: str, tmp_path: Path, quick_program: Program) -> None:
    code, named = STRUCTURE[case]
    refused(quick_program, tmp_path, archive(aimed(code, tmp_path)), named)


@pytest.mark.parametrize("case", spread(PICKLES, 12))
def test_a_pickle_that_pytorch_does_not_write_is_refused(case: str, tmp_path: Path, quick_program: Program) -> None:
    entries, named = PICKLES[case]
    refused(quick_program, tmp_path, write_zip(entries), named)


@pytest.mark.parametrize("case", spread(ZIPS, 12))
def test_a_zip_with_two_readings_is_refused(case: str, tmp_path: Path, quick_program: Program) -> None:
    content, named = ZIPS[case]
    refused(quick_program, tmp_path, content, named)


@pytest.mark.parametrize(
    "content",
    [
        *(
            pytest.param(lambda c=code: archive(c), id=name, marks=[pytest.mark.slow] * (at % 3 > 0))
            for at, (name, (code, _)) in enumerate((OPERATORS | STRUCTURE).items())
        ),
        *(pytest.param(lambda e=entries: write_zip(e), id=name) for name, (entries, _) in PICKLES.items()),
        *(pytest.param(lambda c=content: c, id=name) for name, (content, _) in ZIPS.items()),
    ],
)
def test_both_programs_say_the_same(
    content: Callable[[], bytes], tmp_path: Path, ferry_here: Program, ferry_run: Program
) -> None:
    bundle = archive_bundle(tmp_path / "bundle", content())
    told = [program("verify", bundle, "--engine", "torchscript").stderr for program in (ferry_here, ferry_run)]
    assert told[0] == told[1]


def test_an_operator_in_a_submodule_that_forward_never_calls_is_found(tmp_path: Path, quick_program: Program) -> None:
    part = "class Part(Module):\n  training : bool\n  def f(self: __torch__.net.part.Part,\n    x: Tensor) -> None:\n"
    code = {
        "__torch__": net(attributes="  part : __torch__.net.part.Part\n"),
        "__torch__/net/part": f'{part}    torch.save(x, "{target_in(tmp_path)}")\n',
    }
    data = with_value(b"").replace(text("w"), text("part") + b"c__torch__.net.part\nPart\n)\x81" + STATE[:-1])
    refused(quick_program, tmp_path, archive(code, data=data), "aten::save", "__torch__.net.part.Part.f")


def loaded(content: bytes) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.load(io.BytesIO(content))


def test_the_hostile_archives_are_hostile(tmp_path: Path) -> None:
    """Without the door each of these writes its file, two of them while they are loaded: the tests above are not about nothing."""
    target = target_in(tmp_path)
    code, _ = OPERATORS["writes a file"]
    loaded(archive(aimed(code, tmp_path)))(torch.ones(1, 2))
    assert target.exists()
    target.unlink()
    loaded(archive(aimed(WRITES_AS_STATE, tmp_path)))
    assert target.exists()
    target.unlink()
    code, _ = STRUCTURE["a default that writes"]
    loaded(archive(aimed(code, tmp_path)))
    assert target.exists()
    target.unlink()
    code, _ = OPERATORS["reads a file"]
    loaded(archive(aimed(code, tmp_path)))(torch.ones(1, 2))
    assert target.stat().st_size == 16


def test_the_same_archive_without_its_fault_runs(tmp_path: Path, quick_program: Program) -> None:
    bundle = archive_bundle(tmp_path / "bundle", archive(net("_0 = torch.relu(x)")))
    done = quick_program("verify", bundle, "--engine", "torchscript")
    assert (done.code, done.stderr) == (ExitCode.OK, "")


@pytest.mark.parametrize("value", [tensor([2], [1]), tensor([2, 2], [2, 1]), tensor([0, 9], [9, 9]), tensor([], [], 3)])
def test_a_tensor_inside_its_storage_is_taken(value: bytes, tmp_path: Path, quick_program: Program) -> None:
    bundle = archive_bundle(tmp_path / "bundle", write_zip(valued(value)))
    assert quick_program("verify", bundle, "--engine", "torchscript").code == ExitCode.OK


STRIDED = net("_0 = torch.as_strided(x, [1], [1], 0)")


def test_permission_for_an_operator_is_given_by_name(tmp_path: Path, quick_program: Program) -> None:
    bundle = archive_bundle(tmp_path / "bundle", archive(STRIDED))
    verify = ("verify", bundle, "--engine", "torchscript")
    assert "pass --allow-op aten::as_strided" in quick_program(*verify).stderr
    assert quick_program(*verify, "--allow-op", "aten::set_").code == ExitCode.FORMAT
    assert quick_program(*verify, "--allow-op", "aten::set_", "--allow-op", "aten::as_strided").code == ExitCode.OK


def test_what_the_manifest_records_gives_no_permission(tmp_path: Path, quick_program: Program) -> None:
    bundle = archive_bundle(tmp_path / "bundle", archive(STRIDED), requires={"operators": "aten::as_strided,aten::set_"})
    done = quick_program("verify", bundle, "--engine", "torchscript")
    assert done.code == ExitCode.FORMAT
    assert "aten::as_strided, which the manifest says its exporter allowed" in done.stderr


def test_no_permission_opens_the_structure(tmp_path: Path, quick_program: Program) -> None:
    code, _ = STRUCTURE["a state that runs code"]
    bundle = archive_bundle(tmp_path / "bundle", archive(code))
    options = ("--allow-op", "aten::save", "--allow-op", "aten::__setstate__")
    assert quick_program("verify", bundle, "--engine", "torchscript", *options).code == ExitCode.FORMAT


@pytest.mark.parametrize("name", ["", "save", "aten::", "aten::a.out", "aten::a b", "::a", "a::b::c"])
def test_a_permission_that_names_no_operator_is_bad_usage(name: str, iris: Path, quick_program: Program) -> None:
    done = quick_program("verify", iris, "--engine", "torchscript", "--allow-op", name)
    assert done.code == ExitCode.USAGE
    assert "--allow-op" in done.stderr


def test_what_a_model_prints_goes_to_stderr(tmp_path: Path, program: Program) -> None:
    bundle = archive_bundle(tmp_path / "bundle", archive(net('print("printed by the model")')))
    (tmp_path / "x.csv").write_text("x.0,x.1\n1,2\n")
    done = program("predict", bundle, "--engine", "torchscript", "--input", tmp_path / "x.csv")
    assert done.code == ExitCode.OK
    assert "printed by the model" in done.stderr
    assert b"printed" not in done.stdout
    assert done.stdout.count(b"\n") == 1


@pytest.mark.parametrize("verb", [("predict", "--input", "x.npy"), ("bench", "--calls", "1")], ids=["predict", "bench"])
def test_every_verb_of_ferry_run_takes_the_permission(verb: tuple[str, ...], tmp_path: Path, ferry_run: Program) -> None:
    bundle = archive_bundle(tmp_path / "bundle", archive(STRIDED))
    (tmp_path / "x.csv").write_text("x.0,x.1\n1,2\n")
    command = (verb[0], bundle, "--engine", "torchscript", *("x.csv" if item == "x.npy" else item for item in verb[1:]))
    assert ferry_run(*command, cwd=tmp_path).code == ExitCode.FORMAT
    assert ferry_run(*command, "--allow-op", "aten::as_strided", cwd=tmp_path).code == ExitCode.OK


def test_every_way_to_a_bundle_passes_the_door(tmp_path: Path, ferry_here: Program) -> None:
    """`diff` reads weights and opens layers up without a session."""
    code, _ = OPERATORS["writes a file"]
    bundle = archive_bundle(tmp_path / "bundle", archive(aimed(code, tmp_path)))
    for command in (
        ("diff", bundle, bundle),
        ("diff", bundle, "--engine", "torchscript"),
        ("report", bundle, "-o", tmp_path / "r.html"),
    ):
        done = ferry_here(*command)
        assert done.code != ExitCode.OK
        assert not target_in(tmp_path).exists()
