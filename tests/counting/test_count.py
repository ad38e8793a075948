"""Exact against torch's own counter, for everything the book and its readers count; and nothing is touched."""

import gc
import threading

import pytest
import timm
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from lightnets_edu import count
from lightnets_edu.counting import UnsupportedOperationError

TIMM = """ghostnet_100 mobilenetv1_100 seresnet50 regnetx_002 mobilenetv3_small_050 mnasnet_small tf_efficientnet_lite0
resnet26d skresnet18""".split()
# Attention is not the subject of this book; everything else that torchvision classifies with is.
TORCHVISION = [
    name
    for name in torchvision.models.list_models(module=torchvision.models)
    if not name.startswith(("vit", "swin", "maxvit"))
]
NETWORKS = [*TORCHVISION, *(f"timm/{name}" for name in TIMM)]


def build(name: str) -> nn.Module:
    """The network on the meta device. Memory is reserved but never touched: initialisation does nothing."""
    with pytest.MonkeyPatch.context() as patch:
        for initialise in [name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")]:
            patch.setattr(nn.init, initialise, lambda tensor, *args, **kwargs: tensor)
        if name.startswith("timm/"):
            return timm.create_model(name.removeprefix("timm/")).to("meta").eval()
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        return torchvision.models.get_model(name, **options).to("meta").eval()


def torch_macs(model: nn.Module, *shape: int) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.to("meta")(torch.empty(shape, device="meta"))
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_exact(name):
    model = build(name)
    side = 299 if name == "inception_v3" else 193 if name.startswith("timm/") else 224
    table = count(model, (2, 3, side, side))
    assert table.macs == torch_macs(model, 2, 3, side, side)
    assert table.params == sum(p.numel() for p in model.parameters())
    if name not in ("googlenet", "inception_v3"):  # their auxiliary classifiers run in training only
        assert table.unused == ()
        assert sum(row.params for row in table.rows) == table.params


def test_activations_are_the_outputs_of_convolutions():
    model = torchvision.models.resnet18().eval()
    sizes = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _m, _i, output: sizes.append(output.numel()))
    model(torch.zeros(1, 3, 64, 64))
    assert count(model, (1, 3, 64, 64)).activations == sum(sizes)


