"""Rectangles at any angle around points, as four corners clockwise from the top left."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.floating]
Corner = tuple[float, float]
Corners = tuple[Corner, Corner, Corner, Corner]

_MAX_DIRECTIONS = 64  # of the hull's edges; more only on hostile outlines, and then a near one serves


def smallest_rectangle(points: npt.ArrayLike) -> Corners:
    """The rectangle of the smallest area around `points`, (n, 2) as x, y, n at least 1; not necessarily upright."""
    hull = _hull(np.asarray(points, dtype=np.float64).reshape(-1, 2))
    edges = np.diff(np.vstack([hull, hull[:1]]), axis=0)
    edges = edges[np.hypot(edges[:, 0], edges[:, 1]) > 0]
    angles = np.unique(np.round(np.arctan2(edges[:, 1], edges[:, 0]) % (math.pi / 2), 6)) if len(edges) else np.zeros(1)
    angles = angles[:: math.ceil(len(angles) / _MAX_DIRECTIONS)]
    along = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    u, v = hull @ along.T, hull @ across.T
    low_u, high_u, low_v, high_v = u.min(axis=0), u.max(axis=0), v.min(axis=0), v.max(axis=0)
    best = int(np.argmin((high_u - low_u) * (high_v - low_v)))
    ends = [(low_u, low_v), (high_u, low_v), (high_u, high_v), (low_u, high_v)]
    return _from_top_left([along[best] * a[best] + across[best] * b[best] for a, b in ends])


def grown(corners: Corners, margin: float) -> Corners:
    """The rectangle `corners`, each of its sides moved outwards by `margin`."""
    first, second, third, fourth = (np.asarray(corner) for corner in corners)
    along, across = _unit(second - first), _unit(fourth - first)
    if not along.any():
        along = np.array([across[1], -across[0]]) if across.any() else np.array([1.0, 0.0])
    if not across.any():
        across = np.array([-along[1], along[0]])
    moved = [first - along - across, second + along - across, third + along + across, fourth - along + across]
    originals = (first, second, third, fourth)
    a, b, c, d = (
        (float(x), float(y)) for x, y in (old + (new - old) * margin for old, new in zip(originals, moved, strict=True))
    )
    return a, b, c, d


def sides(corners: Corners) -> tuple[float, float]:
    """Lengths of the top and the left side."""
    first, second, _, fourth = corners
    return math.dist(first, second), math.dist(first, fourth)


def scaled(corners: Corners, scale_x: float, scale_y: float) -> Corners:
    """`corners` in another coordinate system."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    return (
        (ax * scale_x, ay * scale_y),
        (bx * scale_x, by * scale_y),
        (cx * scale_x, cy * scale_y),
        (dx * scale_x, dy * scale_y),
    )


def around(quads: Sequence[Corners]) -> Corners:
    """The smallest rectangle around several, which is the one itself when there is one."""
    return quads[0] if len(quads) == 1 else smallest_rectangle([corner for quad in quads for corner in quad])


def _hull(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    ordered = sorted(set(map(tuple, points.tolist())))
    if len(ordered) < 3:
        return np.array(ordered)
    chains = []
    for way in (ordered, ordered[::-1]):
        chain: list[tuple[float, ...]] = []
        for point in way:
            while len(chain) >= 2 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        chains.append(chain[:-1])
    return np.array(chains[0] + chains[1])


def _turn(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _unit(vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    length = float(np.hypot(*vector))
    return vector / length if length else vector


def _from_top_left(corners: Sequence[npt.NDArray[np.float64]]) -> Corners:
    """Clockwise (y points down) from the corner that begins the side which is read from left to right."""
    start = min(range(4), key=lambda index: _lean(corners[index], corners[(index + 1) % 4]))
    a, b, c, d = ((float(x), float(y)) for x, y in (corners[(start + step) % 4] for step in range(4)))
    return a, b, c, d


def _lean(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """How far the side from `first` to `second` is from pointing to the right, in radians."""
    return abs(math.atan2(second[1] - first[1], second[0] - first[0]))
