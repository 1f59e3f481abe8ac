"""Which versions of ONNX are read, and what the schema of an operator says of a node's attributes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import onnx
import onnx.defs

from ariel_build.errors import UnsupportedError
from ariel_build.frontends.checks import corrupt, shown
from ariel_build.frontends.onnx_versions import CHANGED, LEAST_OPSET

__all__ = ["DEFAULT_DOMAINS", "misfits", "opset_versions"]

DEFAULT_DOMAINS = ("", "ai.onnx")
#: The newest operator set whose changes have been read against our importers, whatever `onnx` package is installed: a
#: newer one may give an operator another meaning. Whoever raises it reads the changelog of ONNX's operators from here
#: on, and runs `nox -s conformance` with an `onnx` package that has it.
NEWEST_OPSET = 28
#: The same of `ai.onnx.ml`, in which scikit-learn's models are.
LEARNED_DOMAIN, NEWEST_LEARNED = "ai.onnx.ml", 5
LEAST_IR_VERSION = 3
NEWEST_IR_VERSION = 14


def opset_versions(model: onnx.ModelProto) -> dict[str, int]:
    """Returns the opset version of each domain; the default domain is called by the empty name."""
    if not model.HasField("graph"):
        raise corrupt("it contains no graph")
    _check("IR version", model.ir_version, LEAST_IR_VERSION, NEWEST_IR_VERSION)
    versions: dict[str, int] = {}
    for entry in model.opset_import:
        domain = "" if entry.domain in DEFAULT_DOMAINS else entry.domain
        if versions.setdefault(domain, entry.version) != entry.version:
            raise corrupt(f"it imports two versions of the operator set `{shown(domain or 'ai.onnx')}`")
    if versions.get(LEARNED_DOMAIN, 0) > NEWEST_LEARNED:
        raise UnsupportedError(
            f"operator set {versions[LEARNED_DOMAIN]} of {LEARNED_DOMAIN} is newer than {NEWEST_LEARNED}, the newest "
            "that this version of ariel_build knows",
            help=f'export the model with target_opset={{"{LEARNED_DOMAIN}": {NEWEST_LEARNED}}}, or update ariel_build',
        )
    if "" in versions:
        if not (versions[""] < LEAST_OPSET and _is_readable(model, versions[""])):
            _check("operator set", versions[""], LEAST_OPSET, NEWEST_OPSET)
    elif any(node.domain in DEFAULT_DOMAINS for node in model.graph.node):
        raise corrupt("it imports no version of the operator set `ai.onnx`")
    return versions


def _is_readable(model: onnx.ModelProto, version: int) -> bool:
    """Whether the nodes of an older file mean what they mean in the least operator set that is read, or are settled."""
    for node in model.graph.node:
        if node.domain not in DEFAULT_DOMAINS:
            return False
        try:
            then, now = (onnx.defs.get_schema(node.op_type, v).since_version for v in (version, LEAST_OPSET))
        except onnx.defs.SchemaError:
            return False
        # Graphs in attributes would have to be looked at as well.
        is_settled = then == now or (version == LEAST_OPSET - 1 and node.op_type in CHANGED)
        if not is_settled or any(a.type in _GRAPHS for a in node.attribute):
            return False
    return True


def _check(what: str, found: int, least: int, newest: int) -> None:
    """Refuses a version that is too old or too new, with what can be done about it."""
    if found > newest:
        raise UnsupportedError(
            f"ONNX {what} {found} is newer than {newest}, the newest that this version of ariel_build knows",
            help=f"export the model with opset_version={NEWEST_OPSET} or less, convert it with onnx.version_converter, "
            "or update ariel_build",
        )
    if found < least:
        raise UnsupportedError(
            f"ONNX {what} {found} is not supported ({least} to {newest} are)",
            help=f"export the model again with opset_version={LEAST_OPSET} or more, or convert it with "
            "onnx.version_converter",
        )


_GRAPHS = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)


@cache
def _attributes(op: str, domain: str, version: int) -> dict[str, int] | None:
    """Returns the attributes that an operator has in a version, with their types; None where `onnx` does not know."""
    # An older `onnx` package knows only older schemas: what a newer one adds is no fault of the file.
    if domain == "" and version > onnx.defs.onnx_opset_version():
        return None
    try:
        schema = onnx.defs.get_schema(op, version, domain)
    except onnx.defs.SchemaError:
        return None
    kinds = onnx.AttributeProto.AttributeType
    return {name: kinds.Value(str(attribute.type).rpartition(".")[2]) for name, attribute in schema.attributes.items()}


def misfits(op: str, domain: str, version: int, attributes: Iterable[onnx.AttributeProto]) -> dict[str, str]:
    """Returns the attributes of a node that its operator does not have, or has otherwise: name -> what is wrong."""
    known = _attributes(op, domain, version)
    if known is None:
        return {}
    wrong: dict[str, str] = {}
    for attribute in attributes:
        wanted = known.get(attribute.name)
        if wanted is None:
            wrong[attribute.name] = f"does not exist in operator set {version}"
        elif wanted != attribute.type:
            has, wants = (onnx.AttributeProto.AttributeType.Name(n).lower() for n in (attribute.type, wanted))
            wrong[attribute.name] = f"is of kind {has}, not {wants}"
    return wrong
