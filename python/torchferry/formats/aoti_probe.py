"""A probe of an AOTInductor package, which is machine code: compiled again from the reference with the package's weights."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from torchferry.engines.aoti import weights_of
from torchferry.formats.aoti import FILE, export
from torchferry.formats.built_again import carry_weights, layered, source_of, told
from torchferry.formats.taps import ProbeRequest, Shown


def probe_aoti(request: ProbeRequest) -> Shown:
    """Return a package of the reference with all taps and the weights of the artifact.

    The caller has been allowed to run the artifact's code. Raises FerryError(UNAVAILABLE or FORMAT).
    """
    module = layered(request, request.taps)
    count, found = carry_weights(module, weights_of(request.main_path, request.files, request.artifact.requires))
    with TemporaryDirectory(prefix="ferry-probe-") as name:
        written = export(source_of(request, request.taps, module=module), Path(name))
        files = {path: (Path(name) / path).read_bytes() for path in written.files}
    weights = f"{found} of its {count} weights taken from {request.main_path}"
    return Shown(
        {request.main_path if path == FILE else path: data for path, data in files.items()},
        list(request.taps),
        built_again=told(weights),
    )
