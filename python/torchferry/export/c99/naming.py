"""C identifiers: the model's prefix, struct members, layers and values."""

from __future__ import annotations

import re

from torchferry.bundle.contract import Contract
from torchferry.errors import ExitCode, FerryError
from torchferry.export.c99.ir import Graph, Value
from torchferry.export.c99.layers import Layer

IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_WORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while alignas alignof
    and and_eq asm atomic_cancel atomic_commit atomic_noexcept bitand bitor bool catch char8_t char16_t char32_t class
    co_await co_return co_yield compl concept consteval constexpr constinit const_cast decltype delete dynamic_cast
    explicit export false friend mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected
    public reflexpr reinterpret_cast requires static_assert static_cast synchronized template this thread_local throw true
    try typeid typename typeof typeof_unqual using virtual wchar_t xor xor_eq input output workspace inputs outputs NULL
    unix linux i386 near far interrupt
"""
KEYWORDS = frozenset(_WORDS.split())  # of C and C++, the names of our own parameters, and words that platforms define

# What stands for the model's own prefix in printed text until `named` puts it in: nothing that the user wrote can contain it.
OWN = "§"


def own(text: str) -> str:
    """Text of ours, in which `model_` and `MODEL_` mean the prefix."""
    return re.sub(r"\bMODEL_(?=\w)", f"{OWN}{OWN}", re.sub(r"\bmodel_(?=\w)", OWN, text))


def named(text: str, prefix: str) -> str:
    """The text with the model's own prefix."""
    return text.replace(OWN + OWN, f"{prefix.upper()}_").replace(OWN, f"{prefix}_")


def plain(text: str) -> str:
    """The user's words for a comment: ASCII, without the end of a comment."""
    return text.encode("ascii", "replace").decode().replace("*/", "* /").replace("\\\n", "\n")


def prefix(name: str) -> str:
    """The prefix of everything public: the bundle's name with `-` and `.` as `_`. Raises FerryError(FORMAT)."""
    text = re.sub(r"[-.]", "_", name)
    return _checked(text, f"name: got {name!r}")


def _checked(text: str, got: str) -> str:
    if not IDENTIFIER.fullmatch(text) or text in KEYWORDS or "__" in text or text.endswith("_"):
        raise FerryError(
            ExitCode.FORMAT,
            f"c: {got}, expected a C identifier of at most 64 letters, digits and single underscores that is no keyword of C or C++; rename it",
        )
    return text


def check_members(contract: Contract) -> None:
    """Tensor names become struct members. Raises FerryError(FORMAT)."""
    for spec in (*contract.inputs, *contract.outputs):
        _checked(spec.name, f"tensor name: got {spec.name!r}")


class Names:
    """Unique local names of values; outputs and inputs keep those of the contract."""

    def __init__(self, graph: Graph, contract: Contract, layers: tuple[Layer, ...]) -> None:
        self._values: dict[Value, str] = {}
        self._taken = set(KEYWORDS) | {"j", "r", "row", "rows", "values", "found", "floats", "sums"}
        for value, spec in zip(graph.inputs, contract.inputs, strict=True):
            self._give(value, spec.name)
        for value, spec in zip(graph.outputs, contract.outputs, strict=True):
            self._give(value, spec.name)
        self.layers = [_layer_name(index, layer) for index, layer in enumerate(layers, 1)]
        for layer in layers:
            for node in layer.nodes:
                last = layer.label.rpartition(".")[2]
                self._give(node.output, last if node is layer.head and last else node.output.name)

    def _give(self, value: Value, wish: str) -> None:
        if value in self._values:
            return
        base = re.sub(r"\W", "_", wish).strip("_") or "value"
        base = base if base[0].isalpha() else f"value{base}"
        name, number = base, 2
        while name in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        self._values[value] = name

    def __getitem__(self, value: Value) -> str:
        """The local name of a value."""
        return self._values[value]


def _layer_name(index: int, layer: Layer) -> str:
    parts = [part for part in re.sub(r"[^A-Za-z0-9_.]", "", layer.label).split(".") if part]
    tail = "_".join(parts[-2:] if parts and parts[-1].isdigit() else parts[-1:]) or type(layer.nodes[0]).__name__.lower()
    return f"layer{index}_{tail}".replace("__", "_").rstrip("_")
