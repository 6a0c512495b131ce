"""Metadata: what a picture file says beside its pixels."""

from privacy_audit.detectors.metadata.detector import Metadata

__all__ = ["Metadata"]
