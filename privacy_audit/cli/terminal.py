"""What a person sees while a command runs and when it ends. Data goes to stdout, progress to stderr."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import click

from privacy_audit.types import PEOPLES_KINDS, VISIBILITIES, Severity

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from privacy_audit.api import Audit
    from privacy_audit.compare.diff import Diff
    from privacy_audit.demo import Outcome
    from privacy_audit.redaction.preview import Preview
    from privacy_audit.redaction.strip import StripSummary
    from privacy_audit.redaction.verify import Verification
    from privacy_audit.report.summary import KindRow
    from privacy_audit.stats import Interval
    from privacy_audit.store.redactions import RedactionSummary
    from privacy_audit.subject.case import Case

_LINE_EVERY_S = 10.0
_COLOURS = {"critical": "red", "high": "red", "medium": "yellow", "low": "cyan", "info": None}


class Bar:
    """A bar with rate and time left on a terminal; elsewhere, such as in a log file, a line now and then.

    `piece` names what one call of `advance` stands for, when that is worth counting.
    """

    def __init__(self, verb: str, piece: str = "") -> None:
        self._verb, self._piece = verb, piece
        self._terminal = sys.stderr.isatty()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._total = self._done = self._failures = self._pieces = 0
        self._started = 0.0
        self._ended = threading.Event()

    def start(self, total: int) -> None:
        """Show the bar."""
        self._total, self._done, self._failures, self._pieces = total, 0, 0, 0
        self._started = time.monotonic()
        if self._terminal:
            self._progress = _rich_bar()
            self._progress.start()
            self._task = self._progress.add_task(self._verb, total=total, rate="", notes="")
            return
        self._ended = threading.Event()
        threading.Thread(target=self._tell_now_and_then, args=(self._ended,), daemon=True).start()

    def advance(self, samples: int, failures: int) -> None:
        """Move it on."""
        self._done += samples
        self._failures += failures
        self._pieces += 1
        if self._progress is not None and self._task is not None:
            notes = ", ".join(self._notes())
            self._progress.update(self._task, completed=self._done, rate=f"{self._rate():,.1f}/s", notes=notes)

    def stop(self) -> None:
        """Take it away."""
        self._ended.set()
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _rate(self) -> float:
        return self._done / max(time.monotonic() - self._started, 1e-6)

    def _notes(self) -> list[str]:
        notes = [_plural(self._pieces, self._piece)] if self._piece else []
        return [*notes, *([_plural(self._failures, "failure")] if self._failures else [])]

    def _tell_now_and_then(self, ended: threading.Event) -> None:
        while not ended.wait(_LINE_EVERY_S):
            click.echo(self._line(), err=True)

    def _line(self) -> str:
        rate = self._rate()
        left = [_duration((self._total - self._done) / rate) + " left"] if rate > 0 else []
        counts = f"{self._verb} {self._done:,} of {self._total:,}"
        return ", ".join([counts, f"{rate:,.1f}/s", *left, *self._notes()])


def _duration(seconds: float) -> str:
    """A time to wait, as exact as it matters."""
    if seconds < 120:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def _rich_bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[notes]}"),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def print_audit(audit: Audit, source: str | None = None) -> None:
    """The end of a scan: verdict, what was not looked at, what was found, what is to be done, what to run next."""
    manifest, counts = audit.folder.manifest, audit.folder.manifest.counts
    code = audit.exit_code
    verdict = {
        0: click.style("PASS", fg="green", bold=True),
        1: click.style("POLICY VIOLATED", fg="red", bold=True),
        3: click.style("INCOMPLETE", fg="yellow", bold=True),
    }[code]
    packs = ", ".join(entry.pack for entry in manifest.packs)
    click.echo(f"{verdict}  {_plural(counts['samples'], 'sample')} against {packs}")
    _print_drawn(audit)
    _print_gaps(audit)
    _print_findings(audit)
    _print_people(audit)
    _print_texts(audit)
    own = manifest.source_kind in PEOPLES_KINDS
    if own:
        _print_visibility(audit)
    _print_actions(audit)
    _print_settled(audit)
    click.echo("\nNext:")
    click.echo(f"  privacy-audit report {_quoted(str(audit.path))}")
    if own:
        click.echo(f"  privacy-audit why {_quoted(str(audit.path))}")
    elif not manifest.sampling and audit.actions()["keep"] + audit.actions()["review"] < counts["samples"]:
        shown = _quoted(source) if source is not None else "SOURCE"
        click.echo(f"  privacy-audit redact {shown} --audit {_quoted(str(audit.path))} -o CLEAN_COPY")


def _print_drawn(audit: Audit) -> None:
    design = audit.folder.manifest.sampling
    if design:
        what = "whole archives" if audit.folder.manifest.clustered else "files and rows"
        click.echo(
            f"A random sample: {design['units']:,} of {design['of_units']:,} {what}, seed {design['seed']}. "
            "Percentages are 95 % intervals for the whole source."
        )


def _print_gaps(audit: Audit) -> None:
    count = "SELECT stage, message, count(DISTINCT sample_id) AS n FROM failures"
    failures = audit.folder.sql(f"{count} GROUP BY ALL ORDER BY n DESC, stage, message")
    skipped = audit.folder.manifest.skipped_members
    if not failures and not skipped:
        return
    click.echo("\nNot looked at:")
    for stage, message, count in failures[:8]:
        click.echo(f"  {count:>9,}  {stage}: {message}")
    if len(failures) > 8:
        click.echo(f"  {len(failures) - 8:>9,}  further kinds of failure, in the report")
    for reason, members in sorted(skipped.items(), key=lambda item: -item[1])[:5]:
        click.echo(f"  {members:>9,}  skipped: {reason}")


def _print_findings(audit: Audit) -> None:
    from privacy_audit.taxonomy import describe

    query = """
        WITH fired AS (SELECT sample_id, unnest(codes) AS code, list_position(?, severity) AS rank FROM decisions),
        worst AS (SELECT sample_id, code, max(rank) AS rank FROM fired GROUP BY ALL)
        SELECT f.code, count(*), count(DISTINCT f.sample_id), max(w.rank) FROM findings f
        LEFT JOIN worst w ON w.sample_id = f.sample_id AND w.code = f.code
        GROUP BY f.code ORDER BY max(w.rank) DESC NULLS LAST, 3 DESC, f.code
    """
    from privacy_audit.report.measure import kind_rates

    severities = [severity.value for severity in Severity]
    rows = audit.folder.sql(query, [severities])
    rates = kind_rates(audit.folder)
    if not rows:
        click.echo("\nNothing was found.")
        return
    click.echo("\nFound:")
    for code, findings, samples, rank in rows:
        severity = severities[rank - 1] if rank else describe(code).severity.value
        label = click.style(f"{severity:<9}", fg=_COLOURS[severity])
        rate = _rate(rates.get(code))
        click.echo(f"  {label} {describe(code).title:<46} {findings:>9,} on {_plural(samples, 'sample')}{rate}")


def _rate(kind: KindRow | None) -> str:
    """What a kind's count says of the whole source, and what stands behind it."""
    if kind is None:
        return ""
    parts = [f"{kind.interval.low:.2%} to {kind.interval.high:.2%}"] if kind.interval is not None else []
    if kind.corrected is not None:
        behind = kind.corrected
        parts.append(f"corrected for detector errors {behind.rate:.1%} ({behind.low:.1%} to {behind.high:.1%})")
    return f"  [{'; '.join(parts)}]" if parts else ""


