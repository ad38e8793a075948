"""What every chapter does with its network: the ledger, formula against measurement, and the recorded runs replayed."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from lightnets_edu.counting import compare_counters
from lightnets_edu.models.cost import Layer, network_cost
from lightnets_edu.pages.ledger import Ledger
from lightnets_edu.pages.provenance import thread_words
from lightnets_edu.records import clock_words, forward_timings, recorded_devices, recorded_run
from lightnets_edu.tables import NumberTable
from lightnets_edu.timing import EVALUATION_NETWORKS, RUNGS, error_table, measure_memory, training_memory, training_step
from lightnets_edu.training import checkpoint_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEMORY_TOLERANCE = 0.1  # of the measured peak


@dataclass(frozen=True)
class Note:
    """A sentence in the place of a table."""

    text: str

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f'<div class="ln-numbers"><p>{html.escape(self.text)}</p></div>'


def network_ledger(
    title: str,
    model: nn.Module,
    layers: Iterable[Layer],
    *,
    input_size: Sequence[int] = (1, 3, 224, 224),
    claims: Mapping[str, Mapping[str, str]] | None = None,
    why: Mapping[str, str] | None = None,
) -> Ledger:
    """Parameters and MACs of a whole network from every source there is.

    Args:
        title: The ledger's caption.
        model: The real network.
        layers: The same network as closed forms, from ``layers(...)`` of its module.
        input_size: (N, C, H, W).
        claims: Printed numbers by source, such as ``{"Paper, table 8": {"params": "4.2 M"}}``.
        why: For sources whose claim does not agree, the reason.

    Raises:
        LedgerError: If exact sources differ, or a claim does and nobody says why.
    """
    closed_form = network_cost(layers)
    comparison = compare_counters(model, input_size)
    table, results = comparison.table, {result.counter: result for result in comparison.results}
    ledger = (
        Ledger("params", "macs", title=title)
        .exact("Closed form, summed over the layers", params=closed_form.params, macs=closed_form.macs)
        .exact("count, on the real network", params=table.params, macs=table.macs)
        .exact(
            "torch: numel, FlopCounterMode / 2",
            params=sum(p.numel() for p in model.parameters()),
            macs=results["torch FlopCounterMode"].reported // 2,
        )
    )
    for source, values in (claims or {}).items():
        ledger = ledger.claim(source, why=(why or {}).get(source, ""), **values)
    for counter in ("fvcore", "torchinfo"):
        ledger = ledger.other(counter, macs=results[counter].reported, why=results[counter].explanation)
    return ledger


def parameters_on_disk(model: nn.Module) -> NumberTable:
    """Bytes of the file of weights beside what the formula says: 4 for each parameter.

    Raises:
        ValueError: If the parameters do not take 4 bytes each.
    """
    size = checkpoint_bytes(model)
    params = sum(p.numel() for p in model.parameters())
    if size.parameter_bytes != 4 * params:
        raise ValueError(f"the file holds {size.parameter_bytes:,} bytes of parameters, predicted were {4 * params:,}")
    return NumberTable(
        "The file of weights",
        ("part", "bytes"),
        [
            ("4 × parameters, predicted", 4 * params),
            ("parameters, in the file", size.parameter_bytes),
            ("buffers: the batch norms' running mean, variance and counter", size.buffer_bytes),
            (f"names and headers of {size.tensors:,} tensors", size.overhead_bytes),
            ("the whole file", size.file_bytes),
        ],
        ["Predicted and stored parameters agree to the byte"],
    )


def training_memory_check(model: nn.Module, input_size: Sequence[int]) -> NumberTable:
    """Peak memory of a training step, predicted without running anything, beside the measured peak.

    Args:
        model: The network; it is trained for two steps.
        input_size: (N, C, H, W).

    Raises:
        ValueError: If prediction and measurement differ by more than a tenth.
    """
    images, channels, height, width = input_size
    parts = training_memory(model.train(), tuple(input_size))
    step = training_step(model, (images, channels, height, width), device="cpu")
    step()
    measured = parts.parameters + parts.optimizer_state + parts.images + measure_memory(step).peak_bytes
    error = parts.total / measured - 1
    if abs(error) > MEMORY_TOLERANCE:
        raise ValueError(
            f"the peak was predicted as {parts.total:,} bytes and measured as {measured:,}: more than "
            f"{MEMORY_TOLERANCE:.0%} apart"
        )
    return NumberTable(
        f"Memory of one training step with {images} images of {height} × {width}",
        ("part", "bytes"),
        [
            ("parameters and buffers", parts.parameters),
            ("the optimiser's state", parts.optimizer_state),
            ("images", parts.images),
            ("activations, kept for the backward pass", parts.activations),
            ("what comes on top during the backward pass", parts.transient),
            ("peak, predicted", parts.total),
            ("peak, measured", measured),
        ],
        [
            f"The prediction is off by {error:+.1%}. The measured peak is that of the tensors; what the library takes "
            "for itself inside an operation is not seen."
        ],
    )


def recorded_training(name: str) -> NumberTable | Note:
    """A recorded training run, epoch by epoch, with where and how it was recorded.

    Args:
        name: Such as ``"cpu/ghostnet"``.

    Returns:
        The run; or, if this network's record holds timings only, a sentence that says how to record it.

    Raises:
        ValueError: If there is no record of this name.
    """
    record = recorded_run(name)
    if record.get("history") is None:
        return Note(
            f"No training of {record['model']} is recorded yet. This command records one, best on a GPU, since an "
            f"image takes {record['macs']:,} MACs: python -m lightnets_edu record --only {record['model']}. "
            "This page shows it when the book is built the next time."
        )
    data, config, where = record["data"], record["config"], record["environment"]
    options = ", ".join(f"{option}={value}" for option, value in record["options"].items())
    last = record["history"][-1]
    return NumberTable(
        f"Recorded beforehand: {record['model']} ({options})",
        ("epoch", "training loss", "test right", "seconds"),
        [
            (str(e["epoch"]), f"{e['train_loss']:.3f}", f"{e['test_accuracy']:.1%}", f"{e['seconds']:.1f}")
            for e in record["history"]
        ],
        [
            f"{data['train']['images']:,} training and {data['test']['images']:,} test images of "
            f"{data['train']['name'].replace('_', '-')}; batches of {config['batch_size']}, peak learning rate "
            f"{config['learning_rate']:g}, seed {config['seed']}.",
            f"Recorded {where['date'][:10]} on {where['device_name']}, {thread_words(where['threads'])}, "
            f"torch {where['torch']}. In the end {last['test_accuracy']:.2%} of the test images were right.",
        ],
    )


def recorded_curves(runs: Mapping[str, str]) -> Figure:
    """Test accuracy by epoch of recorded runs.

    Args:
        runs: Label to the run's name, such as ``{"GhostNet": "cpu/ghostnet"}``.
    """
    from lightnets_edu.pages.plots import line_chart

    records = {label: _trained(name) for label, name in runs.items()}
    epochs = max(len(record["history"]) for record in records.values())
    return line_chart(
        {
            label: ([e["epoch"] for e in r["history"]], [100 * e["test_accuracy"] for e in r["history"]])
            for label, r in records.items()
        },
        x_ticks=range(1, epochs + 1, -(-epochs // 8)),
        title="Recorded runs: how they learned",
        x_label="epoch",
        y_label="test images right, per cent",
    )


def _trained(name: str) -> dict:
    record = recorded_run(name)
    if record.get("history") is None:
        raise ValueError(f"the record {name!r} holds timings only, and no training")
    return record


def recorded_times(names: Sequence[str], *, batch_size: int = 1) -> NumberTable:
    """Recorded forward passes, predicted and measured, on every device that has a record of them.

    Args:
        names: Networks.
        batch_size: Images.

    Raises:
        ValueError: If no device has a record of any of them.
    """
    rows = [
        (name, clock_words(device), row["macs"], *_seconds(row))
        for device, timings in ((device, forward_timings(device, batch_size)) for device in recorded_devices())
        for name in names
        if (row := timings.get(name))
    ]
    if not rows:
        raise ValueError(f"no device has a record of a forward pass of {', '.join(names)} with {batch_size} images")
    where, device_column = "", ["device"]
    if len({device for _, device, *_ in rows}) == 1:  # a column that says the same in every row is a column too many
        where, device_column = f", {rows[0][1]}", []
        rows = [(name, *numbers) for name, _, *numbers in rows]
    first, *_, last = RUNGS
    return NumberTable(
        f"Forward passes{where}, batches of {batch_size}: milliseconds, predicted and measured",
        ["network", *device_column, "MACs", *(f"{rung}?" for rung in RUNGS), "measured"],
        rows,
        [
            f"The columns with ? are predicted, by the four ways of chapter 2, from arithmetic alone ({first}?) to "
            f"layers that were timed one by one ({last}?). The last is the median of a recorded measurement, or a "
            "dash if it was noise."
        ],
        words=device_column,
    )


def prediction_errors(device: str = "cpu", *, batch_size: int = 1) -> NumberTable:
    """How far each rung of the prediction ladder is off, over recorded networks that nothing was fitted to.

    Args:
        device: A folder of ``results/``.
        batch_size: Images.

    Raises:
        ValueError: If nothing was recorded there.
    """
    timings = forward_timings(device, batch_size)
    known = [timings[name] for name in EVALUATION_NETWORKS if name in timings]
    rows = [row for row in known if row["measured"] and row["predicted_seconds"]]
    if not rows:
        raise ValueError(f"{device} has no record with predicted and measured seconds for {batch_size} images")
    table = error_table(
        {rung: [row["predicted_seconds"][rung] for row in rows] for rung in RUNGS},
        [row["measured"]["median"] for row in rows],
    )
    return NumberTable(
        f"Errors of predicted forward times, {clock_words(device)}, batches of {batch_size}, {len(rows)} networks",
        ("rung", "mean error", "rank correlation"),
        [(row["rung"], f"{row['mape']:.1%}", f"{row['spearman']:.3f}") for row in table],
        ["None of these networks was used to fit anything."],
    )


def _seconds(row: Mapping) -> tuple[str | None, ...]:
    predicted, measured = row["predicted_seconds"] or {}, row["measured"]
    values = [*(predicted.get(rung) for rung in RUNGS), measured and measured["median"]]
    return tuple(None if value is None else milliseconds(value) for value in values)


def milliseconds(seconds: float) -> str:
    """A time in milliseconds, without the unit: one decimal, and two digits where that would leave less."""
    return f"{1000 * seconds:.1f}" if seconds >= 1e-3 else f"{1000 * seconds:.2g}"
