"""Logarithm and exponential that Python and the browser compute alike, to the last bit.

Languages promise the same result for ``+ - * /`` and square roots only; their logarithms may differ in the last
digit, and then a page would not show what Python computes. So both use these two recipes, made of ``+ - * /``
(``lightnets.js`` has the same lines). They are right to about two units in the last place.
"""

from __future__ import annotations

import math

# The logarithm of 2 in two parts: the first has so few digits that its products with small whole numbers are exact.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_LN2 = 0.6931471805599453
_SQRT2 = 1.4142135623730951


def log(x: float) -> float:
    """The natural logarithm, from the series of ``2 artanh((m - 1) / (m + 1))`` for ``x = m 2**k``.

    Raises:
        ValueError: If ``x`` is not above 0.
    """
    x = float(x)
    if not x > 0:
        raise ValueError(f"a logarithm needs a number above 0 instead of {x}")
    if x == math.inf:
        return x
    k = 0
    while x > _SQRT2:
        x, k = x / 2, k + 1
    while x < _SQRT2 / 2:
        x, k = x * 2, k - 1
    s = (x - 1) / (x + 1)
    total = 0.0
    for n in range(23, 1, -2):
        total = (total + 1 / n) * (s * s)
    return k * _LN2_HIGH + (2 * s + (2 * s * total + k * _LN2_LOW))


def exp(x: float) -> float:
    """e to the power ``x``, from the series of ``exp(r)`` for ``x = k log(2) + r``."""
    x = float(x)
    if x > 710:
        return math.inf
    if x < -746:
        return 0.0
    k = math.floor(x / _LN2 + 0.5)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    total = 1.0
    for n in range(14, 0, -1):
        total = 1 + total * r / n
    for _ in range(abs(k)):
        total = total * 2 if k > 0 else total / 2
    return total
