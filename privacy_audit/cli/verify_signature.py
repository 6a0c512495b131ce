"""privacy-audit verify-signature"""

from __future__ import annotations

from pathlib import Path

import click

from privacy_audit.errors import IntegrityError


@click.command("verify-signature")
@click.argument("audit", type=click.Path(path_type=Path))
@click.option(
    "--public-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The signer's public key (PEM), which you have from elsewhere than the audit.",
)
def verify_signature(audit: Path, public_key: Path | None) -> None:
    """Check that AUDIT is what was signed: signature, every part, and the root over all contents.

    Exit codes: 0 it is, 1 it is not, 2 it is not signed, or other errors.
    """
    from privacy_audit import api

    try:
        found = api.verify_signature(audit, public_key)
    except IntegrityError as error:
        click.echo(f"NOT VALID: {error}", err=True)
        raise SystemExit(api.VIOLATED) from None
    click.echo(f"Valid: {found.parts} parts as signed with the key {found.key_id}. Root: {found.root or 'none'}")
    if not found.trusted:
        click.echo("Anybody could have made this signature: name the signer's key with --public-key FILE.", err=True)
