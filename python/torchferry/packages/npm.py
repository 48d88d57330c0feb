"""An npm package: the C as WebAssembly, with a typed API, and tests for `npm test`. It runs in node and in browsers."""

from __future__ import annotations

import base64
import json
import math
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from torchferry.bundle.contract import TensorSpec
from torchferry.errors import ExitCode, FerryError
from torchferry.packages.npm_texts import GLUE, MODEL_JS, TEST_JS, TYPES_HEAD, TYPES_MODEL
from torchferry.packages.sources import Sources

_FLAGS = "--target=wasm32 -std=c99 -O3 -msimd128 -mbulk-memory -ffreestanding -fno-builtin -nostdlib -Wl,--no-entry -Wl,-z,stack-size=65536"
_ARRAYS = {
    "float32": "Float32Array",
    "uint8": "Uint8Array",
    "bool": "Uint8Array",
    "int8": "Int8Array",
    "int16": "Int16Array",
    "int32": "Int32Array",
    "int64": "BigInt64Array",
}
_INTEGERS = {
    "bool": (0, 1),
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    "uint8": (0, 255),
}
_LIMIT_S = 600


def require_compiler() -> None:
    """Raise FerryError(UNAVAILABLE) where clang or its linker of WebAssembly is missing."""
    missing = [tool for tool in ("clang", "wasm-ld") if shutil.which(tool) is None]
    if missing:
        raise FerryError(
            ExitCode.UNAVAILABLE, f"--package npm: got no {' and no '.join(missing)}, expected clang with lld; install them"
        )


def files(title: str, sources: Sequence[Sources]) -> Mapping[str, bytes]:
    """Return the files of the package by path. Raises FerryError(FORMAT) for C that clang cannot build."""
    models = [one.prefix for one in sources]
    texts = {
        "package.json": _package(title, sources),
        "index.js": "".join(f'export * as {model} from "./{model}.js";\n' for model in models)
        if len(models) > 1
        else f'export * from "./{models[0]}.js";\n',
        "test/selftest.test.js": TEST_JS.replace("@MODELS@", json.dumps(models)),
    }
    for one in sources:
        texts[f"{one.prefix}.js"] = _script(one)
        texts[f"{one.prefix}.d.ts"] = _types(one)
    texts["index.d.ts"] = texts["index.js"]
    return {name: text.encode() for name, text in texts.items()}


def _package(title: str, sources: Sequence[Sources]) -> str:
    licences = sorted({one.licence for one in sources if one.licence})
    entries = {f"./{one.prefix}": {"types": f"./{one.prefix}.d.ts", "default": f"./{one.prefix}.js"} for one in sources}
    package = {
        "name": title.lower().replace("_", "-"),
        "version": sources[0].version if len(sources) == 1 else "0.0.0",
        "description": f"Neural networks in WebAssembly: {', '.join(one.name for one in sources)}",
        "type": "module",
        "license": licences[0] if len(licences) == 1 else "UNLICENSED",
        "exports": {".": {"types": "./index.d.ts", "default": "./index.js"}, **entries},
        "types": "./index.d.ts",
        "files": ["*.js", "*.d.ts"],
        "scripts": {"test": "node --test test/"},
        "engines": {"node": ">=18"},
    }
    return json.dumps(package, indent=2) + "\n"


def _script(one: Sources) -> str:
    classes = one.contract.classes
    values = {
        "@MODEL@": one.prefix,
        "@INPUTS@": _tensors(one.contract.inputs),
        "@OUTPUTS@": _tensors(one.contract.outputs),
        "@CLASSES@": json.dumps([] if classes is None else list(classes.names)),
        "@MODULE@": base64.b64encode(_compiled(one)).decode(),
    }
    text = MODEL_JS
    for key, value in values.items():
        text = text.replace(key, value)
    return text


def _tensors(specs: Sequence[TensorSpec]) -> str:
    """Return what the script knows of tensors, as JavaScript. `size` null: one number, no array; `limits` null: no whole numbers."""
    return f"[{', '.join(map(_tensor, specs))}]"


def _tensor(spec: TensorSpec) -> str:
    dims, limits = _dims(spec), _limits(spec)
    known = {
        "name": spec.name,
        "dtype": spec.dtype,
        "array": _ARRAYS[spec.dtype],
        "size": math.prod(dims) if dims else None,
        "shape": dims,
        "finite": spec.is_float and not spec.allow_nonfinite,
    }
    suffix = "n" if spec.dtype == "int64" else ""
    ends = "null" if limits is None else f"[{limits[0]}{suffix}, {limits[1]}{suffix}]"
    return f'{json.dumps(known)[:-1]}, "limits": {ends}}}'


def _limits(spec: TensorSpec) -> tuple[int, int] | None:
    """Return the whole numbers that an input takes: those of its dtype, of int32 and int64 those of its range. None for floats."""
    if spec.is_float:
        return None
    low, high = _INTEGERS[spec.dtype]
    if spec.range is None or spec.dtype not in ("int32", "int64"):
        return low, high
    return max(low, math.ceil(spec.range[0])), min(high, math.floor(spec.range[1]))


def _dims(spec: TensorSpec) -> list[int]:
    return [dim for dim in spec.shape[1:] if isinstance(dim, int)]


def _types(one: Sources) -> str:
    inputs = "".join(f"  {spec.name}: {_given(spec)};{_note(spec)}\n" for spec in one.contract.inputs)
    outputs = "".join(f"  {spec.name}: {_kind(spec)};{_note(spec)}\n" for spec in one.contract.outputs)
    return TYPES_HEAD.replace("@MODEL@", one.prefix) + TYPES_MODEL.replace("@INPUTS@", inputs).replace("@OUTPUTS@", outputs)


def _note(spec: TensorSpec) -> str:
    return f" // {spec.dtype}[{', '.join(map(str, _dims(spec)))}]"


def _kind(spec: TensorSpec) -> str:
    number = "bigint" if spec.dtype == "int64" else "number"
    return _ARRAYS[spec.dtype] if _dims(spec) else number


def _given(spec: TensorSpec) -> str:
    number = "bigint" if spec.dtype == "int64" else "number"
    return f"{_ARRAYS[spec.dtype]} | readonly {number}[]" if _dims(spec) else number


def _compiled(one: Sources) -> bytes:
    """Return the module. Raises FerryError(FORMAT) where clang refuses the C."""
    specs = [("input", spec) for spec in one.contract.inputs] + [("output", spec) for spec in one.contract.outputs]
    members = "".join(
        f"EXPORT({kind}_{spec.name}) void *{kind}_{spec.name}(void) {{ return &{kind}.{spec.name}; }}\n" for kind, spec in specs
    )
    glue = GLUE.replace("@MEMBERS@", members).replace("@UPPER@", one.prefix.upper()).replace("@MODEL@", one.prefix)
    with tempfile.TemporaryDirectory(prefix="ferry-npm-") as name:
        folder = Path(name)
        for path, data in {**one.files, "glue.c": glue.encode()}.items():
            (folder / path).write_bytes(data)
        command = ["clang", *_FLAGS.split(), "-o", "model.wasm", "glue.c", f"{one.prefix}.c"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
        if done.returncode != 0:
            problem = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
            raise FerryError(
                ExitCode.FORMAT, f"--package npm: {one.prefix}.c: got C that clang cannot build: {problem}; report it"
            )
        return (folder / "model.wasm").read_bytes()
