"""What a backend is: a network that finds faces in one picture, and how closely each profile looks with it.

A further backend is one file with one class like this, and one line in `backends.NAMES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from PIL import Image

from privacy_audit.detectors.faces.boxes import Boxes

ProfileName = Literal["fast", "default", "thorough"]


@dataclass(frozen=True, slots=True)
class Profile:
    """How closely to look. `sides`: long sides in pixels, ascending, one pass each, fused when there are several.

    Boxes that score `keep` or more are findings, those from `report` on are counted. Scores mean something else in
    every backend and profile, which is why rules ask for the band and not for the score. `trial_side` is the long side
    at which orientations are compared; a picture with a face that scores `confident` stands upright.
    """

    sides: tuple[int, ...]
    keep: float
    report: float
    trial_side: int
    confident: float


@dataclass(frozen=True, slots=True)
class Settings:
    """Which network runs, and how. Empty strings leave the choice to the backend; `settings.resolve` makes it.

    `precision` (int8 | fp32) and `engine` (onnxruntime | openvino) are choices of CenterFace. `model` is a file of the
    user's own, for backends that come without one, and `model_sha256` what it was when the run was planned.
    """

    profile: ProfileName = "default"
    backend: str = "centerface"
    precision: str = ""
    engine: str = ""
    model: str = ""
    model_sha256: str = ""


class Backend(Protocol):
    """A network that finds faces. It is constructed once per worker process.

    Constructing it raises ModelError, which names the file with its sha256 or the extra to install, when it cannot run
    here. `name` is what `--faces-backend` takes, `title` and `limits` are for people.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    limits: ClassVar[str]
    needs_file: ClassVar[bool]
    profiles: ClassVar[Mapping[ProfileName, Profile]]

    @classmethod
    def resolve(cls, settings: Settings) -> Settings:
        """The same settings with every choice made that depends on the machine. Raises ModelError, DetectorError."""
        ...

    @classmethod
    def models(cls, settings: Settings) -> dict[str, str]:
        """Sha256 of the model files that run with resolved `settings`, by name. Raises ModelError."""
        ...

    def __init__(self, settings: Settings) -> None: ...

    def __call__(self, picture: Image.Image, threshold: float) -> Boxes:
        """Faces that score `threshold` or more, strongest first, in pixels of `picture`: RGB, sides multiples of 32.

        Raises DetectorError when the network fails.
        """
        ...
