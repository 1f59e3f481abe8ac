"""The fast Fourier transform of KISS FFT 130, number by number as it rounds in int16, int32 and float32.

A transform of n complex numbers is stages of butterflies: radix 4 while it divides n, then 2, 3 and 5. Fixed-point
numbers are divided by the radix before each butterfly, so that nothing overflows; a product is
`(a * b + 2^(bits-2)) >> (bits-1)`, and sums wrap. Arrays hold the real parts, then the imaginary ones, on their first
axis; fixed-point ones are int64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ariel_build.ir import DType
from ariel_build.records import dataclass

__all__ = ["Arithmetic", "order", "real_inverse", "real_transform", "split_twiddles", "stages", "twiddles"]

Numbers = npt.NDArray[Any]
_RADICES = (2, 3, 4, 5)


def stages(n: int) -> tuple[tuple[int, int], ...]:
    """Returns (radix, length of the parts that a butterfly joins) from the outermost stage to the innermost.

    ValueError where KISS FFT has no butterfly for a factor of n.
    """
    found, rest, radix = [], n, 4
    while rest > 1:
        while rest % radix:
            radix = {4: 2, 2: 3}.get(radix, radix + 2)
            if radix * radix > n:
                radix = rest
        rest //= radix
        found.append((radix, rest))
    if not found or any(radix not in _RADICES for radix, _ in found):
        raise ValueError(f"{n} is no product of 2, 3 and 5")
    return tuple(found)


def order(n: int) -> npt.NDArray[np.int64]:
    """Returns which input stands at each place when the innermost stage begins: its digits in reverse."""
    places, step = np.zeros(1, np.int64), 1
    for radix, _ in stages(n):
        places = (places[:, None] + step * np.arange(radix)).reshape(-1)
        step *= radix
    return places


@dataclass(frozen=True)
class Arithmetic:
    """How numbers of a type are added, multiplied and divided."""

    dtype: DType

    @property
    def fixed(self) -> bool:
        """Whether they are fixed-point numbers."""
        return self.dtype is not DType.F32

    @property
    def greatest(self) -> int:
        """What stands for 1."""
        return self.dtype.range[1]

    def load(self, x: Numbers) -> Numbers:
        """Returns stored numbers as they are calculated with."""
        return x.astype(np.int64 if self.fixed else np.float32)

    def wrap(self, x: Numbers) -> Numbers:
        """Returns what is left of a sum in the type."""
        return x.astype(self.dtype.numpy).astype(x.dtype) if self.fixed else x

    def half(self, x: Numbers) -> Numbers:
        """Returns the half of a sum, which is one of 32 bits where the numbers have fewer."""
        if not self.fixed:
            return x * np.float32(0.5)
        return self.wrap(x.astype(np.int32).astype(np.int64) >> 1)

    def rounded(self, product: Numbers) -> Numbers:
        """Returns a product, or the sum of two, as a number."""
        if not self.fixed:
            return product
        bits = 8 * self.dtype.bytes - 1
        return self.wrap((product + (1 << (bits - 1))) >> bits)

    def scale(self, x: Numbers, factor: Numbers | int) -> Numbers:
        """Returns the product of each number with a real one."""
        return self.rounded(x * factor)

    def divide(self, x: Numbers, by: int) -> Numbers:
        """Returns fixed-point numbers divided by a radix; others as they are."""
        return self.scale(x, self.greatest // by) if self.fixed else x

    def multiply(self, x: Numbers, w: Numbers) -> Numbers:
        """Returns the complex product."""
        return np.stack([self.rounded(x[0] * w[0] - x[1] * w[1]), self.rounded(x[0] * w[1] + x[1] * w[0])])

    def roots(self, phases: list[float]) -> Numbers:
        """Returns e^(i * phase)."""
        if not self.fixed:
            return np.array([[f(p) for p in phases] for f in (math.cos, math.sin)], np.float64).astype(np.float32)
        return np.array([[math.floor(0.5 + self.greatest * f(p)) for p in phases] for f in (math.cos, math.sin)])


def twiddles(n: int, arithmetic: Arithmetic, *, inverse: bool) -> Numbers:
    """Returns e^(-2 pi i k / n) for k < n, conjugated for the inverse."""
    sign = 1 if inverse else -1
    return arithmetic.roots([sign * 2 * math.pi * k / n for k in range(n)])


def split_twiddles(n: int, arithmetic: Arithmetic, *, inverse: bool) -> Numbers:
    """Returns the factors, for k in 1..n/2, that make the spectrum of n complex numbers that of 2 n real ones."""
    sign = 1 if inverse else -1
    return arithmetic.roots([sign * math.pi * ((k + 1) / n + 0.5) for k in range(n // 2)])


def _transform(x: Numbers, arithmetic: Arithmetic, *, inverse: bool) -> Numbers:
    """Returns the transform of complex numbers [2, rows, n]."""
    rows, n = x.shape[1:]
    table, x = twiddles(n, arithmetic, inverse=inverse), x[..., order(n)]
    for radix, part in reversed(stages(n)):
        step = n // (radix * part)
        turn = np.arange(part) * step
        f = arithmetic.divide(x.reshape(2, -1, radix, part), radix)
        terms = [f[:, :, 0], *(arithmetic.multiply(f[:, :, k], table[:, k * turn]) for k in range(1, radix))]
        ends = [table[:, k * step * part] for k in range(1, 3)] if radix in (3, 5) else []
        x = np.stack(_butterfly(terms, arithmetic, ends, inverse=inverse), axis=2).reshape(2, rows, n)
    return x


def _turned(x: Numbers) -> Numbers:
    """Returns -i times each number."""
    return np.stack([x[1], -x[0]])


def _butterfly(f: list[Numbers], a: Arithmetic, ends: list[Numbers], *, inverse: bool) -> list[Numbers]:
    """Returns the discrete transform of 2 to 5 numbers; `ends` are e^(-2 pi i / radix) and its square."""
    match f:
        case [_, _]:
            return [a.wrap(f[0] + f[1]), a.wrap(f[0] - f[1])]
        case [_, _, _]:
            return _three(f, a, ends)
        case [_, _, _, _]:
            results = _four(f, a)
            return [results[0], *results[:0:-1]] if inverse else results
    return _five(f, a, ends)


def _four(f: list[Numbers], a: Arithmetic) -> list[Numbers]:
    even, odd = a.wrap(f[0] + f[2]), a.wrap(f[1] + f[3])
    rest, turned = a.wrap(f[0] - f[2]), _turned(a.wrap(f[1] - f[3]))
    return [a.wrap(even + odd), a.wrap(rest + turned), a.wrap(even - odd), a.wrap(rest - turned)]


def _three(f: list[Numbers], a: Arithmetic, ends: list[Numbers]) -> list[Numbers]:
    total, difference = a.wrap(f[1] + f[2]), a.wrap(f[1] - f[2])
    middle = a.wrap(f[0] - a.half(total))
    turned = _turned(a.scale(difference, ends[0][1]))
    return [a.wrap(f[0] + total), a.wrap(middle - turned), a.wrap(middle + turned)]


def _five(f: list[Numbers], a: Arithmetic, ends: list[Numbers]) -> list[Numbers]:
    first, second = ends
    sums = a.wrap(f[1] + f[4]), a.wrap(f[2] + f[3])
    differences = a.wrap(f[1] - f[4]), a.wrap(f[2] - f[3])

    def mixed(near: Numbers, far: Numbers) -> Numbers:
        return a.wrap(f[0] + a.scale(sums[0], near[0]) + a.scale(sums[1], far[0]))

    outer, inner = mixed(first, second), mixed(second, first)

    def turned(near: int, far: int, sign: int) -> Numbers:
        products = (_turned(a.scale(differences[k], w[1])) for k, w in ((near, first), (far, second)))
        x, y = products
        return a.wrap(x + y if sign > 0 else x - y)

    turn, back = turned(0, 1, 1), turned(1, 0, -1)
    total = a.wrap(f[0] + (sums[0] + sums[1]))
    return [total, a.wrap(outer - turn), a.wrap(inner + back), a.wrap(inner - back), a.wrap(outer + turn)]


def real_transform(x: Numbers, dtype: DType) -> Numbers:
    """Returns the spectrum of rows of real numbers [rows, 2 n]: [rows, n + 1, 2] with real and imaginary parts."""
    a = Arithmetic(dtype)
    rows, n = x.shape[0], x.shape[1] // 2
    z = _transform(np.moveaxis(a.load(x).reshape(rows, n, 2), -1, 0), a, inverse=False)
    result = np.zeros((2, rows, n + 1), z.dtype)
    ends = a.divide(z[:, :, 0], 2)
    result[0, :, 0], result[0, :, n] = a.wrap(ends[0] + ends[1]), a.wrap(ends[0] - ends[1])
    k = np.arange(1, n // 2 + 1)
    low = a.divide(z[..., k], 2)
    high = a.divide(np.stack([z[0][..., n - k], a.wrap(-z[1][..., n - k])]), 2)
    total, difference = a.wrap(low + high), a.wrap(low - high)
    turned = a.multiply(difference, split_twiddles(n, a, inverse=False)[:, None])
    result[..., k] = a.half(total + turned)
    result[..., n - k] = np.stack([a.half(total[0] - turned[0]), a.half(turned[1] - total[1])])
    return np.moveaxis(result, 0, -1).astype(dtype.numpy)


def real_inverse(x: Numbers, dtype: DType) -> Numbers:
    """Returns the rows of real numbers [rows, 2 n] whose spectrum is [rows, n + 1, 2]; float32 is divided by 2 n."""
    a = Arithmetic(dtype)
    rows, n = x.shape[0], x.shape[1] - 1
    spectrum = np.moveaxis(a.load(x), -1, 0)
    z = np.zeros((2, rows, n), spectrum.dtype)
    first, last = spectrum[0, :, 0], spectrum[0, :, n]
    z[:, :, 0] = a.divide(a.wrap(np.stack([first + last, first - last])), 2)
    k = np.arange(1, n // 2 + 1)
    low = a.divide(spectrum[..., k], 2)
    high = a.divide(np.stack([spectrum[0][..., n - k], a.wrap(-spectrum[1][..., n - k])]), 2)
    even, difference = a.wrap(low + high), a.wrap(low - high)
    odd = a.multiply(difference, split_twiddles(n, a, inverse=True)[:, None])
    z[..., k] = a.wrap(even + odd)
    z[..., n - k] = a.wrap(np.stack([even[0] - odd[0], -(even[1] - odd[1])]))
    result = np.moveaxis(_transform(z, a, inverse=True), 0, -1).reshape(rows, 2 * n)
    return (result if a.fixed else result / np.float32(2 * n)).astype(dtype.numpy)
