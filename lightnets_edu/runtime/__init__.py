"""Where does it run? The device and its environment, files that are written whole."""

from lightnets_edu.runtime.environment import describe_environment, resolve_device

__all__ = ["describe_environment", "resolve_device"]
