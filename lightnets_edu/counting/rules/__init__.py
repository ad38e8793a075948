"""The rules of frequent operations: the shape of the result and what it costs.

The shapes follow the definitions in torch.nn's documentation. A rule takes those of torch's arguments that networks
use, by torch's names; for all others, and wherever it returns NotImplemented, PyTorch itself is asked
(`lightnets_edu.counting.meta`). `layers` has the layers of torch.nn, which hand their settings to the same rules.
"""
