"""The pickles of a TorchScript archive, read without building anything. cpp/engines/torchscript_pickle.cpp is its twin.

Only the instructions and the callables that PyTorch writes are known. LibTorch believes the size that a pickle gives a storage
and would read beyond the bytes of its entry; here storage and tensor are held to the entry.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

MAX_DEPTH = 64  # of tuples in tuples
_ITEM_SIZES = {
    f"torch.{kind}Storage": size
    for size, kinds in {
        1: ("Bool", "Byte", "Char"),
        2: ("Half", "BFloat16", "Short"),
        4: ("Float", "Int"),
        8: ("Double", "Long", "ComplexFloat"),
        16: ("ComplexDouble",),
    }.items()
    for kind in kinds
}
_REBUILD_TENSOR = "torch._utils._rebuild_tensor_v2"
_LISTS = frozenset(f"torch.jit._pickle.build_{kind}list" for kind in ("int", "double", "bool", "tensor"))
_CALLABLES = _LISTS | {_REBUILD_TENSOR, "torch.jit._pickle.restore_type_tag", "torch.device", "collections.OrderedDict"}
_CLASS = re.compile(r"__torch__(?:\.[A-Za-z_][A-Za-z0-9_]*)+")
_NATIVE_CLASS = re.compile(r"__torch__\.torch\.classes\b")
_INTEGER = re.compile(r"[0-9]+")
_DEVICE = re.compile(r"cpu|cuda:[0-9]+")
_STOP = ord(".")
_MARK = object()
_LIST, _DICT, _OBJECT, _TENSOR = object(), object(), object(), object()


class PickleError(ValueError):
    """What is wrong with a pickle: `got X, expected Y`."""


@dataclass(frozen=True)
class _Global:
    name: str


@dataclass(frozen=True)
class _Storage:
    elements: int


class _Tuple(NamedTuple):
    items: tuple[Any, ...]
    depth: int


def check_pickle(data: bytes, storages: Mapping[str, int] | None) -> None:
    """Check a pickle. Raises PickleError.

    storages: size in bytes of the entry of each storage key; None: the pickle may hold plain values and lists of them only.
    """
    try:
        _Machine(data, storages).run()
    except (IndexError, struct.error):
        raise PickleError("got a pickle that ends early, expected a whole one") from None


class _Machine:
    """A pickle's stack, with kinds in place of values that need not be known."""

    def __init__(self, data: bytes, storages: Mapping[str, int] | None) -> None:
        self._data, self._storages = data, storages
        self._at = 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> None:
        data = self._data
        while (code := data[self._at]) != _STOP:
            self._at += 1
            instruction = _INSTRUCTIONS.get(code)
            if instruction is None:
                raise PickleError(f"got instruction 0x{code:02x}, expected those that PyTorch writes")
            instruction(self)
        self._at += 1
        if len(self._stack) != 1 or self._at != len(data):
            raise PickleError("got more than one value, expected one")

    def _number(self, form: struct.Struct) -> Any:
        (value,) = form.unpack_from(self._data, self._at)
        self._at += form.size
        return value

    def _bytes(self, size: int) -> bytes:
        found = self._data[self._at : self._at + size]
        if len(found) != size:
            raise IndexError
        self._at += size
        return found

    def _push_number(self, form: struct.Struct) -> None:
        self._stack.append(self._number(form))

    def _push_byte(self) -> None:
        self._stack.append(self._data[self._at])
        self._at += 1

    def _push_long(self) -> None:
        size = self._number(_U8)
        if size > 8:
            raise PickleError(f"got an integer of {size} bytes, expected at most 8")
        self._stack.append(int.from_bytes(self._bytes(size), "little", signed=True))

    def _push_text(self) -> None:
        self._stack.append(self._bytes(self._number(_U32)).decode("latin-1"))

    def _protocol(self) -> None:
        if self._number(_U8) != 2:
            raise PickleError("got another protocol, expected 2")

    def _put_byte(self) -> None:
        self._memo[self._data[self._at]] = self._stack[-1]
        self._at += 1

    def _put(self) -> None:
        self._memo[self._number(_U32)] = self._stack[-1]

    def _get_byte(self) -> None:
        self._recall(self._data[self._at])
        self._at += 1

    def _recall(self, index: int) -> None:
        if index not in self._memo:
            raise PickleError(f"got a reference to value {index}, expected one that is there")
        self._stack.append(self._memo[index])

    def _line(self) -> str:
        stop = self._data.find(b"\n", self._at)
        if stop < 0:
            raise IndexError
        line = self._data[self._at : stop].decode("latin-1")
        self._at = stop + 1
        return line

    def _global(self) -> None:
        name = f"{self._line()}.{self._line()}"
        is_class = _CLASS.fullmatch(name) and not _NATIVE_CLASS.match(name)
        if name not in (_LISTS if self._storages is None else _CALLABLES | _ITEM_SIZES.keys()) and not (
            is_class and self._storages is not None
        ):
            raise PickleError(f"got the name {show(name)}, expected those that PyTorch writes and the archive's own classes")
        self._stack.append(_Global(name))

    def _since_mark(self) -> list[Any]:
        for at in range(len(self._stack) - 1, -1, -1):
            if self._stack[at] is _MARK:
                found = self._stack[at + 1 :]
                del self._stack[at:]
                return found
        raise IndexError

    def _push_tuple(self, items: list[Any]) -> None:
        depth = 1
        for item in items:
            if type(item) is _Tuple and item.depth >= depth:
                depth = item.depth + 1
        if depth > MAX_DEPTH:
            raise PickleError(f"got tuples {depth} deep, expected at most {MAX_DEPTH}")
        self._stack.append(_Tuple(tuple(items), depth))

    def _pop_items(self, count: int) -> list[Any]:
        items = [self._pop() for _ in range(count)]
        return items[::-1]

    def _pop(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise IndexError
        return self._stack.pop()

    def _fill(self, kind: object, items: list[Any]) -> None:
        if not self._stack or self._stack[-1] is not kind or (kind is _DICT and len(items) % 2):
            raise PickleError("got items for something else, expected a list or a dictionary")

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, _Global) or function.name not in _CALLABLES or not isinstance(arguments, _Tuple):
            raise PickleError("got a call of something else, expected those that PyTorch writes")
        if function.name == _REBUILD_TENSOR:
            _check_tensor(arguments.items)
            self._stack.append(_TENSOR)
        elif function.name in _LISTS or function.name == "torch.jit._pickle.restore_type_tag":
            self._stack.append(arguments.items[0])
        else:
            self._stack.append(_DICT if function.name == "collections.OrderedDict" else _OBJECT)

    def _new_object(self) -> None:
        arguments, made = self._pop(), self._pop()
        if not isinstance(made, _Global) or not _CLASS.fullmatch(made.name) or arguments != _Tuple((), 1):
            raise PickleError("got an object of something else, expected one of the archive's own classes")
        self._stack.append(_OBJECT)

    def _build(self) -> None:
        self._pop()
        if not self._stack or self._stack[-1] is not _OBJECT:
            raise PickleError("got a state for something else, expected an object")

    def _push_storage(self) -> None:
        found = self._pop()
        items = found.items if isinstance(found, _Tuple) else ()
        kinds = [type(item) for item in items]
        if kinds != [str, _Global, str, str, int] or items[0] != "storage" or not _DEVICE.fullmatch(items[3]):
            raise PickleError("got a storage in another form, expected that of PyTorch")
        _, kind, key, _, elements = items
        size = (self._storages or {}).get(key)
        item_size = _ITEM_SIZES.get(kind.name)
        if size is None or item_size is None or elements < 0 or elements * item_size > size:
            there = "no such entry" if size is None else f"{size} bytes"
            raise PickleError(f"got storage {show(key)} of {elements} elements and {there}, expected all of them to be there")
        self._stack.append(_Storage(elements))


