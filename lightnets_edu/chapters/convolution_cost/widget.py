"""What one convolution costs, beside the standard and the depthwise-separable layer of the same shape."""

from __future__ import annotations

from lightnets_edu.formulas import Check, conv2d, conv_output_size, depthwise_conv2d, pointwise_conv2d
from lightnets_edu.formulas.cost import CostTerms
from lightnets_edu.formulas.layers import DILATION, IN_SIZE
from lightnets_edu.pages.widget.widgets import Output, Picture, Row, Slider, Table, Toggle, Widget, number

IN_CHANNELS = Slider("in_channels", "Input channels", 1, 512, 64)
OUT_CHANNELS = Slider("out_channels", "Output channels", 1, 512, 128)
KERNEL_SIZE = Slider("kernel_size", "Kernel size", 1, 11, 3, unit="px")
STRIDE = Slider("stride", "Stride", 1, 4, 1, unit="px")
PADDING = Slider("padding", "Padding", 0, 5, 1, unit="px")
GROUPS = Slider("groups", "Groups", 1, 512, 1, divides=("in_channels", "out_channels"))
INPUT_SIZE = Slider("input_size", "Input size", 1, 256, 56, unit="px")
BIAS = Toggle("bias", "Bias", False)

CONTROLS = (IN_CHANNELS, OUT_CHANNELS, KERNEL_SIZE, STRIDE, PADDING, GROUPS, INPUT_SIZE, BIAS)

c_in, c_out, k, s, p, g, n, b = (control.symbol for control in CONTROLS)
OUT_SIZE = number("out_size")
MAPS = {"out_height": OUT_SIZE, "out_width": OUT_SIZE, "in_height": n, "in_width": n}


def _fits() -> Check:
    """The formula's own check that the kernel fits, in this widget's words (it has no dilation)."""
    (check,) = conv_output_size.checks
    message = check.message.replace("in_size", "input_size").replace(" (dilation={dilation})", "")
    return Check(check.holds.subs({IN_SIZE.symbol: n, DILATION.symbol: 1}), message)


LAYER = conv2d.terms(in_channels=c_in, out_channels=c_out, kernel_size=k, groups=g, bias=b, **MAPS)
STANDARD = conv2d.terms(in_channels=c_in, out_channels=c_out, kernel_size=k, groups=1, bias=b, **MAPS)
SEPARABLE = depthwise_conv2d.terms(in_channels=c_in, kernel_size=k, bias=b, **MAPS) + pointwise_conv2d.terms(
    in_channels=c_in, out_channels=c_out, bias=b, out_height=OUT_SIZE, out_width=OUT_SIZE
)


def _compared(prefix: str, label: str, terms: CostTerms) -> tuple[Output, ...]:
    return (
        Output(f"{prefix}_params", f"{label}: params", terms.params),
        Output(f"{prefix}_macs", f"{label}: MACs", terms.macs),
        Output(f"{prefix}_memory_access", f"{label}: memory access", terms.memory_access),
    )


class ConvolutionExplorer(Widget):
    """The cost of one convolution: what each setting does to parameters, arithmetic and memory traffic."""

    name = "convolution_explorer"
    title = "What does this convolution cost?"
    description = "Change the layer; compare it with a standard and a depthwise-separable one of the same shape."
    controls = CONTROLS
    checks = (*conv2d.checks[:2], _fits())
    outputs = (
        Output("params", "Parameters", LAYER.params, help="weights and biases"),
        Output(
            "out_size",
            "Output size",
            conv_output_size(in_size=n, kernel_size=k, stride=s, padding=p),
            "px",
            help="rows and columns",
        ),
        Output("macs", "MACs", LAYER.macs, help="multiply-accumulates for one image"),
        Output("flops", "FLOPs", LAYER.flops, help="two for each MAC"),
        Output(
            "exact_flops", "FLOPs, counted one by one", LAYER.exact_flops, help="the first product needs no addition"
        ),
        Output("activations", "Activations", LAYER.activations, help="elements written"),
        Output("memory_access", "Memory access", LAYER.memory_access, help="elements read and written"),
        Output(
            "arithmetic_intensity",
            "Arithmetic intensity",
            number("flops") / number("memory_access"),
            digits=2,
            help="FLOPs for each element moved",
        ),
        *_compared("standard", "Standard", STANDARD),
        *_compared("separable", "Depthwise-separable", SEPARABLE),
    )
    headline = ("params", "macs")
    tables = (
        Table(
            "The same input and output, three ways",
            ("Parameters", "MACs", "Memory access"),
            (
                Row("This layer", ("params", "macs", "memory_access")),
                Row("Standard", ("standard_params", "standard_macs", "standard_memory_access")),
                Row("Depthwise-separable", ("separable_params", "separable_macs", "separable_memory_access")),
            ),
        ),
    )
    picture = Picture("connectivity", ("in_channels", "out_channels", "groups"))
