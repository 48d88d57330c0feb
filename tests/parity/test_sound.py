"""WAV files and raw values: both programs see the same elements, those that wave, SciPy and NumPy wrote, and refuse in the same words."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import wavfile
from torch import nn

import torchferry
from builders.programs import Finished, Program
from hostile.refusal import assert_error
from torchferry.bundle.contract import Array

RATE, LENGTH = 16000, 51  # an odd number of values: chunks of 24 bits need a pad byte
CONTRACTS = {
    "int16": f"int16[N,{LENGTH}]:{RATE}Hz",
    "float32": f"float32[N,T]:{RATE}Hz",
    "float32-of-one-length": f"float32[N,{LENGTH}]:-1..1:{RATE}Hz",
}
GUID_REST = bytes.fromhex("000000001000800000aa00389b71")
RANDOM = np.random.default_rng(16)
WIDTHS = (2, 3, 4)
PLACES = 64


class AsFloat(nn.Module):
    """Gives back what it is given, as float32."""

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        return sound.to(torch.float32) * 1


@pytest.fixture(scope="module", params=CONTRACTS)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory, request.param, CONTRACTS[request.param])


def exported(factory: pytest.TempPathFactory, name: str, spec: str) -> Path:
    out = factory.mktemp("sound") / name
    torchferry.export(
        AsFloat().eval(), inputs={"sound": spec}, outputs=["same"], out=out, to=["onnx"], stress=False, note=lambda _: None
    )
    return out


def integers(width: int) -> Array:
    """Values of PCM, the ends of their range among them."""
    top = 2 ** (8 * width - 1)
    values = RANDOM.integers(-top, top, LENGTH)
    values[:4] = (-top, top - 1, 0, 1)
    return values


def pcm(values: Array, width: int) -> bytes:
    return b"".join(int(value).to_bytes(width, "little", signed=True) for value in values)


def chunk(name: bytes, body: bytes, *, padded: bool = True) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (padded and len(body) % 2)


def form(tag: int, bits: int, *, channels: int = 1, rate: int = RATE, align: int | None = None) -> bytes:
    size = bits // 8 * channels if align is None else align
    return struct.pack("<HHIIHH", tag, channels, rate, rate * size, size, bits)


def extended(tag: int, bits: int, *, valid: int | None = None, rest: bytes = GUID_REST) -> bytes:
    return form(0xFFFE, bits) + struct.pack("<HHIH", 22, bits if valid is None else valid, 4, tag) + rest


def riff(*chunks: bytes, kind: bytes = b"RIFF", size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return kind + struct.pack("<I", len(body) if size is None else size) + body


def of_wave(values: Array, width: int) -> bytes:
    """A file that Python's own module writes: it pads no chunk."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(RATE)
        file.writeframes(pcm(values, width))
    return stream.getvalue()


def of_scipy(values: Array) -> bytes:
    stream = io.BytesIO()
    wavfile.write(stream, RATE, values)
    return stream.getvalue()


def sounds() -> Iterator[tuple[str, bytes, Array, int]]:
    """Name, file, values and the width of an integer; 0: they are float32."""
    for width in WIDTHS:
        values = integers(width)
        yield f"wave-{width}.wav", of_wave(values, width), values, width
        data = chunk(b"data", pcm(values, width))
        yield f"extended-{width}.wav", riff(chunk(b"fmt ", extended(1, 8 * width)), data), values, width
        odd = (chunk(b"LIST", b"INFOISFT\x05\0\0\0odd"), chunk(b"JUNK", b"abc"))
        yield f"odd-{width}.wav", riff(*odd, chunk(b"fmt ", form(1, 8 * width) + b"\0\0"), *odd, data, *odd), values, width
        unpadded = riff(chunk(b"fmt ", form(1, 8 * width)), chunk(b"data", pcm(values, width), padded=False))
        yield f"uncounted-pad-{width}.wav", unpadded + b"\0" * (len(unpadded) % 2), values, width
    for dtype, width in ((np.int16, 2), (np.int32, 4)):
        values = integers(width).astype(dtype)
        yield f"scipy-{width}.wav", of_scipy(values), values, width
    floats = np.concatenate([RANDOM.standard_normal(LENGTH - 4), [-1, 1, 1e-40, 2.5]]).astype(np.float32)
    yield "scipy-float.wav", of_scipy(floats), floats, 0
    yield "extended-float.wav", riff(chunk(b"fmt ", extended(3, 32)), chunk(b"data", floats.tobytes())), floats, 0


