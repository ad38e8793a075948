"""What did it learn? Feature maps of real networks, how redundant they are, and what gates do with them."""

from lightnets_edu.features.capture import capture
from lightnets_edu.features.gates import (
    capture_gates,
    class_specificity,
    closed_gate,
    gate_modules,
    gates_by_class,
    permuted_specificity,
    replaced_gates,
)
from lightnets_edu.features.ghosts import (
    Answers,
    Ghosts,
    answers_with_ghosts,
    find_ghosts,
    nonlinearities,
    redundancy_by_layer,
    replaced,
)
from lightnets_edu.features.norms import settle_batch_norms
from lightnets_edu.features.photos import Photos, imagenet_classes, load_photos
from lightnets_edu.features.redundancy import (
    Reconstruction,
    Redundancy,
    Twin,
    nearest_twins,
    reconstruct,
    redundancy,
    shuffled_control,
    shuffled_pixels,
    similarity,
)
from lightnets_edu.features.similar_blocks import Similarity, block_similarity, pointwise_r2
from lightnets_edu.features.stages import stage_blocks

__all__ = [
    "Answers",
    "Ghosts",
    "Photos",
    "Reconstruction",
    "Redundancy",
    "Similarity",
    "Twin",
    "answers_with_ghosts",
    "block_similarity",
    "capture",
    "capture_gates",
    "class_specificity",
    "closed_gate",
    "find_ghosts",
    "gate_modules",
    "gates_by_class",
    "imagenet_classes",
    "load_photos",
    "nearest_twins",
    "nonlinearities",
    "permuted_specificity",
    "pointwise_r2",
    "reconstruct",
    "redundancy",
    "redundancy_by_layer",
    "replaced",
    "replaced_gates",
    "settle_batch_norms",
    "shuffled_control",
    "shuffled_pixels",
    "similarity",
    "stage_blocks",
]
