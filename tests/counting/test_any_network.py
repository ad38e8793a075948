"""Networks that people bring: exact or refused by name, and the model stays exactly as it was."""

from __future__ import annotations

import copy
import io
from collections import deque

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from lightnets_edu import count
from lightnets_edu.counting import UnsupportedOperationError

IMAGE = (2, 3, 8, 8)
CONV = 2 * 4 * 27 * 36  # MACs of nn.Conv2d(3, 4, 3) on two images of 8 x 8


class Module(nn.Module):
    """A 3 x 3 convolution whose forward is a function of the module and its inputs."""

    def __init__(self, forward, **attributes):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.function = forward
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, *args, **kwargs):
        return self.function(self, *args, **kwargs)


def torch_macs(model: nn.Module, *inputs: torch.Tensor) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(*inputs)
    return counter.get_total_flops() // 2


# ---- The model stays as it was -----------------------------------------------------------------------------------


def assert_like(model: nn.Module, fresh: nn.Module) -> None:
    """The same attributes, tensors and places of parameters; and it runs, saves and can be copied."""
    assert model.state_dict().keys() == fresh.state_dict().keys()
    for name, value in fresh.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    for one, other in zip(model.modules(), fresh.modules(), strict=True):
        assert one.__dict__.keys() == other.__dict__.keys()
        for name in one.__dict__.keys() - vars(nn.Module()).keys() - {"function"}:
            assert repr(one.__dict__[name]) == repr(other.__dict__[name]), name
        assert one.training is other.training
    torch.save(model.state_dict(), io.BytesIO())
    copy.deepcopy(model)


def keeps_a_result(m, x):
    y = m.conv(x)
    if m.mean is None:
        m.mean = y.mean((0, 1))
    return y - m.mean


def fills_containers(m, x):
    m.seen.append(m.conv(x))
    m.cache["last"] = m.seen[-1]
    m.cache["nested"]["deep"].append(x)
    m.few.appendleft(x)
    m.names.add("x")
    m.holder.value = x
    m.conv.last = x
    return m.seen[-1]


def makes_a_parameter(m, x):
    if m.scale is None:
        m.scale = nn.Parameter(torch.ones(x.shape[1]))
        m.register_buffer("steps", torch.zeros(1))
        m.add_module("late", nn.ReLU())
    return m.conv(x * m.scale.view(1, -1, 1, 1))


def changes_modes(m, x):
    m.norm.eval()
    m.norm.momentum = 0.5
    m.train(not m.training)
    return m.norm(m.conv(x))


def replaces_a_weight(m, x):
    m.conv.weight = nn.Parameter(m.conv.weight * 2)
    return m.conv(x)


def takes_a_weight_away(m, x):
    weight = m.conv.weight
    del m.conv.weight
    m.conv.weight = weight * 2
    m.conv._buffers["scale"] = torch.ones(4)
    m.norm._parameters["bias"] = nn.Parameter(torch.ones(4))
    return m.norm(m.conv(x))


def changes_layers(m, x):
    m.conv.stride, m.conv.padding, m.conv.last = (2, 2), 1, x
    m.norm.eps = m.conv(x).mean()
    m.conv.stride, m.conv.padding = (1, 1), (0, 0)
    m.parts[0], m.parts[1] = m.parts[1], m.parts[0]
    m.parts.append(nn.Tanh())
    return m.conv(x)


def writes_to_buffers(m, x):
    m.steps.add_(1)
    m.norm(torch.ones(2, 4, 3, 3))
    m.table[0] = 7
    return m.conv(x) + torch.rand(1) + F.dropout(torch.ones(1))


class Holder:
    def __init__(self):
        self.value = None

    def __repr__(self):
        return f"Holder({self.value})"


def with_buffers(forward):
    model = Module(forward, norm=nn.BatchNorm2d(4))
    model.register_buffer("steps", torch.zeros(1))
    model.register_buffer("table", torch.zeros(3))
    return model


def fails(m, x):
    m.seen.append(x)
    m.mean = m.conv(x)
    m.steps.add_(1)
    raise RuntimeError("on purpose")


