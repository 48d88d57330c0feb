"""Small batches that are written together: the file is the one of a writer that does not wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from torchferry.bundle.contract import Array
from torchferry.samples import gathered_sink
from torchferry.samples.gathered_sink import GatheredSink


class Noted:
    """A sink that notes each call."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, Array], list[str] | None]] = []
        self.is_finished = False

    def write(self, outputs: Mapping[str, Array], ids: Sequence[str] | None = None) -> None:
        assert not self.is_finished
        self.calls.append((dict(outputs), None if ids is None else list(ids)))

    def finish(self) -> None:
        self.is_finished = True


def test_batches_are_joined_in_order_with_their_identities_until_there_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathered_sink, "_ENOUGH", 10)
    noted = Noted()
    sink = GatheredSink(noted, ["y"])
    for start in range(0, 14, 2):
        sink.write({"y": np.arange(start, start + 2), "other": np.array(1)}, [str(start), str(start + 1)])
    assert sink.count == 14
    assert [len(outputs["y"]) for outputs, _ in noted.calls] == [10]
    sink.finish()
    assert noted.is_finished
    assert [list(outputs) for outputs, _ in noted.calls] == [["y"], ["y"]]
    assert np.concatenate([outputs["y"] for outputs, _ in noted.calls]).tolist() == list(range(14))
    assert [name for _, ids in noted.calls for name in ids or []] == [str(index) for index in range(14)]


def test_samples_of_another_size_are_not_joined() -> None:
    noted = Noted()
    sink = GatheredSink(noted, ["y"])
    for width in (2, 2, 3, 2):
        sink.write({"y": np.zeros((1, width))})
    sink.finish()
    assert [outputs["y"].shape for outputs, _ in noted.calls] == [(2, 2), (1, 3), (1, 2)]
    assert all(ids is None for _, ids in noted.calls)


def test_nothing_is_written_where_there_was_no_batch() -> None:
    noted = Noted()
    GatheredSink(noted, ["y"]).finish()
    assert noted.is_finished
    assert noted.calls == []
