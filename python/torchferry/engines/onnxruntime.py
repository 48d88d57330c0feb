"""Engine `onnxruntime`: the ONNX artifact on ONNX Runtime."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Mapping

import numpy as np

# From 1.29 on it sends its maker which models run, and keeps an identifier of the machine in the user's home. It asks once.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

from torchferry.bundle.contract import Array
from torchferry.bundle.dtype import numpy_dtype
from torchferry.engines.base import OpenRequest
from torchferry.engines.onnx_door import check_model
from torchferry.engines.onnx_signature import matched_outputs
from torchferry.errors import ExitCode, FerryError

_BFLOAT16 = 16  # of onnx.TensorProto.DataType


class OnnxRuntimeModel:
    """An inference session of ONNX Runtime."""

    def __init__(self, request: OpenRequest, *, profile_prefix: str | None = None) -> None:
        """`profile_prefix`: how the path of the file begins that gets the times of the nodes, at `end_profiling`."""
        self._contract = request.contract
        self._has_bfloat16 = any(spec.dtype == "bfloat16" for spec in (*self._contract.inputs, *self._contract.outputs))
        check_model(next(iter(request.files)), request.main_file)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = request.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        if profile_prefix is not None:
            options.enable_profiling = True
            options.profile_file_prefix = profile_prefix
        providers = [_provider(request.device)]
        try:
            self._session = onnxruntime.InferenceSession(request.main_file, sess_options=options, providers=providers)
        except Exception as error:  # the package's exceptions share no base class of their own
            raise FerryError(
                ExitCode.FORMAT, f"onnxruntime: got a file that it cannot load: {str(error).splitlines()[0]}"
            ) from None
        self._outputs = matched_outputs(self._contract, self._session.get_inputs(), self._session.get_outputs())
        self._names = [spec.name for spec in self._contract.outputs]

    @property
    def runtime(self) -> str:
        """Name and version."""
        return f"onnxruntime {onnxruntime.__version__}"

    @property
    def numerics(self) -> str:
        """Unknown: no bits are promised for this engine."""
        return ""

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run one forward pass: arrays [N, ...] by input name to arrays [N, ...] by output name. Raises FerryError(BAD_INPUT)."""
        try:
            values = self._run_values(inputs) if self._has_bfloat16 else self._session.run(self._outputs, dict(inputs))
        except Exception as error:  # as above
            cause = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error).splitlines()[0])
            raise FerryError(ExitCode.BAD_INPUT, f"engine onnxruntime: the model failed on these inputs: {cause}") from None
        return dict(zip(self._names, values, strict=True))

    def _run_values(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Run as `run`, by values of the runtime's own: its arrays of NumPy have no bfloat16."""
        given = {name: _value_of(array) for name, array in inputs.items()}
        return [_array_of(value) for value in self._session.run_with_ort_values(self._outputs, given)]

    def end_profiling(self) -> str:
        """Write the times and return the file's path."""
        return str(self._session.end_profiling())


def _value_of(array: Array) -> onnxruntime.OrtValue:
    """Lend an array [N, ...], which must outlive the value."""
    if array.dtype.name == "bfloat16":
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(np.ascontiguousarray(array).view(np.uint16), _BFLOAT16)
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)


def _array_of(value: onnxruntime.OrtValue) -> Array:
    """Copy a value into an array [N, ...]."""
    if value.element_type() != _BFLOAT16:
        return np.asarray(value.numpy())
    data = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    return np.frombuffer(data, numpy_dtype("bfloat16")).reshape(value.shape())


def _provider(device: str) -> str | tuple[str, dict[str, str]]:
    if device == "cpu":
        return "CPUExecutionProvider"
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise FerryError(
            ExitCode.UNAVAILABLE, f"--device: got {device}, expected cpu: this onnxruntime has no CUDA; install onnxruntime-gpu"
        )
    return ("CUDAExecutionProvider", {"device_id": device.partition(":")[2], "use_tf32": "0"})


def open_model(request: OpenRequest) -> OnnxRuntimeModel:
    """Open the artifact. Raises FerryError(UNAVAILABLE or FORMAT)."""
    return OnnxRuntimeModel(request)