def expected(values: Array, width: int, spec: str) -> Array:
    """The elements by the formula of FORMAT.md section 10, in float64."""
    if not width or spec.startswith("int16"):
        return values.astype(np.float32)
    return (values / 2 ** (8 * width - 1)).astype(np.float32)


def answers(program: Program, bundle: Path, *words: object) -> tuple[Finished, Array | None]:
    output = bundle.parent / "answers.npy"
    output.unlink(missing_ok=True)
    done = program("predict", bundle, "--engine", "onnxruntime", "--no-isolate", *words, "--output", output)
    return done, np.load(output) if output.exists() else None


class Both:
    """The two programs, held to one another."""

    def __init__(self, bundle: Path, *programs: Program) -> None:
        self.bundle, self.programs = bundle, programs

    def __call__(self, *words: object) -> tuple[Finished, Array | None]:
        """What both programs say and answer."""
        (python, rows), (cpp, others) = (answers(program, self.bundle, *words) for program in self.programs)
        assert python == cpp
        assert (rows is None) == (others is None)
        assert rows is None or (rows.shape == others.shape and rows.tobytes() == others.tobytes())  # type: ignore[union-attr]
        return python, rows

    def file(self, data: bytes, *options: object) -> tuple[Finished, Array | None]:
        """The same of one file."""
        path = self.bundle.parent / "one.wav"
        path.write_bytes(data)
        return self("--input", path, *options)


@pytest.fixture
def both(bundle: Path, ferry_here: Program, ferry_run: Program) -> Both:
    return Both(bundle, ferry_here, ferry_run)


def test_both_programs_hear_a_folder_of_every_kind_as_it_was_written(both: Both, tmp_path: Path) -> None:
    spec = CONTRACTS[both.bundle.name]
    files = [sound for sound in sorted(sounds(), key=lambda sound: sound[0]) if sound[3] == 2 or not spec.startswith("int16")]
    for name, data, _, _ in files:
        (tmp_path / name).write_bytes(data)
    done, rows = both("--input", tmp_path, "--batch", 3)
    assert done.code == 0, done
    assert f"predict: {len(files)} samples from {tmp_path}/{files[0][0]} and {len(files) - 1} more, " in done.stderr
    assert rows is not None
    for (name, _, values, width), row in zip(files, rows, strict=True):
        assert row.tobytes() == expected(values, width, spec).tobytes(), name
    (tmp_path / ".list").write_text("".join(f"{tmp_path}/{name}\n" for name, *_ in files))
    assert both("--input", f"@{tmp_path}/.list")[1].tobytes() == rows.tobytes()  # type: ignore[union-attr]


