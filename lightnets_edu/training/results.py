"""What a training run gives: a record of each epoch, and the result of all of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lightnets_edu.training.config import TrainConfig
from lightnets_edu.training.data import Normalisation


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of a run."""

    epoch: int  # counted from 1
    train_loss: float  # mean over the epoch's steps, of the label-smoothed loss
    train_accuracy: float  # part of the training images that were right when their step came, 0 … 1
    test_loss: float  # cross-entropy on the whole test set after the epoch, not smoothed
    test_accuracy: float  # part of the test images that are right after the epoch, 0 … 1
    learning_rate: float  # of the epoch's last step
    seconds: float  # training and test together

    def __str__(self) -> str:
        """One line, for ``on_epoch=print``."""
        return (
            f"epoch {self.epoch}: loss {self.train_loss:.3f} in training, {self.test_loss:.3f} in the test; right "
            f"{self.train_accuracy:.1%} and {self.test_accuracy:.1%}; {self.seconds:.1f} s"
        )


@dataclass(frozen=True)
class TrainResult:
    """What a run gives, beside the trained network.

    Attributes:
        model: Class name of the network.
        parameters: Number of trainable values.
        config: The settings.
        history: The record of each epoch, in order.
        environment: See ``describe_environment``, plus the ``amp`` and ``channels_last`` that "auto" came to, and the
            number of ``processes`` that shared the work.
        data: The two sets' ``describe()`` under ``train`` and ``test``, and the ``normalisation`` (mean and
            std).
    """

    model: str
    parameters: int
    config: TrainConfig
    history: tuple[EpochRecord, ...]
    environment: dict[str, Any]
    data: dict[str, Any]

    @property
    def last_test_accuracy(self) -> float:
        """Test accuracy after the last epoch: the number to report."""
        return self.history[-1].test_accuracy

    @property
    def seconds(self) -> float:
        """Time of all epochs, in seconds."""
        return sum(epoch.seconds for epoch in self.history)

    @property
    def normalisation(self) -> Normalisation:
        """The training set's statistics, with which every image was normalised."""
        return Normalisation(**{key: tuple(value) for key, value in self.data["normalisation"].items()})

    def to_record(self, model: str | None = None, options: dict[str, Any] | None = None) -> dict[str, Any]:
        """The dictionary that ``save_record`` writes.

        Args:
            model: The registry's name of the network (default: its class name).
            options: The registry's options that it was built with.
        """
        return {
            "schema": 1,
            "kind": "training",
            "model": model or self.model,
            "options": dict(options or {}),
            "parameters": self.parameters,
            "config": self.config.to_dict(),
            "data": self.data,
            "environment": self.environment,
            "history": [asdict(epoch) for epoch in self.history],
        }
