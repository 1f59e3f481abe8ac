"""Signatures of a TFLite file: entry points with names of their own for the inputs and outputs of a subgraph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ariel_build.errors import MetadataError
from ariel_build.frontends.checks import corrupt, shown
from ariel_build.frontends.flatbuffer import FlatFile
from ariel_build.frontends.source import SourceModel
from ariel_build.records import dataclass

__all__ = ["Signature", "choose", "read_signatures"]


@dataclass(frozen=True)
class Signature:
    """One entry point: its name, its subgraph, and its names for the tensors that are inputs and outputs there."""

    key: str
    subgraph: int
    inputs: Mapping[int, str]
    outputs: Mapping[int, str]

    def describe(self, model: SourceModel, others: Sequence[str]) -> None:
        """Writes the signature's names into the model that is its subgraph, and a note of the others."""
        model.signature = self.key
        model.input_aliases = _aliases(self.inputs, model.inputs, model.input_names)
        model.output_aliases = _aliases(self.outputs, model.outputs, model.output_names)
        if others:
            names = ", ".join(f"`{shown(key)}`" for key in others)
            model.notes.append(
                f"signature `{shown(self.key)}` is compiled; the file has {names}, too: choose with `signature`"
            )


def _aliases(names: Mapping[int, str], keys: Sequence[str], public: Sequence[str]) -> list[str]:
    """Returns the signature's name of each input (output), empty where it has none or another one is called so."""
    found = [names.get(int(key.removeprefix("t")), "") for key in keys]
    return [
        name if found.count(name) == 1 and name not in (*public[:index], *public[index + 1 :]) else ""
        for index, name in enumerate(found)
    ]


def read_signatures(file: FlatFile, model: Any) -> list[Signature]:  # noqa: ANN401 - generated classes are untyped
    """Returns the signatures of a file, in its order."""
    return [
        Signature(
            file.text(table, "SignatureKey"),
            table.SubgraphIndex(),
            _names(file, table, "Inputs"),
            _names(file, table, "Outputs"),
        )
        for table in file.tables(model, "SignatureDefs")
    ]


def _names(file: FlatFile, table: Any, field: str) -> dict[int, str]:  # noqa: ANN401 - generated classes are untyped
    return {entry.TensorIndex(): file.text(entry, "Name") for entry in file.tables(table, field)}


def choose(signatures: Sequence[Signature], wanted: str) -> Signature | None:
    """Returns the signature of that name, by default the first; None where there is none."""
    keys = [signature.key for signature in signatures]
    if len(set(keys)) < len(keys):
        raise corrupt("two signatures have one name")
    if not wanted:
        return signatures[0] if signatures else None
    if wanted not in keys:
        have = "it has " + ", ".join(f"`{shown(key)}`" for key in keys) if keys else "the file has no signatures"
        raise MetadataError(f"there is no signature `{shown(wanted)}` in the model", help=have)
    return signatures[keys.index(wanted)]
