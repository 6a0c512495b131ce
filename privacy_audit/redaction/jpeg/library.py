"""The TurboJPEG library, through ctypes: found in known places only, and used for lossless transforms alone.

It is looked for as the system's own (Debian: libturbojpeg0) and as a file of an installed distribution that bundles it,
whose module is never imported. Of several, one with the API of version 3 is taken: it can optimise Huffman tables.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from privacy_audit.redaction.jpeg.header import NotTranscodable

DISTRIBUTIONS = ("turbojpeg", "jpegtran-cffi-wheels")
MAX_MEMORY_MB = 1024  # of one transform; what does not fit is an error, never a swap file
MAX_SCANS = 100  # a sound progressive file has ten

# Options of a transform
NO_OUTPUT, PROGRESSIVE, COPY_NONE, OPTIMIZE = 16, 32, 64, 256

_TRANSFORM = 2  # TJINIT_TRANSFORM
_STOP_ON_WARNING, _SCAN_LIMIT, _MAX_MEMORY = 0, 13, 23  # TJPARAM_*; the last one is not known to 3.0
_FLAGS = 8192 | 32768  # version 2: TJFLAG_STOPONWARNING, TJFLAG_LIMITSCANS (500)


@dataclass(frozen=True, slots=True)
class Visit:
    """Which rows of blocks are to be seen, and what is done there.

    `rows` and `sizes` (blocks across, blocks down) stand per component; another layout stops the transform. `work` gets
    the address of the row's coefficients, the component and the row.
    """

    rows: Sequence[Collection[int]]
    sizes: Sequence[tuple[int, int]]
    work: Callable[[int, int, int], None]


class _Region(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_int), ("w", ctypes.c_int), ("h", ctypes.c_int)]


_CustomFilter = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, _Region, _Region, ctypes.c_int, ctypes.c_int, ctypes.c_void_p
)


class _Transform(ctypes.Structure):
    _fields_ = [
        ("r", _Region),
        ("op", ctypes.c_int),
        ("options", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("custom_filter", _CustomFilter),
    ]


class TurboJpeg:
    """One loaded library. Every call has a handle of its own, so nothing is carried from one file to the next."""

    def __init__(self, path: str) -> None:
        """Raises OSError when it cannot be loaded, AttributeError when it is another library."""
        library = ctypes.CDLL(path)
        self.is_version_3 = hasattr(library, "tj3Transform")
        prefix = "tj3" if self.is_version_3 else "tj"
        size = ctypes.c_size_t if self.is_version_3 else ctypes.c_ulong
        self._size = size
        self._init = library.tj3Init if self.is_version_3 else library.tjInitTransform
        self._init.argtypes = [ctypes.c_int] if self.is_version_3 else []
        self._init.restype = ctypes.c_void_p
        self._destroy = getattr(library, f"{prefix}Destroy")
        self._destroy.argtypes = [ctypes.c_void_p]
        self._free = getattr(library, f"{prefix}Free")
        self._free.argtypes = [ctypes.c_void_p]
        self._free.restype = None
        self._transform = getattr(library, f"{prefix}Transform")
        self._transform.argtypes = [
            ctypes.c_void_p,
            ctypes.c_char_p,
            size,
            ctypes.c_int,
            ctypes.POINTER(ctypes.c_void_p),
            ctypes.POINTER(size),
            ctypes.POINTER(_Transform),
            *([] if self.is_version_3 else [ctypes.c_int]),
        ]
        if self.is_version_3:
            self._set = library.tj3Set
            self._set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]

    def transform(self, data: bytes, options: int, visit: Visit) -> bytes:
        """The JPEG `data` coded anew from its coefficients, as `visit` left them; b"" with NO_OUTPUT.

        Markers are not copied. Warnings count as errors: what the library calls damaged, it may have guessed at.
        Raises NotTranscodable, and whatever `visit` raised.
        """
        raised: list[BaseException] = []
        wanted, work = visit.rows, visit.work
        sizes = [(8 * columns, 8 * columns, 8 * rows) for columns, rows in visit.sizes]

        def custom_filter(address: int, row: _Region, plane: _Region, component: int, _: int, __: int) -> int:
            try:  # nothing may be raised into C
                y = row.y // 8
                if y in wanted[component]:
                    if (row.w, plane.w, plane.h) != sizes[component]:
                        return -1
                    work(address, component, y)
            except BaseException as error:  # noqa: BLE001 - raised again below, where there is no C in between
                raised.append(error)
                return -1
            return 0

        handle = self._init(*([_TRANSFORM] if self.is_version_3 else []))
        if not handle:
            raise MemoryError
        target, size = ctypes.c_void_p(), self._size()
        callback = _CustomFilter(custom_filter)
        request = _Transform(_Region(), 0, COPY_NONE | options, None, callback)
        arguments = (handle, data, len(data), 1, ctypes.byref(target), ctypes.byref(size), ctypes.byref(request))
        try:
            if self.is_version_3:
                self._set(handle, _STOP_ON_WARNING, 1)
                self._set(handle, _SCAN_LIMIT, MAX_SCANS)
                self._set(handle, _MAX_MEMORY, MAX_MEMORY_MB)
                failed = self._transform(*arguments)
            else:
                failed = self._transform(*arguments, _FLAGS)
            if raised:
                raise raised[0]
            if failed:
                raise NotTranscodable("the TurboJPEG library finds its coding damaged or cannot handle it")
            return ctypes.string_at(target, size.value) if target.value else b""
        finally:
            if target.value:
                self._free(target)
            self._destroy(handle)


@cache
def turbojpeg() -> TurboJpeg | None:
    """The library that this machine has, or None. Looked for once per process."""
    found = None
    for path in _candidates():
        try:
            library = TurboJpeg(path)
        except (OSError, AttributeError):
            continue
        if library.is_version_3:
            return library
        found = found or library
    return found


def _candidates() -> Iterator[str]:
    """The system's library by its versioned name or full path, never one of the working folder; then the package's."""
    if sys.platform == "darwin":
        places = (Path("/opt/homebrew/lib"), Path("/usr/local/lib"), Path("/opt/local/lib"))
        yield from (str(place / "libturbojpeg.0.dylib") for place in places)
    elif sys.platform != "win32":  # where the loader would look into the working folder
        yield "libturbojpeg.so.0"
    for name in DISTRIBUTIONS:
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for file in distribution.files or ():
            if _is_library(file.name) and _is_recorded(file):
                yield str(file.locate())


def _is_library(name: str) -> bool:
    if sys.platform == "win32":
        return name.startswith("turbojpeg") and name.endswith(".dll")
    return name.startswith("libturbojpeg") and (".so" in name or name.endswith(".dylib"))


def _is_recorded(file: Any) -> bool:
    """Whether the file is as it was installed: its sha256 is that of the distribution's record."""
    if file.hash is None or file.hash.mode != "sha256":
        return False
    try:
        content = Path(file.locate()).read_bytes()
    except OSError:
        return False
    found = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return bool(found == file.hash.value)
