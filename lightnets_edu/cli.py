"""The command line: ``python -m lightnets_edu COMMAND``, also installed as ``lightnets``.

Commands: list, count, compare, train, time, predict, record.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightnets_edu._version import __version__

if TYPE_CHECKING:
    from torch import nn

    from lightnets_edu.counting import CountTable
    from lightnets_edu.timing import DeviceProfile
    from lightnets_edu.training import TrainConfig


def _option(text: str) -> tuple[str, Any]:
    """``width_mult=0.5`` -> ("width_mult", 0.5); what is no Python number, truth value or None is a string."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} should have the form option=value, such as width_mult=0.5")
    try:
        return name, ast.literal_eval(value.strip().title() if value.lower() in ("true", "false", "none") else value)
    except (ValueError, SyntaxError):
        return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lightnets", description="Lightweight networks: what they are and what they cost."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)

    listing = commands.add_parser("list", help="the networks and their options")
    counting = commands.add_parser("count", help="parameters, MACs, activations and memory access, layer by layer")
    counting.add_argument("name", help="a network; see list")
    counters = commands.add_parser("compare", help="networks side by side, or one network through several counters")
    counters.add_argument("names", nargs="+", metavar="name", help="networks; see list")
    counters.add_argument("--counters", action="store_true", help="also fvcore, torchinfo and torch's FlopCounterMode")
    training = commands.add_parser(
        "train", help="train a network and record the run; under torchrun, on several GPUs or machines"
    )
    training.add_argument("name", help="a network; see list")
    training.add_argument("--limit", type=int, metavar="N", help="use only so many training images")
    training.add_argument("--test-limit", type=int, metavar="N", help="use only so many test images")
    training.add_argument("--out", metavar="FILE", help="write the run's record here (JSON)")
    training.add_argument(
        "--checkpoint", metavar="FILE",
        help="written every epoch; an interrupted run goes on from it (default with --out: a file beside the record, "
        "deleted when the record is written)",
    )  # fmt: skip
    training.add_argument("--workers", type=int, metavar="N", help="processes that read images from folders")
    timing = commands.add_parser("time", help="time steps of networks, measure their memory, predict both")
    timing.add_argument("names", nargs="+", metavar="name", help="networks; see list")
    timing.add_argument("--steps", default="forward,training", help="forward, training or both (default)")
    timing.add_argument("--batch-size", default="1", metavar="N,N", help="images, such as 1,64 (default: 1)")
    timing.add_argument("--amp", default="off", help="off, bfloat16, float16 or several of them (default: off)")
    timing.add_argument("--compile", action="store_true", help="use torch.compile")
    timing.add_argument("--seconds", type=float, default=1.0, help="of samples for each number (default: 1)")
    predicting = commands.add_parser("predict", help="predict the time of a forward pass from a device's profile")
    predicting.add_argument("names", nargs="+", metavar="name", help="networks; see list")
    predicting.add_argument("--batch-size", default="1", metavar="N,N", help="images, such as 1,64 (default: 1)")
    predicting.add_argument(
        "--measure", action="store_true", help="measure this device first (under a minute), and write it to --profile"
    )
    predicting.add_argument("--amp", default="off", help="number format to measure the device in (default: off)")
    for command in (timing, predicting):
        command.add_argument("--channels-last", action="store_true", help="lay maps channels-last in memory")
    recording = commands.add_parser("record", help="train and time all networks, one record each")
    recording.add_argument("--only", nargs="+", default=[], metavar="name", help="networks (default: all)")
    recording.add_argument("--out", default="results", metavar="DIR", help="for the records (default: results)")
    recording.add_argument(
        "--budget-minutes", type=float, metavar="M",
        help="begin nothing that is likely to end later; the same command goes on from there",
    )  # fmt: skip
    recording.add_argument("--limit", type=int, metavar="N", help="use only so many training images")
    recording.add_argument("--test-limit", type=int, metavar="N", help="use only so many test images")
    recording.add_argument("--no-train", action="store_true", help="time only")
    recording.add_argument("--no-time", action="store_true", help="train only")
    recording.add_argument(
        "--guidelines", action="store_true", help="measure ShuffleNetV2's four guidelines instead (half a minute)"
    )
    recording.add_argument(
        "--predict-again", action="store_true", help="only predict what is recorded once more, with another --profile"
    )
    recording.add_argument("--again", action="store_true", help="record also what is there, from the start")
    for command in (training, recording):
        command.add_argument(
            "--data", default="fashion_mnist",
            help="fashion_mnist (8,000 + 2,000 images that are here already), fashion_mnist_full, cifar10, imagenette, "
            "shapes or imagefolder:DIR (default: fashion_mnist)",
        )  # fmt: skip
        command.add_argument("--epochs", type=int, help="passes over the training set (default: 15)")
        command.add_argument(
            "--recipe", action="append", default=[], metavar="setting=value|FILE.json",
            help="a setting of TrainConfig, such as learning_rate=0.05, or a JSON file of settings; may be given "
            "several times, and the last one counts",
        )  # fmt: skip
    for command in (training, timing, recording):
        command.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    for command in (timing, recording):
        command.add_argument("--profile", metavar="FILE", help="of this device (see predict), for the predictions")
    predicting.add_argument("--profile", metavar="FILE", required=True, help="of the device")
    for command in (counting, counters, training, timing, predicting):
        command.add_argument(
            "--set", action="append", type=_option, default=[], metavar="option=value", dest="options",
            help="an option of the network, such as width_mult=0.5; may be given several times",
        )  # fmt: skip
    for command in (timing, predicting):
        command.add_argument("--input-size", type=int, metavar="PIXELS", help="side of the square images")
    for command in (counting, counters):
        command.add_argument("--input-size", type=int, metavar="PIXELS", help="side of the square images")
        command.add_argument("--batch-size", type=int, default=1, help="images in the batch (default: 1)")
    for command in (listing, counting, counters, training, timing, predicting, recording):
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _list(args: argparse.Namespace) -> tuple[dict, str]:
    from lightnets_edu.models import list_models, model_options
    from lightnets_edu.tables import aligned

    options = {name: {o: p.default for o, p in model_options(name).items()} for name in list_models()}
    lines = [(name, ", ".join(f"{o}={default!r}" for o, default in values.items())) for name, values in options.items()]
    return {"models": options}, "\n".join(aligned(lines))


