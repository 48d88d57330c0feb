"""model.h: the contract as C types, and what can be called."""

from __future__ import annotations

import math
from collections.abc import Collection

from torchferry.bundle.contract import TensorSpec
from torchferry.cgen.emit.model import Model
from torchferry.cgen.emit.naming import plain
from torchferry.cgen.emit.plan import element_bytes, element_type
from torchferry.cgen.emit.weights import with_weights
from torchferry.cgen.target import c_type
from torchferry.cgen.text import OWN, own
from torchferry.cgen.values import dtype_of

SATURATIONS = """\
/* With MODEL_COUNT_SATURATIONS defined for model.c and for whoever includes this file: how many numbers, since its
 * last call, became bytes and lay more than half a step beyond the range of their bytes, so that they were kept at its end: a
 * sample's inputs, what layers of floats give to layers of bytes, and the sums of layers of bytes. Where a function ends
 * itself, as ReLU at 0, nothing is counted, nor is a NaN; of one that falls and rises again, as GELU, both ends count and not
 * the dip. The answers have the same bits; the code is slower, and calls from several threads at once lose counts. */
#if defined(MODEL_COUNT_SATURATIONS)
size_t model_saturations(void);
#endif
"""


def print_saturations(kernels: Collection[str]) -> str:
    """Print what counts numbers beyond their bytes; nothing for code that makes no bytes of floats."""
    return own(SATURATIONS) if "saturations" in kernels else ""


def print_header(model: Model, batch_rows: int, facts: str = "") -> str:
    """Print everything after the comment at the top.

    `batch_rows`: samples that the batch variant computes together. `facts`: macros that change nothing of the code.
    """
    contract, separate = model.contract, model.weights is not None
    parts = [
        own("#ifndef MODEL_H\n#define MODEL_H\n"),
        "#include <stddef.h>\n#include <stdint.h>\n",
        '#ifdef __cplusplus\nextern "C" {\n#endif\n',
        "/* One sample. */",
        _struct("input", contract.inputs),
        _struct("output", contract.outputs),
        _workspace(model, batch_rows),
        _classes(model),
        facts,
        own(STATUS),
        own(WEIGHTS) if separate else "",
        own(with_weights(FUNCTIONS.replace("CLASSIFY", CLASSIFY if label_output(model) is not None else ""), separate=separate)),
        _classify(model),
        own(_selftest(separate=separate)),
        "#ifdef __cplusplus\n}\n#endif\n\n#endif\n",
    ]
    return "\n".join(part for part in parts if part)


def _struct(name: str, specs: tuple[TensorSpec, ...]) -> str:
    return "\n".join([f"typedef struct {OWN}{name} {{", *(f"  {_member(spec)}" for spec in specs), f"}} {OWN}{name};\n"])


def _member(spec: TensorSpec) -> str:
    dims = [dim for dim in spec.shape[1:] if isinstance(dim, int)]
    size = f"[{math.prod(dims)}]" if dims else ""
    notes = [f"[{']['.join(map(str, dims))}]"] if len(dims) > 1 else []
    notes += [f"{spec.range[0]:g} to {spec.range[1]:g}"] if spec.range is not None else []
    notes += [spec.unit] if spec.unit else []
    notes += ["0 or 1"] if spec.dtype == "bool" else []
    comment = f" /* {plain(', '.join(notes))} */" if notes else ""
    dtype = dtype_of(spec.dtype)
    assert dtype is not None, "capture refuses others"
    return f"{c_type(dtype)} {spec.name}{size};{comment}"


def _workspace(model: Model, batch_rows: int) -> str:
    plan = model.plan
    decided = f" /* as layer {plan.largest + 1} needs */" if plan.areas else ""
    members = [f"  {element_type(area)} {area}[{plan.bytes // element_bytes(area)}];" for area in plan.areas]
    return own(f"""\
/* Scratch memory of one call: one arena, of which each layer uses what others no longer need.
 * Its content does not matter before a call and has no meaning after it. */
typedef union model_workspace {{
{chr(10).join(members or ["  int64_t unused;"])}
}} model_workspace;

#define MODEL_WORKSPACE_BYTES {plan.bytes}u{decided}
{_batch_rows(batch_rows)}\
#define MODEL_BATCH_WORKSPACE_BYTES (MODEL_BATCH_ROWS * MODEL_WORKSPACE_BYTES)
""")


def _batch_rows(count: int) -> str:
    """Return the macro; an AVR has no registers for more than one sample, and no memory."""
    text = f"#define MODEL_BATCH_ROWS {count} /* samples that model_run_batch computes together */\n"
    return text if count == 1 else f"#if defined(__AVR__)\n#define MODEL_BATCH_ROWS 1\n#else\n{text}#endif\n"


def _classes(model: Model) -> str:
    classes = model.contract.classes
    if classes is None:
        return ""
    return f"""\
#define {OWN}{OWN}CLASSES {len(classes.names)}
extern const char *const {OWN}class_names[{OWN}{OWN}CLASSES]; /* UTF-8; {classes.output} is an index into it */
"""


