"""A replica: one proven session. Its constructor ends when the goldens have passed on its machine, and not otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TypeVar

from torchferry.bundle.call_checks import check_inputs
from torchferry.bundle.contract import Array
from torchferry.errors import FerryError
from torchferry.proof.joined import require_same_bits
from torchferry.proof.proven import open_proven
from torchferry.serve.joining import Joining, cut, join, kind_of_call, rows_of
from torchferry.serve.served import Served

Outputs = dict[str, Array]
Answer = Outputs | tuple[int, str]
Given = TypeVar("Given")
Found = TypeVar("Found")


class Replica:
    """Answers calls of one version."""

    def __init__(self, served: Served, joining: Joining) -> None:
        """Open and prove. Raises RuntimeError with the line of what is wrong: Ray Serve gives such a replica no request."""
        try:
            bundle, self._session = open_proven(served.chosen)
            self._most = joining.most(served.contract)
            if self._most and joining.keeps == "bits":
                require_same_bits(bundle, self._session, self._most)
        except FerryError as error:
            raise RuntimeError(f"{served.name} version {served.version}: {error}") from None
        self._worker = ThreadPoolExecutor(max_workers=1)  # calls wait here for the one before
        self._wait = _waiting(self._run_together, self._most, joining.wait_s) if self._most else None

    async def __call__(self, inputs: dict[str, Array]) -> Answer:
        """Return the outputs [N, ...] by name, or the code and the line of an error."""
        if self._wait is None:
            return await self._in_turn(self._run, inputs)
        try:
            check_inputs(self._session.contract, inputs)  # before it is joined: it must not spoil the call of others
        except FerryError as error:
            return int(error.code), str(error)
        if not 0 < rows_of(inputs) < self._most:
            return await self._in_turn(self._run, inputs)
        return await self._wait(inputs)

    async def _run_together(self, calls: list[Outputs]) -> list[Answer]:
        """Answer calls that came in the same moment."""
        return await self._in_turn(self.run_together, calls)

    async def _in_turn(self, compute: Callable[[Given], Found], given: Given) -> Found:
        """Compute after the calls before, without the event loop; one whose client has gone is not computed."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, compute, given)

    def run_together(self, calls: Sequence[Outputs]) -> list[Answer]:
        """Return the answer of each call, those of one shape computed in one call of the engine."""
        order = sorted(range(len(calls)), key=lambda index: repr(kind_of_call(calls[index])))
        answers: dict[int, Answer] = {}
        for _, group in groupby(order, key=lambda index: kind_of_call(calls[index])):
            members = list(group)
            answers |= dict(zip(members, self._run_one_kind([calls[index] for index in members]), strict=True))
        return [answers[index] for index in range(len(calls))]

    def _run_one_kind(self, calls: Sequence[Outputs]) -> list[Answer]:
        if len(calls) == 1:
            return [self._run(calls[0])]
        found = self._run(join(calls))
        if isinstance(found, tuple):  # whose fault it is, shows when each runs alone
            return [self._run(call) for call in calls]
        return list(cut(found, [rows_of(call) for call in calls]))

    def _run(self, inputs: Outputs) -> Answer:
        try:
            return self._session.run(inputs)
        except FerryError as error:
            return int(error.code), str(error)


def _waiting(
    together: Callable[[list[Outputs]], Awaitable[list[Answer]]], most: int, wait_s: float
) -> Callable[[Outputs], Awaitable[Answer]]:
    """Return a function that answers one call once others joined it, or `wait_s` seconds have passed."""
    from ray import serve

    async def handle(calls: list[Outputs]) -> list[Answer]:
        return await together(calls)

    joined: Callable[[Outputs], Awaitable[Answer]] = serve.batch(
        handle,
        max_batch_size=most,
        batch_wait_timeout_s=wait_s,
        batch_size_fn=lambda calls: sum(map(rows_of, calls)),
    )
    return joined
