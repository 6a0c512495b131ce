"""What an audit is handed on as: one module per format, all listed in `registry`."""
