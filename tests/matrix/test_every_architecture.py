"""Every architecture of timm, torchvision and pytorchcv is counted exactly, or refused by name."""

from __future__ import annotations

from collections import Counter

from tests.counting.architectures import pytorchcv_names, pytorchcv_network, timm_names, timm_network, verdict


def tally(names, network) -> tuple[Counter, dict[str, str]]:
    """How many networks have each verdict, and the verdicts that are neither exact nor a refusal."""
    verdicts = {}
    for name in names:
        try:
            model, size = network(name)
        except Exception as error:  # another library's network that cannot be built
            verdicts[name] = f"not built: {error}"
        else:
            verdicts[name] = verdict(model, size)
    wrong = {name: words for name, words in verdicts.items() if words not in ("exact", "refused")}
    return Counter(words if words in ("exact", "refused") else "other" for words in verdicts.values()), wrong


def test_timm(capsys):
    found, wrong = tally(timm_names(), timm_network)
    with capsys.disabled():
        print(f"\ntimm: {dict(found)} {wrong}")
    assert not wrong and found["exact"] >= 0.98 * found.total()


def test_pytorchcv(capsys):
    found, wrong = tally(pytorchcv_names(), pytorchcv_network)
    wrong = {name: words for name, words in wrong.items() if not words.startswith("not built")}
    with capsys.disabled():
        print(f"\npytorchcv: {dict(found)} {wrong}")
    assert not wrong
