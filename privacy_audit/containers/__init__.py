"""Image containers: what a file is, and the metadata blocks inside it."""

from privacy_audit.containers.blocks import Block, BlockKind, Container, Format
from privacy_audit.containers.sniff import sniff
from privacy_audit.containers.walk import read

__all__ = ["Block", "BlockKind", "Container", "Format", "read", "sniff"]
