"""C identifiers: the model's prefix, struct members, layers and values."""

from __future__ import annotations

import re

from torchferry.bundle.contract import Contract
from torchferry.cgen.emit.layers import Layer
from torchferry.cgen.ir import Graph
from torchferry.cgen.values import Value
from torchferry.errors import ExitCode, FerryError

IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_WORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while alignas alignof
    and and_eq asm atomic_cancel atomic_commit atomic_noexcept bitand bitor bool catch char8_t char16_t char32_t class
    co_await co_return co_yield compl concept consteval constexpr constinit const_cast decltype delete dynamic_cast
    explicit export false friend mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected
    public reflexpr reinterpret_cast requires static_assert static_cast synchronized template this thread_local throw true
    try typeid typename typeof typeof_unqual using virtual wchar_t xor xor_eq NULL unix linux i386 near far interrupt
"""
KEYWORDS = frozenset(_WORDS.split())  # of C and C++, and words that platforms define

# Types and macros of stddef.h, stdint.h and float.h (C99 to C23), then the macros that immintrin.h brings with it.
_STANDARD = re.compile(
    r"(size|ptrdiff|max_align|nullptr|u?intptr|u?intmax|u?int(_least|_fast)?\d+)_t|offsetof|unreachable|INFINITY|NAN|DECIMAL_DIG"
    r"|(U?INT(MAX|PTR|(_LEAST|_FAST)?\d+)|PTRDIFF|SIG_ATOMIC|SIZE|WCHAR|WINT|BOOL|U?(CHAR|SHRT|INT|L?LONG))_(MAX|MIN|WIDTH|C)"
    r"|(FLT|DBL|LDBL|DEC)(\d+X?)?_(RADIX|ROUNDS|EVAL_METHOD|HAS_SUBNORM|(TRUE_|NORM_)?(MAX|MIN)|EPSILON|(MANT_|DECIMAL_)?DIG|S?NAN|INFINITY"
    r"|(MAX|MIN)_(10_)?EXP|TRUE_MIN|SUBNORM_MIN|IS_IEC_60559)"
    r"|EXIT_(FAILURE|SUCCESS)|MB_CUR_MAX|RAND_MAX|(BIG|LITTLE|PDP)_ENDIAN|BYTE_ORDER|FD_SETSIZE|NFDBITS"
    r"|W(CONTINUED|EXITED|NOHANG|NOWAIT|STOPPED|UNTRACED)"
)
# Parameters and variables of the printed functions, next to which a value's own name stands.
_LOCALS = frozenset(
    {
        "j",
        "r",
        "row",
        "rows",
        "values",
        "kept",
        "from",
        "at",
        "found",
        "other",
        "stages",
        "floats",
        "sums",
        "lines",
        "line",
        "patch",
        "input",
        "output",
        "workspace",
        "weights",
    }
) | {f"i{n}" for n in range(10)}
# CMake's own targets (CMP0037, CTest, CPack), its words in target_link_libraries, and libraries that others link by such a name.
_CMAKE = re.compile(
    r"all|all_build|clean|codegen|depend|edit_cache|help|install|list_install_components|package|package_source|preinstall"
    r"|rebuild_cache|run_tests|test|zero_check|debug|optimized|general|public|private|interface|link_(public|private)"
    r"|link_interface_libraries|(nightly|continuous|experimental|nightlymemorycheck)"
    r"(start|update|configure|build|test|coverage|memcheck|submit)?|c|dl|m|pthread|rt",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Return the user's words for a comment: ASCII, without the end of a comment."""
    return text.encode("ascii", "replace").decode().replace("*/", "* /").replace("\\\n", "\n")


