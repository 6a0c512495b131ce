"""Datasets as they come: what is in them, read as a stream."""

from privacy_audit.sources.base import Item, Origin, Shard, SkippedMember, Source, Survey
from privacy_audit.sources.folder import FolderSource

__all__ = ["FolderSource", "Item", "Origin", "Shard", "SkippedMember", "Source", "Survey"]
