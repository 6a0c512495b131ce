"""JPEGs redacted without generation loss: only DCT blocks under the regions change, every other coefficient stays."""
