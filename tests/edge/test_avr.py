"""Generated C on an 8-bit AVR, where it fits: its self-test compares every bit of every answer. Tables lie in RAM there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

from builders.contracts import spec
from builders.generated_c import run_tool, subject_of, write
from builders.networks import normal

MISSING = [tool for tool in ("avr-gcc", "simavr") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} not installed; run `make setup-edge`")
CHIP = "atmega1284p"  # 16 KiB of RAM
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


@pytest.mark.parametrize("level", ["-O1", "-Os", "-O2"])
@pytest.mark.parametrize("broken", [False, True], ids=["right", "one weight changed"])
def test_an_avr_gives_the_bits_of_the_self_test(level: str, broken: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3), nn.Softmax(1))
    source = write(subject_of(net, (spec("x", shape=("N", 5)),), ("p",), {"x": normal(4, 5)}).generated, tmp_path)
    if broken:
        bias = float(net[2].bias[0].detach()).hex()
        mantissa = bias.removeprefix("-").partition("p")[0].rstrip("0")
        assert mantissa in source.read_text()
        source.write_text(source.read_text().replace(mantissa, "0x1.000002", 1))
    (tmp_path / "main.c").write_text(MAIN)
    program = tmp_path / "avr.elf"
    run_tool("avr-gcc", "-std=gnu11", level, f"-mmcu={CHIP}", "-I", tmp_path, "-o", program, tmp_path / "main.c", source)
    done = subprocess.run(["simavr", "-m", CHIP, "-f", "16000000", program], capture_output=True, timeout=120, check=True)
    assert (b"FAIL" if broken else b"PASS") in done.stdout + done.stderr
