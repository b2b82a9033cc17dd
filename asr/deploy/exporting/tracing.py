"""From a module to a file: a `torch.export` program, or ONNX made of it, on request with int8."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.export import Dim, ExportedProgram
from torch.nn.attention import SDPBackend, sdpa_kernel

from asr.config.export import ExportOptions
from asr.deploy.exporting.graphs import Axes, Graph
from asr.deploy.manifest import ONNX_PACKAGES, ONNX_SUFFIX, PROGRAM_SUFFIX
from asr.errors import needs_extra
from asr.files import disk_errors

_QUANTISED = ["MatMul", "Gemm"]


def write_graph(graph: Graph, folder: Path, options: ExportOptions) -> Path:
    """Trace a graph and write it into a folder.

    Returns:
        the file.
    """
    suffix = ONNX_SUFFIX if options.is_onnx else PROGRAM_SUFFIX
    path = folder / f"{graph.name}{suffix}"
    with _quiet(), torch.no_grad():
        program = trace(graph)
        with disk_errors(path):
            if options.is_onnx:
                _write_onnx(program, graph, path, options)
            else:
                # What torch would pickle, and what it would write as code; see
                # `asr.deploy.exported.programs`.
                program.example_inputs, program._guards_code = None, []
                torch.export.save(program, path)
    return path


def trace(graph: Graph) -> ExportedProgram:
    """Return the graph as a program whose dynamic axes may have any size."""
    dynamic = {
        name: dict.fromkeys(graph.dynamic.get(name, {}), Dim.DYNAMIC) for name in graph.example
    }
    # The fused kernels' outputs lie in memory as the plain formula's do not, and views of them
    # fail when the program is taken apart for ONNX.
    with sdpa_kernel(SDPBackend.MATH):
        return torch.export.export(
            graph.module.eval(), tuple(graph.example.values()), dynamic_shapes=dynamic
        )


def _write_onnx(program: ExportedProgram, graph: Graph, path: Path, options: ExportOptions) -> None:
    with needs_extra("ONNX", "onnx", ONNX_PACKAGES):
        import onnxruntime  # noqa: F401 - looked for here: torch tells what it misses otherwise
        import onnxscript  # noqa: F401 - the same
    with sdpa_kernel(SDPBackend.MATH):
        made = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=options.opset,
            input_names=list(graph.example),
            output_names=list(graph.outputs),
            verbose=False,
        )
    assert made is not None
    proto = made.model_proto
    _name_axes(proto, graph.dynamic)
    if options.int8:
        proto = quantised(proto)
    for key, value in graph.metadata.items():
        proto.metadata_props.add(key=key, value=str(value))
    path.write_bytes(proto.SerializeToString())


def _name_axes(proto: Any, dynamic: Axes) -> None:
    """Give the varying axes of the inputs readable names in place of the tracer's."""
    for value in proto.graph.input:
        for axis, name in dynamic.get(value.name, {}).items():
            value.type.tensor_type.shape.dim[axis].dim_param = name
    del proto.graph.value_info[:]  # it repeats the tracer's names


def quantised(proto: Any) -> Any:
    """Return the graph with 8-bit weights in its matrix products (dynamic quantisation)."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as scratch:
        full, small = Path(scratch) / "full.onnx", Path(scratch) / "int8.onnx"
        onnx.save(proto, full)
        quantize_dynamic(full, small, op_types_to_quantize=_QUANTISED, weight_type=QuantType.QInt8)
        return onnx.load(small)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporters say of themselves from the user."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "root")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
