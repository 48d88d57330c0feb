"""The kinds of machine that an object of generated C is built for and found by."""

from __future__ import annotations

import platform

import pytest

from torchferry.engines import c_build, machine

V4 = frozenset().union(*machine.ISA_FLAGS.values())
TAIL = f"-{platform.system().lower()}-{'gnu' if platform.libc_ver()[0] == 'glibc' else 'other'}"


def see(monkeypatch: pytest.MonkeyPatch, flags: frozenset[str]) -> None:
    monkeypatch.setattr(machine.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(machine, "_processor_flags", lambda: flags)


def test_only_objects_of_bytes_are_built_with_vnni(monkeypatch: pytest.MonkeyPatch) -> None:
    see(monkeypatch, V4 | {"avx512_vnni"})
    assert machine.triples() == [f"x86_64{level}{TAIL}" for level in ("_v4_vnni", "_v4", "_v3", "")]
    assert machine.built_for(of_bytes=True) == f"x86_64_v4_vnni{TAIL}"
    assert machine.built_for(of_bytes=False) == f"x86_64_v4{TAIL}"


def test_a_machine_without_vnni_runs_no_object_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    see(monkeypatch, V4)
    assert machine.triples()[0] == machine.built_for(of_bytes=True) == f"x86_64_v4{TAIL}"
    see(monkeypatch, machine.ISA_FLAGS["AVX2"] | {"avx512_vnni"})
    assert machine.triples()[0] == f"x86_64_v3{TAIL}"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("x86_64_v4_vnni", ["-march=x86-64-v4", "-mavx512vnni"]),
        ("x86_64_v3", ["-march=x86-64-v3"]),
        ("x86_64", []),
        ("aarch64", []),
    ],
)
def test_the_compiler_is_told_the_level(kind: str, options: list[str]) -> None:
    assert c_build._level_option(f"{kind}{TAIL}") == options