def _counted(name: str, args: argparse.Namespace, device: str = "meta") -> tuple[nn.Module, CountTable]:
    """Build a network without memory for its weights, and count it."""
    import torch

    from lightnets_edu.counting import count
    from lightnets_edu.models import default_input_size, get_model

    options = dict(args.options)
    with torch.device(device):
        model = get_model(name, **options).eval()
    side = args.input_size
    if side is None:
        side = default_input_size(name, bool(options.get("small_input")))
    return model, count(model, (args.batch_size, 3, side, side))


def _count(args: argparse.Namespace) -> tuple[dict, str]:
    _, table = _counted(args.name, args)
    return {"name": args.name, "options": dict(args.options), **table.to_dict()}, str(table)


def _compare(args: argparse.Namespace) -> tuple[dict, str]:
    from lightnets_edu.counting import compare_counters

    columns = ("params", "macs", "activations", "memory_access")
    rows, lines = {}, []
    width = max(map(len, args.names))
    for name in args.names:
        model, table = _counted(name, args, "cpu" if args.counters else "meta")
        rows[name] = {"input_size": list(table.input_size), **{c: getattr(table, c) for c in columns}}
        lines.append(f"{name:<{width}}" + "".join(f"{rows[name][c]:>18,}" for c in columns))
        if args.counters:
            comparison = compare_counters(model, table.input_size)
            rows[name]["counters"] = comparison.to_dict()["counters"]
            lines += ["    " + line for line in str(comparison).splitlines()]
    head = " " * width + "".join(f"{c.replace('_', ' '):>18}" for c in columns)
    return {"models": rows}, "\n".join([head, *lines])


def _recipe(args: argparse.Namespace) -> TrainConfig:
    """The settings of a training: defaults, then files and single settings in the order given, then ``--epochs``."""
    from lightnets_edu.training import TrainConfig
    from lightnets_edu.training.catalogue import default_image_size

    values: dict[str, object] = {"image_size": default_image_size(args.data)}
    for text in args.recipe:
        values |= dict([_option(text)]) if "=" in text else TrainConfig.settings_from_file(text)
    if args.epochs is not None:
        values["epochs"] = args.epochs
    if "warmup_epochs" not in values and values.get("epochs") == 1:
        values["warmup_epochs"] = 0.25  # the default of one epoch would be the whole run
    return TrainConfig.from_dict(values)


def _say(line: object) -> None:
    print(line, file=sys.stderr, flush=True)


