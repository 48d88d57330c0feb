"""Generated C on an 8-bit AVR: its self-test compares every bit of every answer. Tables lie in flash, which is not in the address space of RAM."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn

from builders.contracts import spec
from builders.generated_c import Subject, quantized, run_tool, subject_of, write
from builders.networks import normal

MISSING = [tool for tool in ("avr-gcc", "simavr") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} not installed; run `make setup-edge`")
CHIP, RAM = "atmega2560", 8 * 1024
# Address spaces convert to each other without a word otherwise, and the number that is read is another.
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Waddr-space-convert")
MAIN = """\
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include "model.h"
static net_output outputs[NET_BATCH_ROWS];
static net_workspace workspace[NET_BATCH_ROWS];
static void print(const char *text) {
  while (*text) {
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    UDR0 = *text++;
  }
}
int main(void) {
  UCSR0B = 1 << TXEN0;
  print(net_selftest_with(outputs, workspace) == NET_SELFTEST_PASSED ? "PASS\\r\\n" : "FAIL\\r\\n");
  cli();
  sleep_enable();
  sleep_cpu();
}
"""


@cache
def small() -> Subject:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3), nn.Softmax(1))
    return subject_of(net, (spec("x", shape=("N", 5)),), ("p",), {"x": normal(4, 5)})


@cache
def wide(hidden: int = 100) -> Subject:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, hidden), nn.Sigmoid(), nn.Linear(hidden, 10))
    return subject_of(net, (spec("x", shape=("N", 64)),), ("y",), {"x": normal(6, 64)})


@cache
def images() -> Subject:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.Hardswish(),
        nn.Conv2d(8, 12, 1),
        nn.Upsample(scale_factor=1.5, mode="bilinear"),
        nn.Flatten(),
        nn.Linear(12 * 9, 4),
    )
    return subject_of(net, (spec("x", shape=("N", 1, 9, 9)),), ("y",), {"x": normal(6, 1, 9, 9)})


class Sentence(nn.Module):
    """An embedding, a recurrent layer, and sines of large numbers, whose table is one of the kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.layer = nn.Embedding(9, 6), nn.GRU(6, 5, batch_first=True)

    def forward(self, token: torch.Tensor) -> torch.Tensor:
        return torch.sin(1e4 * self.layer(self.words(token))[0])


@cache
def sentence() -> Subject:
    torch.manual_seed(0)
    tokens = torch.randint(0, 9, (5, 4)).numpy()
    return subject_of(Sentence(), (spec("token", "int64", ("N", 4)),), ("y",), {"token": tokens})


@dataclass(frozen=True)
class Memory:
    """Bytes that a program takes of RAM, and of flash."""

    ram: int
    flash: int


def built(source: Path, *flags: str) -> tuple[Path, Memory]:
    """Compile the program that replays the self-test."""
    main, program = source.parent / "main.c", source.parent / "avr.elf"
    main.write_text(MAIN)
    run_tool("avr-gcc", "-std=gnu11", *flags, *WARNINGS, f"-mmcu={CHIP}", "-I", source.parent, "-o", program, main, source)
    text, data, bss, *_ = (int(word) for word in run_tool("avr-size", program).stdout.splitlines()[1].split()[:3])
    return program, Memory(data + bss, text + data)


def workspace_bytes(subject: Subject) -> int:
    found = re.search(r"NET_WORKSPACE_BYTES (\d+)u", subject.generated.files["model.h"])
    assert found is not None
    return int(found[1])


def said(program: Path) -> bytes:
    done = subprocess.run(["simavr", "-m", CHIP, "-f", "16000000", program], capture_output=True, timeout=120, check=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("flags", [("-O1",), ("-Os",), ("-O2",), ("-O3",), ("-Os", "-flto")], ids=" ".join)
@pytest.mark.parametrize("broken", [False, True], ids=["right", "one weight changed"])
def test_an_avr_gives_the_bits_of_the_self_test(flags: tuple[str, ...], broken: bool, tmp_path: Path) -> None:
    source = write(small().generated, tmp_path)
    if broken:
        net = small().module
        assert isinstance(net, nn.Sequential)
        bias = float(net[2].bias[0].detach()).hex()  # type: ignore[index]
        mantissa = bias.removeprefix("-").partition("p")[0].rstrip("0")
        assert mantissa in source.read_text()
        source.write_text(source.read_text().replace(mantissa, "0x1.000002", 1))
    program, _ = built(source, *flags)
    assert (b"FAIL" if broken else b"PASS") in said(program)


@pytest.mark.parametrize("scheme", ["float32", "int8"])
@pytest.mark.parametrize("subject", [wide, images, sentence], ids=["wide", "images", "sentence"])
def test_tables_lie_in_flash_and_give_the_bits_of_the_self_test(subject: object, scheme: str, tmp_path: Path) -> None:
    assert callable(subject)
    made = subject() if scheme == "float32" else quantized(subject(), "net")
    program, memory = built(write(made.generated, tmp_path), "-Os")
    assert b"PASS" in said(program)
    room = made.generated.graph.outputs[0].size * 4 + workspace_bytes(made)
    assert memory.ram <= room + 128  # words that MAIN prints, and sizes of windows
    assert made.generated.table_bytes > 256
    assert memory.flash > made.generated.table_bytes


def test_the_tables_of_one_network_are_larger_than_the_memory_of_the_chip(tmp_path: Path) -> None:
    assert wide().generated.table_bytes > 3 * RAM
    source = write(wide().generated, tmp_path)
    with pytest.raises(AssertionError, match="not within region `data'"):
        built(source, "-Os", "-U__FLASH")  # as a compiler has it that knows no such address space


@pytest.mark.parametrize(
    ("hidden", "fault"),
    [(200, "net_layer1_0_wide: 49152 bytes, expected at most 32767"), (400, "net_layer1_0_wide: 102400 bytes")],
)
def test_what_an_avr_cannot_hold_is_refused_in_one_line(hidden: int, fault: str, tmp_path: Path) -> None:
    source = write(wide(hidden).generated, tmp_path)
    with pytest.raises(AssertionError, match=f'#error "{fault}.*on an AVR: make the model smaller'):
        built(source, "-Os")


def test_tables_that_are_too_large_together_are_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(*(layer for _ in range(3) for layer in (nn.Linear(80, 80), nn.ReLU())))
    made = subject_of(net, (spec("x", shape=("N", 80)),), ("y",), {"x": normal(6, 80)})
    with pytest.raises(AssertionError, match=r'#error "all tables: .* bytes, expected at most 64512 on an AVR'):
        built(write(made.generated, tmp_path), "-Os")
