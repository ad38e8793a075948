"""Who runs it? Networks as ONNX files, and ONNX Runtime: how they are run where they are used."""

from lightnets_edu.deployment.export import (
    Export,
    Exported,
    ExportError,
    calibration_images,
    export_onnx,
    exported_network,
    quantise_onnx,
)
from lightnets_edu.deployment.graph import graph_operations, timed_operations
from lightnets_edu.deployment.own import own_network
from lightnets_edu.deployment.profile import measure_onnxruntime_profile
from lightnets_edu.deployment.session import input_shape, open_session, session_step

__all__ = [
    "Export",
    "ExportError",
    "Exported",
    "calibration_images",
    "export_onnx",
    "exported_network",
    "graph_operations",
    "input_shape",
    "measure_onnxruntime_profile",
    "open_session",
    "own_network",
    "quantise_onnx",
    "session_step",
    "timed_operations",
]
