"""A shadow: a second engine repeats some calls after they were answered, and says whether it would have answered alike."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from torchferry.bundle.contract import Array
from torchferry.compare.engine_diff import OutputDiff
from torchferry.errors import FerryError
from torchferry.proof.diff_engines import diff_answers
from torchferry.proof.proven import open_proven
from torchferry.serve.served import Served


class Shadow:
    """A replica that answers nobody."""

    def __init__(self, served: Served, engine: str) -> None:
        """Open and prove the engine. Raises RuntimeError with the line of what is wrong."""
        try:
            self._bundle, self._session = open_proven(replace(served.chosen, engine=engine))
        except FerryError as error:
            raise RuntimeError(f"{served.name} version {served.version}: shadow: {error}") from None
        self._first = served.chosen.engine

    async def __call__(self, inputs: dict[str, Array], outputs: dict[str, Array]) -> list[OutputDiff] | str:
        """Return how each output differs from `outputs` [N, ...], which the engine that answers gave, or the line of an error."""
        try:
            return await asyncio.to_thread(diff_answers, self._bundle, self._first, outputs, self._session, inputs)
        except FerryError as error:
            return str(error)
