"""What a detector is, and how one is called alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from privacy_audit.errors import DetectorError
from privacy_audit.models import ModelFile
from privacy_audit.pixels import Picture
from privacy_audit.types import Failure, Finding, Needs, Outcome, Sample, Text

if TYPE_CHECKING:
    from PIL import Image


_PLAIN = re.compile(r"[\w.+-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class About:
    """What the report says of a detector: how it works, what it misses, where the figures come from."""

    method: str
    limits: str
    thresholds: str = ""
    measured: str = ""


@dataclass(frozen=True, slots=True)
class Described:
    """What a detector with given options records in the audit.

    `models` maps a model's name to its sha256. `options` hold no path. `tables` are measured rates by size, in the form
    of detectors/faces/recall.json.
    """

    about: About
    models: Mapping[str, str]
    options: Mapping[str, str]
    tables: Sequence[Mapping[str, Any]] = field(default_factory=list)


@runtime_checkable
class Detector(Protocol):
    """Pure, batched, picklable by class. A model loads in the constructor, once per worker process.

    Optional class attributes: `models` (tuple of ModelFile), `about` (About), `long_side` (pixels of the long side
    that it wants decoded; None for full size), `optional` (True: it is slow, and runs only when it is asked for),
    `packages` (further packages that it imports or reads models from, each with how to install it), `described` (a
    class method from options to Described, when they differ by option).
    """

    name: str
    version: str
    codes: frozenset[str]
    needs: Needs

    def detect(self, samples: Sequence[Sample]) -> list[Outcome]:
        """One outcome per sample, in order. Never raises for what a sample holds."""
        ...


class Standalone:
    """Lets a detector be called on one thing, without a dataset: `Faces()("photo.jpg")`."""

    needs: Needs

    def __call__(self, thing: str | bytes | Path | Image.Image | Sample) -> list[Finding]:
        """Findings on a picture (path, bytes, PIL image), a text (str, for detectors of text) or a whole Sample."""
        sample = as_sample(thing, self.needs)
        if sample is not thing and sample.picture is not None:
            _ = sample.picture.data  # raises PictureError: asked about one file, a person wants to know that it is gone
        outcome = self.detect([sample])[0]  # type: ignore[attr-defined]
        if isinstance(outcome, Failure):
            raise DetectorError(outcome.message)
        failed = [part for part in outcome if isinstance(part, Failure)]
        if failed and not any(isinstance(part, Finding) for part in outcome):
            raise DetectorError(failed[0].message)
        return [part for part in outcome if isinstance(part, Finding)]


def as_sample(thing: str | bytes | Path | Image.Image | Sample, needs: Needs) -> Sample:
    """A Sample around one thing. A str is a caption for a detector of text, else a path."""
    if isinstance(thing, Sample):
        return thing
    if isinstance(thing, str) and Needs.TEXT in needs and Needs.PIXELS not in needs and Needs.BYTES not in needs:
        return Sample("text", "", texts=(Text("caption", "text", thing),))
    if isinstance(thing, (str, Path)):
        return Sample(Path(thing).name, "", Picture(Path(thing)))
    if isinstance(thing, bytes):
        return Sample("bytes", "", Picture(thing))
    return Sample("image", "", Picture.of(thing))


def models_of(detector: type[Detector] | Detector) -> tuple[ModelFile, ...]:
    """The model files that a detector declares."""
    return tuple(getattr(detector, "models", ()))


def is_optional(detector: type[Detector] | Detector) -> bool:
    """Whether a detector runs only when it is asked for."""
    return bool(getattr(detector, "optional", False))


def packages_of(detector: type[Detector] | Detector) -> Mapping[str, str]:
    """The packages that a detector needs beyond those of privacy-audit: import name to how to install it."""
    return dict(getattr(detector, "packages", {}))


def about(detector: type[Detector] | Detector) -> About:
    """What a detector says of itself; its docstring when it declares nothing."""
    declared = getattr(detector, "about", None)
    if isinstance(declared, About):
        return declared
    return About(method=" ".join((detector.__doc__ or "").split()), limits="not stated by the detector")


def _recorded(options: Mapping[str, str | bool | float]) -> dict[str, str]:
    texts = {name: str(value) for name, value in options.items()}
    digests = {name: hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for name, text in texts.items()}
    return {name: text if _PLAIN.fullmatch(text) else f"sha256:{digests[name]}" for name, text in texts.items()}


def described(detector: type[Detector], options: Mapping[str, str | bool | float]) -> Described:
    """What a detector with `options` records in the audit. A path or a text among them is recorded as its sha256."""
    describe = getattr(detector, "described", None)
    if describe is not None:
        told: Described = describe(options)
        return told
    return Described(about(detector), {model.name: model.sha256 for model in models_of(detector)}, _recorded(options))
