"""Every export by name. Importing this is cheap: the module of an export is loaded when it is asked for."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from privacy_audit.errors import AuditError, PrivacyAuditError

if TYPE_CHECKING:
    from privacy_audit.store.folder import AuditFolder

FOLDER = "exports"


@dataclass(frozen=True, slots=True)
class Export:
    """One format. `of` says what its function takes: the evidence, or (for internal use only) the audit's rows."""

    title: str
    file_name: str
    of: str = "evidence"

    @property
    def internal_only(self) -> bool:
        """Whether it names single samples."""
        return self.of != "evidence"


EXPORTS: dict[str, Export] = {
    "evidence": Export("everything measured and declared, as JSON", "evidence.json"),
    "croissant": Export("Croissant 1.1 metadata with RAI 1.0", "croissant.json"),
    "hf-card": Export("sections and front matter for a Hugging Face dataset card", "hf_card.md"),
    "ai-act": Export("draft for the EU's training-content summary", "ai_act.md"),
    "ab2013": Export("draft for California's training data documentation", "ab2013.md"),
    "datasheet": Export("datasheet for the dataset", "datasheet.md"),
    "dpia": Export("annex for a data protection impact assessment", "dpia.md"),
    "ropa": Export("entry for the record of processing activities", "ropa.md"),
    "sarif": Export("findings for code scanning, SARIF 2.1.0", "findings.sarif", "sarif"),
    "csv": Export("findings as a table", "findings.csv", "rows"),
    "parquet": Export("findings as a table", "findings.parquet", "rows"),
    "fiftyone": Export("findings as labels in FiftyOne's JSON layout", "labels.json", "rows"),
}


def export(folder: AuditFolder, kind: str, output: Path | None = None, audience: str = "public") -> Path:
    """Write one export whole and return its path; default AUDIT/exports/NAME.

    Raises PrivacyAuditError for an unknown kind or audience, or when single samples would be named to the public.
    """
    from privacy_audit.store.files import whole

    if kind not in EXPORTS:
        raise PrivacyAuditError(f"'{kind}' is no export; use one of {', '.join(EXPORTS)}.")
    if audience not in {"public", "internal"}:
        raise PrivacyAuditError(f"'{audience}' is no audience; use public or internal.")
    entry = EXPORTS[kind]
    if entry.internal_only and audience == "public":
        raise PrivacyAuditError(f"'{kind}' names single samples, so it is for internal use only: --audience internal.")
    target = output if output is not None else folder.path / FOLDER / entry.file_name
    try:
        with whole(target) as temporary:
            _write(folder, kind, temporary, audience)
    except OSError as error:
        raise AuditError(f"cannot write {target}: {error.strerror}.") from error
    return target


def _write(folder: AuditFolder, kind: str, target: Path, audience: str) -> None:
    entry = EXPORTS[kind]
    if entry.of == "rows":
        module = importlib.import_module("privacy_audit.report.exports.rows")
        getattr(module, f"write_{kind}")(folder, target)
        return
    if entry.of == "sarif":
        from privacy_audit.report.exports import sarif

        target.write_text(json.dumps(sarif.render(folder), indent=1) + "\n", encoding="utf-8")
        return
    from privacy_audit.report.exports.gather import gather

    evidence = gather(folder, audience)  # type: ignore[arg-type]
    if kind == "evidence":
        text = json.dumps(evidence.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    else:
        module = importlib.import_module(f"privacy_audit.report.exports.{kind.replace('-', '_')}")
        text = module.render(evidence)
    target.write_bytes(text.encode("utf-8"))
