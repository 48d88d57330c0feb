"""An S3 server on loopback: moto's, with buckets in memory, in a process and with packages of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders.ports import free_port

PACKAGES = Path(sys.prefix) / "store"  # .ci/ray-packages
PATIENCE_S = 60

KEYS = {"AWS_ACCESS_KEY_ID": "ferry", "AWS_SECRET_ACCESS_KEY": "ferry", "AWS_REGION": "us-east-1"}


@dataclass(frozen=True)
class Store:
    """The server, as a client that is not ferry's sees it; `environment` is what a user would set."""

    environment: dict[str, str]
    system: Any  # pyarrow.fs.S3FileSystem

    def put(self, path: str, data: bytes) -> None:
        """Write BUCKET/KEY."""
        with self.system.open_output_stream(path) as stream:
            stream.write(data)

    def names(self, path: str) -> list[str]:
        """Return the names of the objects directly below BUCKET/PREFIX."""
        from pyarrow import fs

        found = self.system.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return sorted(info.base_name for info in found if info.is_file)

    def read(self, path: str) -> bytes:
        """Return BUCKET/KEY."""
        with self.system.open_input_stream(path) as stream:
            return bytes(stream.read())

    def answers(self, path: str) -> bytes:
        """Return all parts below BUCKET/PREFIX, one after the other."""
        return b"".join(self.read(f"{path}/{name}") for name in self.names(path) if name.startswith("part-"))

    def demand_keys(self, after: str = "0") -> None:
        """Let the server refuse keys that it does not know, after so many requests."""
        url = f"{self.environment['AWS_ENDPOINT_URL']}/moto-api/reset-auth"
        urllib.request.urlopen(urllib.request.Request(url, after.encode(), {"Content-Type": "text/plain"}, method="POST")).close()


@contextmanager
def open_store(*buckets: str) -> Iterator[Store]:
    """Start a server with these buckets."""
    from pyarrow import fs

    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", url.rpartition(":")[2]]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGES)}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(url, server)
        system = fs.S3FileSystem(
            access_key="ferry", secret_key="ferry", region="us-east-1", endpoint_override=url, allow_bucket_creation=True
        )
        for bucket in buckets:
            system.create_dir(bucket)
        yield Store({**KEYS, "AWS_ENDPOINT_URL": url}, system)
    finally:
        server.kill()
        server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(urllib.error.URLError):
            urllib.request.urlopen(f"{url}/moto-api/").close()
            return
        assert server.poll() is None, "the S3 server ended"
        assert time.monotonic() < end, "the S3 server does not answer"
        time.sleep(0.1)
