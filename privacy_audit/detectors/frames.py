"""Detectors of pixels look at a picture frame by frame: a still one has one, an animation or a document several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from privacy_audit.errors import PictureError
from privacy_audit.pixels import MAX_FRAMES, Picture
from privacy_audit.types import Failure, Finding, Outcome, Skipped

Part = Finding | Skipped | Failure


def each_frame(name: str, picture: Picture | None, look: Callable[[Picture, int, int], Sequence[Part]]) -> Outcome:
    """The outcome of the detector `name`, which looks at `picture`, a frame, and is told how many frames there will be.

    At most MAX_FRAMES are looked at; more are a skip, and a later frame that cannot be decoded is a failure of its own.
    """
    if picture is None:
        return [Skipped(name, "no picture in the source")]
    parts: list[Part] = []
    looked_at = 0
    try:
        frames = picture.frames(MAX_FRAMES)
        for frame in frames:
            parts += look(picture, frame, len(frames))
            looked_at += 1
        if looked_at < picture.frame_count:
            parts.append(Skipped(f"{name}.frames", f"{looked_at} of {picture.frame_count} frames looked at"))
    except PictureError as error:
        if not looked_at:
            return Failure(name, error.kind, str(error))
        parts.append(Failure(f"{name}.frames", error.kind, f"frame {frames[looked_at]}: {error}"))
    return parts
