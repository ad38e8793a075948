"""Does it learn? Data, a training loop and checkpoints."""

from lightnets_edu.records import recorded_file
from lightnets_edu.training.batches import Batches
from lightnets_edu.training.catalogue import list_datasets, load_dataset
from lightnets_edu.training.checkpoints import CheckpointBytes, CheckpointError, checkpoint_bytes, seed_everything
from lightnets_edu.training.config import TrainConfig
from lightnets_edu.training.data import DatasetError, ImageDataset, Normalisation
from lightnets_edu.training.evaluation import BatchTooLargeError, evaluate
from lightnets_edu.training.fashion_mnist import load_fashion_mnist
from lightnets_edu.training.folders import FolderBatches, FolderDataset, load_image_folder
from lightnets_edu.training.loop import train
from lightnets_edu.training.results import EpochRecord, TrainResult
from lightnets_edu.training.shapes import load_shapes, make_shapes
from lightnets_edu.training.steps import TrainingDivergedError, learning_rate_at
from lightnets_edu.training.torchvision_sets import load_cifar10, load_imagenette

__all__ = [
    "BatchTooLargeError",
    "Batches",
    "CheckpointBytes",
    "CheckpointError",
    "DatasetError",
    "EpochRecord",
    "FolderBatches",
    "FolderDataset",
    "ImageDataset",
    "Normalisation",
    "TrainConfig",
    "TrainResult",
    "TrainingDivergedError",
    "checkpoint_bytes",
    "evaluate",
    "learning_rate_at",
    "list_datasets",
    "load_cifar10",
    "load_dataset",
    "load_fashion_mnist",
    "load_image_folder",
    "load_imagenette",
    "load_shapes",
    "make_shapes",
    "recorded_file",
    "seed_everything",
    "train",
]
