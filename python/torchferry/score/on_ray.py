"""Workers as actors of Ray Data: Ray places them, starts them again and repeats a part whose worker died."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torchferry.errors import ExitCode, FerryError
from torchferry.extras import named_extras
from torchferry.local_ray import start_ray
from torchferry.score.folder import Receipt
from torchferry.score.job import Job
from torchferry.score.plan import Part
from torchferry.score.worker import Fault, Worker

_REPEATS = 3  # of a part whose worker died: one that ends every worker ends the run
_MAX_BLOCKS = 4096  # of parts that are handed out together; more where there are more workers than that feeds
_BLOCKS_A_WORKER = 32  # so that none waits long for the last one: tests/bench/score_simulation.py
_STORE_BYTES = 128 * 2**20  # of a cluster of this machine alone: only names of parts and receipts go through it


@dataclass(frozen=True)
class Cluster:
    """Where Ray runs: `address` of a cluster, None for one of this machine alone; `workers` None: as many as it has processors for."""

    address: str | None = None
    workers: int | None = None


class _Actor:
    def __init__(self, job: Job) -> None:
        self._worker = Worker(job)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        answers = [self._worker.score(Part.model_validate_json(text)) for text in batch["part"]]
        return {
            "ok": [isinstance(one, Receipt) for one in answers],
            "answer": [one.model_dump_json() for one in answers],
        }


def require_ray() -> Any:
    """Return Ray, without its statistics and as silent as it can be. Raises FerryError(UNAVAILABLE) with what to type where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    warnings.filterwarnings(
        "ignore", message="`ray_remote_args", module="torchferry"
    )  # how often a part is repeated has no other name yet
    with named_extras("ferry score", "ray"):
        import ray
        import ray.data
    return ray


def run_on_ray(job: Job, parts: Sequence[Part], cluster: Cluster) -> Iterator[Receipt | Fault]:
    """Yield what the workers say, as it comes. Raises FerryError(UNAVAILABLE) without a cluster, IO where workers die again and again."""
    ray = require_ray()
    _connect(ray, cluster, job.chosen.where.threads)
    try:
        yield from _answers(ray, job, parts, cluster.workers)
    except (ray.exceptions.RayActorError, ray.exceptions.RayTaskError, ray.exceptions.WorkerCrashedError) as error:
        words = " ".join(str(error).split())[-300:]
        raise FerryError(
            ExitCode.IO,
            f"ray: got a worker that died {_REPEATS + 1} times ({words}), expected it to answer; see its node, then --resume",
        ) from None
    finally:
        ray.shutdown()


def _connect(ray: Any, cluster: Cluster, threads: int) -> None:
    processors = max(os.cpu_count() or 1, (cluster.workers or 1) * threads)
    start_ray(
        ray,
        cluster.address,
        processors=processors,
        store_bytes=_STORE_BYTES,
        if_named="start it, and set RAY_AUTH_MODE=token where it asks for one",
        if_own="try again when it is less busy, or --local",
    )


def _pool(ray: Any, threads: int, workers: int | None, parts: int) -> tuple[int, int]:
    """Return how many workers start, and how many there may be where the cluster grows."""
    fits = max(int(ray.cluster_resources().get("CPU", 1)) // threads, 1)
    most = min(workers or fits, parts)
    return min(fits, most), most


def _answers(ray: Any, job: Job, parts: Sequence[Part], workers: int | None) -> Iterator[Receipt | Fault]:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    rows = [{"part": part.model_dump_json()} for part in parts]
    least, most = _pool(ray, job.chosen.where.threads, workers, len(parts))
    blocks = min(len(rows), max(_MAX_BLOCKS, most * _BLOCKS_A_WORKER))
    table = ray.data.from_items(rows, override_num_blocks=blocks)
    answers = table.map_batches(
        _Actor,
        fn_constructor_args=(job,),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(min_size=least, max_size=most),
        num_cpus=job.chosen.where.threads,
        ray_remote_args_fn=lambda: {"max_task_retries": _REPEATS},
    )
    for row in answers.iter_rows():
        yield Receipt.model_validate_json(row["answer"]) if row["ok"] else _fault(row["answer"])


def _fault(text: str) -> Fault:
    return Fault.model_validate_json(text).of_one_among_many()