TOUCHING = {
    "keeps a result": lambda: Module(keeps_a_result, mean=None),
    "fills containers": lambda: Module(
        fills_containers, seen=[], cache={"nested": {"deep": []}}, few=deque(), names=set(), holder=Holder()
    ),
    "makes a parameter": lambda: Module(makes_a_parameter, scale=None),
    "changes modes": lambda: Module(changes_modes, norm=nn.BatchNorm2d(4)),
    "replaces a weight": lambda: Module(replaces_a_weight),
    "takes a weight away": lambda: Module(takes_a_weight_away, norm=nn.BatchNorm2d(4)),
    "changes layers": lambda: Module(
        changes_layers, norm=nn.BatchNorm2d(4), parts=nn.Sequential(nn.ReLU(), nn.Sigmoid())
    ),
    "writes to buffers": lambda: with_buffers(writes_to_buffers),
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)),
    "old spectral norm": lambda: torch.nn.utils.spectral_norm(nn.Conv2d(3, 4, 3)),
    "weight norm": lambda: parametrizations.weight_norm(nn.Conv2d(3, 4, 3)),
}


@pytest.mark.parametrize("name", TOUCHING)
def test_untouched_means_untouched(name):
    torch.manual_seed(0)
    fresh = TOUCHING[name]()
    torch.manual_seed(0)
    model = TOUCHING[name]()
    random = torch.get_rng_state()
    table = count(model, IMAGE)
    assert torch.equal(random, torch.get_rng_state())
    assert table.macs >= CONV
    assert_like(model, fresh)
    model(torch.zeros(IMAGE))


def test_untouched_after_an_error_too():
    model, fresh = (with_buffers(fails) for _ in range(2))
    fresh.load_state_dict(model.state_dict())
    for each in (model, fresh):
        each.seen, each.mean = [], None
    with pytest.raises(ValueError, match=r"RuntimeError: on purpose \(test_any_network.py, line \d+: raise"):
        count(model, IMAGE)
    assert_like(model, fresh)


def test_hooks_of_the_forward_stay_as_they_were():
    def changes_hooks(m, x):
        m.handle.remove()
        m.norm.register_forward_hook(lambda *_: None)
        m.conv.register_full_backward_hook(lambda *_: None)
        m.register_state_dict_post_hook(lambda *_: None)
        return m.norm(m.conv(x))

    def hooks():
        return [(name, dict(hooks)) for m in model.modules() for name, hooks in vars(m).items() if "hooks" in name]

    model = Module(changes_hooks, norm=nn.BatchNorm2d(4))
    model.handle = model.conv.register_forward_pre_hook(print, with_kwargs=True)
    before = hooks()
    assert count(model, IMAGE).macs == CONV
    assert hooks() == before and any(hooks for _, hooks in before)
    model.handle.remove()
    assert hooks() != before


class Called(nn.Conv2d):
    """A layer with a call of its own and no other forward."""

    def __call__(self, x):
        return F.relu(self._conv_forward(x, self.weight, self.bias))


def test_a_call_of_its_own():
    for model in (Called(3, 4, 3), nn.Sequential(Called(3, 4, 3)), Module(lambda m, x: m.own(x), own=Called(3, 4, 3))):
        table = count(model, IMAGE)
        assert table.macs == CONV and table.rows[-1].kind == "relu"


def test_objects_that_hold_one_another():
    one, other = Holder(), Holder()
    one.value, other.value = [other], [one]
    model = Module(lambda m, x: m.conv(m.one.value.append(x) or x), one=one)
    assert count(model, IMAGE).macs == CONV
    assert one.value == [other] and other.value == [one]


# ---- Torch's arguments in all their forms ------------------------------------------------------------------------

