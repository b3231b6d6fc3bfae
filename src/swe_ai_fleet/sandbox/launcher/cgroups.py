"""Control groups: memory and number of processes of a whole tree, where this user may make groups."""

import contextlib
import os
import time

_READY = {"memory", "pids"}


class Group:
    """One command's group, in one hierarchy (version 2) or in two (version 1)."""

    def __init__(self, folders: dict[str, str]) -> None:
        """``folders``: by controller; both are the same in version 2."""
        self._folders = folders

    def limit(self, *, memory_bytes: int, processes: int) -> None:
        """Cap the tree's memory, without swap, and its processes."""
        memory, pids = self._folders["memory"], self._folders["pids"]
        _write(f"{pids}/pids.max", processes)
        if memory == pids:
            _write(f"{memory}/memory.max", memory_bytes)
            for name, value in (("memory.swap.max", 0), ("memory.oom.group", 1)):
                with contextlib.suppress(OSError):
                    _write(f"{memory}/{name}", value)
            return
        _write(f"{memory}/memory.limit_in_bytes", memory_bytes)
        with contextlib.suppress(OSError):  # there only where swap is accounted
            _write(f"{memory}/memory.memsw.limit_in_bytes", memory_bytes)

    def add(self, pid: int) -> None:
        """Move a process in; its children follow by birth."""
        for folder in set(self._folders.values()):
            _write(f"{folder}/cgroup.procs", pid)

    def ran_out_of_memory(self) -> bool:
        """The kernel has killed something in it for want of memory."""
        memory = self._folders["memory"]
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError):
                words = _read(f"{memory}/{name}").split()
                return int(words[words.index("oom_kill") + 1]) > 0
        return False

    def members(self) -> list[int]:
        """Process ids in it."""
        with contextlib.suppress(OSError):
            return [int(pid) for pid in _read(f"{self._folders['pids']}/cgroup.procs").split()]
        return []

    def remove(self) -> None:
        """Remove it; the kernel may need a moment after the last process has gone."""
        for folder in set(self._folders.values()):
            for _ in range(50):
                try:
                    os.rmdir(folder)
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)
                else:
                    break


class Groups:
    """Where groups can be made on this machine."""

    def __init__(self, parents: dict[str, str]) -> None:
        """``parents``: by controller, the folder in which groups are made."""
        self._parents = parents

    @classmethod
    def find(cls) -> "Groups | None":
        """A place where a limited group takes a process, tried for real; None where there is none."""
        for parents in _candidates():
            groups = cls(parents)
            try:
                works = groups._works()
            except OSError:
                works = False
            if works:
                return groups
        return None

    def make(self, name: str, *, memory_bytes: int, processes: int) -> Group:
        """A new group with its limits set."""
        folders = {controller: f"{parent}/{name}" for controller, parent in self._parents.items()}
        group = Group(folders)
        try:
            for folder in set(folders.values()):
                _make_anew(folder)
            group.limit(memory_bytes=memory_bytes, processes=processes)
        except OSError:
            group.remove()
            raise
        return group

    def _works(self) -> bool:
        group = self.make(f"fleet-probe-{os.getpid()}", memory_bytes=1 << 26, processes=8)
        try:
            return _takes_a_process(group)
        finally:
            group.remove()


def _make_anew(folder: str) -> None:
    """Groups are named after processes: one that is there was left by one that was killed and had our number."""
    try:
        os.mkdir(folder)
    except FileExistsError:
        os.rmdir(folder)
        os.mkdir(folder)


def _takes_a_process(group: Group) -> bool:
    pid = os.fork()
    if pid == 0:
        try:
            group.add(os.getpid())
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def _candidates() -> list[dict[str, str]]:
    """Version 1's own groups, then version 2's own group and the one around it."""
    own: dict[str, str] = {}
    for line in _read("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            own[controller] = path.rstrip("/")
    found: list[dict[str, str]] = []
    mounts = _mounts()
    if own.keys() >= _READY and mounts.keys() >= _READY:
        found += [
            {name: mounts[name] + own[name] for name in _READY},
            {name: mounts[name] for name in _READY},  # inside a container the path is the host's
        ]
    if "" in mounts:
        inner = mounts[""] + own.get("", "")
        for folder in (inner, inner.rpartition("/")[0], mounts[""]):
            with contextlib.suppress(OSError):
                if set(_read(f"{folder}/cgroup.subtree_control").split()) >= _READY:
                    found.append(dict.fromkeys(_READY, folder))
    return found


def _mounts() -> dict[str, str]:
    """Mount points by controller; version 2 under the empty name."""
    found: dict[str, str] = {}
    for line in _read("/proc/self/mounts").splitlines():
        _, point, kind, options = line.split()[:4]
        if kind == "cgroup2":
            found[""] = point
        elif kind == "cgroup":
            found.update(dict.fromkeys(_READY & set(options.split(",")), point))
    return found


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _write(path: str, value: int) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(str(value))
