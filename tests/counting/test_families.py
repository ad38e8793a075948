"""Networks of every kind that other libraries have. ``make matrix`` counts all networks of timm and pytorchcv."""

import pytest
import torch
import torchvision
from architectures import timm_families, timm_network, verdict
from torch.utils.flop_counter import FlopCounterMode

from lightnets_edu import count
from lightnets_edu.counting import UnsupportedOperationError


@pytest.mark.parametrize("name", timm_families())
def test_a_family_of_timm_is_exact(name):
    assert verdict(*timm_network(name)) == "exact"


SIZES = {
    "segmentation": [(1, 3, 96, 96)],
    "video": [(1, 3, 16, 112, 112)],
    "optical_flow": [(1, 3, 128, 128), (1, 3, 128, 128)],
    "quantization": [(1, 3, 224, 224)],
    "detection": [[(3, 96, 96)]],
}
SIDES = {"mvit_v1_b": 224, "mvit_v2_s": 224, "s3d": 224}
KINDS = [
    (name, kind)
    for name in torchvision.models.list_models()
    for kind in SIZES
    if f".{kind}." in f"{torchvision.models.get_model_builder(name).__module__}."
]


def build(name: str, **options):
    if "detection" in torchvision.models.get_model_builder(name).__module__ or name.startswith(
        ("deeplab", "fcn", "lraspp")
    ):
        options["weights_backbone"] = None
    if name in ("quantized_googlenet", "quantized_inception_v3"):
        options["init_weights"] = False
    return torchvision.models.get_model(name, weights=None, **options).eval()


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_other_tasks_of_torchvision(name, kind):
    with torch.device("meta"):
        model = build(name)
    sizes = SIZES[kind]
    if name in SIDES:
        sizes = [(*sizes[0][:-2], SIDES[name], SIDES[name])]
    if kind == "detection":
        with pytest.raises(UnsupportedOperationError, match=r"depends on the values .*\.py, line \d+"):
            count(model, sizes)
        return
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(*(torch.empty(size, device="meta") for size in sizes))
    assert count(model, sizes).macs == counter.get_total_flops() // 2


@pytest.mark.parametrize("name", ["ssdlite320_mobilenet_v3_large", "retinanet_resnet50_fpn"])
def test_a_detectors_backbone_is_counted(name):
    with torch.device("meta"):
        backbone = build(name).backbone
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        backbone(torch.empty(1, 3, 96, 96, device="meta"))
    assert count(backbone, (1, 3, 96, 96)).macs == counter.get_total_flops() // 2


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "shufflenet_v2_x0_5"])
def test_quantized_networks_multiply_as_often_as_their_originals(name):
    assert count(build(f"quantized_{name}", quantize=True)).macs == count(build(name)).macs


@pytest.mark.filterwarnings("ignore")
def test_dynamically_quantized_layers():
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))
    quantized = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear})
    assert count(quantized, (2, 8)).macs == count(model, (2, 8)).macs
