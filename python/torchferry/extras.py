"""The extras of torchferry: which one brings a package that this Python lacks. The core has no torch.

pyproject.toml declares them; tests/package/test_extras.py holds the two together.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torchferry.errors import ExitCode, FerryError

# A module's first name -> the extra that brings its package. What several extras bring stands with the smallest.
EXTRAS: dict[str, str] = {
    "torch": "export",
    "onnx": "export",
    "ml_dtypes": "bfloat16",
    "onnxscript": "export",
    "torchvision": "course",
    "sklearn": "course",
    "matplotlib": "report",
    "jinja2": "report",
    "markupsafe": "report",
    "PIL": "images",
    "simplejpeg": "images",
    "pyarrow": "tables",
    "ray": "ray",
    "uvicorn": "serve",
    "starlette": "serve",
    "prometheus_client": "serve",
    "tritonclient": "serve",
    "grpc": "serve",
    "cyclonedx": "evidence",
    "packageurl": "evidence",
    "huggingface_hub": "hub",
    "onnxruntime": "onnxruntime",
    "executorch": "executorch",
}

# What torchferry.integrations goes into, as pip names it: no extra, since its user has it before torchferry.
HOSTS = {"mlflow": "mlflow", "lightning": "lightning", "pytorch_lightning": "pytorch-lightning", "transformers": "transformers"}

# The extra that pins torch to the release whose headers the wheel's C++ plugins were compiled with; they refuse every other one.
LIBTORCH = "libtorch"
_BRING_TORCH = ("export", "course")


def missing_package(error: ModuleNotFoundError, extra: str | None = None) -> FerryError | None:
    """Return the one line that names the missing package and what brings it; None for a module of which nothing is known.

    `extra`: the extra of whoever needs the package, where that brings more of what it needs.
    """
    package = (error.name or "").partition(".")[0]
    if package in HOSTS:
        return FerryError(ExitCode.UNAVAILABLE, f"this Python has no package {package}; type: pip install {HOSTS[package]}")
    if package not in EXTRAS:
        return None
    wanted = extra or EXTRAS[package]
    if wanted in _BRING_TORCH:
        wanted = f"{wanted},{LIBTORCH}"
    return FerryError(
        ExitCode.UNAVAILABLE,
        f"this Python has no package {package}; type: pip install 'torchferry[{wanted}]'",
    )


@contextlib.contextmanager
def named_extras(what: str = "", extra: str | None = None) -> Iterator[None]:
    """Turn a missing package of an extra into one line, which begins with `what`. Raises FerryError(UNAVAILABLE)."""
    try:
        yield
    except ModuleNotFoundError as error:
        found = missing_package(error, extra)
        if found is None:
            raise
        raise FerryError(found.code, f"{what}: {found}" if what else str(found)) from None
