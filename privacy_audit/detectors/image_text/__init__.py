"""Personal data in text that is part of a picture: painted, printed, on a document.

geometry    rectangles at any angle
networks    the model files, and sessions
locate      where text stands
read        what a line says
look        gate, detail, windows: as closely as a picture needs
layout      lines in reading order, as one text
mrz         machine-readable zones by their check digits
plates      licence plates by their shape
detector    the detector
"""

from __future__ import annotations

from privacy_audit.detectors.image_text.detector import ImageText

__all__ = ["ImageText"]
