"""The constants of a .pt2 archive: raw bytes of a storage, and how sizes, strides and an offset pick a tensor of it."""

from __future__ import annotations

import math

import numpy as np

from ariel_build.errors import UnsupportedError
from ariel_build.frontends.checks import ConstantBudget, checked_shape, corrupt, shown
from ariel_build.frontends.pt2_archive import EXPORT_AGAIN, Archive, Json
from ariel_build.frontends.pt2_schema import (
    boolean,
    choice,
    element_type,
    integer,
    items,
    option,
    record,
    sizes,
    text,
    type_name,
)
from ariel_build.frontends.source import SourceTensor
from ariel_build.ir import Array

__all__ = ["ConstantReader"]

_STRIDED = 7


class ConstantReader:
    """Reads parameters, buffers and constants by their names in the module; bounds what they take together."""

    def __init__(self, archive: Archive) -> None:
        """Reads what the archive says of its tensors."""
        self._archive = archive
        self._constants = ConstantBudget()
        self._stored: dict[str, bytes] = {}
        self._config: dict[str, tuple[str, dict[str, Json]]] = {}
        for folder, config in (
            ("data/weights/", "model_weights_config.json"),
            ("data/constants/", "model_constants_config.json"),
        ):
            if not archive.has(folder + config):
                self._refuse_pickles(folder)
                continue
            content = record(archive.json(folder + config), config)
            for name, entry in record(content.get("config"), config).items():
                self._config.setdefault(name, (folder, record(entry, name)))

    def _refuse_pickles(self, folder: str) -> None:
        """Refuses a folder that has tensors and no list of them: PyTorch 2.8 stored those as pickles."""
        pickles = [name for name in self._archive.names(folder) if name.endswith((".pt", ".pkl"))]
        if pickles:
            raise UnsupportedError(
                f"its weights are stored as a pickle (`{shown(folder + pickles[0])}`), which is never opened: "
                "a pickle can run any code",
                help=EXPORT_AGAIN,
            )

    def tensor(self, name: str, key: str, origin: str) -> SourceTensor:
        """Returns the tensor that the module calls `name`; without data where numpy has not its type."""
        if name not in self._config:
            raise corrupt(f"the archive has no tensor `{shown(name)}`", origin)
        folder, entry = self._config[name]
        path = folder + text(entry.get("path_name"), "path_name")
        if option(entry, "use_pickle", boolean, default=False):
            raise UnsupportedError(
                f"`{shown(name)}` is stored as a pickle (`{shown(path)}`), which is never opened: "
                "a pickle can run any code",
                origin,
                "make it a plain torch.Tensor before torch.export.export (subclasses of tensors are pickled); or "
                + EXPORT_AGAIN,
            )
        meta = record(entry.get("tensor_meta"), "tensor_meta")
        if integer(meta.get("layout"), "layout") != _STRIDED:
            raise UnsupportedError(f"`{shown(name)}` is sparse", origin, "make it dense: `.to_dense()`")
        kind = type_name(meta.get("dtype"), "dtype")
        dtype, held = element_type(kind)
        extents = sizes(meta.get("sizes"), "sizes")
        if not all(isinstance(extent, int) for extent in extents):
            raise corrupt(f"the shape of constant `{shown(name)}` is free", origin)
        item = 2 if kind == "bfloat16" else 1 if held is None else held.itemsize
        shape = checked_shape([int(extent) for extent in extents], item, origin)
        data: Array | None = None
        if held is not None or kind == "bfloat16":
            data = self._picked(path, meta, held or np.dtype(np.uint16), shape, origin)
            if held is None:
                # The upper half of a float32.
                data = (data.astype(np.uint32) << 16).view(np.float32)
            data.flags.writeable = False
        return SourceTensor(key, dtype, shape, data=data, file_type=kind)

    def _picked(
        self, path: str, meta: dict[str, Json], held: np.dtype[np.generic], shape: tuple[int, ...], origin: str
    ) -> Array:
        """Returns the elements that sizes, strides and offset name, copied from their storage."""
        steps = [_known(entry, "strides") for entry in items(meta.get("strides"), "strides")]
        start = _known(meta.get("storage_offset"), "storage_offset")
        if path not in self._stored:
            self._stored[path] = self._archive.read(path)
        self._constants.charge(math.prod(shape) * held.itemsize, origin)
        raw = self._stored[path]
        count = len(raw) // held.itemsize
        last = start + sum((extent - 1) * step for extent, step in zip(shape, steps, strict=False))
        empty = 0 in shape
        if len(steps) != len(shape) or min(steps, default=0) < 0 or start < 0 or (last >= count and not empty):
            raise corrupt(
                f"a tensor of shape {list(shape)} needs {last + 1} elements, `{shown(path)}` has {count}", origin
            )
        if empty:
            return np.empty(shape, held)
        storage = np.frombuffer(raw, np.uint8 if held == np.bool_ else held.newbyteorder("<"), count)
        picked = np.lib.stride_tricks.as_strided(
            storage[start:], shape, [step * storage.itemsize for step in steps], writeable=False
        )
        return np.array(picked != 0 if held == np.bool_ else picked, held, order="C")


def _known(value: Json, what: str) -> int:
    """Returns a number that a schema allows to be symbolic, and that is none here."""
    kind, content = choice(value, what)
    if kind != "as_int":
        raise corrupt(f"{what} of a constant is {shown(kind)}")
    return integer(content, what)
