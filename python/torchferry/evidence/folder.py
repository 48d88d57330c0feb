"""One folder for an auditor: what a bundle promises, what was found, who says so, and proof that the check can fail."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torchferry.bundle.digest import sha256_of
from torchferry.bundle.manifest import MANIFEST_NAME
from torchferry.bundle.printable import printable
from torchferry.bundle.reader import Bundle
from torchferry.errors import ExitCode, FerryError
from torchferry.evidence.clause import ATTESTATIONS, BILL, CONTRACT, MANIFEST, REPORT, TRIAL, VERDICTS
from torchferry.evidence.clauses import clauses_md
from torchferry.evidence.trial import Attempt

CLAUSES_FILE, SUMS = "clauses.md", "SHA256SUMS"


@dataclass(frozen=True)
class Parts:
    """What is gathered elsewhere: the page, verdicts, bill, trial, and attestations by file name."""

    page: str
    verdicts: Mapping[str, object]
    bill: str
    attempts: Sequence[Attempt]
    attestations: Mapping[str, bytes]


def check_folder(target: Path) -> None:
    """Refuse a place that is taken, before engines run for minutes. Raises FerryError(IO)."""
    if os.path.lexists(target) or not target.parent.is_dir():
        got = "an existing path" if os.path.lexists(target) else f"no folder {target.parent}"
        raise FerryError(ExitCode.IO, f"{target}: got {got}, expected a new name in a folder that is there; choose another -o")


def write_folder(target: Path, bundle: Bundle, parts: Parts) -> None:
    """Write the folder whole or not at all, with `SHA256SUMS`, which `sha256sum -c` checks. Raises FerryError(IO), OSError."""
    files = {f"{ATTESTATIONS}/{name}": data for name, data in parts.attestations.items()}
    files |= {
        MANIFEST: bundle.manifest_json,
        CONTRACT: _json(bundle.contract.model_dump(mode="json")),
        REPORT: parts.page.encode(),
        VERDICTS: _json(parts.verdicts),
        BILL: parts.bill.encode(),
        TRIAL: trial_md(bundle.manifest.name, parts.attempts).encode(),
    }
    files[CLAUSES_FILE] = clauses_md(bundle.manifest.name, files).encode()
    files[SUMS] = "".join(f"{sha256_of(files[name])}  {name}\n" for name in sorted(files)).encode()
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        for name, data in files.items():
            (staging / name).parent.mkdir(exist_ok=True)
            (staging / name).write_bytes(data)
        staging.chmod(0o755)
        check_folder(target)
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def trial_md(name: str, attempts: Sequence[Attempt]) -> str:
    """Return the trial as Markdown."""
    noticed = sum(attempt.noticed for attempt in attempts)
    lines = [
        f"# {name}: can the check fail?",
        "",
        "A check that never fails proves nothing. So a signed copy of this bundle was damaged, one change at a time: a bit of",
        f"each file (`{MANIFEST_NAME}` among them), then each golden output, moved out of its bound with every digest right.",
        "",
        f"**{noticed} of {len(attempts)} changes were noticed.**",
        "",
        "| changed | noticed | what the check said |",
        "|---|---|---|",
    ]
    lines += [f"| {_cell(one.changed)} | {'yes' if one.noticed else 'NO'} | {_cell(one.said)} |" for one in attempts]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|")


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"
