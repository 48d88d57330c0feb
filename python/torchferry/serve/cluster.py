"""Ray Serve: where the replicas run, which of them answer, and what a call through Ray can come to."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from ray import serve
from ray.exceptions import RayActorError

from torchferry.bundle.contract import Array
from torchferry.compare.engine_diff import OutputDiff
from torchferry.errors import ExitCode, FerryError
from torchferry.serve.refusal import RefusalError, refusal_of
from torchferry.serve.replica import Outputs, Replica
from torchferry.serve.served import Limits, Served
from torchferry.serve.shadow import Shadow

_STATUS_S = 0.5  # how long a look at the replicas is believed
NO_ACCESS_LOG = {"enable_access_log": False}  # of Ray, a line for each request and process: --log is ours
_REPEATS = 5  # of a call whose replica died: a call changes nothing, so that it may be made again


class Replicas:
    """The replicas of every version."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._handles: dict[str, Any] = {}
        self._calls: Counter[str] = Counter()  # of each application, not yet answered
        self._running: frozenset[str] = frozenset()
        self._looked = 0.0

    async def call(self, served: Served, inputs: dict[str, Array], deadline_s: float) -> Outputs:
        """Return the outputs [N, ...] of one call. Raises RefusalError: 503 where too many wait, 504 at the deadline, else by the error."""
        with self._counted(served):
            try:
                answer = await asyncio.wait_for(self._call(served, inputs), deadline_s)
            except (asyncio.TimeoutError, TimeoutError):
                raise RefusalError(
                    HTTPStatus.GATEWAY_TIMEOUT,
                    f"model {served.name}: got no answer in {deadline_s:g} s, expected one; try again later",
                ) from None
        if isinstance(answer, tuple):
            raise refusal_of(FerryError(ExitCode(answer[0]), answer[1]))
        return answer

    @contextmanager
    def _counted(self, served: Served) -> Iterator[None]:
        """Count a call until it ends. Raises RefusalError(503) where as many wait as may: a queue without an end answers nobody in time."""
        if self._calls[served.application] >= self._limits.calls:
            raise RefusalError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"model {served.name}: got more than {self._limits.queue} waiting requests, expected fewer; try again later",
            )
        self._calls[served.application] += 1
        try:
            yield
        finally:
            self._calls[served.application] -= 1

    async def _call(self, served: Served, inputs: dict[str, Array]) -> Outputs | tuple[int, str]:
        """Make the call, again where its replica died."""
        for left in reversed(range(_REPEATS)):
            try:
                answer: Outputs | tuple[int, str] = await self._handle(served.application).remote(inputs)
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

    def start(self, served: Served, shadow: str | None = None) -> None:
        """Start a version and its shadow, and wait until their goldens passed. Raises RefusalError(422) where they do not."""
        _start(served, served.application, model_application(served, self._limits))
        if shadow is None:
            return
        try:
            _start(served, served.shadow, shadow_application(served, shadow))
        except RefusalError:
            serve.delete(served.application, _blocking=False)
            raise

    async def repeat(self, served: Served, inputs: dict[str, Array], outputs: Outputs) -> list[OutputDiff] | str:
        """Return how the shadow's outputs differ from these [N, ...], or the line of an error."""
        try:
            call = self._handle(served.shadow).remote(inputs, outputs)
            found: list[OutputDiff] | str = await asyncio.wait_for(call, self._limits.deadline_s)
            return found
        except Exception as error:  # whatever Ray raises: a shadow must not touch the answers
            return f"{type(error).__name__}: {error}"

    def _handle(self, application: str) -> Any:
        if application not in self._handles:
            self._handles[application] = serve.get_app_handle(application)
        return self._handles[application]


def _start(served: Served, name: str, application: Any) -> None:
    try:
        serve.run(application, name=name, route_prefix=None)
    except RuntimeError as error:
        reason = failure_of(served, name) or " ".join(str(error).split())[-300:]
        serve.delete(name, _blocking=False)
        raise RefusalError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{reason}; it was not taken") from None


def model_application(served: Served, limits: Limits) -> Any:
    """Return the application of one version."""
    deployment = serve.deployment(Replica).options(
        name="replica",
        num_replicas=limits.replicas,
        max_ongoing_requests=limits.calls,  # never reached: a replica that turns calls down costs Ray more than the call
        ray_actor_options={"num_cpus": 0.1 if limits.replicas > 1 else 0},
        logging_config=NO_ACCESS_LOG,
        health_check_period_s=2,
        max_constructor_retry_count=3,
        graceful_shutdown_timeout_s=5,
    )
    return deployment.bind(served, limits.joining)


def shadow_application(served: Served, engine: str) -> Any:
    """Return the application of a version's shadow: one replica."""
    deployment = serve.deployment(Shadow).options(
        name="shadow",
        max_ongoing_requests=1,
        ray_actor_options={"num_cpus": 0},
        health_check_period_s=2,
        max_constructor_retry_count=3,
        graceful_shutdown_timeout_s=5,
    )
    return deployment.bind(served, engine)


def _running() -> frozenset[str]:
    """Return the applications with a replica that runs: its constructor, which proves it, has ended."""
    found = serve.status().applications
    return frozenset(
        name
        for name, one in found.items()
        if any(deployment.replica_states.get("RUNNING", 0) for deployment in one.deployments.values())
    )


def failure_of(served: Served, application: str) -> str:
    """Return the line by which a replica refused to start; "" where Ray knows none."""
    one = serve.status().applications.get(application)
    texts = [] if one is None else [one.message, *(deployment.message for deployment in one.deployments.values())]
    marks = [line.partition("RuntimeError: ")[2] for text in texts for line in text.splitlines() if "RuntimeError: " in line]
    return next((mark for mark in marks if mark.startswith(served.name)), "")