STATUS = """\
/* What the functions return. On an error nothing has been written. */
enum {
  MODEL_OK = 0,
  MODEL_NULL = 1,    /* a pointer that must not be NULL is NULL */
  MODEL_OVERLAP = 2, /* input, output and workspace share memory */
  MODEL_TOO_MANY = 3 /* so many samples have no room in the address space */
};
"""

WEIGHTS = """\
/* The weights, and whatever else training or calibration decides, are a file, model.weights.bin: in flash, mapped, or read
 * into memory that begins at a multiple of MODEL_WEIGHTS_ALIGNMENT. Its numbers are little-endian. `model_open` reads all
 * of it once. */
#define MODEL_WEIGHTS_ALIGNMENT 8
enum {
  MODEL_UNALIGNED = 4,   /* the weights begin at another address */
  MODEL_TRUNCATED = 5,   /* they end too early */
  MODEL_NO_WEIGHTS = 6,  /* this is no such file, or this processor is not little-endian */
  MODEL_OTHER_MODEL = 7, /* they are those of a model with other inputs, outputs or layers, as these are listed above */
  MODEL_DAMAGED = 8      /* they are not what was written: SHA-256 */
};

/* MODEL_OK where these weights, of at most `bytes` bytes, fit this code. Every other function takes such weights only. */
int model_open(const void *weights, size_t bytes);
"""

FUNCTIONS = """\
/* Every function may be called from many threads at once.
 *
 * The stack that a call needs, beside the frames of the functions (under 1 KiB on a Cortex-M4F; under 4 KiB with
 * wide vectors; under 12 KiB where nothing is optimised):
 *   model_run            MODEL_WORKSPACE_BYTES
 *   model_run_with       0
 *   model_run_batch      0; where workspace is NULL, MODEL_BATCH_WORKSPACE_BYTES
CLASSIFY *   model_selftest       MODEL_BATCH_WORKSPACE_BYTES + MODEL_BATCH_ROWS * sizeof(model_output)
 *   model_selftest_with  0
 * On an AVR, whose tables lie in flash, both self-tests need sizeof(model_input) more.
 *
 * A freestanding program has to bring memcpy, memmove and memset, which compilers call to copy and clear memory, and to
 * link what else its compiler needs (libgcc or compiler-rt). */

/* One sample. */
int model_run(DECLARE_WEIGHTS const model_input *input, model_output *output);

/* The same with the caller's workspace, which no other call may use at the same time; NULL: on the stack. */
int model_run_with(DECLARE_WEIGHTS const model_input *input, model_output *output, model_workspace *workspace);

/* `count` samples, with the same bits as one by one. `workspace`: MODEL_BATCH_ROWS of them, or NULL: on the stack.
 * With count 0 nothing is read or written and every pointer may be NULL. */
int model_run_batch(DECLARE_WEIGHTS const model_input *inputs, model_output *outputs, size_t count, model_workspace *workspace);
"""
IN_TABLES = "They lie in constant tables; define MODEL_NO_SELFTEST to leave all of it out."
IN_WEIGHTS = "They lie in the file of weights, also where MODEL_NO_SELFTEST leaves out what reads them."
CLASSIFY = " *   model_classify       MODEL_WORKSPACE_BYTES + sizeof(model_output)\n"


def label_output(model: Model) -> str | None:
    """Return the output that model_classify returns: that of the classes, or the only int64 number that is no state."""
    if model.contract.classes is not None:
        names = [model.contract.classes.output]
    else:
        kept = model.contract.state.values()
        names = [s.name for s in model.contract.outputs if s.dtype == "int64" and len(s.shape) == 1 and s.name not in kept]
    scalar = [name for name in names if len(model.contract.output(name).shape) == 1]
    return scalar[0] if len(scalar) == 1 else None


def _selftest(*, separate: bool) -> str:
    text = with_weights(SELFTEST, separate=separate).replace("(VOID)", "(const void *weights)" if separate else "(void)")
    return text.replace("WHERE_SAMPLES_LIE", IN_WEIGHTS if separate else IN_TABLES)


def _classify(model: Model) -> str:
    name = label_output(model)
    if name is None:
        return ""
    weights = with_weights("DECLARE_WEIGHTS ", separate=model.weights is not None)
    return f"/* The {name} of one sample, or -1 where input is NULL. */\nint {OWN}classify({weights}const {OWN}input *input);\n"


SELFTEST = """\
/* Replays samples on this machine, one by one and in batches, and compares every bit of the results.
 * WHERE_SAMPLES_LIE */
#ifndef MODEL_NO_SELFTEST
enum {
  MODEL_SELFTEST_PASSED = -1,
  /* This build does not do strict IEEE 754: fused multiply-add, flush to zero, another rounding mode. */
  MODEL_SELFTEST_ARITHMETIC = -2,
  MODEL_SELFTEST_MEMORY = -3 /* the memory for it is NULL or overlaps */
};
int model_selftest(VOID); /* one of these, or the index of the first wrong sample, from 0 */

/* The same in the caller's memory: MODEL_BATCH_ROWS outputs and as many workspaces, whatever they hold. */
int model_selftest_with(DECLARE_WEIGHTS model_output *outputs, model_workspace *workspace);
#endif
"""