def _print_people(audit: Audit) -> None:
    people = audit.people
    if people is None:
        return
    found = people.people
    click.echo(
        f"\nPeople: about {found.estimate:,} distinct ones ({found.low:,} to {found.high:,}) in "
        f"{_plural(people.faces, 'face')} on {_plural(people.pictures, 'picture')}; about {people.shared.estimate:,} "
        f"pictures ({people.shared.low:,} to {people.shared.high:,}) show somebody who is also on another one"
    )
    if people.too_small or people.failed:
        click.echo(f"  not compared: {_plural(people.too_small, 'small face')}, {_plural(people.failed, 'picture')}")


def _print_texts(audit: Audit) -> None:
    """Direct and contextual findings in texts apart, and where names were not looked for."""
    tiers = audit.folder.sql("""
        SELECT list_extract(map_extract(attributes, 'tier'), 1) AS tier, count(*), count(DISTINCT sample_id)
        FROM findings WHERE detector = 'captions' GROUP BY 1 HAVING tier IS NOT NULL ORDER BY tier = 'contextual'
    """)
    if tiers:
        parts = [f"{tier} {findings:,} on {_plural(samples, 'sample')}" for tier, findings, samples in tiers]
        click.echo(f"\nIn texts: {'; '.join(parts)}")
    unnamed = audit.folder.sql("""
        SELECT list_extract(map_extract(skipped, 'captions.names'), 1) AS reason, count(*) AS n FROM samples
        GROUP BY 1 HAVING reason IS NOT NULL ORDER BY n DESC, reason LIMIT 8
    """)
    for reason, count in unnamed:
        click.echo(f"Names not checked on {_plural(count, 'sample')}: {reason.removeprefix('names: ')}")


