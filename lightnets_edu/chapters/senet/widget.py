"""SENet: what the reduction ratio costs in SE-ResNet-50, stage by stage."""

from __future__ import annotations

import sympy as sp

from lightnets_edu.formulas.blocks import times
from lightnets_edu.formulas.cost import CostTerms
from lightnets_edu.models.cost import network_cost
from lightnets_edu.models.resnet import DEPTHS, STAGES
from lightnets_edu.models.resnet import layers as resnet_layers
from lightnets_edu.models.squeeze_excitation import squeeze_excite
from lightnets_edu.pages.widget.widgets import Output, Picture, Row, Slider, Table, Widget, number

REDUCTION = Slider("reduction", "Reduction ratio r", 1, 64, 16)
# The paper's network without its gates: the stride in the first 1x1 convolution, the pool of the authors' code.
PLAIN = network_cost(resnet_layers(DEPTHS[50], stride_in="1x1", stem_pool="ceil"))


def _stage(depth: int, channels: int) -> CostTerms:
    squeezed = sp.floor(channels / REDUCTION.symbol)
    return times(depth, squeeze_excite.terms(channels=channels, squeeze_channels=squeezed))


GATES = [_stage(depth, channels) for depth, (channels, _) in zip(DEPTHS[50], STAGES, strict=True)]
TOTAL = sum(GATES, CostTerms())


class ReductionExplorer(Widget):
    """Parameters and MACs that the gates of SE-ResNet-50 add."""

    name = "se_reduction_explorer"
    title = "What do the gates cost?"
    description = "Change how far each block squeezes its channels before it computes their gates."
    controls = (REDUCTION,)
    outputs = (
        Output("params", "Parameters of SE-ResNet-50", PLAIN.params + TOTAL.params),
        Output("macs", "MACs, 224 × 224", PLAIN.macs + TOTAL.macs),
        Output("added_params", "Parameters of the gates", TOTAL.params),
        Output("added_macs", "MACs of the gates", TOTAL.macs),
        Output("params_percent", "More parameters", 100 * number("added_params") / PLAIN.params, "%", digits=2),
        Output("macs_percent", "More MACs", 100 * number("added_macs") / PLAIN.macs, "%", digits=3),
        *(Output(f"stage_{n}_params", f"Stage {n}: parameters", part.params) for n, part in enumerate(GATES, 1)),
        *(
            Output(f"stage_{n}_squeezed", f"Stage {n}: squeezed channels", sp.floor(channels / REDUCTION.symbol))
            for n, (channels, _) in enumerate(STAGES, 1)
        ),
    )
    headline = ("added_params", "params_percent", "macs_percent")
    tables = (
        Table(
            "The gates, stage by stage",
            ("Squeezed channels", "Parameters"),
            tuple(
                Row(f"Stage {n}: {depth} blocks of {channels:,} channels", (f"stage_{n}_squeezed", f"stage_{n}_params"))
                for n, (depth, (channels, _)) in enumerate(zip(DEPTHS[50], STAGES, strict=True), 1)
            ),
        ),
    )
    picture = Picture("sweep", ("reduction", "added_params"))
