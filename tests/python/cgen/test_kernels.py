"""The files of cgen/kernels: each compiles alone under the strict warnings, and each function gives what NumPy gives in float64."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builders.generated_c import COMPILERS, WARNINGS, Array, address, run_tool
from builders.spread import spread
from torchferry.cgen import elementary, kernels, power, transcendental
from torchferry.cgen.ops.integer_linear import GROUP
from torchferry.cgen.packing import PANEL, in_panels, padded
from torchferry.cgen.windows import Window

FOLDER = Path(kernels.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.c"))
# Macros and types that other files use, and the pairs of floats that pow is made of.
DECLARATIONS = {
    "strict",
    "compiler",
    "vectors",
    "gathered",
    "panel",
    "float_bits",
    "byte_paths",
    "int16_paths",
    "window",
    "pair",
    "narrow_vectors",
    "unroll",
    "eighths",
}
RNG = np.random.default_rng(5)
X = np.concatenate([RNG.standard_normal(400) * 4, [0.0, -0.0, 0.5, -0.5, 1.5, 1e-40, -1e-40, 87.5, -100.0, 1e30, -1e30]]).astype(
    np.float32
)
WIDE = X.astype(np.float64)


def erf(x: Array) -> Array:
    import torch

    return torch.erf(torch.from_numpy(x)).numpy()


def selected(array: Array) -> Array:
    """-0 as +0."""
    return array + 0.0


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(x, -700, 700)))


# Kernel -> the C expression of x[i], the exact value, and the largest error in ULP of the result.
UNARY: dict[str, tuple[str, Callable[[Array], Array], float]] = {
    "abs": ("model_abs(x[i])", np.abs, 0),
    "copysign": ("model_copysign(2.5f, x[i])", lambda x: np.copysign(2.5, x), 0),
    "quiet": ("model_quiet(x[i])", lambda x: x, 0),
    "relu": ("model_relu(x[i])", lambda x: selected(np.maximum(x, 0)), 0),
    "leaky_relu": ("model_leaky_relu(x[i], 0.25f)", lambda x: np.where(x < 0, x * 0.25, x), 0),
    "clamp": ("model_clamp(x[i], -0.5f, 1.5f)", lambda x: selected(np.clip(x, -0.5, 1.5)), 0),
    "clamp_min": ("model_clamp_min(x[i], -0.5f)", lambda x: selected(np.maximum(x, -0.5)), 0),
    "clamp_max": ("model_clamp_max(x[i], 1.5f)", lambda x: selected(np.minimum(x, 1.5)), 0),
    "threshold": ("model_threshold(x[i], 0.5f, -3.0f)", lambda x: np.where(x <= 0.5, -3.0, x), 0),
    "exp": ("model_exp(x[i])", np.exp, elementary.ULP_BOUND["exp"]),
    "expm1": ("model_expm1(-model_abs(x[i]))", lambda x: np.expm1(-np.abs(x)), elementary.ULP_BOUND["expm1"]),
    "log": (
        "model_log(1.0f + model_abs(x[i]))",
        lambda x: np.log((np.float32(1) + np.abs(x.astype(np.float32))).astype(np.float64)),
        2,
    ),
    "ln": ("model_ln(model_abs(x[i]))", lambda x: np.log(np.abs(x)), transcendental.ULP_BOUND["ln"]),
    "log1p": ("model_log1p(model_abs(x[i]))", lambda x: np.log1p(np.abs(x)), transcendental.ULP_BOUND["log1p"]),
    "exp_falling": ("model_exp_falling(-model_abs(x[i]))", lambda x: np.exp(-np.abs(x)), elementary.ULP_BOUND["exp"]),
    "exp_near": (
        "model_exp_near(x[i] < -87.0f ? -87.0f : x[i] > 87.0f ? 87.0f : x[i])",
        lambda x: np.exp(np.clip(x, -87, 87)),
        elementary.ULP_BOUND["exp"],
    ),
    "sqrt": ("model_sqrt(model_abs(x[i]))", lambda x: np.sqrt(np.abs(x)), 0.5),
    "pow": ("model_pow(model_abs(x[i]), 0.75f)", lambda x: np.abs(x) ** 0.75, power.ULP_BOUND),
    "fmod": ("model_fmod(x[i], 0.7f)", lambda x: np.fmod(x, np.float64(np.float32(0.7))), 0),
    "floor_divide": ("model_floor_divide(model_fmod(x[i], 64.0f), 0.75f)", lambda x: np.floor(np.fmod(x, 64.0) / 0.75), 0),
    "to_int64": ("(float)model_to_int64(x[i] * 0x1p-70f)", lambda x: np.trunc(x * 2.0**-70) + 0.0, 0.5),
    "sin_cos": ("model_sin(x[i])", np.sin, transcendental.ULP_BOUND["sin"]),
    "whole": ("model_round(x[i])", np.rint, 0),
    "extremes": ("model_maximum(x[i], model_minimum(-x[i], 0.5f))", lambda x: selected(np.maximum(x, np.minimum(-x, 0.5))), 0),
    "tanh": ("model_tanh(x[i])", np.tanh, elementary.ULP_BOUND["tanh"]),
    "erf": ("model_erf(x[i])", erf, elementary.ULP_BOUND["erf"]),
    "sigmoid": ("model_sigmoid(x[i])", sigmoid, elementary.ULP_BOUND["sigmoid"]),
    "to_bits": ("(float)(model_to_bits(x[i]) >> 31)", lambda x: np.signbit(x).astype(np.float64), 0),
    "from_bits": ("model_from_bits(0x3f800000u) * x[i]", lambda x: x, 0),
}
# The same for functions that subtract or multiply rounded results, for which the error is absolute, in 2^-24 of (1 + |x|).
COMPOSED: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "silu": ("model_silu(x[i])", lambda x: x * sigmoid(x)),
    "gelu": ("model_gelu(x[i])", lambda x: x * (1 + erf(x / np.sqrt(2))) / 2),
    "gelu_tanh": ("model_gelu_tanh(x[i])", lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2),
    "elu": ("model_elu(x[i], 0.5f, 2.0f, 1.5f)", lambda x: np.where(x > 0, 2 * x, 0.5 * np.expm1(1.5 * np.minimum(x, 0)))),
    "exp_reduce": (
        "model_part(x[i])",
        lambda x: np.expm1(np.abs(x) % 60 - np.rint(np.abs(x) % 60 / np.log(2)) * np.log(2)),
    ),
}
PART = "static float model_part(const float x) { uint32_t n; return model_exp_reduce(fmodf(fabsf(x), 60.0f), &n); }\n"


def build(name: str, body: str, folder: Path, compiler: str = "gcc", *flags: str) -> ctypes.CDLL:
    """A function around one kernel file, which is included as its user would include it."""
    source, library = folder / f"{name}_call.c", folder / f"{name}{compiler}{''.join(flags)}.so".replace("/", "")
    extra = (
        '#include "abs.c"\n'
        if name in ("expm1", "log", "ln", "log1p", "sqrt", "exp_falling")
        else "#include <math.h>\n"
        if name == "exp_reduce"
        else ""
    )
    source.write_text(f'#include "{name}.c"\n{extra}{body}')
    optimised = flags or ("-O2",)
    run_tool(
        compiler, *WARNINGS, *optimised, "-Wno-unused-function", "-I", FOLDER, "-shared", "-fPIC", "-o", library, source, "-lm"
    )
    return ctypes.CDLL(str(library))


def loop(expression: str) -> str:
    return (
        "void apply(size_t n, const float *x, float *y);\n"
        f"void apply(size_t n, const float *x, float *y) {{ for (size_t i = 0; i < n; ++i) y[i] = {expression}; }}\n"
    )


def applied(library: ctypes.CDLL) -> Array:
    y = np.empty_like(X)
    library.apply(ctypes.c_size_t(len(X)), address(X), address(y))
    return y


@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
@pytest.mark.parametrize("name", spread(NAMES, 16))
def test_each_file_compiles_alone_without_a_warning(name: str, compiler: str, tmp_path: Path) -> None:
    for flags in (("-O2",), ("-O2", "-march=x86-64-v3"), ("-O2", "-march=x86-64-v4", "-mavx512vnni"), ("-O0", "-U__SSE2__")):
        # Alone, a static function has no caller.
        run_tool(compiler, *WARNINGS, *flags, "-Wno-unused-function", "-c", "-o", tmp_path / "k.o", FOLDER / f"{name}.c")


def test_a_file_that_includes_too_little_does_not_compile(tmp_path: Path) -> None:
    text = (FOLDER / "exp_near.c").read_text().replace('#include "exp_reduce.c"\n', "")
    (tmp_path / "exp_near.c").write_text(text)
    with pytest.raises(AssertionError, match="model_exp_reduce"):
        run_tool("gcc", *WARNINGS, "-Wno-unused-function", "-I", FOLDER, "-c", "-o", tmp_path / "k.o", tmp_path / "exp_near.c")


@pytest.mark.parametrize("name", UNARY)
def test_a_function_is_as_near_to_the_exact_value_as_it_says(name: str, tmp_path: Path) -> None:
    expression, exact, bound = UNARY[name]
    got = applied(build(name, loop(expression), tmp_path))
    with np.errstate(over="ignore", divide="ignore"):
        wanted = exact(WIDE)
        nearest = wanted.astype(np.float32)
    finite = np.isfinite(nearest)
    errors = np.abs(got[finite] - wanted[finite]) / np.spacing(np.abs(nearest[finite])).astype(np.float64)
    assert errors.max() <= max(bound, 0.5)
    assert (got[~finite] == nearest[~finite]).all()
    if bound == 0:
        assert (np.signbit(got) == np.signbit(nearest)).all()


@pytest.mark.parametrize("name", COMPOSED)
def test_a_composed_function_is_near_the_exact_value(name: str, tmp_path: Path) -> None:
    expression, exact = COMPOSED[name]
    got = applied(build(name, (PART if name == "exp_reduce" else "") + loop(expression), tmp_path))
    with np.errstate(over="ignore"):
        assert (np.abs(got - exact(WIDE)) <= 8 * 2.0**-24 * (1 + np.abs(WIDE))).all()


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "reduce_sum", "largest", "argmax"])
@pytest.mark.parametrize("width", [1, 7, 8, 33])
def test_a_row_is_reduced_as_in_float64(name: str, width: int, tmp_path: Path) -> None:
    call = {
        "softmax": "model_softmax(n, x, y)",
        "log_softmax": "model_log_softmax(n, x, y)",
        "argmax": "y[0] = (float)model_argmax(n, x)",
        "reduce_sum": "y[0] = model_reduce_sum(n, 1, x)",
        "largest": "y[0] = model_largest(n, x)",
    }[name]
    signature = "void apply(size_t n, const float *x, float *y)"
    library = build(name, f"{signature};\n{signature} {{ {call}; }}\n", tmp_path)
    x, y = RNG.standard_normal(width).astype(np.float32), np.zeros(width, np.float32)
    library.apply(ctypes.c_size_t(width), address(x), address(y))
    wide = x.astype(np.float64)
    soft = np.exp(wide - wide.max()) / np.exp(wide - wide.max()).sum()
    exact = {
        "softmax": soft,
        "log_softmax": np.log(soft),
        "argmax": wide.argmax(),
        "reduce_sum": wide.sum(),
        "largest": wide.max(),
    }
    assert np.allclose(y if name in ("softmax", "log_softmax") else y[0], exact[name], rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("flags", [("-O3", "-march=x86-64-v3"), ("-O3", "-U__SSE2__"), ("-O2",)], ids=" ".join)
@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
def test_the_largest_is_a_nan_in_the_first_place_and_else_a_number(compiler: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    """The rule of the definition, whatever lies side by side in a vector."""
    signature = "float apply(size_t n, const float *x)"
    library = build("largest", f"{signature};\n{signature} {{ return model_largest(n, x); }}\n", tmp_path, compiler, *flags)
    library.apply.restype = ctypes.c_float
    for width in (1, 5, 8, 16, 33, 48):
        for place in range(width):
            x = RNG.standard_normal(width).astype(np.float32)
            x[place] = np.nan
            expected = x[0] if place == 0 else np.nanmax(x)
            assert np.array_equal(np.float32(library.apply(ctypes.c_size_t(width), address(x))), expected, equal_nan=True)
            x[place] = np.inf
            assert library.apply(ctypes.c_size_t(width), address(x)) == np.inf


@pytest.mark.parametrize("flags", [("-O3", "-march=x86-64-v3"), ("-O2",), ("-O2", "-U__SSE2__")], ids=" ".join)
@pytest.mark.parametrize("compiler", spread(COMPILERS, 1))
def test_a_root_is_rounded_to_nearest_with_and_without_an_instruction(
    compiler: str, flags: tuple[str, ...], tmp_path: Path
) -> None:
    library = build("sqrt", loop("model_sqrt(x[i])"), tmp_path, compiler, *flags)
    x = RNG.integers(0, 1 << 32, 1 << 14, dtype=np.uint32).view(np.float32)
    x[:6] = 0.0, -0.0, np.inf, -np.inf, 1e-45, -1e-45
    y = np.empty_like(x)
    library.apply(ctypes.c_size_t(len(x)), address(x), address(y))
    with np.errstate(invalid="ignore"):
        expected = np.sqrt(x)
    numbers = ~np.isnan(expected)
    assert np.array_equal(np.isnan(y), ~numbers)
    assert np.array_equal(y[numbers].view(np.uint32), expected[numbers].view(np.uint32))
    assert (y[x < 0].view(np.uint32) == 0x7FC00000).all()


@pytest.mark.parametrize(
    ("row", "best"),
    [
        ([1, 3, 3, 2], 1),
        ([-np.inf, -np.inf], 0),
        ([1, np.nan, 5, np.nan], 1),
        ([5, 1, np.nan], 2),
        ([np.nan, 9], 0),
        ([np.inf, np.nan], 1),
    ],
)
def test_the_first_of_equal_scores_is_chosen_and_nan_before_any_number(row: list[float], best: int, tmp_path: Path) -> None:
    signature = "int64_t apply(size_t n, const float *x)"
    library = build("argmax", f"{signature};\n{signature} {{ return (int64_t)model_argmax(n, x); }}\n", tmp_path)
    assert library.apply(ctypes.c_size_t(len(row)), address(np.array(row, np.float32))) == best


def test_the_logarithm_of_infinity_is_infinity_and_that_of_nan_is_nan(tmp_path: Path) -> None:
    library = build("log", loop("model_log(x[i])"), tmp_path)
    x, y = np.float32([np.inf, np.nan, 1.0]), np.zeros(3, np.float32)
    library.apply(ctypes.c_size_t(3), address(x), address(y))
    assert np.array_equal(y, [np.inf, np.nan, 0.0], equal_nan=True)


PRODUCT = """
void apply(size_t inputs, size_t outputs, int sums, const float *x, const float *wide, const float *narrow, const float *bias, float *y);
void apply(size_t inputs, size_t outputs, int sums, const float *x, const float *wide, const float *narrow, const float *bias, float *y) {
  CALL;
}
"""
SHAPES = [(1, 1), (5, 16), (40, 19), (33, 130), (70, 300)]


@pytest.mark.parametrize("flags", [("-O2",), ("-O3", "-march=native"), ("-O1", "-U__SSE2__")], ids=" ".join)
@pytest.mark.parametrize("name", ["columns", "four_columns", "dot"])
def test_a_product_is_that_of_float64(name: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    call = {
        "columns": "model_columns(inputs, outputs, sums, 1, 1, inputs, x, NULL, wide, narrow, bias, y)",
        "four_columns": "const float *const four[4] = {x, x, x, x}; float *const to[4] = {y, y + outputs, y + 2 * outputs, "
        "y + 3 * outputs}; (void)sums; model_four_columns(inputs, outputs, four, wide, narrow, bias, to)",
        "dot": "(void)sums; (void)narrow; for (size_t j = 0; j < outputs; ++j) y[j] = model_dot(inputs, x, wide + j * inputs, bias[j])",
    }[name]
    library = build(name, PRODUCT.replace("CALL", call), tmp_path, "gcc", *flags)
    for inputs, outputs in SHAPES:
        assert_product(library, name, inputs, outputs)


def assert_product(library: ctypes.CDLL, name: str, inputs: int, outputs: int) -> None:
    weight, x = RNG.standard_normal((outputs, inputs)).astype(np.float32), RNG.standard_normal(inputs).astype(np.float32)
    bias, y = RNG.standard_normal(outputs).astype(np.float32), np.zeros(4 * outputs, np.float32)
    wide, narrow = (weight, weight) if name == "dot" else in_panels(weight.T)
    tables = [np.ascontiguousarray(array) for array in (x, wide, narrow, padded(bias))]
    for sums in (1, 2, 4):
        library.apply(ctypes.c_size_t(inputs), ctypes.c_size_t(outputs), sums, *(address(table) for table in tables), address(y))
        exact = weight.astype(np.float64) @ x + bias
        size = np.abs(weight).astype(np.float64) @ np.abs(x) + np.abs(bias)
        for row in y.reshape(4, outputs)[: 4 if name == "four_columns" else 1]:
            assert (np.abs(row - exact) <= (inputs + 1) * 2.0**-24 * size).all()


@pytest.mark.parametrize("flags", [("-O2",), ("-O3", "-march=native"), ("-O1", "-U__SSE2__")], ids=" ".join)
def test_an_integer_product_is_exact(flags: tuple[str, ...], tmp_path: Path) -> None:
    signature = "void apply(size_t i, size_t o, const uint8_t *x, const int8_t *w, const int8_t *n, const int32_t *b, int32_t *s)"
    body = f"{signature};\n{signature} {{ model_integer_columns(i, o, x, w, n, b, s); }}\n"
    library = build("integer_columns", body, tmp_path, "gcc", *flags)
    for inputs, outputs in SHAPES:
        assert_integer_product(library, inputs, outputs)


def assert_integer_product(library: ctypes.CDLL, inputs: int, outputs: int) -> None:
    groups = -(-inputs // GROUP)
    weight = np.zeros((outputs, groups * GROUP), np.int8)
    weight[:, :inputs] = RNG.integers(-127, 128, (outputs, inputs))
    x, bias = RNG.integers(0, 256, inputs).astype(np.uint8), RNG.integers(-(10**6), 10**6, outputs).astype(np.int32)
    wide, narrow = in_panels(weight.reshape(outputs, groups, GROUP).transpose(1, 0, 2))
    sums, tables = np.zeros(outputs, np.int32), [np.ascontiguousarray(array) for array in (x, wide, narrow, padded(bias))]
    library.apply(ctypes.c_size_t(inputs), ctypes.c_size_t(outputs), *(address(table) for table in tables), address(sums))
    assert (sums == weight[:, :inputs].astype(np.int64) @ x + bias).all()


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_gather_finds_what_is_not_zero(dtype: str, tmp_path: Path) -> None:
    ctype = "uint8_t" if dtype == "uint8" else "float"
    signature = f"size_t apply(size_t n, size_t *at, const {ctype} *x, float *values, uint32_t *rows)"
    body = f"{signature};\n{signature} {{ return model_is_dense_{dtype}(n, x) ? n + 1 : model_gather_{dtype}(n, at, x, values, rows); }}\n"
    library, count = build(f"gather_{dtype}", body, tmp_path), 901
    x = np.where(RNG.random(count) < 0.5, RNG.integers(1, 200, count), 0).astype(dtype)
    at, values, rows = np.zeros(1, np.uintp), np.zeros(192, np.float32), np.zeros(192, np.uint32)
    given = ctypes.c_size_t(count), address(at)
    parts = []
    while at[0] < count and len(parts) < count:
        found = library.apply(*given, address(x), address(values), address(rows))
        parts.append((values[:found].copy(), rows[:found].copy()))
    assert {len(kept) for kept, _ in parts[:-1]} in ({16}, {40}, {176})  # MODEL_GATHERED
    assert (np.concatenate([places for _, places in parts]) == np.flatnonzero(x)).all()
    assert (np.concatenate([kept for kept, _ in parts]) == x[x != 0]).all()
    assert library.apply(*given, address(np.ones(count, dtype)), address(values), address(rows)) == count + 1


def test_bytes_become_floats_and_floats_bytes(tmp_path: Path) -> None:
    signature = "void apply(size_t n, const uint8_t *b, float *y)"
    library = build("to_floats", f"{signature};\n{signature} {{ model_to_floats(n, b, y); }}\n", tmp_path)
    every, y = np.arange(256).astype(np.uint8), np.zeros(256, np.float32)
    library.apply(ctypes.c_size_t(256), address(every), address(y))
    assert (y == every).all()
    signature = "void apply(size_t n, const float *x, uint8_t *y)"
    body = f"{signature};\n{signature} {{ for (size_t i = 0; i < n; ++i) y[i] = model_quantize(x[i], 8.0f, 100); }}\n"
    library, x = build("quantize", body, tmp_path), np.concatenate([X, np.float32([np.nan, np.inf, -np.inf])]).astype(np.float32)
    made = np.zeros(len(x), np.uint8)
    library.apply(ctypes.c_size_t(len(x)), address(x), address(made))
    assert (
        made == np.clip(np.rint(np.nan_to_num(x.astype(np.float64), nan=0.0, posinf=1e30, neginf=-1e30) * 8) + 100, 0, 255)
    ).all()


def test_sums_become_indices_and_four_bytes_one_number(tmp_path: Path) -> None:
    signature = "void apply(size_t n, const int32_t *s, uint32_t *y)"
    body = f"{signature};\n{signature} {{ for (size_t i = 0; i < n; ++i) y[i] = model_index(s[i], 1000, INT64_C(70000), 9, 0, 255); }}\n"
    library, sums = build("index", body, tmp_path), np.arange(-2000, 2000, 3).astype(np.int32)
    made = np.zeros(len(sums), np.uint32)
    library.apply(ctypes.c_size_t(len(sums)), address(sums), address(made))
    assert (made == np.clip(np.floor((sums.astype(np.float64) * 1000 + 70000) / 512), 0, 255)).all()
    signature = "uint32_t apply(const uint8_t *x, size_t n, size_t g)"
    library = build("four_inputs", f"{signature};\n{signature} {{ return model_four_inputs(x, n, g); }}\n", tmp_path)
    x = np.arange(1, 11, dtype=np.uint8)
    assert [library.apply(address(x), ctypes.c_size_t(10), ctypes.c_size_t(g)) for g in range(3)] == [
        0x04030201,
        0x08070605,
        0x0A09,
    ]


def test_this_machines_arithmetic_is_strict(tmp_path: Path) -> None:
    body = "int apply(void);\nint apply(void) { return model_arithmetic_is_strict(); }\n"
    assert build("arithmetic", body, tmp_path).apply() == 1


# Sizes, strides and paddings of two dims that differ; the second window has padding on every side.
WINDOWS = [Window(2, (5, 6), (3, 3), (3, 2), (2, 2), (1, 0), (1, 1)), Window(4, (5, 6), (4, 6), (4, 3), (1, 1), (1, 1), (1, 1))]


@pytest.mark.parametrize("window", WINDOWS, ids=["strided", "padded"])
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d", "avg_pool2d of the inside"])
def test_a_window_slides_as_in_torch(name: str, window: Window, tmp_path: Path) -> None:
    import torch
    from torch.nn import functional

    counts, kernel, struct = "inside" not in name, name.split()[0], window.expression().replace("§", "model_")
    calls = {
        "max_pool2d": f"model_max_pool2d({struct}, x, lines, y)",
        "avg_pool2d": f"model_avg_pool2d({struct}, {int(counts)}, 0, x, lines, y)",
    }
    signature = "void apply(const float *x, float *y)"
    library = build(kernel, f"{signature};\n{signature} {{ float lines[512]; {calls[kernel]}; }}\n", tmp_path)
    x = RNG.standard_normal((window.channels, *window.sample)).astype(np.float32)
    if kernel == "max_pool2d":
        x[0, 2, 3] = np.nan
    y = np.zeros((window.channels, *window.results), np.float32)
    library.apply(address(x), address(y))
    wide = torch.from_numpy(x[None].astype(np.float64))
    size, stride, padding = window.size, window.stride, window.padding
    exact = {
        "max_pool2d": lambda: functional.max_pool2d(wide, size, stride, padding),
        "avg_pool2d": lambda: functional.avg_pool2d(wide, size, stride, padding, count_include_pad=counts),
    }[kernel]()[0].numpy()
    assert exact.shape == y.shape
    assert np.allclose(y, exact, rtol=0, atol=1e-5, equal_nan=True)


LINES = [
    *WINDOWS,
    Window(3, (7, 9), (4, 6), (3, 4), (2, 3), (2, 9), (1, 2)),
    Window(2, (5, 3), (2, 2), (2, 1), (3, 2), (1, 0), (2, 1)),
]


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("window", LINES, ids=["strided", "padded", "beyond both sides", "apart"])
def test_lines_are_the_rows_of_the_padded_image(window: Window, last: int, tmp_path: Path) -> None:
    """Row by row, as a convolution asks for them; each window row k is where `line_of` says."""
    signature, struct = (
        "void apply(size_t row, const float *x, float *lines, float *found)",
        window.expression().replace("§", "model_"),
    )
    copy = (
        f"for (size_t e = 0; e < {window.line * window.channels}; ++e) *found++ = model_line_of({struct}, 0, row, k, lines)[e];"
    )
    body = f"model_fill_lines({struct}, {last}, row, x, lines); for (size_t k = 0; k < {window.size[0]}; ++k) {copy}"
    library = build("fill_lines", f"{signature};\n{signature} {{ {body} }}\n", tmp_path)
    x = RNG.standard_normal((window.channels, *window.sample)).astype(np.float32)
    given = np.ascontiguousarray(np.moveaxis(x, 0, -1) if last else x)
    padded = np.pad(x, ((0, 0), (9, 9), (window.padding[1], 99)))[:, :, : window.line]
    lines, found = np.full((2, window.size[0], window.line, window.channels), np.nan, np.float32)
    for row in range(window.results[0]):
        library.apply(ctypes.c_size_t(row), address(given), address(lines), address(found))
        top = 9 - window.padding[0] + row * window.stride[0]
        expected = padded[:, top : top + window.size[0] * window.dilation[0] : window.dilation[0]]
        assert np.array_equal(found, np.moveaxis(expected, 0, -1))


# Run in generated C, whose bits test_operators.py, test_families.py and test_dtypes.py compare with the definition and with torch.
LAYERS = {
    *(
        "argmax_int64",
        "cumsum_int64",
        "reduce_int64",
        "integer_quotient",
        "integer_remainder",
        "integer_power",
        "place",
        "sort_float32",
        "sort_int64",
        "fft",
    ),
    *("mish", "softplus"),  # of test_operators.py
    *("exp_columns", "softmax_columns", "log_softmax_columns"),  # of test_columns.py
    *("reduce_sum", "reduce_squares", "reduce_var", "reduce_prod", "reduce_max", "reduce_min", "cumsum", "normalize", "product"),
    *(
        "conv2d",
        "depthwise2d",
        "line_to_planes",
        "max_pool2d_last",
        "avg_pool2d_last",
        "reduce_sum_columns",
        "conv3d",
        "spread_line",
        "resample2d",
        "embedding",
        "recurrent_sums",
        *(f"{loop}{part}" for loop in ("lstm", "gru", "rnn_tanh", "rnn_relu") for part in ("", "_step")),
        "quarter",
    ),
}


def test_every_kernel_is_called_by_a_test_or_declares_only() -> None:
    called = {*UNARY, *COMPOSED, "softmax", "log_softmax", "exp_below", "largest", "argmax", "columns", "four_columns", "dot"}
    called |= {"integer_columns", "gather_uint8", "gather_float32", "to_floats", "quantize", "index", "four_inputs", "arithmetic"}
    called |= LAYERS
    called |= {"log_of_parts"}  # all of log and of ln but their special values
    called |= {"fill_lines", "fill_line", "image_lines", "line_width", "max_pool2d", "avg_pool2d", "avg_pool2d_count"}
    # tests/python/cgen/test_int8.py and test_int8_images.py: of whole layers.
    called |= {
        "byte_halves",
        "byte_lines",
        "byte_tiles",
        "fill_byte_lines",
        "requantise",
        "step",
        "look_up",
        "integer_sum",
        "integer_reduce",
    }
    called |= {"integer_conv2d", "integer_depthwise2d", "integer_max_pool2d", "integer_avg_pool2d"}
    called |= {"byte_helium", "helium_rows", "helium_columns", "helium_conv2d", "helium_depthwise2d"}  # test_same_bits.py
    called |= {"int16_columns", "int16_conv2d", "quantize_int16"}  # test_int16.py
    called |= {"saturations"}  # test_saturations.py
    called |= {"fake_quantize"}  # test_from_module.py
    called |= {"sha256"}  # of separate weights, held to hashlib's in test_weights.py
    assert set(NAMES) == called | DECLARATIONS


def test_a_panel_is_as_wide_in_python_as_in_c() -> None:
    assert f"#define MODEL_PANEL {PANEL} " in (FOLDER / "panel.c").read_text()


def test_what_a_kernel_uses_stands_before_it_and_once() -> None:
    order = [kernel.name for kernel in kernels.with_used(["gelu", "softmax", "gelu"])]
    assert len(order) == len(set(order))
    for kernel in map(kernels.kernel, order):
        assert all(order.index(used) < order.index(kernel.name) for used in kernel.uses)
    assert "exp" not in [kernel.name for kernel in kernels.with_used(["softmax"], order)]


@pytest.mark.parametrize("name", NAMES)
def test_the_prefix_is_nowhere_inside_a_word(name: str) -> None:
    text = (FOLDER / f"{name}.c").read_text()
    for prefix in ("model_", "MODEL_"):
        for at in (i for i in range(len(text)) if text.startswith(prefix, i)):
            assert not f"{text[at - 1]}1".isidentifier(), text[at - 20 : at + 20]


def test_the_files_are_formatted() -> None:
    run_tool("clang-format", "--dry-run", "--Werror", *sorted(FOLDER.glob("*.c")))