def _print_visibility(audit: Audit) -> None:
    """Of a person's own pictures: who may see them, as far as the export says, and how many speak against training."""
    counts = dict(audit.folder.sql("SELECT coalesce(visibility, 'unknown'), count(*) FROM samples GROUP BY 1"))
    shown = [f"{word} {counts[word]:,}" for word in reversed(VISIBILITIES) if word in counts]
    click.echo(f"\nWho may see them: {', '.join(shown)}")
    total = audit.folder.manifest.counts["samples"]
    clear = audit.actions()["keep"]
    click.echo(f"Something speaks against training on {total - clear:,} of {total:,} pictures and records")


def _print_actions(audit: Audit) -> None:
    from privacy_audit.report.measure import action_rates

    actions, total = audit.actions(), audit.folder.manifest.counts["samples"]
    intervals = action_rates(audit.folder)
    shown = [f"{kind} {count:,}{_range(intervals.get(kind))}" for kind, count in actions.items() if count]
    click.echo(f"\nDecided: {', '.join(shown)}")
    asked = audit.folder.sql("SELECT count(DISTINCT sample_id) FROM decisions WHERE action.kind = 'review'")[0][0]
    if asked > actions["review"]:
        click.echo(f"         rules ask for a person's review of {_plural(asked, 'sample')}, redacted ones among them")
    gone = actions["drop"] + actions["quarantine"]
    if total and gone * 2 > total:
        warning = f"Warning: this policy would take {gone:,} of {total:,} samples out of the dataset."
        click.echo(click.style(warning, fg="yellow", bold=True))


def _print_settled(audit: Audit) -> None:
    settled = audit.settled
    if settled is None:
        return
    expired = sum(not entry.active for entry in settled.suppressions)
    parts = [
        (settled.suppressed, "suppressed"),
        (settled.reviewed, "taken away by reviews"),
        (settled.known, "known from the baseline"),
    ]
    shown = [f"{_plural(count, 'decision')} {what}" for count, what in parts if count]
    if settled.baseline is not None:
        shown.append(_plural(settled.baseline.new, "finding") + " new since the baseline")
    if expired:
        shown.append(_plural(expired, "suppression") + " expired")
    click.echo(f"Settled: {', '.join(shown) or 'nothing'}")


