"""The zip that `torch.export.save` writes: its members, each found, bounded and read whole; nothing is ever unpickled.

Members stand in one folder whose name is of no account: `models/model.json` is the program, `data/weights/` and
`data/constants/` have tensors as raw bytes and a list of what they are, `data/sample_inputs/` has a pickle that nobody
opens here.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib

from ariel_build.errors import ModelError, UnsupportedError
from ariel_build.frontends.checks import MAX_FILE_BYTES, corrupt, shown

__all__ = ["EXPORT_AGAIN", "Archive", "Json"]

#: What `json` gives.
Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

EXPORT_AGAIN = (
    "export it with PyTorch 2.9 or newer: torch.export.save(torch.export.export(model.eval(), inputs), 'model.pt2') "
    "writes weights as raw bytes"
)

_MAX_MEMBERS = 1 << 16
#: A program of 5,000 nodes takes 8 MB; Python needs some twenty bytes for each of JSON's.
_MAX_JSON_BYTES = 1 << 25
#: Folder and names of the format before archives had `archive_format` (PyTorch 2.7 and older).
_OLD = ("serialized_exported_program.json", "serialized_state_dict.pt", "serialized_state_dict.json")


class Archive:
    """A .pt2 archive in memory; bounds what its members take together, however small the file."""

    def __init__(self, data: bytes) -> None:
        """Reads the directory of the zip; ModelError where this is none, or not such an archive."""
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise corrupt(f"it is no zip archive ({shown(str(error))})") from None
        self._left = MAX_FILE_BYTES
        members = self._zip.infolist()
        if len(members) > _MAX_MEMBERS:
            raise corrupt(f"the archive has more than {_MAX_MEMBERS} members")
        names = [member.filename for member in members]
        if len(set(names)) < len(names):
            raise corrupt("two members of the archive have one name")
        self._members = {member.filename: member for member in members}
        self._root = self._find_root(names)
        order = self.text("byteorder") if self.has("byteorder") else "little"
        if order.strip() != "little":
            raise UnsupportedError(
                f"byte order `{shown(order)}` is not supported", "byteorder", "export it on a little-endian machine"
            )

    def _find_root(self, names: list[str]) -> str:
        """Returns the folder of the archive, with its slash."""
        roots = [name.removesuffix("archive_format") for name in names if name.rpartition("/")[2] == "archive_format"]
        if len(roots) == 1 and roots[0].count("/") <= 1:
            return roots[0]
        if any(name.rpartition("/")[2] in _OLD for name in names):
            raise UnsupportedError(
                "its weights are stored as a pickle (`serialized_state_dict.pt`), which is never opened: "
                "a pickle can run any code",
                help=EXPORT_AGAIN,
            )
        if any(name.rpartition("/")[2] == "data.pkl" for name in names):
            raise UnsupportedError(
                "this is a checkpoint of torch.save or a TorchScript module, not an exported program; "
                "it holds pickles, which are never opened",
                help=EXPORT_AGAIN,
            )
        raise corrupt("the archive has not one `archive_format`")

    def names(self, folder: str) -> list[str]:
        """Returns the names of the members in a folder."""
        start = self._root + folder
        return [name.removeprefix(start) for name in self._members if name.startswith(start)]

    def has(self, name: str) -> bool:
        """Whether there is such a member."""
        return self._root + name in self._members

    def read(self, name: str, most: int = MAX_FILE_BYTES) -> bytes:
        """Returns the bytes of a member, of which there are at most `most`."""
        member = self._members.get(self._root + name)
        if member is None:
            raise corrupt(f"the archive has no `{shown(name)}`")
        if member.flag_bits & 1:
            raise UnsupportedError(
                f"`{shown(name)}` is encrypted", help="give the archive as torch.export.save wrote it"
            )
        self._left -= member.file_size
        if member.file_size > most or self._left < 0:
            raise ModelError(
                f"`{shown(name)}` has {member.file_size} bytes, more than are read",
                help="the file is corrupt, or the model is not one for a microcontroller",
            )
        try:
            with self._zip.open(member) as file:
                content = file.read(member.file_size + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            RuntimeError,
            ValueError,
            NotImplementedError,
        ) as error:
            raise corrupt(f"`{shown(name)}` cannot be unpacked ({shown(str(error))})") from None
        if len(content) != member.file_size:
            raise corrupt(f"`{shown(name)}` has not the {member.file_size} bytes that the archive says")
        return content

    def text(self, name: str) -> str:
        """Returns a short text."""
        return self.read(name, 1 << 10).decode("utf-8", errors="replace")

    def json(self, name: str) -> Json:
        """Returns what a member of JSON says."""
        content = self.read(name, _MAX_JSON_BYTES)
        try:
            found: Json = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise corrupt(f"`{shown(name)}` is no JSON ({shown(str(error) or type(error).__name__)})") from None
        return found
