"""The command line: ``python -m lightnets_edu list | count | compare | train``, also installed as ``lightnets``."""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Sequence
from typing import Any

from lightnets_edu._version import __version__


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
    training = commands.add_parser("train", help="train a network on small images and record the run")
    training.add_argument("name", help="a network; see list")
    training.add_argument("--data", default="fashion_mnist", help="the data set (default: fashion_mnist)")
    training.add_argument("--limit", type=int, help="use only so many training images")
    training.add_argument("--epochs", type=int, default=15, help="passes over the training set (default: 15)")
    training.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    training.add_argument("--out", metavar="FILE", help="write the run's record here (JSON)")
    training.add_argument(
        "--checkpoint", metavar="FILE", help="written every epoch; an interrupted run goes on from it"
    )
    training.add_argument(
        "--recipe", action="append", type=_option, default=[], metavar="setting=value",
        help="a setting of TrainConfig, such as learning_rate=0.05; may be given several times",
    )  # fmt: skip
    for command in (counting, counters, training):
        command.add_argument(
            "--set", action="append", type=_option, default=[], metavar="option=value", dest="options",
            help="an option of the network, such as width_mult=0.5; may be given several times",
        )  # fmt: skip
    for command in (counting, counters):
        command.add_argument("--input-size", type=int, metavar="PIXELS", help="side of the square images")
        command.add_argument("--batch-size", type=int, default=1, help="images in the batch (default: 1)")
    for command in (listing, counting, counters, training):
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _list(args: argparse.Namespace) -> tuple[dict, str]:
    from lightnets_edu.models import list_models, model_options

    options = {name: {o: p.default for o, p in model_options(name).items()} for name in list_models()}
    width = max(map(len, options))
    lines = [
        f"{name:<{width}}  {', '.join(f'{o}={default!r}' for o, default in values.items())}"
        for name, values in options.items()
    ]
    return {"models": options}, "\n".join(lines)


def _counted(name: str, args: argparse.Namespace, device: str = "meta"):
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


def _train(args: argparse.Namespace) -> tuple[dict, str]:
    from lightnets_edu.models import get_model
    from lightnets_edu.training import TrainConfig, load_dataset, save_record, seed_everything, train

    config = TrainConfig.from_dict({"epochs": args.epochs, **dict(args.recipe)})
    train_set, test_set = load_dataset(args.data, "train", args.limit), load_dataset(args.data, "test")
    options = {"num_classes": len(train_set.class_names), "small_input": True, **dict(args.options)}
    seed_everything(config.seed)
    model = get_model(args.name, **options)
    result = train(
        model, train_set, test_set, config, device=args.device, checkpoint=args.checkpoint, progress=not args.json,
        on_epoch=lambda epoch: print(epoch, file=sys.stderr),
    )  # fmt: skip
    record = result.to_record(args.name, options)
    if args.out:
        save_record(args.out, record)
    return record, f"{args.name}: {result.last_test_accuracy:.2%} of the test images right after {config.epochs} epochs"


_COMMANDS = {"list": _list, "count": _count, "compare": _compare, "train": _train}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit status: 0, or 2 after a sentence on stderr about what was asked wrongly.
    """
    args = _parser().parse_args(argv)
    try:
        data, text = _COMMANDS[args.command](args)
    except (ValueError, NotImplementedError, ImportError, RuntimeError, OSError) as error:
        print(f"lightnets {args.command}: {error}", file=sys.stderr)
        return 2
    print(json.dumps(data, indent=2) if args.json else text)
    return 0
