"""Every architecture of timm, torchvision and pytorchcv is counted exactly, or refused by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from tests.counting.architectures import pytorchcv_names, pytorchcv_network, timm_names, timm_network, verdict

# Their forwards end with a search for the highest places of their maps, which can be left out.
POSES = """alphapose_fastseresnet101b_coco simplepose_resnet18_coco simplepose_resnet50b_coco simplepose_resnet101b_coco
    simplepose_resnet152b_coco simplepose_resneta50b_coco simplepose_resneta101b_coco simplepose_resneta152b_coco
    simplepose_mobile_resnet18_coco simplepose_mobile_resnet50b_coco simplepose_mobile_mobilenet_w1_coco
    simplepose_mobile_mobilenetv2b_w1_coco simplepose_mobile_mobilenetv3_large_w1_coco
    simplepose_mobile_mobilenetv3_small_w1_coco""".split()
# These compute with what they have found: parts of the image, points, or places that a mask leaves.
SEARCHING = ["ntsnet_cub", "superpointnet", "propainter"]
LIBROSA = ("jasper", "quartznet")  # networks for sound, which cannot be built without it


def tally(names: Iterable[str], network: Callable) -> dict[str, str]:
    """The verdict on each network."""
    verdicts = {}
    for name in names:
        try:
            model, size = network(name)
        except Exception as error:  # it is another library's network
            verdicts[name] = f"not built: {error}"
        else:
            verdicts[name] = verdict(model, size)
    return verdicts


def differing(found: dict[str, str], expected: dict[str, str]) -> dict[str, str]:
    """The verdicts that are not as expected: ``exact`` where nothing else is said."""
    return {name: words for name, words in found.items() if words != expected.get(name, "exact")}


def test_timm(capsys):
    found = tally(timm_names(), timm_network)
    counts = Counter(found.values())
    wrong = differing(found, {name: "refused" for name in found if found[name] == "refused"})
    with capsys.disabled():
        print(f"\ntimm: {counts}")
    assert not wrong and counts["exact"] >= 0.98 * counts.total()


def test_pytorchcv(capsys):
    found = tally(pytorchcv_names(), pytorchcv_network)
    with capsys.disabled():
        print(f"\npytorchcv: {Counter(found.values())}")
    expected = dict.fromkeys((*POSES, *SEARCHING), "refused")
    expected |= {name: "not built: No module named 'librosa'" for name in found if name.startswith(LIBROSA)}
    assert differing(found, expected) == {} and expected.keys() <= found.keys()


def test_the_maps_of_the_networks_for_poses():
    def maps(name):
        model, size = pytorchcv_network(name)
        model.return_heatmap = True
        return model, size

    assert differing(tally(POSES, maps), {}) == {}
