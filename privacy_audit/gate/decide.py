"""Writes the decisions of a finished audit anew, without a look at its source: all of them, or none.

One shard is in memory at a time. See store.journal for what an interruption leaves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

from privacy_audit.errors import AuditError, PolicyError
from privacy_audit.gate.baseline import Baseline
from privacy_audit.gate.judge import REVIEW, Judge
from privacy_audit.gate.suppressions import Suppression
from privacy_audit.policy import Pack, fingerprint
from privacy_audit.run.redecide import STANDING, Rules, decided, policy_hash, standing_packs
from privacy_audit.run.scan import Progress, locked, pack_entry, pack_text
from privacy_audit.store import journal, reviews, settled, shards
from privacy_audit.store import manifest as manifests
from privacy_audit.store.files import sha256
from privacy_audit.store.folder import PACKS, AuditFolder
from privacy_audit.store.manifest import Manifest, PackEntry
from privacy_audit.store.schema import SETTLED
from privacy_audit.store.stored import Reader, shard_names
from privacy_audit.types import Severity

_PLACES = ("code", "channel", "where", "x", "y", "w", "h", "start", "end", "tag", "token")
"""What says which finding a row is, and where."""
_RESERVED = (REVIEW, STANDING.rstrip("/"))


def decide(
    audit: Path,
    packs: Sequence[Pack],
    *,
    options: Mapping[str, Any],
    suppressions: Sequence[Suppression] = (),
    baseline: Baseline | None = None,
    today: date,
    progress: Progress,
) -> Manifest:
    """Decide by `packs` and by all that people settled; `options` are the audit's new ones (fail_on, policy).

    Raises AuditError when the audit is not finished, damaged, written to by another run, or has tokens of another key
    than the baseline.
    """
    if clash := [pack.pack for pack in packs if pack.pack in _RESERVED]:
        raise PolicyError(f"a rule pack may not be called '{clash[0]}': decisions of people are. Rename it.")
    with locked(audit):
        folder = AuditFolder(audit)
        manifest = folder.manifest
        if manifest.status != "complete":
            raise AuditError(f"{audit} is not finished. Run the scan again first: it goes on where it stopped.")
        if baseline is not None:
            baseline.check_key(manifest.token_key_id)
        judge = Judge(
            Rules(audit, packs, shard_names(audit, manifest.parts)), suppressions, today, reviews.read(audit), baseline
        )
        progress.start(manifest.counts["samples"])
        try:
            with journal.draft(audit) as draft:
                new = _write(folder, draft, packs, options=options, judge=judge, progress=progress)
                journal.commit(audit, _outdated(audit, draft))
        except OSError as error:
            raise AuditError(f"cannot write to {audit}: {error.strerror or 'input/output error'}.") from error
        finally:
            progress.stop()
    return new


def _write(
    folder: AuditFolder,
    draft: Path,
    packs: Sequence[Pack],
    *,
    options: Mapping[str, Any],
    judge: Judge,
    progress: Progress,
) -> Manifest:
    import pyarrow.parquet as pq

    audit, manifest = folder.path, folder.manifest
    for name in ("decisions", SETTLED, shards.MARKERS, PACKS):
        (draft / name).mkdir()
    state = _state(packs, judge)
    parts = {name: digest for name, digest in manifest.parts.items() if not name.startswith(f"{SETTLED}/")}
    contents = {verdict.content for verdict in judge.verdicts.values()}
    count = 0
    for shard in shard_names(audit, manifest.parts):
        if judge.verdicts:
            judge.keys, judge.channels = _keys(judge.rules.reader, shard, contents)
        decisions, accepted = decided(audit, shard, judge.rules, judge if judge.has_work else None)
        tables = {"decisions": decisions, **({SETTLED: accepted} if len(accepted) else {})}
        digests = {}
        for name, table in tables.items():
            path = shards.part(draft, name, shard)
            pq.write_table(table, path, compression="zstd")
            digests[f"{name}/{path.name}"] = sha256(path)
        parts |= digests
        count += len(decisions)
        facts = shards.read_marker(audit, shard)
        progress.advance(int(facts["counts"].get("samples", 0)) if facts else 0, 0)
        if facts is not None:
            name = f"decisions/{shard}.parquet"
            facts |= {"parts": {**facts["parts"], name: digests[name]}, "decided": state}
            facts["counts"]["decisions"] = len(decisions)
            shards.marker(draft, shard).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", "utf-8")
    for pack in packs:
        (draft / PACKS / f"{pack.pack}.yaml").write_text(pack_text(pack), "utf-8")
    parts.pop(settled.NAME, None)
    summary = _summary(judge)
    if summary is not None:
        (draft / settled.NAME).write_text(settled.text(summary), "utf-8")
        parts[settled.NAME] = sha256(draft / settled.NAME)
    standing = standing_packs(manifest)
    made = [PackEntry(REVIEW, "Decisions of reviewers", "1", rules=_REVIEW_RULES)] if judge.verdicts else []
    new = replace(
        manifest,
        options={**manifest.options, **options},
        packs=[*(pack_entry(pack) for pack in packs), *standing, *made],
        policy_hash=policy_hash(state, standing),
        counts={**manifest.counts, "decisions": count},
        parts=dict(sorted(parts.items())),
    )
    manifests.write(draft, new)
    return new


def _keys(reader: Reader, shard: str, contents: Container[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The keys and channels of the findings of those samples that a verdict is about."""
    keys: dict[str, list[str]] = {}
    channels: dict[str, list[str]] = {}
    wanted = {
        sample: content
        for sample, sha256 in reader.rows(shard, "samples", "sample_id", "sha256")
        if (content := reviews.content_of(sample, sha256)) in contents
    }
    for sample, *values in reader.rows(shard, "findings", "sample_id", *_PLACES) if wanted else ():
        if sample in wanted:
            row = dict(zip(_PLACES, values, strict=True))
            keys.setdefault(sample, []).append(reviews.finding_key(wanted[sample], row))
            channels.setdefault(sample, []).append(row["channel"])
    return keys, channels


