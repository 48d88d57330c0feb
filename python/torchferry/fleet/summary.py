"""What the reports of a fleet have in common, who stands out, and what changed since the last time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torchferry.attest.report import EngineReport, Report
from torchferry.fleet.entry import Entry
from torchferry.fleet.held import held_to_others
from torchferry.fleet.level import Level, bound_used, level_of, worst_ulp
from torchferry.fleet.store import Fleet

_WORST_FIRST: tuple[Level, ...] = ("failed", "bound", "bits", "unavailable")  # of machines that are alike
_LEAST_FIRST: tuple[Level, ...] = ("failed", "unavailable", "bound", "bits")  # of one machine among others


@dataclass(frozen=True)
class MachineType:
    """Machines that should give equal bits: the same processor, switches, program and probes of kernels."""

    processor: str
    architecture: str
    language: str
    switches: str
    numerics: tuple[str, ...]

    @classmethod
    def of(cls, report: Report) -> MachineType:
        """Return the type of the machine that made a report."""
        machine = report.machine
        switches = ", ".join(f"{name}={machine.switches[name]}" for name in sorted(machine.switches))
        probes = tuple(sorted({engine.numerics for engine in report.engines if engine.numerics}))
        return cls(machine.processor, machine.architecture, machine.language, switches, probes)


def types_of(entries: Sequence[Entry]) -> dict[MachineType, list[Entry]]:
    """Return the machines of each type."""
    found: dict[MachineType, list[Entry]] = {}
    for entry in entries:
        found.setdefault(MachineType.of(entry.report), []).append(entry)
    return found


def engines_of(entries: Sequence[Entry]) -> list[str]:
    """Return every engine with its device that a report names."""
    return sorted({_name(engine) for entry in entries for engine in entry.report.engines})


class Reached(NamedTuple):
    """The worst level of machines that are alike; their largest distance from the golden, in float steps and as a share of the bound."""

    level: Level = "unavailable"
    steps: float = 0.0
    used: float = 0.0


def reached(entries: Sequence[Entry]) -> dict[str, Reached]:
    """Return what each engine reached over machines that are alike."""
    found: dict[str, Reached] = {}
    for entry in entries:
        for engine in entry.report.engines:
            level, steps, used = found.get(_name(engine), Reached())
            worst = min(level, level_of(engine), key=_WORST_FIRST.index)
            found[_name(engine)] = Reached(worst, max(steps, worst_ulp(engine)), max(used, bound_used(engine)))
    return found


def outliers(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield a line for each machine that failed, that reached less than most, or that differs from machines of its own type."""
    levels = {name: _levels(entries, name) for name in engines_of(entries)}
    for name, by_label in levels.items():
        usual, count = Counter(by_label.values()).most_common(1)[0]
        for label, level in by_label.items():
            if level == "failed":
                yield f"{label}: {name} failed"
            elif _LEAST_FIRST.index(level) < _LEAST_FIRST.index(usual) and 2 * count > len(by_label):
                said = "could not run" if level == "unavailable" else f"reached {level}"
                yield f"{label}: {name} {said}; {count} of {len(by_label)} machines reached {usual}"
    yield from contradictions(entries)
    yield from held_to_others(entries)


def contradictions(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield a line for each machine whose answers differ from those of another machine of its type, which promises equal bits."""
    for alike in types_of(entries).values():
        for name in engines_of(alike):
            answers = {entry.label: _answers(entry, name) for entry in alike if _answers(entry, name) is not None}
            if len(set(answers.values())) > 1:
                usual = Counter(answers.values()).most_common(1)[0][0]
                first = next(label for label, answer in answers.items() if answer == usual)
                for label, answer in answers.items():
                    if answer != usual:
                        yield f"{label}: {name} differs from {first}, a machine of the same type and kernels; look at its --threads, then at its hardware"


def changes(fleet: Fleet) -> Iterator[str]:
    """Yield a line for each machine whose last report says something else than the one before."""
    for entry in fleet.latest:
        before = fleet.before(entry)
        if before is not None:
            said = list(_differences(before.report, entry.report))
            same = _unchanged(before.report, entry.report)
            kept = [f"every figure of {', '.join(same)} is as before"] if said and same else []
            yield f"{entry.label}: {'; '.join(said + kept) if said else 'nothing changed'}"


def versions(entries: Sequence[Entry]) -> dict[str, dict[str, list[str]]]:
    """Return, for each program and library, its versions with the machines that have them."""
    found: dict[str, dict[str, list[str]]] = {}
    for entry in entries:
        for name, version in entry.report.machine.versions.items():
            found.setdefault(name, {}).setdefault(version, []).append(entry.label)
    return {name: found[name] for name in sorted(found)}


def _name(engine: EngineReport) -> str:
    return f"{engine.engine} on {engine.device}"


def _levels(entries: Sequence[Entry], name: str) -> dict[str, Level]:
    return {entry.label: level_of(engine) for entry in entries for engine in entry.report.engines if _name(engine) == name}


def _answers(entry: Entry, name: str) -> tuple[object, ...] | None:
    """Return what a report says of an engine's numbers; None where it did not run, or its kernels are not known."""
    for engine in entry.report.engines:
        if _name(engine) == name and engine.verdicts and engine.numerics:
            return _figures(engine)
    return None


def _figures(engine: EngineReport) -> tuple[object, ...]:
    """Return what the verdicts say of the answers to the first call."""
    first = (verdict for verdict in engine.verdicts if verdict.call == 1)
    return tuple((one.case, one.output, one.max_abs, one.max_ulp, one.mismatches, one.worst) for one in first)


def _unchanged(before: Report, now: Report) -> list[str]:
    """Return the engines that ran in both reports with equal figures."""
    then = {_name(engine): _figures(engine) for engine in before.engines if engine.verdicts}
    return [_name(engine) for engine in now.engines if engine.verdicts and then.get(_name(engine)) == _figures(engine)]


def _differences(before: Report, now: Report) -> Iterator[str]:
    yield from _of_mapping("", before.machine.versions, now.machine.versions)
    yield from _of_mapping("switch ", before.machine.switches, now.machine.switches)
    if before.machine.processor != now.machine.processor:
        yield f"processor {before.machine.processor} is now {now.machine.processor}"
    then = {_name(engine): engine for engine in before.engines}
    for engine in now.engines:
        old = then.get(_name(engine))
        if old is None:
            yield f"{_name(engine)} is new"
        elif level_of(old) != level_of(engine):
            yield f"{_name(engine)} went from {level_of(old)} to {level_of(engine)}"
        elif worst_ulp(old) != worst_ulp(engine):
            yield f"{_name(engine)}: worst float steps {worst_ulp(old):g} became {worst_ulp(engine):g}"
        elif old.numerics != engine.numerics:
            yield f"{_name(engine)}: other kernels"
        elif _figures(old) != _figures(engine):
            yield f"{_name(engine)}: other answers, no further from the golden"
    for name in sorted(then.keys() - {_name(engine) for engine in now.engines}):
        yield f"{name} is gone"


def _of_mapping(kind: str, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            yield f"{kind}{name} {before.get(name, 'none')} is now {now.get(name, 'none')}"