def print_redaction(summary: RedactionSummary, output: str) -> None:
    """The end of a redaction: what was done, what was left out, what the second look found."""
    parts = [("changed", summary.changed), ("unchanged", summary.unchanged), ("dropped", summary.dropped)]
    parts += [("quarantined", summary.quarantined), ("withheld", summary.withheld)]
    click.echo(f"Wrote {output}: " + ", ".join(f"{count:,} {name}" for name, count in parts if count))
    if summary.actions:
        click.echo("Done: " + ", ".join(f"{name} on {count:,}" for name, count in summary.actions.items()))
    for route, count in summary.routes.items():
        click.echo(f"  {_plural(count, 'picture')} written by: {route}")
    if summary.second_look:
        click.echo(f"  {_plural(summary.second_look, 'region')} found only by looking again, and covered too")
    for reason, count in summary.withheld_reasons.items():
        click.echo(f"  {_plural(count, 'picture')} withheld: {reason}")
    if summary.copied_unchecked:
        click.echo(f"  {_plural(summary.copied_unchecked, 'other file')} copied without being looked at")
    if summary.weak:
        weak = (
            f"  {_plural(summary.weak, 'region')} covered by blur, which is weak: software has recognised blurred faces"
        )
        click.echo(click.style(weak, fg="yellow"))
    if summary.regions:
        loss = f"up to {summary.loudest_db:.1f} dB" if summary.loudest_db is not None else "no pixel changed"
        click.echo(f"  {_plural(summary.regions, 'region')} measured; outside them: {loss}")
    if not summary.verified:
        click.echo("Not verified: the copy was not audited again (--no-verify).")
        return
    if summary.found_later:
        found = _plural(summary.found_later, "picture")
        click.echo(f"  on {found}, regions were found only by the audit of the copy: covered, and verified again")
    if summary.on_filled:
        times = _plural(summary.on_filled, "time")
        click.echo(f"  the face detector fired {times} on covered areas, where nothing is left to see")
    if not summary.tokens:
        click.echo("  Values were not searched for: the key is not the one of the audit.")
    if summary.unsearched:
        click.echo(f"  {_plural(summary.unsearched, 'sample')} with too much text to be searched to the end")
    if summary.failed:
        failed = f"Failed the verification, and left out: {_plural(summary.failed, 'sample')}"
        click.echo(click.style(failed, fg="red", bold=True))
        for entry in summary.residuals:
            if entry.after:
                click.echo(f"  {entry.code:<22} found again {entry.after:,} times (before: {entry.before:,})")
    elif not summary.passed:
        click.echo(click.style("The copy holds pictures that could not be checked.", fg="red", bold=True))
    click.echo(click.style(_found_in_the_end(summary), fg="green" if summary.passed else None))
    click.echo("Redaction is obfuscation: what the detectors miss is still there. See the report's limits.")


def _found_in_the_end(summary: RedactionSummary) -> str:
    """0 found, and how much that says. Never that anything is anonymous."""
    text = "Verified: 0 found in the copy"
    if not summary.faces:
        return f"{text}; faces were not looked for."
    if summary.at_most is None:
        return f"{text}; miss rate not measured for the face detector that ran."
    return (
        f"{text}, at most {100 * summary.at_most:.1f} % with 95 % confidence of the pictures with faces still show one "
        f"(miss rate per picture, on {summary.at_most_data})."
    )


def print_preview(preview: Preview) -> None:
    """What a redaction would do, and by which rules."""
    outcomes = ", ".join(f"{kind} {count:,}" for kind, count in sorted(preview.outcomes.items()) if count)
    click.echo(f"Would write a copy of {_plural(preview.samples, 'sample')}: {outcomes}")
    for action, count in sorted(preview.actions.items()):
        places = preview.places[action]
        where = f", {_plural(places, 'place')}" if places else ""
        if count:
            click.echo(f"  {action:<10} {_plural(count, 'sample')}{where}")
    for kind, rules in sorted(preview.rules.items()):
        click.echo(f"{kind}, by rule:")
        for rule, count in sorted(rules.items(), key=lambda item: (-item[1], item[0])):
            click.echo(f"  {count:>9,}  {rule}")
    click.echo("Nothing was written. What only a second look finds is not foreseen.")


