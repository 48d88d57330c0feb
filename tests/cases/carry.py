"""Carry modules from outside: export each in every format, verify it in C++, and print a table: `carry.py [NAME...]`.

`--device cuda:0` verifies it there too, and gives the largest share of a bound that a difference took.
With `--to c` sizes other than the batch are given numbers, since generated C has none that are free.
`FERRY_CASES` names the folder of real_modules.py and edge_networks.py, by default the one beside the checkout.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CASES = Path(os.environ.get("FERRY_CASES", ROOT.parent / "shared" / "cases"))
FERRY_RUN = Path(os.environ.get("FERRY_BUILD", ROOT / "build")) / "bin" / "ferry-run"
DEFAULT_FORMATS = ("torchscript", "onnx")
SECONDS = 900
# What every export imports, in seconds: loaded once into the process that those of the modules are forked from.
IMPORTS = [
    "torchvision",
    "torchferry.exporter.exporter",
    "torchferry.formats.registry",
    "torchferry.formats.onnx",
    "torchferry.formats.torchscript",
    "torchferry.engines.onnxruntime",
    "torchferry.engines.torchscript",
    "torch.export",
    "torch._functorch.partitioners",
    "torch.onnx._internal.exporter._core",
    "onnx.reference",
    "onnxscript.optimizer",
]


def load_cases() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Load the modules of real_modules.py: name -> (factory, arguments of torchferry.export)."""
    # The cases were written when torchvision had to be imported by a function of that module; it imports as it is now.
    stand_in = types.ModuleType("torchferry.data.mnist")
    stand_in.import_torchvision = lambda: importlib.import_module("torchvision")  # type: ignore[attr-defined]
    sys.modules["torchferry.data"] = types.ModuleType("torchferry.data")
    sys.modules["torchferry.data.mnist"] = stand_in
    return dict(_module("real_modules").CASES)


def load_edge_networks() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Load the networks of edge_networks.py, in the form of load_cases."""
    networks = _module("edge_networks").CASES
    return {
        name: (lambda module=module: module, {"inputs": inputs, "golden": golden})
        for name, (module, inputs, golden) in networks.items()
    }


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, CASES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def with_fixed_sizes(arguments: dict[str, Any], size: int = 16) -> dict[str, Any]:
    """Give each size apart from the batch `N` a number, as generated C wants it: at most `size`, and that of given goldens."""
    limits = arguments.get("symbols", {})
    golden = arguments.get("golden")
    fixed = {}
    for name, spec in arguments["inputs"].items():
        array = golden.get(name) if isinstance(golden, dict) else golden
        dims = spec[spec.index("[") + 1 : spec.index("]")].split(",")
        for i, dim in enumerate(dims):
            if not dim.isdigit() and dim != "N":
                dims[i] = str(array.shape[i] if array is not None else min(size, limits.get(dim, (1, size))[1]))
        fixed[name] = f"{spec[: spec.index('[')]}[{','.join(dims)}]{spec[spec.index(']') + 1 :]}"
    return {**{key: value for key, value in arguments.items() if key != "symbols"}, "inputs": fixed}


def carry_one(name: str, formats: list[str], device: str) -> str:
    """Export one module, verify it in C++ on a device and return one row. Generated C gets sizes that are fixed."""
    import torchferry

    factory, arguments = load_cases().get(name) or load_edge_networks()[name]
    if "c" in formats:
        arguments = with_fixed_sizes(arguments)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / name
        try:
            torchferry.export(factory(), to=formats, out=out, note=str, **arguments)
        except torchferry.FerryError as error:
            return f"| {name} | refused | {time.monotonic() - started:.0f} | {error} |"
        seconds = time.monotonic() - started
        done = subprocess.run(
            [FERRY_RUN, "verify", out, "--allow-native", "--device", device, "--json"],
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        words = passed(json.loads(done.stdout)) if done.returncode in (0, 1) else " ".join(done.stderr.split())
        state = "carried" if done.returncode == 0 else f"FAILED {done.returncode}"
        return f"| {name} | {state} | {seconds:.0f} | {memory:.1f} GB; {words} |"


def passed(report: dict[str, Any]) -> str:
    """Return the engines that passed, of what `ferry-run verify --json` printed, and with a bound how much of it was taken."""
    words = []
    for engine in report["engines"]:
        shares = [v["max_abs"] / v["bound"] for v in engine["verdicts"] if v["bound"]]
        share = f" ({max(shares):.2g} of its bound)" if shares and engine["device"] != "cpu" else ""
        words += [engine["engine"] + share] if engine["status"] == "passed" else []
    return " ".join(words)


def assert_row(row: str, name: str, engines: str, refused: Mapping[str, str]) -> None:
    """Hold a row to the engines that carry the module in C++, or to words of the reason why it is refused."""
    if name in refused:
        assert row.startswith(f"| {name} | refused |"), row
        assert refused[name] in row
    else:
        assert row.startswith(f"| {name} | carried |"), row
        assert row.endswith(f"; {engines} |"), row


def send_row(name: str, formats: list[str], device: str, sender: Connection) -> None:
    """Carry one module and send its row, or what went wrong."""
    try:
        sender.send(carry_one(name, formats, device))
    except Exception as error:
        sender.send(f"| {name} | CRASHED 1 | | {type(error).__name__}: {error} |")


def carry(name: str, formats: list[str], device: str = "cpu") -> str:
    """Carry one module in a process of its own, so that a crash is a row, and return the row."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTS)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=send_row, args=(name, formats, device, sender))
    process.start()
    sender.close()
    if not receiver.poll(SECONDS):
        process.kill()
        return f"| {name} | STOPPED | {SECONDS} | |"
    try:
        row: str = receiver.recv()
    except EOFError:
        row = ""
    process.join()
    return row or f"| {name} | CRASHED {process.exitcode} | | |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--to", default=",".join(DEFAULT_FORMATS), help="comma-separated formats")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--one", action="store_true", help="in this process")
    options = parser.parse_args()
    formats = options.to.split(",")
    if options.one:
        print(carry_one(options.names[0], formats, options.device))
        return
    print("| module | C++ | export, s | |\n|---|---|---|---|", flush=True)
    for name in options.names or [*load_cases(), *load_edge_networks()]:
        print(carry(name, formats, options.device), flush=True)


if __name__ == "__main__":
    main()