def _check_tensor(items: tuple[Any, ...]) -> None:
    """Check that a tensor lies inside its storage."""
    if len(items) < 4 or [type(item) for item in items[:4]] != [_Storage, int, _Tuple, _Tuple]:
        raise PickleError("got a tensor in another form, expected that of PyTorch")
    storage, offset, sizes, strides = items[0], items[1], items[2].items, items[3].items
    numbers = [offset, *sizes, *strides]
    is_sound = all(type(number) is int and number >= 0 for number in numbers) and len(sizes) == len(strides)
    if is_sound and 0 not in sizes:
        last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        is_sound = last < storage.elements
    if not is_sound:
        raise PickleError("got a tensor that leaves its storage, expected one inside it")


def show(text: str) -> str:
    """Return text from a file, which may be anything, as it may be printed."""
    return "'" + "".join(c if " " <= c <= "~" else "?" for c in text[:100]) + "'"


_U8, _U16, _U32, _I32, _F64 = (struct.Struct(form) for form in ("<B", "<H", "<I", "<i", ">d"))
_INSTRUCTIONS: dict[int, Callable[[_Machine], None]] = {
    0x80: _Machine._protocol,
    ord("c"): _Machine._global,
    ord("q"): _Machine._put_byte,
    ord("r"): _Machine._put,
    ord("h"): _Machine._get_byte,
    ord("j"): lambda m: m._recall(m._number(_U32)),
    ord("N"): lambda m: m._stack.append(None),
    0x88: lambda m: m._stack.append(True),
    0x89: lambda m: m._stack.append(False),
    ord("J"): lambda m: m._push_number(_I32),
    ord("K"): _Machine._push_byte,
    ord("M"): lambda m: m._push_number(_U16),
    0x8A: _Machine._push_long,
    ord("G"): lambda m: m._push_number(_F64),
    ord("X"): _Machine._push_text,
    ord("("): lambda m: m._stack.append(_MARK),
    ord(")"): lambda m: m._push_tuple([]),
    ord("t"): lambda m: m._push_tuple(m._since_mark()),
    0x85: lambda m: m._push_tuple(m._pop_items(1)),
    0x86: lambda m: m._push_tuple(m._pop_items(2)),
    0x87: lambda m: m._push_tuple(m._pop_items(3)),
    ord("]"): lambda m: m._stack.append(_LIST),
    ord("}"): lambda m: m._stack.append(_DICT),
    ord("a"): lambda m: m._fill(_LIST, m._pop_items(1)),
    ord("e"): lambda m: m._fill(_LIST, m._since_mark()),
    ord("s"): lambda m: m._fill(_DICT, m._pop_items(2)),
    ord("u"): lambda m: m._fill(_DICT, m._since_mark()),
    ord("R"): _Machine._reduce,
    0x81: _Machine._new_object,
    ord("b"): _Machine._build,
    ord("Q"): _Machine._push_storage,
}
