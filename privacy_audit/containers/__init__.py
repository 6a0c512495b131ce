"""Image containers: what a file is, and the metadata blocks inside it."""

from privacy_audit.containers.blocks import Block, BlockKind, Container, Format
from privacy_audit.containers.sniff import sniff

__all__ = ["Block", "BlockKind", "Container", "Format", "sniff"]