GOOD = chunk(b"data", pcm(integers(2), 2))
FMT = chunk(b"fmt ", form(1, 16))
REFUSED = {
    "two channels": (riff(chunk(b"fmt ", form(1, 16, channels=2)), GOOD), "a WAV of 2 channels, expected 1; mix it down before"),
    "no channels": (riff(chunk(b"fmt ", form(1, 16, channels=0, align=2)), GOOD), "a WAV of 0 channels, expected 1"),
    "8 bits": (riff(chunk(b"fmt ", form(1, 8)), GOOD), "a WAV of format 1 and 8 bits, expected PCM of 16, 24 or 32 bits or float32"),
    "float64": (of_scipy(np.zeros(LENGTH)), "a WAV of format 3 and 64 bits, expected"),
    "A-law": (riff(chunk(b"fmt ", form(6, 8)), GOOD), "a WAV of format 6 and 8 bits, expected"),
    "another rate": (riff(chunk(b"fmt ", form(1, 16, rate=44100)), GOOD), "44100 Hz, expected 16000 Hz; resample it before"),
    "a block align that disagrees": (riff(chunk(b"fmt ", form(1, 16, align=4)), GOOD), "a WAV with a block align of 4 bytes, expected 2 for 1 channel"),
    "no data": (riff(FMT), "a WAV without a format or data, expected both"),
    "no chunks": (riff(), "a WAV without a format or data"),
    "empty data": (riff(FMT, chunk(b"data", b"")), "0 bytes of data, expected whole values of 2 bytes, at least one"),
    "half a value": (riff(FMT, chunk(b"data", bytes(2 * LENGTH - 1))), f"{2 * LENGTH - 1} bytes of data, expected whole values of 2 bytes"),
    "data before its format": (riff(GOOD, FMT), "a WAV with data without a format or twice"),
    "data twice": (riff(FMT, GOOD, GOOD), "a WAV with data without a format or twice"),
    "two formats": (riff(FMT, FMT, GOOD), "a WAV with a second or a late format"),
    "a format behind the data": (riff(FMT, GOOD, FMT), "a WAV with a second or a late format"),
    "a short format": (riff(chunk(b"fmt ", bytes(14)), GOOD), "a WAV with a format of 14 bytes, expected 16 or more"),
    "a short extended format": (riff(chunk(b"fmt ", extended(1, 16)[:-2]), GOOD), "a WAV with an extended format of 38 bytes, expected 40 or more"),
    "another GUID": (riff(chunk(b"fmt ", extended(1, 16, rest=bytes(14))), GOOD), "a WAV of an unknown extended format"),
    "12 of 16 bits": (riff(chunk(b"fmt ", extended(1, 16, valid=12)), GOOD), "a WAV with 12 valid bits of 16, expected all of them"),
    "a data size of 4 GiB": (riff(FMT, b"data\xff\xff\xff\xff" + bytes(2 * LENGTH)), f"a WAV with a chunk of 4294967295 bytes of which {2 * LENGTH} are there"),
    "a data size beyond the file": (riff(FMT, b"data" + struct.pack("<I", 2 * LENGTH + 2) + bytes(2 * LENGTH)), f"chunk of {2 * LENGTH + 2} bytes of which"),
    "a data size too large by 1": (riff(FMT, b"data" + struct.pack("<I", 2 * LENGTH + 1) + bytes(2 * LENGTH)), f"chunk of {2 * LENGTH + 1} bytes of which"),
    "a data size of 0": (riff(FMT, b"data" + bytes(4) + bytes(2 * LENGTH)), "a WAV with a part of a chunk at its end"),
    "a size of 0": (riff(FMT, GOOD, size=0), "bytes behind its size, expected 0; there are trailing bytes"),
    "a size of 4 GiB": (riff(FMT, GOOD, size=0xFFFFFFFF), "bytes behind its size, expected 4294967295; the file is cut short"),
    "trailing bytes": (riff(FMT, GOOD) + b"ID3 ", "there are trailing bytes, or its writer did not end it"),
    "half a chunk at its end": (riff(FMT, GOOD, b"LIST\0\0"), "a WAV with a part of a chunk at its end"),
    "RIFX": (riff(FMT, GOOD, kind=b"RIFX"), "a WAV of kind RIFX, expected RIFF"),
    "RF64": (riff(FMT, GOOD, kind=b"RF64"), "a WAV of kind RF64, expected RIFF"),
    "a table": (b"1,2,3\n", "a file of another kind than the first, expected WAV; take it out"),
    "a NUL": (b"\0" * 44, "a file of another kind than the first"),
}  # fmt: skip


@pytest.mark.parametrize("bundle", ["float32"], indirect=True)
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_sound_of_the_contract_is_refused_in_the_same_words(both: Both, tmp_path: Path, name: str) -> None:
    data, words = REFUSED[name]
    (tmp_path / "a.wav").write_bytes(riff(FMT, GOOD))
    (tmp_path / "b.wav").write_bytes(data)
    done, rows = both("--input", tmp_path)
    assert rows is None
    assert_error(done, 7, f"{tmp_path}/b.wav: sound: got ", words)


