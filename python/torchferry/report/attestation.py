"""What `ferry attest verify` prints of an attestation that may be believed."""

from __future__ import annotations

from torchferry.attest.check import Checked
from torchferry.attest.report import EngineReport
from torchferry.bundle.manifest import MANIFEST_NAME
from torchferry.compare.status import closing_words


def attestation_json(checked: Checked) -> dict[str, object]:
    """Return who attests, when, of which files, and the report itself."""
    attested = checked.attested
    return {
        "keys": list(checked.key_ids),
        "finished": f"{attested.finished:%Y-%m-%dT%H:%M:%SZ}",
        "checker_sha256": attested.checker,
        "subject": dict(attested.subject),
        "report": attested.report.model_dump(mode="json"),
    }


def attestation_lines(checked: Checked) -> list[str]:
    """Return the lines that say it to a reader."""
    attested = checked.attested
    report, machine = attested.report, attested.report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return [
        f"attested  by key {', '.join(checked.key_ids)} at {attested.finished:%Y-%m-%d %H:%M} UTC",
        f"bundle    {report.name}: {len(attested.subject)} files, {MANIFEST_NAME} sha256 {report.manifest_sha256}",
        f"machine   {machine.processor}, {machine.system}, {machine.architecture}",
        f"programs  {versions}; checker sha256 {attested.checker}",
        *(f"{closing_words(engine.status)} {engine.engine} on {engine.device}{_detail(engine)}" for engine in report.engines),
        "PASSED" if report.passed else "FAILED",
    ]


def _detail(engine: EngineReport) -> str:
    compared = sum(verdict.compared for verdict in engine.verdicts)
    return f": {engine.reason}" if engine.reason else f": {len(engine.verdicts)} comparisons of {compared} values"