class Odd(nn.Module):
    """What other counters miss: functional calls, shared layers, direct .forward(), products, strange paddings."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(6, 2, 3, 3))
        self.shared = nn.Conv2d(6, 6, 3, padding="same", dilation=2, padding_mode="reflect")
        self.up = nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.direct = nn.Conv2d(4, 8, (1, 3), padding=(0, 1), groups=4)
        self.lone = nn.Conv1d(8, 8, 5, stride=2)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = F.conv2d(x, self.weight, stride=(2, 1), padding=(0, 1), groups=3)
        x = self.shared(self.shared(x))
        x = self.direct.forward(F.relu_(self.up(x)))
        x = self.lone(x.flatten(2))
        x = torch.einsum("nct,nkt->nck", x, x) @ torch.zeros(8, 8, device=self.weight.device)
        x = torch.bmm(x, x).mean(-1)
        return self.head(x) * x.sigmoid()[:, :3]


def test_odd_forwards_are_counted_by_construction():
    model = Odd()
    table = count(model, (2, 6, 15, 12))
    assert table.macs == torch_macs(Odd(), 2, 6, 15, 12)
    assert table.params == sum(p.numel() for p in model.parameters()) == sum(row.params for row in table.rows)
    shared = [row for row in table.rows if row.path == "shared"]
    assert len(shared) == 2 and shared[1].params == 0 < shared[0].params


def test_a_layer_made_in_the_forward_costs_macs_and_no_parameter_of_the_model():
    class Maker(nn.Module):
        def forward(self, x):
            conv = nn.Conv2d(3, 4, 3, device="meta")
            return nn.Linear(4, 2, device="meta")(conv(x).mean((2, 3)))

    table = count(Maker(), (2, 3, 7, 7))
    assert table.macs == torch_macs(Maker(), 2, 3, 7, 7)
    assert table.params == 0


@given(
    dims=st.integers(1, 3),
    groups=st.integers(1, 3),
    transposed=st.booleans(),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    size=st.integers(8, 13),
)
def test_every_kind_of_convolution(dims, groups, transposed, kernel, stride, padding, dilation, size):
    kind = getattr(nn, f"Conv{'Transpose' if transposed else ''}{dims}d")
    model = kind(2 * groups, 3 * groups, kernel, stride, padding, groups=groups, dilation=dilation)
    shape = (2, 2 * groups, *range(size, size + dims))
    table = count(model, shape)
    output = model(torch.zeros(shape))
    assert table.rows[0].output_shape == tuple(output.shape)
    assert table.macs == torch_macs(model, *shape)


@given(
    kernel=st.integers(2, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 1),
    ceil=st.booleans(),
    size=st.integers(4, 12),
)
def test_pools_have_torchs_output_sizes(kernel, stride, padding, ceil, size):
    x = torch.zeros(1, 2, size, size + 1)
    for kind in (nn.MaxPool2d, nn.AvgPool2d):
        module = kind(kernel, stride, padding, ceil_mode=ceil)
        assert count(module, x.shape).rows[0].output_shape == tuple(module(x).shape)


def test_training_macs_of_ungrouped_networks_are_torchs():
    model = torchvision.models.resnet18().to("meta")
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(2, 3, 64, 64, device="meta")).sum().backward()
    assert count(model, (2, 3, 64, 64)).training_macs == counter.get_total_flops() // 2


def test_training_macs_of_grouped_convolutions():
    """torch's counter forgets the groups in the weight's gradient; several plain convolutions have none."""

    class Apart(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 8, 3)
            self.parts = nn.ModuleList(nn.Conv2d(2, 3, 3) for _ in range(4))

        def forward(self, x):
            pieces = self.first(x).chunk(4, 1)
            return torch.cat([part(piece) for part, piece in zip(self.parts, pieces, strict=True)], 1)

    grouped = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 12, 3, groups=4))
    with FlopCounterMode(display=False) as counter:
        Apart()(torch.zeros(1, 3, 9, 9)).sum().backward()
    table = count(grouped, (1, 3, 9, 9))
    assert table.training_macs == counter.get_total_flops() // 2
    # Backward is twice forward, less the gradient of the image, which nobody needs.
    assert table.backward_macs == 2 * table.macs - table.rows[0].macs


def test_frozen_layers_cost_no_backward():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3), nn.Conv2d(5, 6, 3))
    model[0].requires_grad_(False)
    first, second, third = (row.backward_macs for row in count(model, (1, 3, 9, 9)).rows)
    macs = [row.macs for row in count(model, (1, 3, 9, 9)).rows]
    assert (first, second, third) == (0, macs[1], 2 * macs[2])


def snapshot(model: nn.Module):
    """Everything of a model that a counter could disturb."""
    hooks = [name for name in nn.Module().__dict__ if name.endswith("hooks")]
    return (
        {
            name: (tensor.clone(), id(tensor), tensor._version)
            for name, tensor in model.state_dict(keep_vars=True).items()
        },
        [(m.training, sorted(m.__dict__), [len(getattr(m, name)) for name in hooks]) for m in model.modules()],
        torch.get_rng_state(),
        nn.Module.__call__,
    )


def assert_untouched(before, model: nn.Module) -> None:
    tensors, modules, rng, call = snapshot(model)
    assert before[0].keys() == tensors.keys()
    for name, (value, identity, version) in before[0].items():
        assert tensors[name][1:] == (identity, version), name
        assert torch.equal(tensors[name][0], value), name
    assert modules == before[1]
    assert torch.equal(rng, before[2])
    assert call is before[3]


class Fails(nn.Module):
    def __init__(self, last):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
        self.last = last

    def forward(self, x):
        return self.last(self.body(x))


class Wild(nn.Module):
    """A module that writes to its own buffers in training."""

    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        self.seen.add_(1)
        self.calls = self.calls + 1
        return x * torch.empty(1).bernoulli_(0.5) + F.dropout(x, 0.5, self.training)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda: torchvision.models.mobilenet_v2(num_classes=3),
        lambda: torchvision.models.efficientnet_b0(num_classes=3),  # stochastic depth draws random numbers in training
        lambda: timm.create_model("mobilenetv3_small_050", num_classes=3),  # batch norms of its own
        lambda: Fails(Wild()),
    ],
)
def test_the_model_is_left_as_it_was(make, training):
    model = make().train(training)
    model.register_forward_hook(lambda *_: pytest.fail("a hook ran"))
    before = snapshot(model)
    count(model, (2, 3, 64, 64))
    assert_untouched(before, model)


@pytest.mark.parametrize(
    ("last", "kind", "sentence"),
    [
        (nn.Conv2d(5, 1, 1), ValueError, r"in layer 'last' of Fails: Conv2d needs 5 input channels"),
        (nn.Conv2d(4, 1, 99), ValueError, r"in layer 'last' .*does not fit into an input of \(14, 14\)"),
        (nn.MaxPool2d(99), ValueError, r"in layer 'last' .*does not fit"),
        (nn.Linear(7, 1), ValueError, r"in layer 'last' .*Linear needs 7 input features"),
        (nn.Unfold(99), ValueError, r"in layer 'last' .*torch refuses 'unfold'"),
    ],
)
def test_errors_name_the_layer_and_leave_the_model_alone(last, kind, sentence):
    model = Fails(last).train()
    before = snapshot(model)
    with pytest.raises(kind, match=sentence):
        count(model, (2, 3, 16, 16))
    assert_untouched(before, model)


def test_an_operation_that_depends_on_values_is_named_with_its_layer():
    class Positive(nn.Module):
        def forward(self, x):
            return x.nonzero()

    with pytest.raises(UnsupportedOperationError, match=r"in layer '1' of Sequential: 'nonzero' depends on the values"):
        count(nn.Sequential(nn.Conv2d(3, 3, 1), Positive()), (1, 3, 8, 8))


def test_a_branch_on_values_is_refused():
    class Branches(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(UnsupportedOperationError, match="asks for the values of a tensor"):
        count(Branches(), (1, 3))


@pytest.mark.parametrize(
    ("model", "size", "kind", "sentence"),
    [
        ("not a model", (1, 3, 8, 8), TypeError, "needs a torch.nn.Module instead of str"),
        (nn.ReLU(), 224, ValueError, "should be whole numbers such as"),
        (nn.ReLU(), (1, 3, 2.5), ValueError, "should be whole numbers such as"),
        (nn.ReLU(), (1, 0, 8, 8), ValueError, "all at least 1"),
        (nn.Sequential(nn.LazyConv2d(3, 3)), (1, 3, 8, 8), ValueError, "0.weight has no shape yet"),
    ],
)
def test_bad_input_gets_a_sentence(model, size, kind, sentence):
    with pytest.raises(kind, match=sentence):
        count(model, size)


def test_wrappers_are_looked_through():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    want = count(model, (1, 3, 8, 8))
    assert count(nn.DataParallel(model), (1, 3, 8, 8)).rows == want.rows
    assert count(torch.compile(model), (1, 3, 8, 8)).rows == want.rows


def test_other_threads_go_on_as_ever():
    """Counting follows modules by their class's __call__; a real forward elsewhere must not notice."""
    model = torchvision.models.mobilenet_v2(num_classes=3).eval()
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        want = model(image)
    results, stop = [], threading.Event()

    def predict():
        with torch.no_grad():
            while not stop.is_set():
                results.append(torch.equal(model(image), want))

    def count_often():
        tables.extend(count(model, (1, 3, 32, 32)).macs for _ in range(20))

    tables: list[int] = []
    predictor = threading.Thread(target=predict)
    counters = [threading.Thread(target=count_often) for _ in range(3)]
    call = nn.Module.__call__
    for thread in (predictor, *counters):
        thread.start()
    for thread in counters:
        thread.join()
    stop.set()
    predictor.join()
    assert results and all(results)
    assert len(tables) == 60 and len(set(tables)) == 1
    assert nn.Module.__call__ is call


def test_the_table_shows_itself_three_ways():
    table = count(torchvision.models.squeezenet1_1().eval())
    text, page, frame = str(table), table._repr_html_(), table.to_frame()
    for number in (table.params, table.macs, table.activations):
        assert f"{number:,}" in text and f"{number:,}" in page
    assert len(frame) == len(table.rows) and frame.macs.sum() == table.macs
    assert table.to_dict()["flops"] == 2 * table.macs


def test_a_count_leaves_nothing_to_the_garbage_collector():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    count(model, (1, 3, 8, 8))
    gc.collect()
    gc.disable()
    try:
        count(model, (1, 3, 8, 8))
        assert gc.collect() == 0
    finally:
        gc.enable()
