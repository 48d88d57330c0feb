"""One WAV file as one sample: PCM of 16, 24 and 32 bits and IEEE float32 (FORMAT.md section 10).

The C++ twin is cpp/cli/wav_input.cpp. The format is Microsoft's "Multiple Channel Audio Data and WAVE Files".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from torchferry.bundle.contract import Array, TensorSpec
from torchferry.errors import ExitCode, FerryError
from torchferry.limits import MAX_WAV_FILE_BYTES

_RIFF_KINDS = (b"RIFF", b"RIFX", b"RF64", b"BW64")  # of which the first is read, and the others refused by name
_HEADER_BYTES = 12  # RIFF, its size, WAVE
_CHUNK = struct.Struct("<4sI")
_FORMAT = struct.Struct("<HHIIHH")  # tag, channels, rate, bytes a second, bytes a frame, bits
_EXTENSION = struct.Struct("<HHIH14s")  # its size, valid bits, speakers, tag, the rest of the GUID
_GUID_REST = bytes.fromhex("000000001000800000aa00389b71")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_KINDS = "PCM of 16, 24 or 32 bits or float32"
_RANGES = (None, (-1.0, 1.0))  # of float32 inputs: full scale is 1


class WavError(ValueError):
    """A file that is not read: what was got and expected, and what to do."""

    def __init__(self, problem: str, advice: str = "save it again as WAV") -> None:
        super().__init__(f"{problem}; {advice}")


@dataclass(frozen=True)
class _Format:
    is_float: bool
    bits: int
    rate: int


def is_wav(head: bytes) -> bool:
    """Say whether a file that starts with these bytes is a WAV, also one of a kind that is refused."""
    return head[:4] in _RIFF_KINDS and head[8:_HEADER_BYTES] == b"WAVE"


def read_wav(stream: BinaryIO, spec: TensorSpec, *, where: str) -> Array:
    """Read one sample [1, T] in the dtype of the contract. Raises FerryError(BAD_INPUT)."""
    _require_sound(spec, where)
    data = stream.read(MAX_WAV_FILE_BYTES + 1)
    if len(data) > MAX_WAV_FILE_BYTES:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"{where}: size: got more than {MAX_WAV_FILE_BYTES} bytes, expected fewer; is this the right file?",
        )
    try:
        found, body = _parse(data)
        return _values(found, body, spec)
    except WavError as error:
        raise FerryError(ExitCode.BAD_INPUT, f"{where}: sound: got {error}") from None


def _require_sound(spec: TensorSpec, where: str) -> None:
    """Refuse an input that takes no sound, or says too little."""
    if spec.rate is None:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"{where}: got a WAV file, expected .npy or CSV: {spec.name} {spec.describe()} has no sample rate; "
            "export it with one, as int16[N,T]:16000Hz",
        )
    if spec.dtype == "float32" and spec.range not in _RANGES:
        raise FerryError(
            ExitCode.BAD_INPUT,
            f"{where}: got a WAV file, expected .npy: {spec.name} {spec.describe()} has another range than -1..1, which is full "
            "scale; export it with that or none",
        )


def _parse(data: bytes) -> tuple[_Format, bytes]:
    """Return the format and the bytes of the only channel. Raises WavError."""
    if not is_wav(data):
        raise WavError("a file of another kind than the first, expected WAV", "take it out")
    if data[:4] != b"RIFF":
        raise WavError(f"a WAV of kind {data[:4].decode()}, expected RIFF")
    _require_size(data)
    found, body = None, None
    for name, chunk in _chunks(data):
        if name == b"fmt ":
            if found is not None or body is not None:
                raise WavError("a WAV with a second or a late format, expected one in front of its data")
            found = _read_format(chunk)
        if name == b"data":
            if found is None or body is not None:
                raise WavError("a WAV with data without a format or twice, expected one format, then its data")
            body = chunk
    if found is None or body is None:
        raise WavError("a WAV without a format or data, expected both")
    return found, body


def _require_size(data: bytes) -> None:
    """Hold the size in the header to that of the file, which may have one byte more to be even."""
    (size,) = struct.unpack_from("<I", data, 4)
    found = len(data) - _CHUNK.size
    if size != found and not (size % 2 and size + 1 == found):
        advice = "the file is cut short" if size > found else "there are trailing bytes, or its writer did not end it"
        raise WavError(f"a WAV of {found} bytes behind its size, expected {size}", advice)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names and contents of all chunks. Raises WavError."""
    at = _HEADER_BYTES
    while at < len(data):
        if at + _CHUNK.size > len(data):
            raise WavError("a WAV with a part of a chunk at its end, expected whole ones", "the file is cut short")
        name, size = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        if size > len(data) - at:
            raise WavError(
                f"a WAV with a chunk of {size} bytes of which {len(data) - at} are there, expected all", "it is cut short"
            )
        yield name, data[at : at + size]
        at += size + size % 2  # the last one need not be padded


