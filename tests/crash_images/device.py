"""A disk that writes down what is written to it: a file of a FUSE file system, under a loop device."""

import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_HEADER = struct.Struct("<QQ")  # offset and length of a write
_FLUSH = (1 << 64) - 1  # an offset that no write has
BLOCK = 4096
MAKE = {
    "ext4": ["mkfs.ext4", "-q", "-F"],
    "ext4 without journal": ["mkfs.ext4", "-q", "-F", "-O", "^has_journal"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
}


@dataclass(frozen=True)
class Write:
    """Bytes that reached the disk; None for a flush, after which all that came before is durable."""

    offset: int
    data: bytes | None


def read_log(path: Path) -> list[Write]:
    """Return what a disk was told, in order."""
    events, content = [], path.read_bytes()
    position = 0
    while position < len(content):
        offset, length = _HEADER.unpack_from(content, position)
        position += _HEADER.size
        if offset == _FLUSH:
            events.append(Write(0, None))
            continue
        events.append(Write(offset, content[position : position + length]))
        position += length
    return events


def serve(backing: Path, log: Path, mount_point: Path) -> None:
    """Serve one file, `disk`, until it is unmounted; what is written to `backing` through it is logged."""
    import mfusepy

    size, names = backing.stat().st_size, {"/": 0o040755, "/disk": 0o100600}

    class Disk(mfusepy.Operations):  # type: ignore[misc]
        use_ns = True

        def __init__(self) -> None:
            self.backing = os.open(backing, os.O_RDWR)
            self.log = log.open("ab", buffering=1 << 20)

        def getattr(self, path: str, fh: object = None) -> dict[str, int]:
            if path not in names:
                raise mfusepy.FuseOSError(2)
            return {"st_mode": names[path], "st_nlink": 1, "st_size": size if path == "/disk" else 0}

        def readdir(self, path: str, fh: object) -> list[str]:
            return [".", "..", "disk"]

        def open(self, path: str, flags: int) -> int:
            return 0

        def read(self, path: str, num: int, offset: int, fh: object) -> bytes:
            return os.pread(self.backing, num, offset)

        def write(self, path: str, data: bytes, offset: int, fh: object) -> int:
            self.log.write(_HEADER.pack(offset, len(data)) + data)
            return os.pwrite(self.backing, data, offset)

        def fsync(self, path: str, datasync: bool, fh: object) -> int:
            self.log.write(_HEADER.pack(_FLUSH, 0))
            return 0

        def destroy(self, path: str) -> None:
            self.log.close()

    mfusepy.FUSE(Disk(), str(mount_point), foreground=True, nothreads=True)


def run(*command: str | Path, check: bool = True) -> str:
    """Run a command and return what it printed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


@contextmanager
def logged_disk(system: str, size: int, folder: Path) -> Iterator[tuple[Path, Path, Path]]:
    """Yield a mount point of a new file system, the image of the empty one, and the log of what is written
    from its first mounting to its last unmounting.
    """
    backing, empty, log = folder / "backing.img", folder / "empty.img", folder / "log"
    served, mounted = folder / "fuse", folder / "mounted"
    for place in (served, mounted):
        place.mkdir()
    with backing.open("wb") as file:
        file.truncate(size)
    run(*MAKE[system], backing)
    run("cp", "--sparse=always", backing, empty)
    command = [sys.executable, "-m", "tests.crash_images.device", str(backing), str(log), str(served)]
    server = subprocess.Popen(command)
    loop = ""
    try:
        for _ in range(100):
            if (served / "disk").exists():
                break
            time.sleep(0.1)
        loop = run("losetup", "--find", "--show", served / "disk")
        run("mount", loop, mounted)
        yield mounted, empty, log
        run("umount", mounted)
    finally:
        run("umount", mounted, check=False)
        if loop:
            run("losetup", "--detach", loop, check=False)
            for _ in range(50):  # it is let go when its last user is
                if not run("losetup", "--list", "--noheadings", loop, check=False):
                    break
                time.sleep(0.1)
        run("fusermount3", "-u", served, check=False)
        run("umount", "--lazy", served, check=False)
        server.wait(timeout=30)


def write_image(empty: Path, kept: Sequence[tuple[int, bytes]], target: Path) -> None:
    """Make the disk that holds the empty file system and the given writes."""
    run("cp", "--sparse=always", empty, target)
    with target.open("r+b") as file:
        for offset, data in kept:
            file.seek(offset)
            file.write(data)


@contextmanager
def mounted_image(system: str, image: Path, place: Path) -> Iterator[Path]:
    """Mount an image as a boot would: with its journal, or checked first where it has none."""
    if system == "ext4 without journal":
        run("e2fsck", "-fy", image, check=False)
    place.mkdir(exist_ok=True)
    run("mount", "-o", "loop", image, place)
    try:
        yield place
    finally:
        run("umount", place)


if __name__ == "__main__":
    serve(*map(Path, sys.argv[1:]))
