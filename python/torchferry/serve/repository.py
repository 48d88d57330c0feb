"""A model repository for NVIDIA Triton: one artifact of a bundle, with a config.pbtxt that the contract writes.

The schema is Triton's model_config.proto. By default a request is one call of the model, whose bits are those that `ferry verify` saw;
with `join` Triton's dynamic batcher joins requests, and answers keep the bound.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from torchferry.bundle.contract import Contract, TensorSpec
from torchferry.bundle.digest import sha256_of
from torchferry.bundle.manifest import Artifact
from torchferry.bundle.publish import sync_tree
from torchferry.bundle.reader import Bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.proof.joined import why_never_joined
from torchferry.serve.datatype import datatype_of

CONFIG, LABELS = "config.pbtxt", "labels.txt"
_QUEUE_US = 2000  # how long a joined request waits for others


@dataclass(frozen=True)
class _Backend:
    """How Triton names what runs a format, and the parameters by which it computes on one thread, as `ferry verify` does."""

    name: str
    platform: str
    threads: tuple[str, ...]
    numbers_tensors: bool  # LibTorch knows tensors by their place only: `NAME__0`


_BACKENDS = {
    "onnxruntime": _Backend("onnxruntime", "onnxruntime_onnx", ("intra_op_thread_count", "inter_op_thread_count"), False),
    "torchscript": _Backend("pytorch", "pytorch_libtorch", ("INTRA_OP_THREAD_COUNT", "INTER_OP_THREAD_COUNT"), True),
}


@dataclass(frozen=True)
class Written:
    """The folder of the model, its version, and the engine whose artifact it has."""

    folder: Path
    version: int
    engine: str


def write_repository(bundle: Bundle, target: Path, *, engine: str | None = None, version: int = 1, join: int = 0) -> Written:
    """Write a model into a repository, or a further version of one whose config is the same.

    Raises FerryError: USAGE for an engine that Triton has no backend for, calls that cannot be joined, or a bad version; IO for what
    is there already; INTEGRITY for a broken artifact.
    """
    _check(bundle, version, join)
    artifact = _artifact(bundle, engine)
    config, labels = write_config(bundle, artifact, join), _label_text(bundle.contract)
    model = target / bundle.manifest.name
    if model.exists():
        _require_same_config(model, config, labels, version)
        with _published(model / str(version)) as folder:
            _write_files(bundle, artifact, folder)
        return Written(model, version, artifact.engine)
    with _published(model) as folder:
        (folder / CONFIG).write_text(config, encoding="utf-8")
        if labels:
            (folder / LABELS).write_text(labels, encoding="utf-8")
        (folder / str(version)).mkdir()
        _write_files(bundle, artifact, folder / str(version))
    return Written(model, version, artifact.engine)


def write_config(bundle: Bundle, artifact: Artifact, join: int = 0) -> str:
    """Return config.pbtxt: names, dtypes and sizes of the contract; `join`: up to how many samples Triton joins, 0: none."""
    backend, contract = _BACKENDS[artifact.engine], bundle.contract
    limit = contract.symbols["N"].max if "N" in contract.symbols else None
    most = min(join, limit) if limit is not None else join
    lines = [
        f"name: {_text(bundle.manifest.name)}",
        f"backend: {_text(backend.name)}",
        f"platform: {_text(backend.platform)}",
        f"default_model_filename: {_text(artifact.files[0].path)}",
        f"max_batch_size: {most}",
    ]
    for key, specs in (("input", contract.inputs), ("output", contract.outputs)):
        for index, spec in enumerate(specs):
            name = f"{spec.name}__{index}" if backend.numbers_tensors else spec.name
            labelled = key == "output" and has_labels(contract, spec)
            lines += _tensor(key, name, spec, is_batched=join > 0, labelled=labelled)
    lines.append("instance_group [ { count: 1 kind: KIND_CPU } ]")
    if join:
        lines.append(f"dynamic_batching {{ max_queue_delay_microseconds: {_QUEUE_US} }}")
    parameters = {**dict.fromkeys(backend.threads, "1"), "ferry_manifest_sha256": sha256_of(bundle.manifest_json)}
    lines += [f"parameters {{ key: {_text(key)} value {{ string_value: {_text(value)} }} }}" for key, value in parameters.items()]
    return "\n".join(lines) + "\n"


def has_labels(contract: Contract, spec: TensorSpec) -> bool:
    """Say whether Triton's classification can name the elements of an output: scores [N, C] of as many classes as have names."""
    classes = contract.classes
    if classes is None or not spec.is_float or spec.shape[1:] != (len(classes.names),):
        return False
    return spec.class_axis(contract.output(classes.output)) == 1


