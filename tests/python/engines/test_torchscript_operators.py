"""The list of operators that TorchScript may use, held to those that PyTorch registers."""

from __future__ import annotations

from importlib import resources

import pytest
import torch

from torchferry.engines.torchscript_operators import (
    allowed_operators,
    checked_permissions,
    recorded_operators,
    refused_operators,
)
from torchferry.errors import ExitCode, FerryError

NEVER = (
    "aten::from_file",
    "aten::save",
    "aten::as_strided",
    "aten::as_strided_",
    "aten::as_strided_copy",
    "aten::as_strided_scatter",
    "aten::set_",
    "aten::resize_",
    "aten::resize_as_",
    "aten::_index_put_impl_",
    "aten::_reshape_alias",
    "aten::_unsafe_index",
    "aten::segment_reduce",
    "aten::empty_strided",
    "aten::manual_seed",
    "aten::record_stream",
    "aten::wait",
    "aten::_nested_view_from_buffer",
    "aten::sparse_coo_tensor",
    "aten::lu_unpack",
    "prim::rpc_sync",
    "prim::rpc_async",
    "prim::rpc_remote",
    "prim::fork",
    "prim::awaitable",
    "prim::PythonOp",
    "prim::IgnoredPythonOp",
)
NODES = [
    "If",
    "Loop",
    "Constant",
    "GetAttr",
    "SetAttr",
    "CallMethod",
    "CallFunction",
    "TupleConstruct",
    "ListConstruct",
    "DictConstruct",
    "CreateObject",
]


def registered() -> set[str]:
    """The names of every operator of aten and prim that this PyTorch knows."""
    return {schema.name for schema in torch._C._jit_get_all_schemas() if schema.name.startswith(("aten::", "prim::"))}


def test_each_registered_operator_is_decided() -> None:
    """A new release of PyTorch brings operators: they are refused until somebody has looked at them."""
    undecided = registered() - allowed_operators() - refused_operators()
    assert torch.__version__.split("+")[0] != "2.13.0" or not undecided


def test_no_operator_is_decided_twice() -> None:
    assert not allowed_operators() & refused_operators()


def test_each_allowed_operator_is_registered_or_a_node_of_the_graph() -> None:
    unknown = allowed_operators() - registered() - {f"prim::{name}" for name in NODES}
    assert all(name.startswith("prim::") or name.removeprefix("aten::").startswith(("_", "backward")) for name in unknown), (
        unknown
    )


@pytest.mark.parametrize("name", NEVER)
def test_an_operator_that_does_more_than_compute_is_not_allowed(name: str) -> None:
    assert name not in allowed_operators()


def test_only_aten_and_prim_are_allowed() -> None:
    assert {name.partition("::")[0] for name in allowed_operators()} == {"aten", "prim"}


def test_a_method_cannot_mean_two_operators_of_which_one_is_refused() -> None:
    """`x.f` is aten::f or prim::f."""
    for space, other in (("aten::", "prim::"), ("prim::", "aten::")):
        assert not {name for name in allowed_operators() if name.replace(space, other, 1) in refused_operators()}


def test_the_file_holds_nothing_but_decisions_and_comments() -> None:
    text = resources.files("torchferry.engines").joinpath("torchscript_operators.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) == len(allowed_operators()) + len(refused_operators())
    assert [line[2:] for line in lines] == sorted((line[2:] for line in lines), key=lambda name: (name.partition("::")[0], name))


def test_permissions_are_names_of_operators() -> None:
    assert checked_permissions(["aten::a", "b::c", "aten::a"]) == {"aten::a", "b::c"}
    with pytest.raises(FerryError, match="--allow-op") as caught:
        checked_permissions(["aten"])
    assert caught.value.code == ExitCode.USAGE


def test_what_a_manifest_records() -> None:
    assert recorded_operators({}) == frozenset()
    assert recorded_operators({"operators": "aten::a,aten::b"}) == {"aten::a", "aten::b"}
