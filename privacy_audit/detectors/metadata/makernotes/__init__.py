"""MakerNotes: the vendors' own blocks inside EXIF, decoded for serial numbers, owners, names, places and previews."""

from privacy_audit.detectors.metadata.makernotes.decode import hits
from privacy_audit.detectors.metadata.makernotes.segments import hits as segment_hits

__all__ = ["hits", "segment_hits"]
