"""A model that remembers: outputs of one call are inputs of the next. The C++ twin is ferry/stream.hpp."""

from __future__ import annotations

from collections.abc import Mapping

from torchferry.bundle.contract import BATCH, Array
from torchferry.bundle.state import CarriedState
from torchferry.engines.base import Session
from torchferry.errors import ExitCode, FerryError


class Stream:
    """One sequence of calls, or several side by side, on a session that many streams may share. One call at a time."""

    def __init__(self, session: Session, state: Mapping[str, str] | None = None, *, samples: int = 1) -> None:
        """Begin with a state of zeros.

        state: for each input that is carried, the output that it gets in the next call; default: the contract's pairs. samples: the
        batch N of every call.
        Raises FerryError(USAGE) for names that the contract has not, for two that differ in dtype or shape, and for a contract that
        leaves no input or takes no such batch.
        """
        _require_batch(session, samples)
        carried = session.contract.state if state is None else state
        if not carried:
            raise FerryError(
                ExitCode.USAGE,
                "stream: got no state here or in the contract, expected at least one input and its output; export with --state INPUT=OUTPUT",
            )
        self._session = session
        self._samples = samples
        pairs = [f"{name}={source}" for name, source in carried.items()]
        self._carried = CarriedState(session.contract, pairs, samples=samples)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run one step: inputs [N, ...] without the state to all outputs, the next state among them.

        Raises FerryError as Session.run does; the state then stays as it was.
        """
        for name in self._carried.values:
            if name in inputs:
                raise FerryError(ExitCode.BAD_INPUT, f"input {name}: got a tensor, expected none: the stream carries it")
        self._require_samples(inputs)
        outputs = self._session.run(self._carried.complete(dict(inputs)))
        self._carried.keep(outputs)
        return outputs

    def _require_samples(self, inputs: Mapping[str, Array]) -> None:
        """Hold inputs [N, ...] to the batch of the stream: in the checks of the call the state, whose batch is right, may come first."""
        for spec in self._carried.lines.inputs:
            shape = getattr(inputs.get(spec.name), "shape", ())
            if len(shape) != len(spec.shape) or BATCH not in spec.shape:
                continue
            axis = spec.shape.index(BATCH)
            if shape[axis] != self._samples:
                text = ",".join(map(str, shape))
                raise FerryError(
                    ExitCode.BAD_INPUT,
                    f"input {spec.name}: shape [{text}]: dim {axis}: got {shape[axis]}, expected N = {self._samples}, "
                    "for which the stream was opened",
                )

    def reset(self) -> None:
        """Begin a new sequence: zeros."""
        self._carried.reset()

    @property
    def state(self) -> dict[str, Array]:
        """What the next call will get, by input, [N, ...]."""
        return self._carried.values


def _require_batch(session: Session, samples: int) -> None:
    limits = session.contract.symbols.get(BATCH)
    fits = samples == 1 if limits is None else samples >= max(limits.min, 1) and (limits.max is None or samples <= limits.max)
    if not fits:
        raise FerryError(ExitCode.USAGE, f"stream: got {samples} samples side by side, expected a batch that the contract allows")
