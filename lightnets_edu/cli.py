"""The command line: ``python -m lightnets_edu COMMAND``, also installed as ``lightnets``.

Commands: list, count, compare, train, time, predict, export, record, record-lite, study.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightnets_edu._version import __version__
from lightnets_edu.arguments import like, literal, number_formats, pair, switch, with_values
from lightnets_edu.checks import TRUTH

if TYPE_CHECKING:
    from torch import nn

    from lightnets_edu.counting import CountTable
    from lightnets_edu.recording import StepSetting
    from lightnets_edu.timing import DeviceProfile
    from lightnets_edu.training import TrainConfig

CLOSED_PIPE = 128 + 13  # as a shell reports a program that SIGPIPE, signal 13, ended
# What is on or off, with the commands that have it.
_SWITCHES = {
    "--counters": ("compare", "also fvcore, torchinfo and torch's FlopCounterMode"),
    "--measure": ("predict", "measure this device first (under a minute), and write it to --profile"),
    "--int8": ("export", "write a second file beside it, FILE.int8.onnx, by static quantisation"),
    "--channels-last": ("time predict", "lay maps channels-last in memory; predict: with --measure"),
    "--no-train": ("record", "time only"),
    "--no-time": ("record", "train only"),
    "--guidelines": ("record", "measure ShuffleNetV2's four guidelines instead (half a minute)"),
    "--races": ("record", "time the chapters' pairs of networks in turns instead (two minutes)"),
    "--designs": ("record", "train and time all designs of a small search space instead (a quarter of an hour)"),
    "--operations": ("record", "time the operations of some networks in ONNX Runtime instead (two minutes)"),
    "--predict-again": ("record", "only predict what is recorded once more, with another --profile"),
    "--again": ("record", "record also what is there, from the start"),
    "--quick": ("study", "one seed, few epochs, few images; nothing is written"),
    "--json": ("list count compare train time predict export record record-lite study", "print one JSON object"),
}


def _options(args: argparse.Namespace, name: str) -> dict[str, Any]:
    """The options of ``--set``, of the kinds that a network wants; one that it does not have stays as it was typed."""
    from lightnets_edu.models import model_options

    if name.endswith(".onnx"):
        if args.options:
            raise ValueError(f"--set has no use for {name!r}: a file is what it was exported as")
        return {}
    known = model_options(name)
    return {option: like(known[option].default, option, t) if option in known else t for option, t in args.options}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lightnets", description="Lightweight networks: what they are and what they cost."
    )
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    commands = {name: subparsers.add_parser(name, help=text) for name, (_, text) in _COMMANDS.items()}

    def add(names: str, argument: str, text: str, **options: Any) -> None:
        """The same argument for several commands."""
        for name in names.split():
            commands[name].add_argument(argument, help=text, **options)

    add("count train", "name", "a network; see list")
    own = "a network (see list), or FILE.py:CLASS for one of your own, which --set gives its arguments"
    add("export", "name", own)
    add("compare predict", "names", "networks; see list", nargs="+", metavar="name")
    files = "networks (see list); with --runtime onnxruntime also ONNX files"
    add("time", "names", files, nargs="+", metavar="name")
    add("record-lite", "folder", "with ONNX files of one input, as export writes them")
    add("record-lite", "--out", "the record to write (JSON)", required=True, metavar="FILE")
    add("record-lite", "--threads", "numbers of threads, such as 1,2 (default: 1)", default="1", metavar="N,N")
    add("record-lite", "--batch-size", "numbers of images (default: 1)", default="1", metavar="N,N")
    add("export", "--out", "the ONNX file to write", required=True, metavar="FILE")
    add("time", "--threads", "of one operation on a CPU, such as 1,2 (default: as PyTorch is set)", metavar="N,N")
    runs = "eager (PyTorch as it is, the default), compile (torch.compile) or onnxruntime"
    add("time", "--runtime", f"{runs}; or several of them", default="eager", metavar="RUNTIME,RUNTIME")
    runs = "eager (the default) or onnxruntime"
    add("record", "--runtime", f"who runs what is timed: {runs}", default="eager", choices=("eager", "onnxruntime"))
    runs = f"with --measure: {runs}"
    add("predict", "--runtime", runs, default="eager", choices=("eager", "onnxruntime"))
    add("study", "name", "a study; without one, they are listed", nargs="?")
    add("study", "--seeds", "so many runs of each variant (default: 5)", type=int, default=5, metavar="N")
    add("study", "--only", "variants (default: all)", nargs="+", default=[], metavar="variant")
    add("study", "--workers", "processes (default on a CPU: as many as cores)", type=int, metavar="N")
    add("record", "--only", "networks (default: all)", nargs="+", default=[], metavar="name")
    add("train record", "--limit", "use only so many training images", type=int, metavar="N")
    add("train record", "--test-limit", "use only so many test images", type=int, metavar="N")
    add("train", "--out", "write the run's record here (JSON)", metavar="FILE")
    add("record study", "--out", "for the records (default: results)", default="results", metavar="DIR")
    add(
        "train",
        "--checkpoint",
        "written every epoch; an interrupted run goes on from it (default with --out: a file beside the record, "
        "deleted when the record is written)",
        metavar="FILE",
    )
    add("train", "--workers", "processes that read images from folders", type=int, metavar="N")
    both = "forward, training or both (default; ONNX Runtime: forward)"
    add("time", "--steps", both, metavar="STEP,STEP")
    add("count compare", "--batch-size", "images in the batch (default: 1)", type=int, default=1)
    add("time predict", "--batch-size", "images, such as 1,64 (default: 1)", default="1", metavar="N,N")
    formats = "off, bfloat16, float16, for ONNX Runtime int8, or several of them (default: off)"
    add("time", "--amp", formats, default="off", type=number_formats, metavar="FORMAT,FORMAT")
    one = "with --measure: number format to measure the device in (default: off)"
    add("predict", "--amp", one, type=number_formats, metavar="FORMAT")
    add("time", "--seconds", "of samples for each number (default: 1)", type=float, default=1.0)
    budget = "begin nothing that is likely to end later; the same command goes on from there"
    add("record study", "--budget-minutes", budget, type=float, metavar="M")
    add(
        "train record",
        "--data",
        "fashion_mnist (8,000 + 2,000 images that are here already), fashion_mnist_full, cifar10, imagenette, shapes "
        "or imagefolder:DIR (default: fashion_mnist)",
        default="fashion_mnist",
    )
    add("train record", "--epochs", "passes over the training set (default: 15)", type=int)
    add(
        "train record",
        "--recipe",
        "a setting of TrainConfig, such as learning_rate=0.05, or a JSON file of settings; may be given several "
        "times, and the last one counts",
        action="append",
        default=[],
        metavar="setting=value|FILE.json",
    )
    add("train time record study", "--device", "auto, cpu, cuda or mps (default: auto)", default="auto")
    add("time record", "--profile", "of this device (see predict), for the predictions", metavar="FILE")
    add("predict", "--profile", "of the device (default: the recorded CPU's)", metavar="FILE")
    several = {"action": "append", "type": pair, "default": [], "metavar": "option=value", "dest": "options"}
    option = "an option of the network, such as width_mult=0.5 or small_input=yes; may be given several times"
    add("count compare train time predict export", "--set", option, **several)
    sized = "count compare time predict export record-lite"
    add(sized, "--input-size", "side of the square images", type=int, metavar="PIXELS")
    for flag, (names, text) in _SWITCHES.items():
        add(names, flag, text, nargs="?", const=True, default=False, type=switch, metavar="yes|no")
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

    options = _options(args, name)
    with torch.device(device):
        model = get_model(name, **options).eval()
    side = args.input_size
    if side is None:
        side = default_input_size(name, options.get("small_input", False))
    return model, count(model, (args.batch_size, 3, side, side))


def _count(args: argparse.Namespace) -> tuple[dict, str]:
    _, table = _counted(args.name, args)
    return {"name": args.name, "options": _options(args, args.name), **table.to_dict()}, str(table)


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
    """The settings of a training: defaults, then files and single settings in the order given, then ``--epochs``.

    What ends in ``.json`` or is the name of a file is a file, also with an equals sign in it.
    """
    from lightnets_edu.training import TrainConfig
    from lightnets_edu.training.catalogue import default_image_size

    truths = {field.name for field in fields(TrainConfig) if "bool" in str(field.type)}
    values: dict[str, object] = {"image_size": default_image_size(args.data)}
    for text in args.recipe:
        if "=" not in text or text.endswith(".json") or os.path.isfile(text):
            values |= TrainConfig.settings_from_file(text)
        else:
            name, value = map(str.strip, text.split("=", 1))
            truth = name in truths and value.lower() in TRUTH
            values[name] = TRUTH[value.lower()] if truth else literal(value)
    if args.epochs is not None:
        values["epochs"] = args.epochs
    if "warmup_epochs" not in values and values.get("epochs") == 1:
        values["warmup_epochs"] = 0.25  # the default of one epoch would be the whole run
    return TrainConfig.from_dict(values)


def _say(line: object) -> None:
    if sys.stderr is not None:  # as it is where the stream was closed; print would take the output for it
        print(line, file=sys.stderr, flush=True)


def _train(args: argparse.Namespace) -> tuple[dict, str] | None:
    from lightnets_edu.recording import network_options, network_record, train_network
    from lightnets_edu.records import save_record
    from lightnets_edu.runtime.files import check_writable
    from lightnets_edu.training import load_dataset
    from lightnets_edu.training.distributed import World, one_by_one, process_group

    config, chosen = _recipe(args), _options(args, args.name)
    checkpoint = args.checkpoint or (f"{args.out}.checkpoint" if args.out else None)
    with process_group(args.device) as device:
        first = World.current().is_first
        if args.out and first:
            check_writable(args.out)
        sets = [
            one_by_one(partial(load_dataset, args.data, split, limit))
            for split, limit in (("train", args.limit), ("test", args.test_limit))
        ]
        options = network_options(args.name, config, len(sets[0].class_names), chosen)
        running = {"progress": not args.json, "workers": args.workers, "on_epoch": _say if first else None}
        result = train_network(args.name, options, config, *sets, device=device, checkpoint=checkpoint, **running)
        if not first:
            return None
        record = network_record(args.name, options, config, result=result)
        if args.out:
            save_record(args.out, record)
            if checkpoint and not args.checkpoint:
                os.remove(checkpoint)
    return record, f"{args.name}: {result.last_test_accuracy:.2%} of the test images right after {config.epochs} epochs"


def _numbers(argument: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{argument} {text!r} should be whole numbers with commas between, such as 1,64") from None


def _time(args: argparse.Namespace) -> tuple[dict, str]:
    from lightnets_edu.recording import StepSetting, format_rows, measure_step
    from lightnets_edu.runtime import describe_environment

    steps = args.steps or "forward,training"
    settings = [
        StepSetting(
            step,  # type: ignore[arg-type]  # the setting itself refuses other words
            batch,
            args.input_size,
            amp,
            args.channels_last,
            runtime=runtime,
            threads=threads,
            seconds=args.seconds,
        )
        for runtime in args.runtime.split(",")
        for amp in args.amp.split(",")
        for step in ("forward" if runtime == "onnxruntime" and not args.steps else steps).split(",")
        for threads in (_numbers("--threads", args.threads) if args.threads else (None,))
        for batch in _numbers("--batch-size", args.batch_size)
    ]
    measure = partial(measure_step, device="cpu" if args.runtime == "onnxruntime" else args.device)
    rows = _rows(args, settings, _files_too(partial(measure, profile=_profile(args))))
    return {"environment": describe_environment(args.device), "timings": rows}, format_rows(rows)


def _files_too(measure: Callable[..., dict]) -> Callable[..., dict]:
    """Also times ONNX files, which have a name that ends with ``.onnx``."""
    from lightnets_edu.recording import measure_file

    def step(name: str, options: dict, setting: StepSetting) -> dict:
        if not name.endswith(".onnx"):
            return measure(name, options, setting)
        if setting.runtime != "onnxruntime":
            raise ValueError(f"{name!r} is an ONNX file, which PyTorch does not run: add --runtime onnxruntime")
        return measure_file(name, setting)

    return step


def _export(args: argparse.Namespace) -> tuple[dict, str]:
    from lightnets_edu.deployment import calibration_images, export_onnx, own_network, quantise_onnx
    from lightnets_edu.models import default_input_size, get_model
    from lightnets_edu.runtime.files import check_writable

    check_writable(args.out)
    if ":" in args.name:
        options = {option: literal(text) for option, text in args.options}
        model, side = own_network(args.name, options), args.input_size or 224
    else:
        options = _options(args, args.name)
        side = args.input_size or default_input_size(args.name, options.get("small_input", False))
        model = get_model(args.name, **options)
    done = export_onnx(model, args.out, (3, side, side))
    answer = {"file": str(done.path), "input_size": [None, *done.input_size], "nodes": done.nodes}
    answer |= {"name": args.name, "options": options, "largest_difference": done.difference}
    text = str(done)
    if args.int8:
        second = done.path.with_suffix(".int8.onnx")
        quantise_onnx(done.path, second, calibration_images(side))
        answer["int8_file"] = str(second)
        text += f"\n{second}: {second.stat().st_size / 1e6:.1f} MB, the same in int8"
    return answer, text


def _record_lite(args: argparse.Namespace) -> tuple[dict, str]:
    from lightnets_edu.deployment import record_lite

    threads, batches = _numbers("--threads", args.threads), _numbers("--batch-size", args.batch_size)
    record = record_lite.record_folder(args.folder, args.out, threads, batches, args.input_size, say=_say)
    return record, f"{len(record['timings'])} timings written to {args.out}"


def _profile(args: argparse.Namespace) -> DeviceProfile | None:
    from lightnets_edu.timing import DeviceProfile

    return DeviceProfile.load(args.profile) if args.profile else None


def _rows(args: argparse.Namespace, settings: Sequence[StepSetting], step: Callable[..., dict]) -> list[dict]:
    """What a step takes for each network and setting."""
    return [{"model": name, **step(name, _options(args, name), setting)} for name in args.names for setting in settings]


def _predict(args: argparse.Namespace, measurer: Callable[..., DeviceProfile] | None = None) -> tuple[dict, str]:
    """Predict from a profile: the recorded one, one that is given, or one that ``measurer`` makes first.

    Raises:
        ValueError: If what is to be measured is said without ``--measure``, or there is no file to write it to.
        OSError: If that file cannot be written.
    """
    from lightnets_edu.recording import StepSetting, format_rows, predict_network
    from lightnets_edu.records import recorded_file
    from lightnets_edu.runtime.files import check_writable
    from lightnets_edu.timing import DeviceProfile

    settings = [StepSetting("forward", batch, args.input_size) for batch in _numbers("--batch-size", args.batch_size)]
    if args.measure:
        if not args.profile:
            raise ValueError("--measure needs --profile FILE, to which it writes what it measures")
        check_writable(args.profile)
        _measured_profile(args, measurer).save(args.profile)
    elif args.amp or args.channels_last or args.runtime != "eager":
        given = "--amp" if args.amp else "--channels-last" if args.channels_last else "--runtime"
        raise ValueError(
            f"{given} needs --measure: what is there was measured in a number format, a memory format and a runtime of "
            "its own"
        )
    profile = DeviceProfile.load(args.profile or recorded_file("cpu", "profile"))
    rows = _rows(args, settings, partial(predict_network, profile=profile))
    if not args.profile:
        device = profile.environment["device_name"]
        _say(f"lightnets predict: for the recorded {device}, since no --profile of this device is given")
    return {"environment": profile.environment, "timings": rows}, format_rows(rows)


def _measured_profile(args: argparse.Namespace, measurer: Callable[..., DeviceProfile] | None) -> DeviceProfile:
    """The profile of this device for a runtime."""
    from lightnets_edu.deployment import measure_onnxruntime_profile
    from lightnets_edu.timing import measure_profile

    if args.runtime == "eager":
        measure = measurer or measure_profile
        return measure(amp=args.amp or "off", channels_last=args.channels_last, progress=not args.json)
    if args.amp or args.channels_last:
        raise ValueError("--runtime onnxruntime is measured in float32 and in a memory format of its own")
    measure = measurer or measure_onnxruntime_profile
    return measure(progress=not args.json)


def _check_alone(args: argparse.Namespace, switch: str, *used: str) -> None:
    """Check that nothing is given beside a switch that it has no use for.

    Raises:
        ValueError: If something is.
    """
    defaults = vars(_parser().parse_args([args.command]))
    used = (*used, switch.replace("-", "_"))
    if idle := [name for name, value in vars(args).items() if name not in used and value != defaults[name]]:
        raise ValueError(
            f"--{switch} has no use for --{idle[0].replace('_', '-')}: beside it stand only "
            + ", ".join(f"--{name}" for name in used[:-1])
        )


def _record(args: argparse.Namespace) -> tuple[dict, str]:
    from lightnets_edu.recording import (
        Plan,
        default_timings,
        device_folder,
        predict_again,
        record_designs,
        record_guidelines,
        record_networks,
        record_operations,
        record_races,
    )
    from lightnets_edu.runtime import resolve_device

    device = resolve_device(args.device)
    for name, recorder in (("guidelines", record_guidelines), ("races", record_races)):
        if getattr(args, name):
            _check_alone(args, name, "out", "device", "json")
            path = recorder(args.out, device)
            return {"file": str(path)}, f"written to {path}"
    if args.designs:
        _check_alone(args, "designs", "out", "device", "json", "no_train", "no_time")
        trains, times = not args.no_train, not args.no_time
        path = record_designs(args.out, device, trains=trains, times=times, progress=not args.json)
        return {"file": str(path)}, f"written to {path}"
    if args.operations:
        _check_alone(args, "operations", "out", "device", "json", "only")
        path = record_operations(args.out, *([args.only] if args.only else []), progress=not args.json)
        return {"file": str(path)}, f"written to {path}"
    if args.predict_again:
        _check_alone(args, "predict-again", "out", "device", "json", "profile", "only")
        if (profile := _profile(args)) is None:
            raise ValueError("--predict-again needs --profile FILE, from which it predicts")
        number = predict_again(Path(args.out, device_folder(device, profile.runtime)), profile, args.only)
        return {"predicted": number}, f"{number} timings predicted again"
    plan = Plan(
        config=_recipe(args),
        data=args.data,
        train_images=args.limit,
        test_images=args.test_limit,
        train=not args.no_train,
        timings=() if args.no_time else default_timings(device, runtime=args.runtime),
        profile=_profile(args),
        runtime=args.runtime,
    )
    how = {"device": device, "budget_minutes": args.budget_minutes, "again": args.again, "say": _say}
    outcome = record_networks(args.only, plan, folder=args.out, **how)
    if outcome.failed:
        raise _Failures(str(outcome))
    return vars(outcome), str(outcome)


def _study(args: argparse.Namespace) -> tuple[dict, str] | None:
    from lightnets_edu.recording.studies import command

    return command.answer(args)


_COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], tuple[dict, str] | None], str]] = {
    "list": (_list, "the networks and their options"),
    "count": (_count, "parameters, MACs, activations and memory access, layer by layer"),
    "compare": (_compare, "networks side by side, or one network through several counters"),
    "train": (_train, "train a network and record the run; under torchrun, on several GPUs or machines"),
    "time": (_time, "time steps of networks, measure their memory, predict both"),
    "predict": (_predict, "predict the time of a forward pass from a device's profile"),
    "export": (_export, "write a network as an ONNX file, and check what ONNX Runtime makes of it"),
    "record": (_record, "train and time all networks, one record each"),
    "record-lite": (_record_lite, "time a folder of ONNX files; the same file runs alone, without PyTorch"),
    "study": (_study, "test a paper's claim: several variants, several seeds, a verdict"),
}


class _Failures(RuntimeError):
    """What failed, one line each."""


def _answer(args: argparse.Namespace) -> int:
    """Carry out a command and print its answer; returns the exit status."""
    try:
        answer = _COMMANDS[args.command][0](args)
    except BrokenPipeError:
        raise
    except (ValueError, NotImplementedError, ImportError, RuntimeError, OSError) as error:
        _say(f"lightnets {args.command}: {error if isinstance(error, _Failures) else ' '.join(str(error).split())}")
        return 2
    if answer is not None:  # of several processes, one answers
        data, text = answer
        print(json.dumps(data, indent=2) if args.json else text)
    return 0


def _write_nowhere() -> None:
    """Give up standard output, so that Python does not try once more to write what is left when it ends."""
    with suppress(OSError, ValueError):  # not every stream is a file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Characters that the console lacks are replaced.

    Returns:
        The exit status: 0, 2 after a sentence on stderr about what was asked wrongly, or 141 if nobody reads the
        output any more.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        try:
            return _answer(_parser().parse_args(with_values(sys.argv[1:] if argv is None else argv, _SWITCHES)))
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        _write_nowhere()
        return CLOSED_PIPE
    except OSError as error:
        _write_nowhere()
        _say(f"lightnets: the output cannot be written ({error.strerror})")
        return 2
