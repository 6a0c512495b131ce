"""Provenance: who may see a picture, under which licence it stands, and whether it may be used for training."""

from privacy_audit.detectors.provenance.detector import Provenance
from privacy_audit.detectors.provenance.verdict import verdict

__all__ = ["Provenance", "verdict"]
