"""The transparency report: `summary` holds the figures, `measure` counts them, `html` prints them.

Import from the modules: `html` needs Jinja2 and `measure` DuckDB, which a start of the command line does not.
"""