CALLS = {
    "cat along an axis": lambda m, x: m.conv(torch.cat([x, x], axis=3)[..., :8]),
    "mean over an axis": lambda m, x: m.conv(x) + m.conv(x).mean(axis=(2, 3), keepdim=True),
    "input=": lambda m, x: F.conv2d(input=x, weight=m.conv.weight, bias=m.conv.bias),
    "mean(input=)": lambda m, x: torch.mean(input=m.conv(x), dim=1),
    "split_size=": lambda m, x: m.conv(x).split(split_size=2, dim=1)[0],
    "norm": lambda m, x: m.conv(x).norm(2, dim=(2, 3), keepdim=True),
    "std": lambda m, x: m.conv(x).std((2, 3), False, True),
    "tensor_split": lambda m, x: m.conv(x).tensor_split((2,), 1)[0],
    "T": lambda m, x: m.conv(x).mean((2, 3)).T + 1,
    "mT": lambda m, x: m.conv(x).mT + 1,
    "data": lambda m, x: m.conv(x.data),
    "comparison": lambda m, x: m.conv((x == 0).float()),
    "assignment": lambda m, x: m.conv(x).__setitem__((slice(None), 0), 0),
    "shape.numel": lambda m, x: m.conv(x) / x.shape.numel(),
    "two results": lambda m, x: m.conv(F.interpolate(F.max_pool2d(x, 2, return_indices=True)[0], 8)),
    "max with indices": lambda m, x: m.conv(x).max(dim=1).indices,
    "real mask": lambda m, x: m.conv(x)[:, :, torch.arange(6) < 2],
    "mask of the input": lambda m, x: m.conv(x).masked_fill(m.conv.weight.sum() > 0, 1.0),
    "repeats": lambda m, x: torch.repeat_interleave(m.conv(x), torch.tensor([1, 0, 2, 1]), dim=1),
    "pixel shuffle": lambda m, x: F.pixel_unshuffle(F.pixel_shuffle(m.conv(x), 2), 3),
    "unfold and fold": lambda m, x: F.fold(F.unfold(m.conv(x), 3), (6, 6), 3),
    "rms norm": lambda m, x: F.normalize(F.rms_norm(m.conv(x), (6,)), dim=1),
    "in place": lambda m, x: m.conv(x).unsqueeze_(0).squeeze_(0).add_(1).mul_(2),
    "einsum that sums nothing": lambda m, x: torch.einsum("bchw,bc->bchw", m.conv(x), m.conv(x).mean((2, 3))),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_in_every_form(name):
    model = Module(CALLS[name])
    with torch.no_grad():
        result = model(torch.zeros(IMAGE))
    table = count(model, IMAGE)
    assert table.macs == torch_macs(model, torch.zeros(IMAGE)) and table.macs % CONV == 0
    if isinstance(result, torch.Tensor) and result.shape != table.rows[-1].output_shape:
        assert result.numel() <= max(row.activations for row in table.rows)  # a view of the last row's result


def test_indices_of_a_pool_come_as_a_second_result_for_any_batch():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool = nn.MaxPool2d(2, return_indices=True)
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            smaller, where = self.pool(x)
            return self.conv(smaller), where

    for images in (1, 2, 4):
        assert count(Encoder(), (images, 3, 12, 10)).macs == images * 4 * 27 * 4 * 3


# ---- What a forward computes of real tensors ----------------------------------------------------------------------


def test_work_on_parameters_alone_is_counted():
    model = Module(
        lambda m, x: m.conv(x) + m.norm(m.conv(m.start)) + (m.a @ m.b).sum(),
        start=nn.Parameter(torch.randn(1, 3, 8, 8)), norm=nn.BatchNorm2d(4),
        a=nn.Parameter(torch.ones(5, 6)), b=nn.Parameter(torch.ones(6, 7)),
    ).train()  # fmt: skip
    table = count(model, IMAGE)
    assert table.macs == CONV + CONV // 2 + 5 * 6 * 7 == torch_macs(model, torch.zeros(IMAGE))
    assert table.unused == () and sum(row.params for row in table.rows) == table.params


def runs_what_a_mask_says(m, x):
    keep = torch.ones(4)
    keep[2:] = 0
    for kept in keep:
        if kept:
            m.conv(x)
    return x


def counts_with_a_tensor(m, x):
    steps = torch.tensor(1)
    steps += 2
    for _ in range(int(steps)):
        m.conv(x)
    return x


def loops_until_a_tensor_says_so(m, x):
    step = torch.zeros(1)
    while step < 3:
        m.conv(x)
        step += 1
    return x


@pytest.mark.parametrize(
    ("forward", "times"), [(runs_what_a_mask_says, 2), (counts_with_a_tensor, 3), (loops_until_a_tensor_says_so, 3)]
)
def test_tensors_of_the_forward_itself_have_values(forward, times):
    assert count(Module(forward), IMAGE).macs == times * CONV


def writes_into_its_own_tensor(m, x):
    canvas = torch.zeros(2, 4, 6, 6)
    canvas[:, :2] = m.conv(x)[:, :2]
    canvas += m.conv(x)
    return F.conv2d(canvas, m.conv.weight.view(3, 4, 3, 3))


def test_what_is_written_into_a_tensor_is_followed():
    model = Module(writes_into_its_own_tensor)
    assert count(model, IMAGE).macs == torch_macs(model, torch.zeros(IMAGE))
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(IMAGE)).sum().backward()
    assert count(model, IMAGE).training_macs == counter.get_total_flops() // 2


