"""A distribution with detectors that go wrong, for worker processes: they find it on sys.path as any plug-in."""

from __future__ import annotations

from pathlib import Path

MODULE = '''
import ctypes, os, sys, time
from privacy_audit.types import Failure, Finding, Needs

def trouble(sample):
    """What a caption asks for."""
    what = next((text.value.strip() for text in sample.texts if text.channel == "caption"), "")
    if what == "segfault":
        ctypes.string_at(0)
    elif what == "hang":
        time.sleep(600)
    elif what == "memory":
        kept = [bytearray(b"x") * (16 << 20) for _ in iter(lambda: time.sleep(0.01), 1)]
    elif what == "raise":
        raise ValueError(what)
    elif what == "slow":
        time.sleep(0.5)

class Odd:
    """Does what captions ask for."""
    name, version = "odd", "1"
    codes, needs = frozenset({"face"}), Needs.TEXT

    def detect(self, samples):
        if any(text.value.strip() == "short" for sample in samples for text in sample.texts):
            return []
        for sample in samples:
            trouble(sample)
        return [[Finding("face", "odd", 0.5, "pixels")] for _ in samples]
'''


def install(folder: Path) -> None:
    """Write the distribution into `folder`, which the caller puts on sys.path."""
    folder.mkdir(exist_ok=True)
    (folder / "odd_detectors.py").write_text(MODULE)
    info = folder / "odd_detectors-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-detectors\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[privacy_audit.detectors]\nodd = odd_detectors:Odd\n")


def photos(folder: Path, captions: list[str], data: bytes) -> Path:
    """Pictures `0000.jpg` ... with these captions; no two have the same content."""
    folder.mkdir()
    for number, caption in enumerate(captions):
        (folder / f"{number:04d}.jpg").write_bytes(data + f"\n{number}".encode())
        (folder / f"{number:04d}.txt").write_text(caption)
    return folder
