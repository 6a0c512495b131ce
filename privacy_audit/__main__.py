"""python -m privacy_audit"""

from privacy_audit.cli import main

main(prog_name="privacy-audit")