def branches_on_what_was_written(m, x):
    canvas = torch.zeros(2, 4, 6, 6)
    canvas[:] = m.conv(x)
    return canvas if canvas.sum() > 0 else x


@pytest.mark.parametrize(
    ("forward", "line"),
    [
        (lambda m, x: x if x.sum() > 0 else m.conv(x), "x if x.sum"),
        (branches_on_what_was_written, "return canvas if"),
        (lambda m, x: x[x > 0], "x > 0"),
        (lambda m, x: x.nonzero(), "nonzero"),
        (lambda m, x: torch.zeros(int(x.max())), "x.max"),
        (lambda m, x: x.tolist(), "tolist"),
        (lambda m, x: torch.unique(x), "unique"),
    ],
)
def test_what_depends_on_the_inputs_values_is_refused_with_its_line(forward, line):
    with pytest.raises(UnsupportedOperationError, match=rf"(?s)values.*test_any_network.py, line \d+: .*{line}"):
        count(Module(forward), IMAGE)


# ---- Training ------------------------------------------------------------------------------------------------------


def without_gradient(m, x):
    with torch.no_grad():
        features = m.conv(x)
    return m.head(features)


HEADS = {
    "no_grad": without_gradient,
    "detach": lambda m, x: m.head(m.conv(x).detach()),
    "a branch that is thrown away": lambda m, x: (m.conv(x), m.head(m.conv(x)))[1],
    "two heads": lambda m, x: {"one": m.head(m.conv(x)), "two": m.conv(x).mean()},
    "stop in the middle": lambda m, x: m.head(m.conv(x)) + m.head(m.conv(x).detach()),
}


def weights_of_their_own(m, x):
    y = m.conv(x) * (m.a @ m.b).sum()
    y.sum()  # nobody asks for it
    return F.pad(y.to(y.dtype), (0, 0))


def test_training_macs_of_work_on_parameters_alone():
    model = Module(weights_of_their_own, a=nn.Parameter(torch.ones(5, 6)), b=nn.Parameter(torch.ones(6, 7)))
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(IMAGE)).sum().backward()
    assert count(model, IMAGE).training_macs == counter.get_total_flops() // 2


@pytest.mark.parametrize("name", HEADS)
def test_training_macs_know_where_gradients_go(name):
    model = Module(HEADS[name], head=nn.Conv2d(4, 5, 3))
    with FlopCounterMode(display=False) as counter:
        result = model(torch.zeros(IMAGE))
        results = result.values() if isinstance(result, dict) else [result]
        sum(each.sum() for each in results).backward()
    assert count(model, IMAGE).training_macs == counter.get_total_flops() // 2


# ---- Parts that are no plain modules --------------------------------------------------------------------------------


class Double(torch.autograd.Function):
    @staticmethod
    def forward(context, x, weight):
        context.save_for_backward(x, weight)
        return F.conv2d(x, weight)

    @staticmethod
    def backward(context, gradient):
        raise NotImplementedError