def _outdated(audit: Path, draft: Path) -> list[str]:
    """Files of the audit that have no successor."""
    unsettled = [] if (draft / settled.NAME).exists() else [settled.NAME]
    return unsettled + [
        f"{name}/{path.name}"
        for name, suffix in ((PACKS, ".yaml"), (SETTLED, ".parquet"))
        for path in sorted((audit / name).glob(f"*{suffix}"))
        if not (draft / name / path.name).exists()
    ]


def _summary(judge: Judge) -> settled.Settled | None:
    if not (judge.suppressions or judge.verdicts or judge.baseline is not None):
        return None
    known = None
    if judge.baseline is not None:
        known = settled.Known(judge.baseline.created, len(judge.baseline), judge.known_findings, judge.new_findings)
    return settled.Settled(
        as_of=judge.today.isoformat(),
        suppressed=judge.suppressed,
        reviewed=judge.reviewed,
        known=judge.known,
        baseline=known,
        suppressions=[
            settled.Suppression(
                code=entry.code or "",
                rule=entry.rule or "",
                one_sample=entry.sample is not None or entry.sha256 is not None,
                reason=entry.reason,
                by=entry.by,
                expires=entry.expires.isoformat(),
                active=entry.is_active(judge.today),
                findings=covered,
            )
            for entry, covered in zip(judge.suppressions, judge.covered, strict=True)
        ],
    )


def _state(packs: Sequence[Pack], judge: Judge) -> str:
    """What the decisions rest on, beside the findings. A baseline is left out: it changes no decision."""
    facts = {
        "policy": fingerprint(packs),
        "suppressions": [entry.model_dump(mode="json") for entry in judge.suppressions if entry.is_active(judge.today)],
        "verdicts": sorted(json.dumps(asdict(verdict), sort_keys=True) for verdict in judge.verdicts.values()),
    }
    if not facts["suppressions"] and not facts["verdicts"]:
        return fingerprint(packs)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


_REVIEW_RULES = {
    f"{REVIEW}/{action}": {
        "title": title,
        "why": "Somebody looked at the finding and chose this.",
        "severity": Severity.INFO.value,
        "law": "",
    }
    for action, title in (
        ("redact", "A reviewer wants it redacted"),
        ("drop", "A reviewer wants it dropped"),
        ("quarantine", "A reviewer wants it set aside"),
    )
}
