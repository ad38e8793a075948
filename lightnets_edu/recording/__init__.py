"""How was it measured? Runs of real networks, written down as one JSON file each, beside what was predicted of them.

It needs torch, torchvision, numpy and tqdm only, so that a bare GPU machine can record from a checkout.
"""

from lightnets_edu.recording.again import predict_again
from lightnets_edu.recording.design_record import DesignPlan, record_designs
from lightnets_edu.recording.guideline_record import record_guidelines
from lightnets_edu.recording.measurements import StepSetting, format_rows, measure_file, measure_step, predict_network
from lightnets_edu.recording.networks import network_options, network_record, start_without_norm, train_network
from lightnets_edu.recording.operation_record import record_operations
from lightnets_edu.recording.plan import Outcome, Plan, default_timings, device_folder, record_networks
from lightnets_edu.recording.races import Race, Side, get_race, list_races, record_races

__all__ = [
    "DesignPlan",
    "Outcome",
    "Plan",
    "Race",
    "Side",
    "StepSetting",
    "default_timings",
    "device_folder",
    "format_rows",
    "get_race",
    "list_races",
    "measure_file",
    "measure_step",
    "network_options",
    "network_record",
    "predict_again",
    "predict_network",
    "record_designs",
    "record_guidelines",
    "record_networks",
    "record_operations",
    "record_races",
    "start_without_norm",
    "train_network",
]