def test_another_length_or_kind_than_the_contract_has_is_refused(both: Both) -> None:
    name = both.bundle.name
    longer = of_wave(np.zeros(LENGTH + 1, np.int64), 2)
    done, rows = both.file(longer)
    assert (rows is None) == (name != "float32")
    if rows is None:
        assert_error(done, 7, f"one.wav: sound: got {LENGTH + 1} values, expected {LENGTH}; cut or fill it before")
    done, rows = both("--input", both.bundle.parent / "one.wav", "--input", both.bundle.parent / "two.wav")
    assert_error(done, 6 if name == "float32" else 7, "two.wav" if name == "float32" else "one.wav")
    if name == "int16":
        for width in (3, 4):
            assert_error(
                both.file(of_wave(integers(width), width))[0], 7, f"got PCM of {8 * width} bits, expected PCM of 16 bits"
            )
        assert_error(
            both.file(of_scipy(np.zeros(LENGTH, np.float32)))[0], 7, "sound: got float32, expected PCM of 16 bits for int16"
        )
    else:
        nan = np.full(LENGTH, np.nan, np.float32)
        assert_error(both.file(of_scipy(nan))[0], 7, "one.wav: input sound: element [0]: got nan, expected a finite number")


@pytest.mark.parametrize("bundle", ["float32"], indirect=True)
def test_the_first_file_fixes_a_free_length(both: Both, tmp_path: Path) -> None:
    for name, length in (("a", LENGTH), ("b", LENGTH), ("c", LENGTH - 1)):
        (tmp_path / f"{name}.wav").write_bytes(of_wave(np.zeros(length, np.int64), 2))
    assert_error(both("--input", tmp_path)[0], 7, f"c.wav: sound: got {LENGTH - 1} values, expected {LENGTH}")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("float32[N,T]", "got a WAV file, expected .npy or CSV: sound float32[N,T] has no sample rate; export it with one"),
        (f"float32[N,T]:0..255:{RATE}Hz", "got a WAV file, expected .npy: sound float32[N,T] has another range than -1..1"),
    ],
)
def test_an_input_that_says_too_little_takes_no_sound(
    tmp_path_factory: pytest.TempPathFactory, ferry_here: Program, ferry_run: Program, spec: str, words: str
) -> None:
    both = Both(exported(tmp_path_factory, "silent", spec), ferry_here, ferry_run)
    assert_error(both.file(of_wave(integers(2), 2))[0], 7, f"one.wav: {words}")


@pytest.mark.parametrize("bundle", ["float32"], indirect=True)
@pytest.mark.parametrize(("kind", "width"), [("wave", 2), ("extended", 3), ("odd", 4), ("scipy-float", 0)])
def test_a_sound_that_is_cut_at_64_places_is_refused(both: Both, kind: str, width: int) -> None:
    data = next(data for name, data, _, found in sounds() if name.startswith(kind) and found == width)
    for place in np.linspace(0, len(data) - 1, PLACES).astype(int):
        done, rows = both.file(data[:place])
        assert rows is None, place
        assert_error(done, 7, "one.wav: ")