def prefix(name: str) -> str:
    """Return the prefix of everything public: the bundle's name with `-` and `.` as `_`. Raises FerryError(FORMAT)."""
    text = re.sub(r"[-.]", "_", name)
    if not IDENTIFIER.fullmatch(text) or text in KEYWORDS or "__" in text or text.endswith("_"):
        raise FerryError(
            ExitCode.FORMAT,
            f"c: name: got {name!r}, expected a C identifier of at most 64 letters, digits and single underscores that is no keyword of C or C++; "
            "rename it",
        )
    return text


def cmake_target(prefix: str) -> str:
    """Return the prefix, or `PREFIX_model` where CMake or a linker has another meaning for it."""
    return f"{prefix}_model" if _CMAKE.fullmatch(prefix) else prefix


def check_members(contract: Contract, prefix: str) -> None:
    """Check that tensor names can be struct members. Raises FerryError(FORMAT)."""
    for kind, option, specs in (("input", "--input NAME=...", contract.inputs), ("output", "--output NAME", contract.outputs)):
        for spec in specs:
            _check_member(f"c: {kind} name: got {spec.name!r}", spec.name, option, prefix)


def _check_member(got: str, name: str, option: str, prefix: str) -> None:
    if not IDENTIFIER.fullmatch(name) or "__" in name or _is_reserved(name):
        raise FerryError(
            ExitCode.FORMAT,
            f"{got}, expected a C identifier of at most 64 letters, digits and single underscores that is no keyword of C or C++ and no "
            f"type or macro of their headers; rename it with {option}",
        )
    if name.startswith(f"{prefix.upper()}_"):
        raise FerryError(
            ExitCode.FORMAT,
            f"{got}, expected a name that does not begin with {prefix.upper()}_ as the model's macros do; "
            f"rename it with {option}, or the bundle with --name",
        )


def _is_reserved(name: str) -> bool:
    return name in KEYWORDS or _STANDARD.fullmatch(name) is not None


class Names:
    """Unique local names of values; outputs and inputs keep those of the contract where our own variables leave them free."""

    def __init__(self, graph: Graph, contract: Contract, layers: tuple[Layer, ...], prefix: str) -> None:
        self._values: dict[Value, str] = {}
        self._taken = set(_LOCALS)
        self._prefix = prefix
        for value, spec in zip(graph.inputs, contract.inputs, strict=True):
            self._give(value, spec.name)
        for value, spec in zip(graph.outputs, contract.outputs, strict=True):
            self._give(value, spec.name)
        self.layers = [_layer_name(index, layer) for index, layer in enumerate(layers, 1)]
        for layer in layers:
            last = layer.label.rpartition(".")[2]
            head = layer.head.outputs if layer.head is not None else ()
            for value in layer.writes():
                self._give(value, last if value in head and last else value.name)

    def _give(self, value: Value, wish: str) -> None:
        """`NAME`, which is a pointer, and with it `NAME_j`, an element of it in a loop."""
        if value in self._values:
            return
        base = _local(wish, self._prefix)
        name, number = base, 2
        while _is_reserved(name) or not self._taken.isdisjoint((name, f"{name}_j")):
            name, number = f"{base}_{number}", number + 1
        self._taken |= {name, f"{name}_j"}
        self._values[value] = name

    def __getitem__(self, value: Value) -> str:
        """Return the local name of a value."""
        return self._values[value]


def _local(wish: str, prefix: str) -> str:
    """Return an identifier that does not begin with the prefix of our functions, tables and macros."""
    base, own = re.sub(r"\W", "_", wish, flags=re.ASCII).strip("_"), f"{prefix}_".lower()
    while not base[:1].isalpha() or base.lower().startswith(own):
        base = base[len(own) :] if base.lower().startswith(own) else f"value{base}"
    return base


def _layer_name(index: int, layer: Layer) -> str:
    parts = [part for part in re.sub(r"[^A-Za-z0-9_.]", "", layer.label).split(".") if part]
    tail = "_".join(parts[-2:] if parts and parts[-1].isdigit() else parts[-1:]) or type(layer.nodes[0]).__name__.lower()
    return f"layer{index}_{tail}".replace("__", "_").rstrip("_")
