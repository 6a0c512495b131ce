"""privacy-audit sign"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("audit", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), metavar="FILE", help="Private Ed25519 key (PEM).")
@click.option(
    "--new-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Make a key there, and FILE.pub to hand out, and sign with it.",
)
def sign(audit: Path, key: Path | None, new_key: Path | None) -> None:
    """Sign AUDIT: its manifest, and through it every part and the root over all contents.

    The signature stands in AUDIT/signature.json. Whatever changes the audit later (another scan, subject erase) makes
    it void: sign again.
    """
    from privacy_audit import api

    if (key is None) == (new_key is None):
        raise click.UsageError("give either --key FILE or --new-key FILE.")
    chosen = key or new_key
    assert chosen is not None
    click.echo(f"Signed with the key {api.sign(audit, chosen, new=new_key is not None)}.")
