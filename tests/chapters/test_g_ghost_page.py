"""Chapter 13's widget and exercises: numbers are those of the real networks, for any share of ghosts."""

from __future__ import annotations

import pytest
import torch
from explorers import assert_totals, counted, shown
from torch import nn

from lightnets_edu import get_model
from lightnets_edu.chapters.g_ghost import likeness, study
from lightnets_edu.features import settle_batch_norms
from lightnets_edu.models import g_ghost_regnet
from lightnets_edu.models.g_ghost_regnet import GGhostStage
from lightnets_edu.pages.exercise import get_exercise
from lightnets_edu.pages.exercise.judging import judge
from lightnets_edu.recording.studies import get_study, quick_look
from lightnets_edu.training import load_fashion_mnist


def built(network, stages, size):
    """The real network's table."""
    if stages == "plain":
        return counted(lambda: get_model(f"regnet_x_{network}"), 1, 3, size, size)
    return counted(lambda: get_model(f"g_ghost_regnet_x_{network}", variant=stages), 1, 3, size, size)


@pytest.mark.parametrize(
    ("network", "stages", "size"),
    [
        *(
            (network, "official", size)
            for network, size in (("3_2gf", 224), ("400mf", 96), ("16gf", 160), ("600mf", 80))
        ),
        *(("3_2gf", "paper", 224), ("8_0gf", "paper", 64), ("200mf", "plain", 112)),
    ],
)
def test_explorer_equals_the_real_network(network, stages, size):
    numbers = shown("g_ghost_explorer", network=network, stages=stages, input_size=size)
    table = built(network, stages, size)
    assert_totals(numbers, table)
    assert_totals(numbers, built(network, "plain", size), "params", "macs", prefix="plain_")
    for stage in range(1, 5):
        inside = [row for row in table.rows if row.path.startswith(f"layer{stage}.")]
        assert numbers[f"stage_{stage}_params"] == sum(row.params for row in inside)


@pytest.mark.parametrize(
    ("share", "stages", "network"),
    [(0.25, "official", "3_2gf"), (0.75, "official", "1_6gf"), (0.35, "paper", "800mf"), (0.9, "official", "400mf")],
)
def test_any_share_equals_a_network_that_is_split_so(share, stages, network, monkeypatch):
    """The code's own expression, in its own floating point where that is exact."""

    def split(out_channels, group_width, _default):
        width = int(group_width * 0.75)
        thin = int(out_channels * round(100 - 100 * share) / 100 / width) * width
        return thin, out_channels - thin, width

    monkeypatch.setattr(g_ghost_regnet, "split_channels", split)
    numbers = shown("g_ghost_explorer", network=network, stages=stages, cheap_share=share)
    assert_totals(numbers, built(network, stages, 224))


def test_parts_are_those_of_the_modules():
    numbers = shown("g_ghost_explorer", network="4_0gf")
    with torch.device("meta"):
        model = get_model("g_ghost_regnet_x_4_0gf")
    stages = [module for module in model.modules() if isinstance(module, GGhostStage)]
    for part, name in {"first": "base", "thin": "layers", "cheap": "cheap", "merge": "merge", "last": "end"}.items():
        weights = sum(p.numel() for stage in stages for p in getattr(stage, name).parameters())
        assert numbers[f"{part}_params"] == weights


def test_plain_stages_have_no_parts():
    numbers = shown("g_ghost_explorer", stages="plain", cheap_share=0.9)
    assert {numbers[f"{part}_macs"] for part in ("first", "thin", "cheap", "merge", "last")} == {0}
    assert numbers["macs_left"] == 100


def test_a_share_that_leaves_no_group_is_explained():
    with pytest.raises(ValueError, match="one group of 90 channels"):
        shown("g_ghost_explorer", network="8_0gf", cheap_share=0.75)


def test_answers_are_those_of_real_modules():
    stage = GGhostStage(192, 432, 15, 48)
    weights = sum(m.weight.numel() for m in stage.merge.modules() if isinstance(m, nn.Conv2d))
    assert get_exercise("g_ghost_correction_macs").expected == weights  # each is used once
    wide = GGhostStage(80, 240, 5, 120)
    assert get_exercise("g_ghost_real_share").expected == 100 * wide.cheap[0].out_channels / 240


def test_cka_may_be_written_with_gram_matrices():
    """Kornblith et al. 2019: HSIC of linear kernels, centred by H = 1 - 1/n."""

    def linear_cka(x, y):
        centre = torch.eye(len(x)) - 1 / len(x)
        k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
        return (k * m).sum() / (k.norm() * m.norm())

    assert judge(get_exercise("g_ghost_write_cka"), linear_cka).status == "passed"


def test_without_its_correction_a_network_is_the_one_that_never_had_any():
    ghosts, never = study.NETWORKS["ghosts"]().eval(), study.NETWORKS["uncorrected"]().eval()
    left = ghosts.state_dict()
    never.load_state_dict({name: value for name, value in left.items() if ".merge." not in name})
    images = torch.rand(3, 1, 28, 28)
    with torch.no_grad():
        corrected = ghosts(images)
        with study.replaced_correction(ghosts, torch.zeros_like):
            assert torch.equal(ghosts(images), never(images))
        assert torch.equal(ghosts(images), corrected) and not torch.equal(never(images), corrected)


def test_shares_of_the_study_are_exact():
    for name, share in (("share30", 0.3), ("ghosts", 0.5), ("share70", 0.7)):
        ghosts = study.NETWORKS[name]().get_submodule("stage.cheap.0").weight.shape[0]
        assert ghosts == pytest.approx(share * study.WIDTH)


def test_every_network_is_timed():
    record = quick_look(get_study("g_ghost_time"), device="cpu", progress=False)
    assert [run["variant"] for run in record["runs"]] == list(study.NETWORKS)
    assert all(min(run["measures"].values()) > 0 and len(run["measures"]) == 2 for run in record["runs"])


def test_controls_of_the_likeness():
    """A network that has not been trained is its own control, and the one that is looked into stays as it is."""
    images = torch.rand(40, 1, 28, 28)
    torch.manual_seed(3)
    network = study.OneStage()
    settle_batch_norms(network, images)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = likeness.with_controls(network, images, seed=3)
    assert found["before training"] == found["trained"]
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(isinstance(block.downsample, nn.Identity) for block in network.stage[1:])
    trained, cut, other = (found[name] for name in ("trained", "no shortcuts", "another image"))
    assert all(a.cka > b.cka for a, b in zip(trained, cut, strict=True))
    assert all(a.r2 > b.r2 for a, b in zip(trained, other, strict=True))
    assert len(trained) == study.DEPTH - 1


def test_the_images_are_those_that_the_network_was_trained_for():
    """Each pixel minus the mean, divided by the deviation, of all pixels of the images that it learns from."""
    learned, test = (load_fashion_mnist(which).images.float() / 255 for which in ("train", "test"))
    learned = learned[: likeness.TRAINING_IMAGES]
    expected = (test[: likeness.IMAGES] - learned.mean()) / learned.std(correction=0)
    torch.testing.assert_close(likeness.images_to_look_at(), expected, rtol=1e-4, atol=1e-4)
