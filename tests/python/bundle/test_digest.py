from __future__ import annotations

import io

from torchferry.bundle.digest import sha256_of, sha256_of_stream

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


def test_the_digest_is_the_standards_example() -> None:
    assert sha256_of(b"abc") == ABC


def test_a_stream_is_hashed_from_where_it_stands_and_across_pieces() -> None:
    stream = io.BytesIO(b"xabc")
    stream.read(1)
    assert sha256_of_stream(stream) == ABC
    large = bytes(range(256)) * 9000  # more than two pieces of 1 MiB
    assert sha256_of_stream(io.BytesIO(large)) == sha256_of(large)
