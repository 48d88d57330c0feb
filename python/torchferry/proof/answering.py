"""Sessions that answer and prove nothing: where the engine's runtime for Python is slow to import, libferry runs it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from typing import Protocol

from torchferry.bundle.contract import Array
from torchferry.bundle.reader import Bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.formats import registry
from torchferry.proof.where import Where, first_that_opens


class Answering(Protocol):
    """What answers: a session of this process."""

    engine: str

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Compute outputs [N, ...] of inputs [N, ...], both by name and in the contract's shapes."""


class _OfLibferry:
    """A session of libferry, whose steps the deadline is told of."""

    def __init__(self, bundle: Bundle, engine: str, where: Where) -> None:
        """Open the same bundle once more. Raises FerryError(INTEGRITY) for another one, and what a session of libferry raises."""
        from torchferry import native  # most engines need no libferry

        self.engine = engine
        self._deadline = where.deadline
        with self._step():
            opened = native.open_bundle(bundle.folder, trust=_key_of(bundle), lazy=True)  # checked a moment ago
            if opened.digest != hashlib.sha256(bundle.manifest_json).hexdigest():
                raise FerryError(
                    ExitCode.INTEGRITY,
                    f"{bundle.folder}: got another bundle than a moment ago, expected one that stays; try again",
                )
            self._session = opened.session(engine, device=where.device, threads=where.threads)

    def _step(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._deadline is None else self._deadline.step(self.engine)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        with self._step():
            return self._session.run(inputs)


def open_answering(bundle: Bundle, engine: str | None, where: Where) -> Answering:
    """Open an engine, or the bundle's first that can run here: by libferry where the engine's row says so and libferry has it.

    Raises what `Where.open` and `Where.open_first` raise.
    """
    if engine is None:
        return first_that_opens(bundle, lambda known: _open(bundle, known, where))
    return _open(bundle, engine, where)


def _open(bundle: Bundle, engine: str, where: Where) -> Answering:
    row = registry.of_engine(engine)
    if row is not None and row.answers_by_libferry and not where.isolate and _is_known_to_libferry(bundle):
        try:
            return _OfLibferry(bundle, engine, where)
        except FerryError as error:
            if error.code != ExitCode.UNAVAILABLE:
                raise
    return where.open(bundle, engine)


def _is_known_to_libferry(bundle: Bundle) -> bool:
    """Say whether libferry can ask for the signature that was asked for: one key, or one folder of keys."""
    return len(bundle.trust_options) in (0, 2)


def _key_of(bundle: Bundle) -> str | None:
    return bundle.trust_options[1] if bundle.trust_options else None