double = Double.apply


def compiled_in_place() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    model[0].compile()
    return model


def pruned() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 4, 3))
    prune.l1_unstructured(model[0], "bias", 0.5)
    prune.l1_unstructured(model[0], "weight", 0.5)
    return model


PARTS = {
    "pruned": pruned,
    "compiled": lambda: nn.Sequential(torch.compile(nn.Conv2d(3, 4, 3))),
    "traced": lambda: nn.Sequential(torch.jit.trace(nn.Conv2d(3, 4, 3), torch.zeros(IMAGE))),
    "scripted": lambda: torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())),
    "checkpoint": lambda: Module(lambda m, x: checkpoint(m.conv, x, use_reentrant=False)),
    "reentrant checkpoint": lambda: Module(lambda m, x: checkpoint(m.conv, x, use_reentrant=True)),
    "a function of its own": lambda: Module(lambda m, x: Double.apply(x, m.conv.weight)),
    "a function kept by the module": lambda: Module(lambda m, x: m.double(x, m.conv.weight), double=Double.apply),
    "a function kept by the file": lambda: Module(lambda m, x: double(x, m.conv.weight)),
    "compiled in place": compiled_in_place,
    "half": lambda: nn.Sequential(nn.Conv2d(3, 4, 3)).half(),
    "meta": lambda: nn.Sequential(nn.Conv2d(3, 4, 3)).to("meta"),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("name", PARTS)
def test_parts_of_every_kind(name):
    table = count(PARTS[name](), IMAGE)
    assert table.macs == CONV
    assert "function" in name or (table.unused == () and sum(r.params for r in table.rows) == table.params)


class Words(nn.Module):
    """Embedding, recurrence both ways, attention and a head."""

    def __init__(self, kind=nn.LSTM):
        super().__init__()
        self.embedding = nn.Embedding(10, 8)
        self.recurrent = kind(8, 6, 2, batch_first=True, bidirectional=True)
        self.attention = nn.MultiheadAttention(12, 3, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(12, 2, 16, batch_first=True)
        self.head = nn.Bilinear(12, 12, 3)

    def forward(self, words, mask=None):
        x, _ = self.recurrent(self.embedding(words))
        x, _ = self.attention(x, x, x, attn_mask=mask)
        return self.head(self.layer(x), x)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_words(kind):
    model = Words(kind).to("meta")
    table = count(model, ((2, 5), torch.long))
    bilinear = 2 * 5 * 12 * 12 * 3  # no rule of torch's counter
    assert table.macs == bilinear + torch_macs(model, torch.zeros(2, 5, dtype=torch.long, device="meta"))
    assert table.unused == () and sum(row.params for row in table.rows) == table.params


def test_several_inputs():
    model = Module(lambda m, x, y: m.conv(x) + m.conv(y))
    assert count(model, [IMAGE, IMAGE]).macs == 2 * CONV == count(model, {"y": IMAGE, "x": IMAGE}).macs
    typed = count(model, (IMAGE, (IMAGE, torch.float32)))
    assert typed.macs == 2 * CONV and typed.input_size == (IMAGE, IMAGE)
    assert "2 × 3 × 8 × 8 and 2 × 3 × 8 × 8" in str(typed)
    listed = Module(lambda m, images: m.conv(torch.stack(images)))
    assert count(listed, [[IMAGE[1:], IMAGE[1:]]]).macs == CONV


def test_deformable_convolutions_by_hand():
    class Deformed(nn.Module):
        def __init__(self):
            super().__init__()
            self.shift = nn.Conv2d(4, 2 * 9, 3)
            self.conv = torchvision.ops.DeformConv2d(4, 6, 3, groups=2)

        def forward(self, x):
            return self.conv(x, self.shift(x))

    assert count(Deformed(), (2, 4, 8, 8)).macs == 2 * 36 * (18 * 4 * 9 + 6 * 2 * 9)


@pytest.mark.filterwarnings("ignore:Sparse")
def test_what_shapes_cannot_follow_is_refused():
    sparse = Module(lambda m, x: torch.sparse.mm(torch.eye(8).to_sparse(), x.mean((0, 1))))
    with pytest.raises(UnsupportedOperationError, match="sparse"):
        count(sparse, IMAGE)
    mapped = Module(lambda m, x: torch.vmap(m.conv)(x))
    with pytest.raises(UnsupportedOperationError, match=r"torch.vmap .*line \d+"):
        count(mapped, IMAGE)
    branches = Module(lambda m, x: m.conv(x) if m.conv.bias.sum() > 0 else x).to("meta")
    with pytest.raises(UnsupportedOperationError, match=r"weights that lie on the meta device .*line \d+"):
        count(branches, IMAGE)


def padded_words(**options) -> nn.Module:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 3, **options).eval()


