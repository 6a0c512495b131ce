"""Machine-readable codes whose payload identifies or locates a person, or opens something.

payloads    what a code says, by format
detector    the detector
"""

from __future__ import annotations

from privacy_audit.detectors.barcodes.detector import Barcodes

__all__ = ["Barcodes"]
