"""An S3 server on loopback: moto's, with buckets in memory."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

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
        urllib.request.urlopen(urllib.request.Request(url, after.encode(), method="POST")).close()


@contextmanager
def open_store(*buckets: str) -> Iterator[Store]:
    """Start a server with these buckets."""
    from moto.server import ThreadedMotoServer
    from pyarrow import fs

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        system = fs.S3FileSystem(
            access_key="ferry",
            secret_key="ferry",
            region="us-east-1",
            endpoint_override=f"http://{host}:{port}",
            allow_bucket_creation=True,
        )
        for bucket in buckets:
            system.create_dir(bucket)
        yield Store({**KEYS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}, system)
    finally:
        server.stop()
