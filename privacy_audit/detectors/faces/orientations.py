"""Pictures whose pixels lie on a side or stand on their head without saying so in EXIF.

Detectors find one face in five of a turned picture. The four orientations are therefore compared at a small size, on
the evidence that a few clear faces weigh more than many doubtful ones: the sum of squared scores.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from privacy_audit.detectors.faces.boxes import Boxes
from privacy_audit.detectors.faces.inputs import fit

_MARGIN = 0.15
_THRESHOLD = 0.05
_ANTICLOCKWISE = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}

Network = Callable[[Image.Image, float], Boxes]


def turn(picture: Image.Image, quarters: int) -> Image.Image:
    """`picture` turned anticlockwise by `quarters` (0 to 3) quarter turns."""
    return picture.transpose(_ANTICLOCKWISE[quarters]) if quarters else picture


def turn_back(boxes: Boxes, quarters: int, width: int, height: int) -> Boxes:
    """Boxes found on `turn(picture, quarters)` in the pixels of `picture`, which is `width` x `height`.

    They are marked with the clockwise degrees that their faces are turned by.
    """
    x1, y1, x2, y2 = boxes.corners.T
    sides = {
        0: (x1, y1, x2, y2),
        1: (width - y2, x1, width - y1, x2),
        2: (width - x2, height - y2, width - x1, height - y1),
        3: (y1, height - x2, y2, height - x1),
    }[quarters]
    return Boxes.of(np.stack(sides, axis=1), boxes.scores, 90 * quarters)


def likely_turn(network: Network, picture: Image.Image, long_side: int) -> int:
    """Anticlockwise quarter turns (0 to 3) after which the faces of `picture` probably stand upright.

    Only a hint: face-free pictures, too, look better turned now and then. Costs three or four passes at `long_side`.
    """
    small = fit(picture, long_side)
    turned = {quarters: _evidence(network(turn(small, quarters), _THRESHOLD)) for quarters in _ANTICLOCKWISE}
    best = max(turned, key=turned.__getitem__)
    if turned[best] <= _MARGIN:  # no need to look at the given orientation
        return 0
    return best if turned[best] - _evidence(network(small, _THRESHOLD)) > _MARGIN else 0


def _evidence(boxes: Boxes) -> float:
    return float(np.square(boxes.scores).sum())
