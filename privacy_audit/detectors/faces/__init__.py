"""Faces by CenterFace: `Faces()("photo.jpg")`.

centerface     the network: model file, session, input, decoding
boxes          arrays of boxes: overlap, suppression, fusion of passes
orientations   pictures whose pixels lie on a side or stand on their head
windows        pictures too long for one look
search         one frame, looked at as closely as a profile says
detector       the Detector
"""

from __future__ import annotations

from privacy_audit.detectors.faces.detector import Faces

__all__ = ["Faces"]
