"""A worker's folder on its own machine: gone afterwards, and gone with the next worker where the first was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from torchferry.score import staging

HOLD = """
import sys
from torchferry.score.staging import local_staging
with local_staging() as folder:
    (folder / "part").write_bytes(b"half")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    staging._sweep.cache_clear()
    return tmp_path


def holder() -> tuple[subprocess.Popen[bytes], Path]:
    """Another worker, which holds its folder until its stdin ends."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ))
    assert process.stdout is not None
    return process, Path(process.stdout.readline().decode().strip())


def test_a_killed_worker_s_folder_goes_and_one_at_work_keeps_its_own(here: Path) -> None:
    dead, left = holder()
    dead.kill()
    dead.communicate()
    assert (left / "part").exists()
    alive, kept = holder()  # it sweeps too
    assert not left.exists()
    with staging.local_staging() as own:
        assert set(here.iterdir()) == {kept, own}
        assert (kept / "part").read_bytes() == b"half"
    alive.communicate(b"")
    assert list(here.iterdir()) == []


def test_what_has_the_name_and_is_no_folder_of_ours_stays(here: Path) -> None:
    (here / "ferry-score-file").write_text("mine")
    (here / "elsewhere").mkdir()
    (here / "ferry-score-link").symlink_to(here / "elsewhere")
    with staging.local_staging():
        pass
    assert sorted(path.name for path in here.iterdir()) == ["elsewhere", "ferry-score-file", "ferry-score-link"]