def _tensor(key: str, name: str, spec: TensorSpec, *, is_batched: bool, labelled: bool) -> Iterator[str]:
    dims = [dim if isinstance(dim, int) else -1 for dim in spec.shape][int(is_batched) :]
    yield f"{key} {{"
    yield f"  name: {_text(name)}"
    yield f"  data_type: TYPE_{datatype_of(spec.dtype)}"
    yield f"  dims: [ {', '.join(map(str, dims or [1]))} ]"
    if not dims:  # Triton has no tensor without sizes
        yield "  reshape { shape: [ ] }"
    if labelled:
        yield f"  label_filename: {_text(LABELS)}"
    yield "}"


def _check(bundle: Bundle, version: int, join: int) -> None:
    if version < 1:
        raise FerryError(ExitCode.USAGE, f"--version: got {version}, expected 1 or more")
    if join < 0:
        raise FerryError(ExitCode.USAGE, f"--join: got {join}, expected 0 or more")
    problem = why_never_joined(bundle.contract) if join else None
    if problem is not None:
        raise FerryError(
            ExitCode.USAGE, f"--join: {bundle.manifest.name}: {problem}, expected independent samples; leave --join out"
        )


def _artifact(bundle: Bundle, engine: str | None) -> Artifact:
    found = {artifact.engine: artifact for artifact in bundle.manifest.artifacts if artifact.engine in _BACKENDS}
    if engine is not None and engine not in _BACKENDS:
        raise FerryError(
            ExitCode.USAGE, f"--engine: got {engine}, for which Triton has no backend, expected {' or '.join(_BACKENDS)}"
        )
    wanted = [engine] if engine is not None else list(_BACKENDS)
    if not set(wanted) & set(found):
        have = ", ".join(artifact.engine for artifact in bundle.manifest.artifacts)
        raise FerryError(
            ExitCode.USAGE,
            f"{bundle.folder}: got a bundle with {have}, expected one with {' or '.join(wanted)}; export that format too",
        )
    return next(found[name] for name in wanted if name in found)


def _require_same_config(model: Path, config: str, labels: str, version: int) -> None:
    for name, text in ((CONFIG, config), (LABELS, labels)):
        path = model / name
        there = path.read_text(encoding="utf-8") if path.is_file() else ""
        if _without_digest(there) != _without_digest(text):
            raise FerryError(
                ExitCode.IO,
                f"{path}: got another contract or engine than this bundle's, expected the same; write it to another folder",
            )
    if (model / str(version)).exists():
        raise FerryError(
            ExitCode.IO, f"{model / str(version)}: got a version that is there, expected a new one; choose another --version"
        )


@contextmanager
def _published(target: Path) -> Iterator[Path]:
    """Give a folder that takes the name of `target` in one step once it is whole on the disk. Raises FerryError(IO)."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            staging.chmod(0o755)  # Triton runs as somebody else
            yield staging
            sync_tree(staging)
            staging.rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise FerryError(ExitCode.IO, f"{target}: got {error.strerror}, expected to write it; choose another --output") from None


def _without_digest(config: str) -> list[str]:
    """Return the lines that versions share: the digest is that of the first."""
    return [line for line in config.splitlines() if "ferry_manifest_sha256" not in line]


def _write_files(bundle: Bundle, artifact: Artifact, folder: Path) -> None:
    for entry in artifact.files:
        path = folder / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bundle.read(entry))


def _label_text(contract: Contract) -> str:
    """Return one class name a line; "" where no output has them."""
    if contract.classes is None or not any(has_labels(contract, spec) for spec in contract.outputs):
        return ""
    return "".join(" ".join(name.split()) + "\n" for name in contract.classes.names)


def _text(value: str) -> str:
    """Return a string of protobuf's text format."""
    return json.dumps(value, ensure_ascii=False)
