"""Format `executorch`: a .pte for phones and small devices; XNNPACK where it has the operator, portable kernels elsewhere."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from torchferry.bundle.contract import Contract
from torchferry.errors import ExitCode, FerryError
from torchferry.formats.centred_norms import with_centred_norms
from torchferry.formats.circular_pads import with_slices
from torchferry.formats.halves import has_halves, require_wide_sums, with_wide_sums
from torchferry.formats.resize_products import with_products
from torchferry.formats.silence import silence
from torchferry.intake.source import ExportSource, Written, first_line, where_used

FILE = "model.pte"
# "Operator torch._ops.aten.cumprod.default is not in Core ATen opset" and "Missing out variants: {'aten::foo'}"
_OPERATOR = re.compile(r"Operator torch\._ops\.([\w.]+?) |Missing out variants?: \{'([\w:.]+)'")

_RECURRENT = ("aten.gru", "aten.lstm", "aten.rnn_")  # layers and cells


def export(source: ExportSource, folder: Path) -> Written:
    """Write model.pte. Raises FerryError(UNAVAILABLE) without ExecuTorch, FORMAT where an operator cannot be lowered."""
    _require_executorch()
    _require_limits(source.contract)
    with silence():
        try:
            lowered = _lowered(source, is_checked=not _is_recurrent(source.program))
            if _free_dims(lowered.exported_program()) < _free_dims(source.program):
                lowered = _lowered(source, is_checked=False)
            require_wide_sums(lowered.exported_program())
            executable = lowered.to_executorch()
        except (FerryError, ImportError):
            raise
        except Exception as error:  # torch.export, exir and XNNPACK raise errors of many kinds for a graph that they cannot take
            raise FerryError(
                ExitCode.FORMAT, f"executorch: {type(source.module).__name__}: {_explain(error, source.program)}"
            ) from None
    (folder / FILE).write_bytes(executable.buffer)
    return Written(
        (FILE,),
        producer=f"torch {torch.__version__}, executorch {version('executorch')}",
        requires=_requirements(executable),
    )


def _lowered(source: ExportSource, *, is_checked: bool) -> Any:
    """Lower a program made for this alone: lowering changes it, and the sizes that it freezes are those of whoever shares its symbols.

    ExecuTorch's check of a program freezes the batch of a GRU at that of the examples.
    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

    own = ExportSource(source.module, source.contract, source.examples)
    program = with_products(with_centred_norms(with_slices(own))).functional_program
    if has_halves(program):  # XNNPACK takes a converted weight of 16 bits for one of 32, and on Arm adds in float16
        return to_edge_transform_and_lower(
            with_wide_sums(program), compile_config=EdgeCompileConfig(_check_ir_validity=is_checked)
        )
    config = EdgeCompileConfig(_check_ir_validity=is_checked)
    return to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()], compile_config=config)


def _is_recurrent(program: ExportedProgram) -> bool:
    """Say whether a recurrent layer stands in the program: ExecuTorch's check freezes the batch inside a bidirectional GRU, unseen from its inputs."""
    return any(str(node.target).startswith(_RECURRENT) for node in program.graph.nodes if node.op == "call_function")


def _free_dims(program: ExportedProgram) -> int:
    """Count the dims of the inputs that are symbols."""
    names = program.graph_signature.user_inputs
    values = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    return sum(not isinstance(dim, int) for value in values if isinstance(value, torch.Tensor) for dim in value.shape)


def _require_executorch() -> None:
    try:
        version("executorch")
    except ImportError:
        raise FerryError(
            ExitCode.UNAVAILABLE,
            "--to executorch: got no ExecuTorch in this Python, expected it; type: pip install 'torchferry[executorch]'",
        ) from None


def _require_limits(contract: Contract) -> None:
    for symbol, limits in contract.symbols.items():
        if limits.max is None:
            raise FerryError(
                ExitCode.FORMAT,
                f"contract: symbols.{symbol}.max: got null, expected a number: ExecuTorch plans memory for the largest input at export",
            )


def _explain(error: Exception, program: ExportedProgram) -> str:
    """Return the error's first line, or for an operator its name and the line of the module that uses it."""
    found = _OPERATOR.search(str(error))
    if found is None:
        return first_line(error)
    operator = (found.group(1) or found.group(2)).replace("::", ".")
    return f"operator {operator}: got no kernel of ExecuTorch for it, expected one{where_used(program, operator)}; write it with other operators"


def _requirements(executable: Any) -> dict[str, str]:
    plan = executable.executorch_program.execution_plan[0]
    backends = sorted({delegate.id for delegate in plan.delegates})
    return {"backends": ",".join(backends)} if backends else {}