@pytest.mark.parametrize("bundle", ["float32"], indirect=True)
def test_a_bit_that_flips_in_the_headers_is_refused_or_changes_nothing(both: Both) -> None:
    values = integers(2)
    data = riff(chunk(b"LIST", b"odd"), FMT, chunk(b"data", pcm(values, 2)))
    for place in range(12, len(data) - 2 * LENGTH):
        done, rows = both.file(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
        assert done.code in (0, 7)
        assert rows is None or rows[0].tobytes() == expected(values, 2, "float32").tobytes(), place


def test_export_and_both_inspects_say_the_rate(both: Both) -> None:
    for program in both.programs:
        assert f"{RATE} Hz".encode() in program("inspect", both.bundle).stdout


RAW = {"bool": "bool[N,3]", "uint8": "uint8[N,2,3]", "int16": "int16[N,4]", "int64": "int64[N]:-9..9"}
RAW |= {"float32": "float32[N,5]", "float64": "float64[2,2]"}


@pytest.fixture(scope="module", params=RAW)
def both_of_raw(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ferry_here: Program, ferry_run: Program
) -> Both:
    return Both(exported(tmp_path_factory, request.param, RAW[request.param]), ferry_here, ferry_run)


def dump(spec: str) -> Array:
    """Seven samples, or the only array of an input without a batch."""
    dtype, _, rest = spec.partition("[")
    shape = [7 if dim == "N" else int(dim) for dim in rest.partition("]")[0].split(",")]
    return RANDOM.integers(0, 2 if dtype == "bool" else 9, shape).astype(np.dtype(dtype).newbyteorder("<"))


def test_raw_values_are_those_that_numpy_wrote(both_of_raw: Both) -> None:
    spec = RAW[both_of_raw.bundle.name]
    values = dump(spec)
    done, rows = both_of_raw.file(values.tobytes(), "--input-format", "raw", "--batch", 2)
    assert done.code == 0, done
    assert rows is not None
    assert rows.tobytes() == values.astype(np.float32).tobytes()
    samples = "7 samples" if "N" in spec else "1 sample"
    assert done.stderr.startswith(f"predict: {samples} from {both_of_raw.bundle.parent}/one.wav, ")


def test_raw_values_that_end_inside_a_sample_are_refused_with_the_numbers(both_of_raw: Both) -> None:
    values = dump(RAW[both_of_raw.bundle.name])
    size = values.nbytes // 7 if "N" in RAW[both_of_raw.bundle.name] else values.nbytes
    for count in {size + 1, size * 3 - 1, 1}:
        if count % size:
            done, rows = both_of_raw.file((values.tobytes() * 3)[:count], "--input-format", "raw")
            assert rows is None
            assert_error(
                done,
                7,
                f"one.wav: raw: got {count} bytes, expected ",
                f"{size} for sound ",
                "is the file whole and of that dtype?",
            )


def test_no_raw_values_are_no_samples(both_of_raw: Both) -> None:
    batched = "N" in RAW[both_of_raw.bundle.name]
    words = "got no samples, expected at least one" if batched else "raw: got 0 bytes, expected 32 for sound"
    assert_error(both_of_raw.file(b"", "--input-format", "raw")[0], 7, words)


@pytest.mark.parametrize("both_of_raw", ["bool", "float32"], indirect=True)
def test_bytes_that_are_no_values_are_refused(both_of_raw: Both) -> None:
    if both_of_raw.bundle.name == "bool":
        data, words = b"\0\1\0\0\2\1", "input sound: element [1,1]: got the byte 2, expected 0 or 1 for bool; clean the data"
    else:
        data, words = b"\xff" * 20, "input sound: element [0,0]: got nan, expected a finite number; clean the data"
    assert_error(both_of_raw.file(data, "--input-format", "raw")[0], 7, words)


@pytest.mark.parametrize("bundle", ["float32"], indirect=True)
def test_raw_values_of_a_free_length_and_another_format_are_refused(both: Both) -> None:
    assert_error(both.file(bytes(8), "--input-format", "raw")[0], 7, "got raw values, expected .npy: raw values say no shape")
    assert_error(
        both.file(bytes(8), "--input-format", "wav")[0], 2, "--input-format: got 'wav', expected auto, raw, jsonl or csv"
    )
    done, _ = both("--input", "a", "--input", "b", "--input-format", "raw")
    assert_error(done, 2, "--input: got 2 files for sound, expected one; only images and WAV files are put together to a batch")


@pytest.mark.parametrize("both_of_raw", ["int16"], indirect=True)
def test_a_pipe_of_raw_values_is_read_to_its_end(both_of_raw: Both) -> None:
    values = dump(RAW["int16"])
    for program in both_of_raw.programs:
        words = (
            "predict",
            both_of_raw.bundle,
            "--input",
            "-",
            "--input-format",
            "raw",
            "--output",
            both_of_raw.bundle.parent / "pipe.npy",
        )
        assert program(*words, stdin=values.tobytes()).code == 0
        assert np.load(both_of_raw.bundle.parent / "pipe.npy").tobytes() == values.astype(np.float32).tobytes()
        assert_error(
            program(*words, stdin=values.tobytes() + b"\0"),
            7,
            "stdin: raw: got 57 bytes, expected a multiple of 8 for sound int16[N,4]",
        )
