"""One rule an operation: the shape of its result and what it costs.

The shapes follow the definitions in torch.nn's documentation. A rule takes what PyTorch's function of its name takes;
`layers` has the layers of torch.nn, which hand their settings to the same rules.
"""
