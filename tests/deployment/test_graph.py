"""The operations that ONNX Runtime runs: shapes and work, against ONNX Runtime's own notes and hand-made sums."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest

from lightnets_edu.deployment import graph_operations, open_session, session_step, timed_operations
from lightnets_edu.deployment.graph import BLOCKED
from lightnets_edu.deployment.random_graphs import BLOCKS, GraphBuilder, random_graph
from lightnets_edu.timing.operations import KINDS


def saved(builder: GraphBuilder, output: str, side: int, folder):
    onnx.save(builder.model(output, side), folder / "net.onnx")
    return folder / "net.onnx"


@pytest.mark.parametrize("seed", range(10))
def test_shapes_are_those_that_onnxruntime_notes(tmp_path, seed):
    """Every node's output, as ONNX Runtime notes it while it runs; only maps in blocks may be filled up there."""
    model, image = random_graph(seed)
    onnx.save(model, tmp_path / "net.onnx")
    size = (2, *image)
    session = open_session(tmp_path / "net.onnx", optimised=tmp_path / "o.onnx", profile=tmp_path / "profile")
    session_step(session, np.zeros(size, np.float32))()
    events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    noted = {
        event["name"].removesuffix("_kernel_time"): [
            prod(shape) for output in event["args"]["output_type_shape"] for shape in output.values()
        ]
        for event in events
        if event["name"].endswith("_kernel_time")
    }
    checked = 0
    for op in graph_operations(tmp_path / "net.onnx", size):
        assert op.kind in KINDS and op.written > 0 and op.read > 0
        if op.path in noted and not op.name.startswith("Reorder"):
            written = sum(noted[op.path])
            checked += 1
            # An operation between two blocked convolutions works on whole blocks: up to 15 channels more.
            assert op.written <= written < op.written * 16, op
            if op.name not in (BLOCKED, "Add", "MaxPool", "Concat", "Mul", "ReduceMean"):
                assert op.written == written, op
    assert checked > 8


def test_work_is_the_formulas(tmp_path):
    """Channels that fill whole blocks, so nothing is added: K² C_in C_out / groups for every output pixel."""
    builder = GraphBuilder(32)
    x = builder.conv("images", 64, 3, 2, activation="Relu")
    x = builder.conv(x, 64, 5, 1, groups=64)
    x = builder.conv(x, 128)
    x = builder.conv(x, 128, 3, 1, groups=2)
    x = builder.linear(builder.flat(builder.mean(x)), 10)
    ops = graph_operations(saved(builder, x, 20, tmp_path), (3, 32, 20, 20))
    macs = {op.kind: op.macs for op in ops if op.macs}
    pixels = 3 * 10 * 10
    assert macs == {
        "dense": pixels * 9 * 32 * 64,
        "depthwise": pixels * 25 * 64,
        "pointwise": pixels * 64 * 128,
        "grouped": pixels * 9 * 64 * 128,
        "linear": 3 * 128 * 10,
    }
    assert not any(op.kind == "relu" for op in ops)  # fused into the convolution


def test_times_belong_to_operations(tmp_path):
    """A convolution with a thousand times the work of another takes longer, wherever the two stand."""
    builder = GraphBuilder(16)
    small = builder.conv("images", 16)
    large = builder.conv(builder.conv(small, 256), 256, 3)
    out = builder.linear(builder.flat(builder.mean(builder.conv(large, 16))), 4)
    timed = timed_operations(saved(builder, out, 28, tmp_path), (1, 16, 28, 28), threads=1, passes=5)
    by_work = sorted((op.work, seconds) for op, seconds in timed if op.macs)
    assert by_work[-1][1] > 20 * by_work[0][1]
    assert {op.path for op, _ in timed} == {op.path for op in graph_operations(tmp_path / "net.onnx", (1, 16, 28, 28))}


def test_an_unknown_operation_is_named(tmp_path):
    builder = GraphBuilder(3)
    (out,) = builder.node("Softplus", ["images"], 3)
    with pytest.raises(ValueError, match="Softplus"):
        graph_operations(saved(builder, out, 8, tmp_path), (1, 3, 8, 8))


def test_random_graphs_are_repeatable_and_of_all_kinds():
    first, second, other = (random_graph(seed)[0].SerializeToString() for seed in (3, 3, 4))
    assert first == second != other
    drawn = {node.op_type for seed in range(40) for node in random_graph(seed)[0].graph.node}
    assert {"Conv", "Concat", "Split", "Transpose", "Add", "Mul", "MaxPool", "Gemm", "ReduceMean"} <= drawn
    assert len(BLOCKS) == len(set(BLOCKS)) == 11


def test_what_is_no_network_is_refused(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"cannot load 'broken\.onnx'"):
        open_session(tmp_path / "broken.onnx")
