"""The command line. Each command lives in a file of its own and is imported only when it runs."""

from __future__ import annotations

import importlib
import os
from typing import Any

import click

from privacy_audit.errors import PrivacyAuditError

_COMMANDS = {
    "init": "Write a first dataset.yaml: what columns mean, who publishes.",
    "scan": "Audit a dataset.",
    "why": "List files by what speaks against using them.",
    "decide": "Decide anew on an audit: other rules, baseline, suppressions, reviews.",
    "gate": "Print the verdict of an audit for people or for CI.",
    "baseline": "Take today's findings for known.",
    "suppress": "Accept findings until a day, with a reason.",
    "review": "Look at findings that wait for a person.",
    "check": "Check a few pictures before they are committed.",
    "claims": "Grade what a publisher says of a dataset against an audit.",
    "report": "Write the HTML report of an audit.",
    "export": "Hand an audit on: Croissant, dataset card, compliance drafts, SARIF ...",
    "sign": "Sign an audit.",
    "verify-signature": "Check the signature and the parts of an audit.",
    "prove": "Prove that a picture was in the audited data, or was not.",
    "redact": "Write a clean copy of a dataset, and check it.",
    "verify": "Check a redacted copy again, anywhere.",
    "diff": "Compare two audits: what is new, gone, unchanged.",
    "subject": "Answer a person who asks for pictures of themselves.",
    "strip": "Write pictures without their metadata, pixels untouched.",
    "policy": "Start, check and test rule packs; explain decisions.",
    "detectors": "List detectors and what they need.",
    "demo": "See it work on a small dataset with planted personal data.",
}


class _Lazy(click.Group):
    """Imports a command only when it is used, so that --help stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(importlib.import_module(f"privacy_audit.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PrivacyAuditError as error:
            click.echo(f"Error: {error}", err=True)
            raise SystemExit(2) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if os.environ.get("PRIVACY_AUDIT_DEBUG"):
                raise
            # The text of an unforeseen error may quote the data
            kind = type(error).__name__
            click.echo(f"Internal error ({kind}). Please report it; PRIVACY_AUDIT_DEBUG=1 shows where.", err=True)
            raise SystemExit(2) from None
        except KeyboardInterrupt:
            click.echo("\nInterrupted. Run the same command again: it goes on where it stopped.", err=True)
            raise SystemExit(130) from None


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="privacy-audit", prog_name="privacy-audit")
def main() -> None:
    """Audit image training datasets for privacy.

    Finds faces, location and identity in metadata, personal data in captions and file names, and evidence of being
    public, private or opted out; decides by rule packs; redacts; verifies; reports. Offline, on this machine.

    Exit codes: 0 pass, 1 policy violated, 2 usage or internal error, 3 incomplete, 130 interrupted (run it again).
    """
