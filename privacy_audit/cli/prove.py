"""privacy-audit prove"""

from __future__ import annotations

import json
from pathlib import Path

import click

from privacy_audit.errors import IntegrityError


@click.command()
@click.argument("audit", type=click.Path(path_type=Path), required=False)
@click.option("--picture", type=click.Path(path_type=Path), metavar="FILE", help="The picture, as a file.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="PROOF", help="Write the proof here. [stdout]")
@click.option("--check", type=click.Path(path_type=Path), metavar="PROOF", help="Check a proof instead of making one.")
@click.option("--root", metavar="HEX", help="With --check: the root that the audit's owner published.")
def prove(audit: Path | None, picture: Path | None, output: Path | None, check: Path | None, root: str | None) -> None:
    """Prove that the bytes of a picture were in the data of AUDIT, or were not.

    \b
      privacy-audit prove AUDIT --picture photo.jpg -o proof.json
      privacy-audit prove --check proof.json --root HEX [--picture photo.jpg]

    A proof holds hashes and the number of distinct contents, nothing else, and is checked without the audit. It speaks
    of these bytes: a crop or another JPEG of the same photo is another content.

    Exit codes: 0 done, 1 the proof does not hold, 2 other errors.
    """
    from privacy_audit import api

    if check is None:
        if audit is None or picture is None:
            raise click.UsageError("give AUDIT and --picture FILE, or --check PROOF.")
        proof = api.prove(audit, picture, output)
        said = _said(proof["statement"] == "present")
        click.echo(json.dumps(proof, indent=1) if output is None else f"{said} {output}")
        return
    if (audit is None) == (root is None):
        raise click.UsageError("to check a proof, give the root that you trust: --root HEX, or AUDIT if you hold it.")
    try:
        found = api.check_proof(check, root or _root(audit), picture)
    except IntegrityError as error:
        click.echo(f"NOT VALID: {error}", err=True)
        raise SystemExit(api.VIOLATED) from None
    click.echo(f"Valid. {_said(found.present)} sha256: {found.picture_sha256}")


def _root(audit: Path | None) -> str:
    from privacy_audit.integrity.proof import root_of

    assert audit is not None
    return root_of(audit)


def _said(present: bool) -> str:
    return "These bytes were in the audited data." if present else "These bytes were not in the audited data."
