"""Faces by CenterFace or another network: `Faces()("photo.jpg")`.

backends       the networks, by name: model files, thresholds, input and decoding
engines        what runs them: onnxruntime or openvino
inputs         pictures as networks want them
boxes          arrays of boxes: overlap, suppression, fusion of passes
orientations   pictures whose pixels lie on a side or stand on their head
windows        pictures too long for one look
search         one frame, looked at as closely as a profile says
detector       the Detector
recall         what was measured, as the report prints it
bench          measures it
"""

from __future__ import annotations

from privacy_audit.detectors.faces.detector import Faces

__all__ = ["Faces"]
