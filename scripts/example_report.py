"""Makes reports/example/ from the demo, or checks that it is what today's code would make.

    python scripts/example_report.py                    # builds the demo, writes the pages
    python scripts/example_report.py --demo DIR         # from a demo that there is: privacy-audit demo -o DIR
    python scripts/example_report.py --check [--demo DIR]

Times are fixed. Digests differ from run to run, because token keys are drawn and Parquet is written by the library that
is installed; a check leaves them out.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
import tempfile
from pathlib import Path

from privacy_audit import Audit, demo
from privacy_audit.report import html
from privacy_audit.report.language import names

EXAMPLE = Path(__file__).parents[1] / "reports" / "example"
TIMES = {"started": "2026-01-15T09:00:00+00:00", "finished": "2026-01-15T09:01:30+00:00"}
_DIGEST = re.compile(r"\b[0-9a-f]{16,64}\b")


def pages(folder: Path) -> dict[str, str]:
    """File name to page, from the demo in `folder`, one per language."""
    summary = Audit(folder / "audit").summary()
    changes = {"manifest": dataclasses.replace(summary.manifest, **TIMES)}
    if summary.redaction is not None:
        notes = dataclasses.replace(summary.redaction.summary, **TIMES)
        changes["redaction"] = dataclasses.replace(summary.redaction, summary=notes)
    fixed = dataclasses.replace(summary, **changes)
    return {f"report.{language}.html": html.page(fixed, html.View("public", language)) for language in names()}


def stale(made: dict[str, str], folder: Path = EXAMPLE) -> list[str]:
    """Names of pages that are missing, left over, or other than what was made, digests aside."""
    there = {path.name: path.read_text("utf-8") for path in folder.glob("*.html")}
    return sorted(
        name
        for name in {*made, *there}
        if _DIGEST.sub("#", made.get(name, "")) != _DIGEST.sub("#", there.get(name, ""))
    )


def main() -> int:
    """Write or check; 1 when a check finds a page to be old."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a page is old")
    parser.add_argument("--demo", type=Path, metavar="DIR", help="a demo that was built already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.demo or Path(temporary) / "demo"
        if arguments.demo is None:
            demo.run(folder)
        made = pages(folder)
    if arguments.check:
        old = stale(made)
        if old:
            print(f"old: {', '.join(old)}. Run: python scripts/example_report.py", file=sys.stderr)
        return 1 if old else 0
    EXAMPLE.mkdir(exist_ok=True)
    for name, page in made.items():
        (EXAMPLE / name).write_text(page, encoding="utf-8")
        print(EXAMPLE / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
