"""A newcomer's machine in a folder: Debian's smallest system with Python and git, and rustup's Rust.

Programs run in it under `chroot`, with mounts and processes in namespaces of their own: when they end, however they
end, nothing of them is left, and the folder can be deleted like any other. What this machine reaches registries with
(apt's sources, certificates, proxies) is given along; nothing else of it is seen inside.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tools.setup.process import Refused, run, say

__all__ = ["base", "copy", "execute", "give_conflict", "strip_targets"]

_INCLUDE = "python3,git,ca-certificates"
_HOME = "root"
_PATH = "/root/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT = re.compile(
    r"(?!PIP_FIND_LINKS)(?:PIP|CARGO_HTTP|CARGO_NET|CARGO_REGISTR\w*|NPM_CONFIG|RUSTUP_DIST|SSL_CERT|GIT_SSL)_\w+|RUSTUP_DIST_SERVER"
    r"|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|NODE_EXTRA_CA_CERTS|(?:HTTPS?|NO|ALL)_PROXY",
    re.IGNORECASE,
)
#: A private copy of the mounts, in which those of the root are made; $1 is the root, the rest what to run in it.
_ENTER = """
mount -t proc proc "$1/proc" && mount --rbind /sys "$1/sys" && mount --rbind /dev "$1/dev" || exit 125
root=$1; shift; exec chroot "$root" "$@"
"""
#: Stands for the qemu-utils of a later Debian, beside which QEMU's system emulators of this one cannot be installed.
_CONFLICT = """\
Package: qemu-utils
Version: 1:99
Architecture: all
Maintainer: Ariel-ML
Breaks: qemu-system-common (<< 1:99), qemu-system-data (<< 1:99)
Description: stands for a newer qemu-utils
"""


def base(root: Path) -> None:
    """Makes the root, of the Debian that runs here; raises `Refused` where that cannot be."""
    if os.geteuid() != 0:
        raise Refused("only root may make a root folder and change into it")
    sources = _sources()
    suite = sources[0].split()[2]
    say(f"making a root of Debian {suite} with Python and git")
    made = run("debootstrap", "--variant=minbase", f"--include={_INCLUDE}", suite, root, sources[0].split()[1])
    if not made.ok:
        raise Refused(f"debootstrap failed: {made.reason or made.stdout[-300:]}")
    (root / "etc/apt/sources.list").write_text("".join(f"{line}\n" for line in sources))
    settings = run("apt-config", "dump", env={"LC_ALL": "C"}).stdout.splitlines()
    ways = [line for line in settings if re.match(r"Acquire::(https?)::\S+ \"[^\"]", line)]
    (root / "etc/apt/apt.conf.d/99ways").write_text("".join(f"{line}\n" for line in ways))
    for file in ("etc/ssl/certs/ca-certificates.crt", "etc/resolv.conf", "etc/hosts"):
        if Path("/", file).exists():
            shutil.copyfile(Path("/", file), root / file)
    _give_rust(root)


def _sources() -> list[str]:
    """Returns the lines of apt's sources for this Debian's release, the release itself first."""
    suite = next(re.finditer(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE), None)
    known = run("apt-get", "indextargets", "--format", "$(LABEL)|deb $(REPO_URI) $(RELEASE) $(COMPONENT)")
    lines = {line.partition("|")[2] for line in known.stdout.splitlines() if line.startswith("Debian")}
    found = sorted(line for line in lines if suite and line.split()[2].startswith(suite[1]))
    found.sort(key=lambda line: len(line.split()[2]))
    if suite is None or not found or found[0].split()[2] != suite[1]:
        raise Refused("a fresh root is made from the Debian that runs here, and apt has no sources of it")
    return found


def _give_rust(root: Path) -> None:
    """Copies rustup and its active toolchain, without the targets that were added to it."""
    sysroot = Path(run("rustc", "--print", "sysroot", cwd=Path("/"), env={"RUSTUP_TOOLCHAIN": None}).stdout.strip())
    rustup = shutil.which("rustup")
    if rustup is None or sysroot.parent.name != "toolchains":
        raise Refused("a fresh root gets this machine's rustup and its toolchain, and there is none here")
    say(f"giving it rustup and {sysroot.name}")
    programs, toolchains = root / _HOME / ".cargo" / "bin", root / _HOME / ".rustup" / "toolchains"
    shutil.copytree(Path(rustup).parent, programs, symlinks=True)
    without_docs = shutil.ignore_patterns("html")
    shutil.copytree(sysroot, toolchains / sysroot.name, symlinks=True, ignore=without_docs)
    settings = f'version = "12"\ndefault_toolchain = "{sysroot.name}"\nprofile = "minimal"\n'
    (toolchains.parent / "settings.toml").write_text(settings)
    strip_targets(toolchains / sysroot.name / "lib" / "rustlib")


def strip_targets(rustlib: Path) -> None:
    """Takes the libraries of all targets but the host's out of a toolchain, and out of what rustup notes about it."""
    manifests = rustlib.glob("manifest-rust-std-*")
    targets = [m.name.removeprefix("manifest-rust-std-") for m in manifests]
    added = [t for t in targets if not (rustlib / f"manifest-rustc-{t}").exists()]
    for target in added:
        shutil.rmtree(rustlib / target, ignore_errors=True)
        (rustlib / f"manifest-rust-std-{target}").unlink()
    components = rustlib / "components"
    kept = [c for c in components.read_text().splitlines() if c.removeprefix("rust-std-") not in added]
    components.write_text("".join(f"{c}\n" for c in kept))
    config = rustlib / "multirust-config.toml"
    head, *tables = re.split(r"(?=^\[\[components\]\])", config.read_text(), flags=re.MULTILINE)
    config.write_text(head + "".join(t for t in tables if not any(f'target = "{a}"' in t for a in added)))


def copy(base: Path, root: Path) -> None:
    """Copies a root; `cp`, since shutil would read the devices in it to their ends, and /dev/zero has none."""
    copied = run("cp", "--archive", base, root)
    if not copied.ok:
        raise Refused(f"the root cannot be copied: {copied.reason}")


def give_conflict(root: Path) -> None:
    """Installs a newer qemu-utils, as people have from backports: apt will not fit the emulators in beside it."""
    package = root / "tmp" / "qemu-utils"
    (package / "DEBIAN").mkdir(parents=True)
    (package / "DEBIAN" / "control").write_text(_CONFLICT)
    if execute(root, "/", "dpkg-deb --build /tmp/qemu-utils && dpkg --install /tmp/qemu-utils.deb") != 0:
        raise Refused("the package that stands for a newer qemu-utils cannot be installed")


def execute(root: Path, folder: str, command: str) -> int:
    """Runs a shell command in a folder of the root, as its user root, to its end; returns the exit code."""
    kept = [f"{name}={value}" for name, value in os.environ.items() if _KEPT.fullmatch(name)]
    variables = [f"HOME=/{_HOME}", "LANG=C.UTF-8", "TERM=dumb", f"PATH={_PATH}", *kept]
    inside = ["/usr/bin/env", "-i", "-C", folder, *variables, "bash", "-c", command]
    spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return subprocess.run([*spaces, "sh", "-c", _ENTER, "enter", root, *inside], check=False).returncode
