"""IPTC digital source types: which of them say that a picture was computed rather than taken."""

from __future__ import annotations

from privacy_audit.detectors.provenance.signals import Confidence, Signal

# http://cv.iptc.org/newscodes/digitalsourcetype/
_SYNTHETIC = {
    "trainedalgorithmicmedia": "trainedAlgorithmicMedia",
    "compositewithtrainedalgorithmicmedia": "compositeWithTrainedAlgorithmicMedia",
    "compositesynthetic": "compositeSynthetic",
    "algorithmicmedia": "algorithmicMedia",
}


def digital_source(value: str) -> Signal | None:
    """The signal of a `DigitalSourceType` URI or its last part; None for any that is not synthetic."""
    known = _SYNTHETIC.get(value.strip()[:200].rstrip("/").rpartition("/")[2].rpartition(":")[2].casefold())
    return synthetic(known) if known else None


def synthetic(value: str, confidence: Confidence = "high") -> Signal:
    """The mark of a synthetic picture. It says nothing about rights."""
    return Signal("Iptc4xmpExt:DigitalSourceType", confidence, value=value, code="provenance.synthetic")
