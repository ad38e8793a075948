"""What is it? One file a paper: its block, its table, its network."""

from lightnets_edu.models.mobilenet_v1 import mobilenet_v1
from lightnets_edu.models.registry import default_input_size, get_model, list_models, model_options

__all__ = ["default_input_size", "get_model", "list_models", "mobilenet_v1", "model_options"]
