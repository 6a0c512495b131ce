"""One frame looked at as closely as a profile says: at each of its sizes, in windows and turned when needed."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from privacy_audit.detectors.faces.backends import Backend, Profile
from privacy_audit.detectors.faces.boxes import Boxes, Mask, cover, join_windows, noisy_or
from privacy_audit.detectors.faces.inputs import fit
from privacy_audit.detectors.faces.orientations import likely_turn, turn, turn_back
from privacy_audit.detectors.faces.windows import windows

_FUSED_FLOOR = 0.07  # what one pass doubts this much may still count when a second pass agrees
_FRAGMENT_MARGIN = 0.01  # of a window's length: boxes this near to its edge may have been cut by it


class Search:
    """Finds the faces of a frame with one network, as closely as `profile` says."""

    def __init__(self, network: Backend, profile: Profile, keep: float) -> None:
        self._network = network
        self._profile = profile
        self._keep = keep

    def __call__(self, frame: Image.Image, max_windows: int) -> Boxes:
        """Faces that score `keep` or more, in pixels of `frame` (RGB); may reach over its edges.

        Raises DetectorError when the network fails.
        """
        width, height = frame.size
        places = windows(width, height, self._profile.sides[-1], max_windows)
        if not places:
            return self._view(frame)
        whole, _ = self._passes([fit(frame, side) for side in self._profile.sides], frame.size)
        complete, fragments = [whole], []
        for place in places:
            found = self._view(frame.crop(place)).moved(left=place[0], top=place[1])
            cut = _cut(found, place, frame.size)
            complete.append(found.take(~cut))
            fragments.append(found.take(cut))
        return join_windows(Boxes.join(complete), Boxes.join(fragments))

    def _view(self, view: Image.Image) -> Boxes:
        """Faces on what is looked at at once, in its pixels, in whichever orientation they stand."""
        inputs = [fit(view, side) for side in self._profile.sides]
        upright, top = self._passes(inputs, view.size)
        if top >= self._profile.confident:
            return upright
        quarters = likely_turn(self._network, inputs[0], self._profile.trial_side)
        if not quarters:
            return upright
        turned, _ = self._passes(inputs, view.size, quarters)
        return cover(upright, turned)

    def _passes(self, inputs: Sequence[Image.Image], size: tuple[int, int], quarters: int = 0) -> tuple[Boxes, float]:
        """Faces on one view, given at each of the profile's sides, in pixels of `size`; best score of the first."""
        threshold = self._keep if len(inputs) == 1 else min(self._keep, _FUSED_FLOOR)
        found = []
        for picture in inputs:
            boxes = turn_back(self._network(turn(picture, quarters), threshold), quarters, *picture.size)
            found.append(boxes.moved(size[0] / picture.width, size[1] / picture.height))
        if len(found) == 1:
            return found[0], found[0].top
        fused = noisy_or(found)
        return fused.take(fused.scores >= self._keep), found[0].top


def _cut(boxes: Boxes, place: tuple[int, int, int, int], size: tuple[int, int]) -> Mask:
    """Which of `boxes` (n,), found in the window `place` of a frame of `size`, its edge may have cut."""
    left, top, right, bottom = place
    width, height = size
    margin = _FRAGMENT_MARGIN * max(right - left, bottom - top)
    x1, y1, x2, y2 = boxes.corners.T
    near: Mask = (
        ((left > 0) & (x1 < left + margin))
        | ((top > 0) & (y1 < top + margin))
        | ((right < width) & (x2 > right - margin))
        | ((bottom < height) & (y2 > bottom - margin))
    )
    return near
