"""A replica: one proven session. Its constructor ends when the goldens have passed on its machine, and not otherwise."""

from __future__ import annotations

import asyncio

from torchferry.bundle.contract import Array
from torchferry.errors import FerryError
from torchferry.proof.proven import open_proven
from torchferry.serve.served import Served

Outputs = dict[str, Array]


class Replica:
    """Answers calls of one version."""

    def __init__(self, served: Served) -> None:
        """Open and prove. Raises RuntimeError with the line of what is wrong: Ray Serve gives such a replica no request."""
        try:
            _, self._session = open_proven(served.chosen)
        except FerryError as error:
            raise RuntimeError(f"{served.name} version {served.version}: {error}") from None

    async def __call__(self, inputs: dict[str, Array]) -> Outputs | tuple[int, str]:
        """Return the outputs [N, ...] by name, or the code and the line of an error."""
        try:
            return await asyncio.to_thread(self._session.run, inputs)
        except FerryError as error:
            return int(error.code), str(error)
