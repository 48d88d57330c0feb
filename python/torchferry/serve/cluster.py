"""Ray Serve: where the replicas run, which of them answer, and what a call through Ray can come to."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import Any

from ray import serve
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError

from torchferry.bundle.contract import Array
from torchferry.errors import ExitCode, FerryError
from torchferry.serve.refusal import RefusalError, refusal_of
from torchferry.serve.replica import Outputs, Replica
from torchferry.serve.served import Limits, Served

_STATUS_S = 0.5  # how long a look at the replicas is believed
_REPEATS = 5  # of a call whose replica died: a call changes nothing, so that it may be made again


class Replicas:
    """The replicas of every version."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._handles: dict[str, Any] = {}
        self._running: frozenset[str] = frozenset()
        self._looked = 0.0

    async def call(self, served: Served, inputs: dict[str, Array], deadline_s: float) -> Outputs:
        """Return the outputs [N, ...] of one call. Raises RefusalError: 503 where too many wait, 504 at the deadline, else by the error."""
        try:
            answer = await asyncio.wait_for(self._call(served, inputs), deadline_s)
        except BackPressureError:
            raise RefusalError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"model {served.name}: got more than {self._limits.queue} waiting requests, expected fewer; try again later",
            ) from None
        except (asyncio.TimeoutError, TimeoutError):
            raise RefusalError(
                HTTPStatus.GATEWAY_TIMEOUT,
                f"model {served.name}: got no answer in {deadline_s:g} s, expected one; try again later",
            ) from None
        if isinstance(answer, tuple):
            raise refusal_of(FerryError(ExitCode(answer[0]), answer[1]))
        return answer

    async def _call(self, served: Served, inputs: dict[str, Array]) -> Outputs | tuple[int, str]:
        """Make the call, again where its replica died."""
        for left in reversed(range(_REPEATS)):
            try:
                answer: Outputs | tuple[int, str] = await self._handle(served).remote(inputs)
                return answer
            except RayActorError:
                if not left:
                    raise RefusalError(
                        HTTPStatus.SERVICE_UNAVAILABLE, f"model {served.name}: every replica that was asked died; try again later"
                    ) from None
        raise AssertionError

    async def is_ready(self, served: Served, *, now: bool = True) -> bool:
        """Say whether a version has a replica whose goldens passed; without `now`, whether it ever had one."""
        if not now and served.application in self._running:
            return True
        if time.monotonic() - self._looked > _STATUS_S:
            self._running = await asyncio.to_thread(_running)
            self._looked = time.monotonic()
        return served.application in self._running

    def start(self, served: Served) -> None:
        """Start a version, and wait until its goldens passed. Raises RefusalError(422) with the reason where they do not."""
        try:
            serve.run(model_application(served, self._limits), name=served.application, route_prefix=None)
        except RuntimeError as error:
            reason = failure_of(served) or " ".join(str(error).split())[-300:]
            serve.delete(served.application, _blocking=False)
            raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{reason}; it was not taken") from None

    def _handle(self, served: Served) -> Any:
        if served.application not in self._handles:
            self._handles[served.application] = serve.get_app_handle(served.application)
        return self._handles[served.application]


def model_application(served: Served, limits: Limits) -> Any:
    """Return the application of one version."""
    deployment = serve.deployment(Replica).options(
        name="replica",
        num_replicas=limits.replicas,
        max_ongoing_requests=limits.at_once,
        max_queued_requests=limits.queue,
        ray_actor_options={"num_cpus": 0.1 if limits.replicas > 1 else 0},
        health_check_period_s=2,
        max_constructor_retry_count=3,
        graceful_shutdown_timeout_s=5,
    )
    return deployment.bind(served)


def _running() -> frozenset[str]:
    """Return the applications with a replica that runs: its constructor, which proves it, has ended."""
    found = serve.status().applications
    return frozenset(
        name
        for name, one in found.items()
        if any(deployment.replica_states.get("RUNNING", 0) for deployment in one.deployments.values())
    )


def failure_of(served: Served) -> str:
    """Return the line by which a replica refused to start; "" where Ray knows none."""
    one = serve.status().applications.get(served.application)
    texts = [] if one is None else [one.message, *(deployment.message for deployment in one.deployments.values())]
    marks = [line.partition("RuntimeError: ")[2] for text in texts for line in text.splitlines() if "RuntimeError: " in line]
    return next((mark for mark in marks if mark.startswith(served.name)), "")