def _read_format(chunk: bytes) -> _Format:
    if len(chunk) < _FORMAT.size:
        raise WavError(f"a WAV with a format of {len(chunk)} bytes, expected {_FORMAT.size} or more")
    tag, channels, rate, _, frame_bytes, bits = _FORMAT.unpack_from(chunk)
    if tag == _EXTENSIBLE:
        tag = _extended_tag(chunk, bits)
    if tag not in (_PCM, _FLOAT) or bits not in ((32,) if tag == _FLOAT else (16, 24, 32)):
        raise WavError(f"a WAV of format {tag} and {bits} bits, expected {_KINDS}")
    if channels != 1:
        raise WavError(f"a WAV of {channels} channels, expected 1", "mix it down before")
    if frame_bytes != bits // 8:
        raise WavError(f"a WAV with a block align of {frame_bytes} bytes, expected {bits // 8} for 1 channel of {bits} bits")
    return _Format(tag == _FLOAT, bits, rate)


def _extended_tag(chunk: bytes, bits: int) -> int:
    """Return the tag of WAVE_FORMAT_EXTENSIBLE."""
    if len(chunk) < _FORMAT.size + _EXTENSION.size:
        raise WavError(f"a WAV with an extended format of {len(chunk)} bytes, expected {_FORMAT.size + _EXTENSION.size} or more")
    _, valid_bits, _, tag, rest = _EXTENSION.unpack_from(chunk, _FORMAT.size)
    if rest != _GUID_REST:
        raise WavError(f"a WAV of an unknown extended format, expected {_KINDS}")
    if valid_bits != bits:
        raise WavError(f"a WAV with {valid_bits} valid bits of {bits}, expected all of them")
    return int(tag)


def _values(found: _Format, body: bytes, spec: TensorSpec) -> Array:
    """Return [1, T]: integers in float32 are divided by 2 to the power of their bits less one."""
    width = found.bits // 8
    if found.rate != spec.rate:
        raise WavError(f"{found.rate} Hz, expected {spec.rate} Hz", "resample it before")
    if not body or len(body) % width:
        raise WavError(f"{len(body)} bytes of data, expected whole values of {width} bytes, at least one", "it is cut short")
    length = spec.shape[1]
    if isinstance(length, int) and len(body) // width != length:
        raise WavError(f"{len(body) // width} values, expected {length}", "cut or fill it before")
    if spec.dtype == "int16":
        if found.is_float or found.bits != 16:
            raise WavError(f"{'float32' if found.is_float else f'PCM of {found.bits} bits'}, expected PCM of 16 bits for int16")
        return np.frombuffer(body, "<i2").astype(np.int16)[np.newaxis]
    if found.is_float:
        return np.frombuffer(body, "<f4").astype(np.float32)[np.newaxis]
    return (_integers(body, width).astype(np.float32) * np.float32(2.0 ** (1 - found.bits)))[np.newaxis]


def _integers(body: bytes, width: int) -> Array:
    if width != 3:
        return np.frombuffer(body, f"<i{width}")
    parts = np.frombuffer(body, np.uint8).reshape(-1, 3).astype(np.int32)
    values: Array = np.right_shift(np.left_shift(parts[:, 0] | parts[:, 1] << 8 | parts[:, 2] << 16, 8), 8)
    return values
