"""The settings of a training run."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from lightnets_edu.checks import one_of, real_number, whole_number
from lightnets_edu.runtime.environment import AMP_CHOICES


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults suit a small network on small images.

    Raises:
        ValueError: If a value is not allowed; the sentence says what is.
    """

    epochs: int = 15  # passes over the training set
    batch_size: int = 128  # images a step, of all processes together
    learning_rate: float = 0.1  # the peak, reached at the end of the warm-up
    momentum: float = 0.9  # Nesterov momentum; 0 is plain SGD
    weight_decay: float = 5e-4  # on the weights of convolutions and linear layers, not on BN or biases
    warmup_epochs: float = 1.0  # epochs of linear rise from near 0 to the peak; may be a fraction
    label_smoothing: float = 0.1  # part of the target spread evenly over all classes
    optimizer: Literal["sgd"] = "sgd"  # stochastic gradient descent, the only one here
    seed: int = 0  # of order, augmentation and dropout; seed the network's own weights before you build it
    amp: Literal["auto", "off", "bfloat16", "float16"] = "auto"  # auto: bfloat16 where CUDA has it natively, else off
    channels_last: bool | Literal["auto"] = "auto"  # memory format; auto: channels last on CUDA only
    # torch.compile: slow to begin, faster after; worth it for long GPU runs. On CUDA, "reduce-overhead" also records
    # CUDA graphs, so that small networks do not wait for Python to launch their many short kernels (more memory).
    compile: bool | Literal["reduce-overhead"] = False
    augment: bool = True  # random crops and horizontal flips; see Batches and FolderBatches
    image_size: int = 32  # height and width after padding, or of the crops of an image folder
    channels: int = 3  # what the network takes; grey images are repeated

    def __post_init__(self) -> None:
        """Check every field."""
        whole_number("epochs", self.epochs, 1)
        whole_number("batch_size", self.batch_size, 1)
        whole_number("image_size", self.image_size, 1)
        whole_number("seed", self.seed, 0, 2**32 - 1, why=" (NumPy takes no other seed)")
        one_of("channels", self.channels, (1, 3))
        one_of("optimizer", self.optimizer, ("sgd",))
        one_of("amp", self.amp, AMP_CHOICES)
        one_of("channels_last", self.channels_last, ("auto", True, False))
        one_of("compile", self.compile, (True, False, "reduce-overhead"))
        one_of("augment", self.augment, (True, False))
        infinity = float("inf")
        real_number("learning_rate", self.learning_rate, "a finite number above 0", (0, infinity), open_low=True)
        real_number("momentum", self.momentum, "at least 0 and below 1 (at 1 old gradients never fade)", (0, 1))
        real_number("weight_decay", self.weight_decay, "a finite number, at least 0", (0, infinity))
        real_number("label_smoothing", self.label_smoothing, "at least 0 and below 1 (1 hides the label)", (0, 1))
        real_number(
            "warmup_epochs",
            self.warmup_epochs,
            f"at least 0 and below epochs={self.epochs}, so that some epochs run at the full rate",
            (0, self.epochs),
        )

    def in_channels_last(self, device_type: str) -> bool:
        """What ``channels_last`` comes to on a type of device, such as ``"cuda"``."""
        return device_type == "cuda" if self.channels_last == "auto" else self.channels_last

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Build a configuration from ``to_dict``'s dictionary; fields left out keep their defaults.

        Raises:
            ValueError: If a name is unknown or a value is not allowed.
        """
        cls._check_names(values)
        return cls(**values)

    @classmethod
    def settings_from_file(cls, path: str | os.PathLike) -> dict[str, Any]:
        """Read settings from a JSON file: an object of names and values, or a recorded run, whose settings are taken.

        Raises:
            ValueError: If the file is no JSON object, or a name is unknown.
            OSError: If it cannot be read.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is no JSON ({error}): a recipe is a JSON file, and YAML is not read.") from error
        if not isinstance(values, dict):
            raise ValueError(f'{path} must hold a JSON object of settings, such as {{"epochs": 15}}.')
        values = values["config"] if isinstance(values.get("config"), dict) else values
        cls._check_names(values)
        return values

    @classmethod
    def _check_names(cls, values: Mapping[str, Any]) -> None:
        names = [field.name for field in fields(cls)]
        for name in values:
            if name not in names:
                close = difflib.get_close_matches(str(name), names, n=1)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                raise ValueError(f"{name!r} is no setting of TrainConfig{hint}; the settings are {', '.join(names)}.")
