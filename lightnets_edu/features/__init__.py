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
from lightnets_edu.features.norms import settle_batch_norms
from lightnets_edu.features.redundancy import (
    Reconstruction,
    Redundancy,
    Twin,
    nearest_twins,
    reconstruct,
    redundancy,
    shuffled_control,
    similarity,
)
from lightnets_edu.features.similar_blocks import Similarity, block_similarity
from lightnets_edu.features.stages import stage_blocks

__all__ = [
    "Reconstruction",
    "Redundancy",
    "Similarity",
    "Twin",
    "block_similarity",
    "capture",
    "capture_gates",
    "class_specificity",
    "closed_gate",
    "gate_modules",
    "gates_by_class",
    "nearest_twins",
    "permuted_specificity",
    "reconstruct",
    "redundancy",
    "replaced_gates",
    "settle_batch_norms",
    "shuffled_control",
    "similarity",
    "stage_blocks",
]
