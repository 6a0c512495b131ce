"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from privacy_audit.types import Severity

if TYPE_CHECKING:
    from privacy_audit.subject.biometrics import Biometrics

_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,3})?)([KMGT]?)i?B?", re.IGNORECASE)
_LEAST_BYTES = 64 << 20  # a worker needs about that much to start
F = TypeVar("F", bound=Callable[..., object])


class Bytes(click.ParamType):  # type: ignore[type-arg]
    """A size with a unit, such as 512M or 2G (powers of 1,024), as bytes."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = _SIZE.fullmatch(str(value).strip())
        size = int(float(match[1]) * 1024 ** " KMGT".index((match[2] or " ").upper())) if match is not None else 0
        if size < _LEAST_BYTES:
            self.fail(f"{value} is no size of {_LEAST_BYTES >> 20} MB or more. Write it as 512M or 2G.", param, ctx)
        return size


def biometric_options(command: F) -> F:
    """--enable-biometrics, --purpose and --legal-basis: all three, or none."""
    for option in (
        click.option("--legal-basis", metavar="TEXT", help="What allows faces to be compared. Recorded."),
        click.option("--purpose", metavar="TEXT", help="What faces are compared for. Recorded."),
        click.option("--enable-biometrics", is_flag=True, help="Compare faces; needs the two texts below. [no]"),
    ):
        command = option(command)
    return command


def fail_on_option(command: F) -> F:
    """--fail-on, for commands that work on a finished audit."""
    return click.option(
        "--fail-on",
        type=click.Choice([*(severity.value for severity in Severity), "none"]),
        help="Exit with 1 when a rule of this severity or a higher one fires. [as before]",
    )(command)


def settling_options(command: F) -> F:
    """--baseline and --suppressions."""
    for option in (
        click.option(
            "--suppressions",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Findings that were accepted; see privacy-audit suppress.",
        ),
        click.option(
            "--baseline",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Findings that are known and fail no gate; see privacy-audit baseline.",
        ),
    ):
        command = option(command)
    return command


def second_look_options(command: F) -> F:
    """How a redacted copy is looked at again."""
    for option in (
        click.option(
            "--token-key",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The key that the audit was made with.",
        ),
        click.option(
            "--recognizers",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The recognizers that the audit was made with.",
        ),
        click.option(
            "--faces-model",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The model file that the audit was made with.",
        ),
        click.option(
            "--timeout", type=click.FloatRange(min=1), default=120.0, metavar="S", help="Seconds per sample. [120]"
        ),
        click.option("--jobs", type=click.IntRange(min=0), metavar="N", help="Worker processes. [one per core]"),
        click.option(
            "--verify-faces",
            type=click.Choice(["thorough", "same"]),
            default="thorough",
            help="How closely to look for faces in the copy: the same as in the audit, or closer. [thorough]",
        ),
    ):
        command = option(command)
    return command


def biometrics_of(enabled: bool, purpose: str | None, legal_basis: str | None) -> Biometrics | None:
    """What the three options say; a usage error when some of them are missing."""
    if not enabled and purpose is None and legal_basis is None:
        return None
    if not enabled or purpose is None or legal_basis is None:
        raise click.UsageError(
            "comparing faces makes biometric data: it needs all of --enable-biometrics, --purpose TEXT and "
            "--legal-basis TEXT, which are recorded."
        )
    from privacy_audit.subject.biometrics import Biometrics

    return Biometrics(purpose, legal_basis)