def print_diff(found: Diff) -> None:
    """What differs between two audits, per kind of finding."""
    counts = [("new", found.new), ("gone", found.gone), ("changed", found.changed), ("unchanged", found.unchanged)]
    click.echo("Samples: " + ", ".join(f"{count:,} {name}" for name, count in counts))
    click.echo("Findings compared by " + ("value" if found.by_value else "number: the audits have different keys"))
    for what in found.not_looked:
        click.echo(click.style(f"  not looked for {what}", fg="yellow"))
    if found.kinds:
        click.echo(f"\n{'':<24}{'new':>9}{'gone':>9}{'same':>9}  samples before, after")
    for kind in found.kinds:
        shares = " -> ".join(
            f"{rate.samples:,} ({100 * rate.interval.low:.3g} to {100 * rate.interval.high:.3g} %)"
            for rate in (kind.before, kind.after)
        )
        click.echo(f"{kind.code:<24}{kind.new:>9,}{kind.gone:>9,}{kind.unchanged:>9,}  {shares}")


def print_verification(found: Verification, output: str) -> None:
    """Whether a copy is still what it was said to be."""
    for names, what in [
        (found.files.changed, "changed since it was written"),
        (found.files.missing, "missing"),
        (found.files.added, "not in the manifest"),
    ]:
        if names:
            click.echo(
                f"{_plural(len(names), 'file')} {what}: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}"
            )
    if found.replaced:
        click.echo(f"{_plural(found.replaced, 'picture')} not as redaction wrote them")
    if found.not_little:
        click.echo(f"{_plural(found.not_little, 'region')} with more left in them than their method may leave")
    if found.unchecked:
        click.echo(f"{_plural(found.unchecked, 'picture')} that could not be checked")
    for code, count in found.left.items():
        click.echo(f"  {code:<22} {count:,} left")
    for sample in found.samples_left[:10]:
        click.echo(f"    in {sample}")
    if not found.tokens:
        click.echo("Not checked: values that were to go (name the audit's key with --token-key).")
    if found.passed:
        click.echo(
            click.style(f"{output}: {_plural(found.samples, 'sample')}. ", fg="green") + _found_in_the_end(found.notes)
        )
    else:
        click.echo(click.style(f"{output} failed the verification.", fg="red", bold=True))


def print_case(case: Case, limit: int | None = None) -> None:
    """A case: what was searched and how sure that is, the candidates, what is to be done next."""
    facts, counts = case.facts, case.counts()
    click.echo(
        f"{click.style(facts.request_id, bold=True)}  searched {_plural(facts.samples - facts.failed, 'sample')}"
    )
    for deadline in facts.deadlines:
        click.echo(f"  answer due {deadline['due']}  {deadline['law']}, {deadline['at']}")
    if facts.failed:
        warning = f"  {_plural(facts.failed, 'sample')} could not be searched: nothing is known of them"
        click.echo(click.style(warning, fg="yellow"))
    for name, method in facts.methods.items():
        threshold = f", up to {method['threshold']:g} {method['unit']}" if "threshold" in method else ""
        click.echo(f"  {name}: {method['compares']}{threshold}")
        for line in _rates(method.get("error_rates")):
            click.echo(f"      {line}")
    click.echo(f"\n{_plural(len(case.candidates), 'candidate')}: " + ", ".join(f"{n:,} {v}" for v, n in counts.items()))
    for number, candidate in enumerate(case.candidates[:limit], 1):
        sample = "".join(character if character.isprintable() else "?" for character in candidate.sample_id)
        click.echo(f"{number:>5}  {candidate.method:<5} {candidate.distance:>7.3g}  {candidate.verdict:<9}  {sample}")
    if limit is not None and len(case.candidates) > limit:
        click.echo(f"  ... {len(case.candidates) - limit:,} more: privacy-audit subject show {_quoted(str(case.path))}")


