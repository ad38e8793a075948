"""One step of gradient descent: the learning rate, the parameters that decay, and what is said when it fails."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightnets_edu.runtime.environment import autocast, compiled
from lightnets_edu.training.config import TrainConfig
from lightnets_edu.training.distributed import World
from lightnets_edu.training.outputs import checked_logits

TRAINING_LOSS, TEST_LOSS = "training loss", "test loss"


class TrainingDivergedError(RuntimeError):
    """The loss is no longer a finite number."""


def learning_rate_at(step: int, total_steps: int, warmup_steps: int, peak: float) -> float:
    """The learning rate of one step: a linear warm-up, then half a cosine down towards 0.

    Warm-up after Goyal et al. 2017 (arXiv:1706.02677, section 2.2); cosine after Loshchilov and Hutter 2017
    (arXiv:1608.03983, equation 5, without restarts and with the lowest rate 0).

    Args:
        step: The step, from 0 to ``total_steps`` (at which the rate is 0; the last step taken is one before).
        total_steps: Steps of the whole run.
        warmup_steps: Steps of the rise: step 0 has peak / warmup_steps, the last of them the peak.
        peak: The highest rate.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the parameters into decayed ones (two dimensions or more: weights) and others (biases and BN).

    Without it, decay would pull BN's scale to 0, which shrinks no weight that matters (He et al. 2019,
    arXiv:1812.01187, section 3.1, "no bias decay").
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]


class Stepper:
    """A network and what changes it from step to step.

    Args:
        model: The network, which lies on the device.
        config: The settings.
        device: From ``resolve_device``.
        amp: From ``resolve_amp``.
        world: The processes that share the work.
        classes: Classes of the training set.
        steps_per_epoch: Steps in an epoch.
    """

    def __init__(
        self,
        model: nn.Module,
        config: TrainConfig,
        *,
        device: torch.device,
        amp: str,
        world: World,
        classes: int,
        steps_per_epoch: int,
    ) -> None:
        self.model, self.config, self.device, self.amp, self.world = model, config, device, amp, world
        self.classes, self.steps_per_epoch = classes, steps_per_epoch
        groups, nesterov = parameter_groups(model, config.weight_decay), config.momentum > 0
        self.optimizer = torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=nesterov)
        self.scaler = torch.amp.GradScaler(device.type, enabled=amp == "float16")
        mode = config.compile if isinstance(config.compile, str) else None
        self.forward = compiled(model, mode) if config.compile else model
        self.train_forward = world.wrap(self.forward, device)  # averages gradients over all processes

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of it; ``load`` takes it back."""
        return {name: getattr(self, name).state_dict() for name in ("model", "optimizer", "scaler")}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from the state of an interrupted run."""
        for name in ("model", "optimizer", "scaler"):
            getattr(self, name).load_state_dict(state[name])

    def learning_rate(self, step: int) -> float:
        """The rate of a step, counted over all epochs."""
        return learning_rate_at(
            step,
            total_steps=self.config.epochs * self.steps_per_epoch,
            warmup_steps=round(self.config.warmup_epochs * self.steps_per_epoch),
            peak=self.config.learning_rate,
        )

    def take(self, step: int, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One step of gradient descent; returns the loss and the number of right answers, on the device.

        Raises:
            ValueError: If the network gives anything but logits, or no gradient comes back from them.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(step)
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.device, self.amp):
            output = self.train_forward(images)
        logits = checked_logits(output, len(images), self.classes).float()
        if not logits.requires_grad:
            raise ValueError(
                "no gradient comes back from the network's output: let some parameters require gradients, and do not "
                "run the forward under torch.no_grad or detach its output."
            )
        loss = F.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.detach(), (logits.detach().argmax(1) == labels).sum()

    def check(self, what: str, losses: Tensor, first: int) -> None:
        """Look at the losses of the steps from ``first`` on, counted over all epochs from 0.

        Args:
            what: ``TRAINING_LOSS``, computed before each step changes the weights, or ``TEST_LOSS``.
            losses: One a step.
            first: The first of the steps.

        Raises:
            TrainingDivergedError: If one is not a finite number; the sentence names its step and says what to try.
        """
        bad = (~torch.isfinite(losses)).nonzero()
        if not len(bad):
            return
        step = first + int(bad[0])
        place = (
            f"the {what} is {float(losses[bad[0]])} in epoch {step // self.steps_per_epoch + 1} at step {step + 1} of "
            f"{self.config.epochs * self.steps_per_epoch}"
        )
        wider = "" if self.amp == "off" else ", or try amp='off'"
        if step == 0 and what == TRAINING_LOSS:
            raise TrainingDivergedError(
                f"{place}, before anything was learned: the network's outputs are not finite numbers. "
                f"Look at its starting weights{wider}."
            )
        raise TrainingDivergedError(
            f"{place}, with the learning rate {self.learning_rate(step):.4g}: the weights have grown beyond what "
            f"{'float32' if self.amp == 'off' else self.amp} can hold, and the run cannot recover. "
            f"Try a learning_rate of {self.config.learning_rate / 10:.3g}, or more warmup_epochs than "
            f"{self.config.warmup_epochs:g}{wider}."
        )
