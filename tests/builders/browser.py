"""Debian's Chromium without a window: what a page says on its console, what it asks the network for, and how it looks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

CHROMIUM = shutil.which("chromium")
# The resolver's rule keeps the browser itself, which asks Google for the time, from leaving this machine.
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]
_DARK = "--blink-settings=preferredColorScheme=0"
_CONSOLE = re.compile(r"CONSOLE[:(]\S* (.*)")
LIMIT_S = 120


@dataclass(frozen=True)
class Visit:
    """What opening a page came to."""

    console: list[str]
    requests: list[str]  # addresses other than the page's own and data:
    dom: str


def visit(page: Path, *, screenshot: Path | None = None, size: tuple[int, int] = (1200, 4000), dark: bool = False) -> Visit:
    """Open the file in a browser with a new profile."""
    assert CHROMIUM is not None
    action = "--dump-dom" if screenshot is None else f"--screenshot={screenshot}"
    with TemporaryDirectory() as profile:
        log = Path(profile) / "net.json"
        command = [CHROMIUM, *_FLAGS, *([_DARK] if dark else []), f"--user-data-dir={profile}/user", f"--log-net-log={log}"]
        command += [f"--window-size={size[0]},{size[1]}", "--virtual-time-budget=5000", action, page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
        asked = _requests(json.loads(log.read_text()))
    return Visit(_CONSOLE.findall(done.stderr), [url for url in asked if url != page.as_uri()], done.stdout)


def _requests(log: dict[str, Any]) -> list[str]:
    """What the page asked for beyond itself, from the browser's own record; what the browser asks for itself has no origin."""
    asked = [event["params"] for event in log["events"] if "initiator" in event.get("params", {})]
    urls = {request["url"] for request in asked if request["initiator"] != "not an origin"}
    return sorted(url for url in urls if not url.startswith("data:"))
