"""Texts made to take long: processor time of the captions detector as they grow.

    python benchmarks/hostile_texts.py [--channel caption]

For each kind: seconds for 25,000, 100,000 and 300,000 characters, and 10,000,000 (of which 300,000 are read, and the
rest is a failure of that text). A text is read in overlapping windows of 20,000 characters, so that the time grows with
the number of windows; "growth" is the time for 300,000 characters over that for 100,000, which is to be about 3.
"""

from __future__ import annotations

import argparse
import base64
import random
import time

from privacy_audit.detectors.captions import Captions
from privacy_audit.types import Channel, Sample, Text

SIZES = (25_000, 100_000, 300_000, 10_000_000)
KINDS = {
    "digits": "0123456789",
    "@": "@",
    "a.a.a.": "a.",
    "a@a.a@": "a@a.",
    "+62 8": "+62 8",
    "hp 081": "hp 081",
    "1 1 1": "1 ",
    "5.5.5.5": "5.5.5.5 ",
    "MAC": "00-",
    "IPv6": "::",
    "IBAN": "DE89 3704 0044 ",
    "a at b dot": "x at y dot ",
    "jl. melati": "jl melati no ",
    "user:password": "a://b:c",
    "JSON Web Token": "eyJhbGciOiJIUzI1NiJ9.",
    "private key": "-----BEGIN PRIVATE KEY-----",
    "NUL": "\0",
    "surrogates": "\ud800",
    "bidi and Hebrew": "\u202eabc\u05d0 ",
    "long ligatures": "\ufdfa",
    "percent": "%41%2540",
    "HTML": '<a href="x">&amp;&#64;',
    "names": "Ab Cd ",
    "white space": " \n",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channel", choices=["caption", "filename", "url", "record"], default="caption")
    channel: Channel = parser.parse_args().channel
    captions = Captions()
    captions("John Smith, call +1 415 555 0132")  # presidio loads at the first text that needs it
    kinds = {**KINDS, "base64": base64.b64encode(random.Random(1).randbytes(250_000)).decode()}
    print(f"{'seconds for':18}" + "".join(f"{size:>12,}" for size in SIZES) + f"{'growth':>9}")
    for kind, piece in kinds.items():
        times = [_seconds(captions, channel, (piece * (size // len(piece) + 1))[:size]) for size in SIZES]
        print(f"{kind:18}" + "".join(f"{spent:12.2f}" for spent in times) + f"{times[2] / times[1]:9.1f}")


def _seconds(captions: Captions, channel: Channel, value: str) -> float:
    begin = time.process_time()
    captions.detect([Sample("a", "", texts=(Text(channel, "text", value),))])
    return time.process_time() - begin


if __name__ == "__main__":
    main()
