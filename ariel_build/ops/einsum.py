"""Einsum: output[kept letters] = sum over the other letters of the product of the operands; importers only.

Two operands at a time are brought into the form [both, left, summed] x [both, summed, right] of a product of matrices;
letters of one operand only, that the output does not have, are summed before.
"""

from __future__ import annotations

import math
import string
from collections.abc import Sequence

from ariel_build.ir import Value
from ariel_build.ops.base import UnsupportedReason, imports
from ariel_build.ops.batch_matmul import BatchMatMul
from ariel_build.ops.fixed_point import Rounding
from ariel_build.ops.formula import fold
from ariel_build.ops.importer import Importer
from ariel_build.ops.reshape import reshape
from ariel_build.ops.slice import emit_slice
from ariel_build.ops.transpose import transpose
from ariel_build.records import dataclass

__all__ = ["einsum"]


@dataclass(frozen=True)
class _Term:
    """A value with a letter for each of its axes, each once."""

    value: Value
    letters: str

    def extents(self) -> dict[str, int]:
        """Returns the extent of each letter."""
        return dict(zip(self.letters, self.value.shape, strict=True))


@imports("onnx", "Einsum")
def _from_onnx(importer: Importer) -> None:
    importer.bind(einsum(importer, importer.text("equation"), importer.inputs()))


def einsum(importer: Importer, equation: str, values: Sequence[Value]) -> Value:
    """Returns what an equation, such as `ij,jk->ik`, makes of float32 operands."""
    terms, result = _parsed(equation, [len(v.shape) for v in values])
    terms_ = [_diagonal(importer, value, letters) for value, letters in zip(values, terms, strict=True)]
    total = terms_[0]
    for index, term in enumerate(terms_[1:], 1):
        later = set(result).union(*(t.letters for t in terms_[index + 1 :]))
        total = _contracted(importer, total, term, later)
    total = _summed(importer, total, set(result))
    if set(total.letters) != set(result):
        raise UnsupportedReason(f"the letters `{result}` of the output are not all those of operands")
    return transpose(importer, total.value, [total.letters.index(a) for a in result])


def _parsed(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Returns the letters of each operand and of the output; an ellipsis becomes capitals that are not used else."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise UnsupportedReason(f"the equation `{equation}` has {len(terms)} operands, the node {len(ranks)}")
    named = set(equation) & set(string.ascii_letters)
    free = [a for a in string.ascii_uppercase + string.ascii_lowercase if a not in named]
    widest = max([0, *(rank - len(t.replace("...", "")) for t, rank in zip(terms, ranks, strict=True) if "..." in t)])
    if widest > len(free):
        raise UnsupportedReason(f"the equation `{equation}` has too many axes")
    dots = "".join(free[:widest])
    full = []
    for term, rank in zip(terms, ranks, strict=True):
        own = term.replace("...", dots[widest - (rank - len(term.replace("...", ""))) :], 1) if "..." in term else term
        if len(own) != rank or not set(own) <= {*named, *dots}:
            raise UnsupportedReason(f"`{term}` of the equation `{equation}` does not fit an operand of {rank} axes")
        full.append(own)
    if arrow:
        result = right.replace("...", dots, 1)
    else:
        every = "".join(full)
        result = dots + "".join(sorted(a for a in set(every) - set(dots) if every.count(a) == 1))
    if len(set(result)) != len(result) or not set(result) <= set("".join(full)):
        raise UnsupportedReason(f"the output of the equation `{equation}` has a letter twice, or one of no operand")
    return full, result


def _diagonal(importer: Importer, value: Value, letters: str) -> _Term:
    """Returns the operand with each letter once: of two equal axes only the diagonal counts."""
    while len(set(letters)) < len(letters):
        letter = next(a for a in letters if letters.count(a) > 1)
        first = letters.index(letter)
        second = letters.index(letter, first + 1)
        extent = value.shape[first]
        if value.shape[second] != extent:
            raise UnsupportedReason(f"the axes `{letter}` of {value.type} differ")
        rest = [k for k in range(len(letters)) if k not in (first, second)]
        turned = transpose(importer, value, [*rest, first, second])
        flat = reshape(importer, turned, (*turned.shape[:-2], extent * extent))
        value = emit_slice(importer, flat, {len(rest): (0, extent, extent + 1)})
        letters = "".join(letters[k] for k in rest) + letter
    return _Term(value, letters)


def _summed(importer: Importer, term: _Term, kept: set[str]) -> _Term:
    """Returns a term summed over the letters that nobody needs."""
    axes = [k for k, a in enumerate(term.letters) if a not in kept]
    if not axes:
        return term
    total = fold(importer, "Sum", term.value, axes, keep_dims=False)
    return _Term(total, "".join(a for a in term.letters if a in kept))


def _contracted(importer: Importer, left: _Term, right: _Term, kept: set[str]) -> _Term:
    """Returns the product of two terms, summed over the letters of both that nobody needs."""
    left = _summed(importer, left, kept | set(right.letters))
    right = _summed(importer, right, kept | set(left.letters))
    extents = left.extents()
    for letter, extent in right.extents().items():
        if extents.setdefault(letter, extent) != extent:
            raise UnsupportedReason(f"the axes `{letter}` of two operands are {extents[letter]} and {extent}")
    both = [a for a in left.letters if a in right.letters and a in kept]
    inner = [a for a in left.letters if a in right.letters and a not in kept]
    outer = [a for a in left.letters if a not in right.letters]
    other = [a for a in right.letters if a not in left.letters]

    def arranged(term: _Term, groups: Sequence[Sequence[str]]) -> Value:
        """Returns a term as a tensor with one axis for each group of letters."""
        order = [term.letters.index(a) for group in groups for a in group]
        shape = [math.prod(extents[a] for a in group) for group in groups]
        return reshape(importer, transpose(importer, term.value, order), shape)

    factors = [arranged(left, (both, outer, inner)), arranged(right, (both, inner, other))]
    (made,) = importer.emit(BatchMatMul(rounding=Rounding.NEAREST_EVEN), factors)
    letters = "".join([*both, *outer, *other])
    return _Term(reshape(importer, made, [extents[a] for a in letters]), letters)
