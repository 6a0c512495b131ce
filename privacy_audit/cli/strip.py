"""privacy-audit strip"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="OUT", help="New file or folder."
)
@click.option(
    "--mode",
    type=click.Choice(["all", "private", "coarsen"]),
    default="private",
    help="private: rights, licence and training flags stay. coarsen: so do a place to 11 km and the month. [private]",
)
@click.option("--keep-credit", is_flag=True, help="Leave the creator's name (not with --mode all).")
@click.option("--copy-refused", is_flag=True, help="Copy pictures that cannot be stripped safely, as they are.")
def strip(*, source: Path, output: Path, mode: str, keep_credit: bool, copy_refused: bool) -> None:
    """Write SOURCE, a picture or a folder, to OUT without the metadata of its pictures.

    Pixels stay bit for bit, the colour profile and the orientation stay; thumbnails, second pictures and films go. Each
    result is read again and compared. A picture that cannot be done safely is refused, with the reason, and not
    written. XMP sidecars are written anew with what stays; all other files are copied as they are. SOURCE is never
    written to.

    Exit codes: 0 done, 3 some pictures were refused.
    """
    from privacy_audit import api
    from privacy_audit.cli import terminal

    summary = api.strip(source, output, mode=mode, keep_credit=keep_credit, copy_refused=copy_refused)
    terminal.print_strip(summary, str(output))
    raise SystemExit(api.INCOMPLETE if summary.refused else api.PASSED)