def test_a_mask_among_the_inputs_of_a_transformer():
    words = {"src": (2, 5, 16), "mask": (5, 5)}
    assert count(padded_words(), words).macs == PADDED_MACS == count(padded_words().train(), words).macs
    both = nn.Transformer(16, 2, 2, 2, 32, batch_first=True)
    sizes = {"src": (2, 5, 16), "tgt": (2, 7, 16)}
    assert count(both, {**sizes, "tgt_mask": (7, 7)}).macs == count(both, sizes).macs


PADDED = {"src": (2, 5, 16), "src_key_padding_mask": ((2, 5), torch.bool)}
# Three layers for ten words: four projections, query with key and weights with value, and two linear layers.
PADDED_MACS = 3 * (10 * 4 * 16 * 16 + 2 * 2 * 5 * 5 * 16 + 10 * 2 * 16 * 32)


def test_places_that_a_padding_mask_hides_are_refused_with_a_hint():
    with pytest.raises(UnsupportedOperationError, match=r"padding mask .*enable_nested_tensor=False.*_nested_tensor"):
        count(padded_words(), PADDED)
    assert count(padded_words(), (2, 5, 16)).macs == PADDED_MACS  # without a mask, nothing is hidden


def test_the_hint_about_padding_masks_helps():
    assert count(padded_words(enable_nested_tensor=False), PADDED).macs == PADDED_MACS
    assert count(padded_words().train(), PADDED).macs == PADDED_MACS
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        assert count(padded_words(), PADDED).macs == PADDED_MACS
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


@pytest.mark.parametrize(
    ("model", "size", "reason"),
    [
        (
            nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(32)),
            IMAGE,
            "running_mean should contain 64 elements not 32",
        ),
        (nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(32, affine=False)), IMAGE, "64 elements not 32"),
        (nn.Sequential(nn.Conv2d(3, 64, 3), nn.GroupNorm(4, 32)), IMAGE, "Expected weight to be a vector of size"),
        (nn.Sequential(nn.Conv2d(3, 6, 3), nn.GroupNorm(4, 4)), IMAGE, "number of channels"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.LayerNorm(7)), IMAGE, r"normalized_shape=\[7\]"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.PReLU(5)), IMAGE, "Mismatch of parameter numbers"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), IMAGE[1:], "expected 4D input"),
        (nn.ConvTranspose2d(3, 4, 1, padding=8), (1, 3, 12, 12), "Calculated output size"),
        (nn.Sequential(nn.Flatten(), nn.Linear(5, 4)), IMAGE, "5 input features"),
        (nn.Conv2d(3, 4, 3).double(), (IMAGE, torch.float32), "double|Double"),
        (Module(lambda m, x, y: m.conv(x)), IMAGE, "missing 1 required positional argument: 'y'"),
        (Words(), ((2, 5), torch.float32), "scalar types: Long, Int"),
    ],
)
def test_models_that_cannot_run_are_refused_with_torchs_reason(model, size, reason):
    shape, *kind = size if isinstance(size[-1], torch.dtype) else (size,)
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)), torch.no_grad():
        model(torch.zeros(shape, dtype=kind[0] if kind else torch.get_default_dtype()))
    with pytest.raises(ValueError, match=reason):
        count(model, size)
