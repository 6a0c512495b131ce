"""YAML files that people write: read strictly, with every mistake at its line and column."""
