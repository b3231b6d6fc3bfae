"""What of this machine untrusted code may see: the system, the interpreters, made-up accounts; nothing of a person."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from swe_ai_fleet.sandbox.options import SandboxOptions

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
_CONFIGURATION = (
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "fonts",
    "gai.conf",
    "java-17-openjdk",
    "java-21-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "localtime",
    "magic",
    "mime.types",
    "pki/ca-trust",
    "pki/tls/certs",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
)
MADE_UP = {
    "/etc/passwd": "root:x:0:0::/nonexistent:/usr/sbin/nologin\nfleet:x:1000:1000::/tmp:/bin/sh\n",
    "/etc/group": "root:x:0:\nfleet:x:1000:\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "/etc/resolv.conf": "",
}
_SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


class Host:
    """The readable part of this machine, found once."""

    def __init__(self, options: SandboxOptions) -> None:
        """Look at the interpreters that ``options`` name, and at our own."""
        environments = [Path(sys.prefix)]
        if options.virtual_env is not None:
            environments.insert(0, options.virtual_env)
        self.path = ":".join([*(str(env / "bin") for env in environments), *_SYSTEM_PATH])
        found = [*_system(), *options.readable]
        for environment in environments:
            found += interpreter_folders(environment)
        self.readable = tuple(dict.fromkeys(str(path) for path in found))

    def environment(self, *, scratch: str) -> dict[str, str]:
        """The small fixed environment of every command; ``scratch`` is its private folder for temporary files."""
        return {
            "PATH": self.path,
            "HOME": scratch,
            "TMPDIR": scratch,
            "USER": "fleet",
            "LOGNAME": "fleet",
            "SHELL": "/bin/sh",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
        }


def _system() -> Iterator[Path]:
    for path in _SYSTEM:
        yield Path(path)
    for name in _CONFIGURATION:
        yield from _with_pointees(Path("/etc") / name)


def interpreter_folders(environment: Path) -> Iterable[Path]:
    """A Python environment, and every installation that its interpreter comes from."""
    python = environment / "bin" / "python"
    hops = [path.parent.parent for path in _hops(python)]
    own = [environment, *hops, environment.resolve()]
    return [path for path in own if path != Path("/") and not _within(path, ("/usr", "/bin"))]


def _with_pointees(path: Path) -> Iterator[Path]:
    """A path, and where it leads if it is a symbolic link out of the system's folders."""
    yield path
    if path.is_symlink() and path.exists():
        resolved = path.resolve()
        if not _within(resolved, _SYSTEM):
            yield resolved


def _hops(path: Path) -> Iterator[Path]:
    """Where a symbolic link leads, hop by hop, and last the real place."""
    for _ in range(16):
        if not path.is_symlink():
            break
        path = path.parent / path.readlink()
        yield path
    yield path.resolve()


def _within(path: Path, folders: Iterable[str]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