def _train(args: argparse.Namespace) -> tuple[dict, str] | None:
    from lightnets_edu.recording import network_options, network_record, train_network
    from lightnets_edu.records import save_record
    from lightnets_edu.runtime.files import check_writable
    from lightnets_edu.training import load_dataset
    from lightnets_edu.training.distributed import World, one_by_one, process_group

    config = _recipe(args)
    checkpoint = args.checkpoint or (f"{args.out}.checkpoint" if args.out else None)
    with process_group(args.device) as device:
        first = World.current().is_first
        if args.out and first:
            check_writable(args.out)
        sets = [
            one_by_one(partial(load_dataset, args.data, split, limit))
            for split, limit in (("train", args.limit), ("test", args.test_limit))
        ]
        options = network_options(args.name, config, len(sets[0].class_names), dict(args.options))
        result = train_network(
            args.name, options, config, *sets, device=device, checkpoint=checkpoint, progress=not args.json,
            workers=args.workers, on_epoch=_say if first else None,
        )  # fmt: skip
        if not first:
            return None
        record = network_record(args.name, options, config, result=result)
        if args.out:
            save_record(args.out, record)
            if checkpoint and not args.checkpoint:
                os.remove(checkpoint)
    return record, f"{args.name}: {result.last_test_accuracy:.2%} of the test images right after {config.epochs} epochs"


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"--batch-size {text!r} should be whole numbers with commas between, such as 1,64") from None


def _time(args: argparse.Namespace) -> tuple[dict, str]:
    from lightnets_edu.recording import StepSetting, format_rows, measure_step
    from lightnets_edu.runtime import describe_environment
    from lightnets_edu.timing import DeviceProfile

    settings = [
        StepSetting(step, batch, args.input_size, amp, args.channels_last, args.compile, args.seconds)
        for amp in args.amp.split(",")
        for step in args.steps.split(",")
        for batch in _numbers(args.batch_size)
    ]
    options = dict(args.options)
    profile = DeviceProfile.load(args.profile) if args.profile else None
    rows = [
        {"model": name, **measure_step(name, options, setting, device=args.device, profile=profile)}
        for name in args.names
        for setting in settings
    ]
    return {"environment": describe_environment(args.device), "timings": rows}, format_rows(rows)


def _predict(args: argparse.Namespace, measurer: Callable[..., DeviceProfile] | None = None) -> tuple[dict, str]:
    """Predict from a profile, which ``--measure`` measures first, with ``measure_profile`` unless told otherwise."""
    from lightnets_edu.recording import StepSetting, format_rows, predict_network
    from lightnets_edu.timing import DeviceProfile, measure_profile

    settings = [StepSetting("forward", batch, args.input_size) for batch in _numbers(args.batch_size)]
    if args.measure:
        measure = measurer or measure_profile
        measure(amp=args.amp, channels_last=args.channels_last, progress=not args.json).save(args.profile)
    profile = DeviceProfile.load(args.profile)
    rows = [
        {"model": name, **predict_network(name, dict(args.options), setting, profile)}
        for name in args.names
        for setting in settings
    ]
    return {"environment": profile.environment, "timings": rows}, format_rows(rows)


def _record(args: argparse.Namespace) -> tuple[dict, str]:
    from lightnets_edu.recording import (
        Plan,
        default_timings,
        device_folder,
        predict_again,
        record_guidelines,
        record_networks,
    )
    from lightnets_edu.runtime import resolve_device
    from lightnets_edu.timing import DeviceProfile

    device = resolve_device(args.device)
    if args.guidelines:
        path = record_guidelines(args.out, device)
        return {"file": str(path)}, f"written to {path}"
    if args.predict_again:
        if not args.profile:
            raise ValueError("--predict-again needs --profile FILE, from which it predicts")
        number = predict_again(Path(args.out, device_folder(device)), DeviceProfile.load(args.profile))
        return {"predicted": number}, f"{number} timings predicted again"
    plan = Plan(
        config=_recipe(args), data=args.data, train_images=args.limit, test_images=args.test_limit,
        train=not args.no_train, timings=() if args.no_time else default_timings(device),
        profile=DeviceProfile.load(args.profile) if args.profile else None,
    )  # fmt: skip
    outcome = record_networks(
        args.only, plan, folder=args.out, device=device, budget_minutes=args.budget_minutes, again=args.again,
        say=_say,
    )  # fmt: skip
    if outcome.failed:
        raise RuntimeError(str(outcome))
    return vars(outcome), str(outcome)


_COMMANDS = {
    "list": _list, "count": _count, "compare": _compare, "train": _train, "time": _time, "predict": _predict,
    "record": _record,
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit status: 0, or 2 after a sentence on stderr about what was asked wrongly.
    """
    args = _parser().parse_args(argv)
    try:
        answer = _COMMANDS[args.command](args)
    except (ValueError, NotImplementedError, ImportError, RuntimeError, OSError) as error:
        print(f"lightnets {args.command}: {error}", file=sys.stderr)
        return 2
    if answer is not None:  # of several processes, one answers
        data, text = answer
        print(json.dumps(data, indent=2) if args.json else text)
    return 0