def _rates(rates: dict[str, Any] | None) -> list[str]:
    """Known error rates in words."""
    if rates is None:
        return []
    missed = rates["missed"]
    named = list(missed.items()) if isinstance(missed, dict) else [("the same person", rate) for rate in missed]
    lines = []
    none = [name for name, rate in named if not rate["hits"]]
    if none:
        total = min(rate["total"] for _, rate in named)
        high = max(rate["high"] for name, rate in named if name in none)
        lines.append(f"missed 0 of {total:,} each (at most {high:.1%}): {', '.join(none)}")
    lines += [f"missed {rate['hits']:,} of {rate['total']:,}: {name}" for name, rate in named if rate["hits"]]
    lines += [
        f"false: {rate['hits']:,} of {rate['total']:,} (95 %: {rate['low']:.2%} to {rate['high']:.2%}), {rate['data']}"
        for rate in rates["false_matches"]
    ]
    return lines or ["no error rates were measured at this threshold"]


def print_strip(summary: StripSummary, output: str) -> None:
    """The end of a strip: per format what was done and what was refused, and why; then what else was there."""
    click.echo(f"{'':<6}{'stripped':>10}{'unchanged':>11}{'refused':>9}")
    for kind, entry in sorted(summary.formats.items()):
        click.echo(f"{kind:<6}{entry.stripped:>10,}{entry.unchanged:>11,}{entry.refused:>9,}")
        for reason, count in entry.reasons.most_common():
            click.echo(f"        {count:,} refused: {reason}")
        if entry.named:
            click.echo(f"        {_plural(entry.named, 'picture')} with a copyright notice that may name someone")
    for what, count in sorted(summary.sidecars.items()):
        click.echo(f"{_plural(count, 'XMP sidecar')} {what}")
    for reason, count in sorted(summary.skipped.items()):
        click.echo(f"{count:,} skipped: {reason}")
    if summary.others:
        click.echo(f"{_plural(summary.others, 'other file')} copied without being looked at")
    fate = "copied as they are" if summary.refused_copied else "not written"
    if summary.refused:
        click.echo(click.style(f"{_plural(summary.refused, 'picture')} refused: {fate}", fg="yellow", bold=True))
    click.echo(f"Wrote {output}")


def print_demo(outcome: Outcome) -> None:
    """The demo's table: planted, found, handled, and how."""
    width = max(len(line.what) for line in outcome.lines)
    click.echo(f"{'Planted':<{width}}  planted  found  handled")
    for line in outcome.lines:
        mark = click.style("ok  ", fg="green") if line.good else click.style("MISS", fg="red", bold=True)
        click.echo(f"{line.what:<{width}}  {line.planted:>7}  {line.found:>5}  {line.handled:>7}  {mark} {line.how}")
    if not outcome.image_text:
        click.echo("Left out: text and codes inside pictures. To see them: pip install 'privacy-audit[ocr]'")
    missed = sum(not line.good for line in outcome.lines)
    if missed:
        click.echo(
            click.style(f"\n{_plural(missed, 'kind')} not found or not handled as planted.", fg="red", bold=True)
        )
    else:
        click.echo(click.style("\nEverything planted was found and handled.", fg="green", bold=True))
    click.echo(f"\nDataset     {outcome.folder / 'dataset'}")
    click.echo(f"Audit       {outcome.folder / 'audit'}")
    click.echo(f"Clean copy  {outcome.folder / 'clean'}")
    click.echo(f"Report      {outcome.report}   <- open this in a browser")


def _range(interval: Interval | None) -> str:
    return f" [{interval.low:.1%} to {interval.high:.1%}]" if interval is not None else ""


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _quoted(argument: str) -> str:
    import shlex

    return shlex.quote(argument)
