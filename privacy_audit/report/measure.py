"""Fills a `Summary` from an audit, with SQL aggregates only: no row of a sample ever reaches Python.

Every ranking is cut in SQL, so that the size of a report does not depend on the size of the audit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from privacy_audit import stats
from privacy_audit.claims import results as claimed
from privacy_audit.report import rates
from privacy_audit.report.rates import ALL, Rates
from privacy_audit.report.recall import recall_tables, unmeasured
from privacy_audit.report.summary import (
    PARTS,
    AbsentKind,
    Combination,
    Coverage,
    Decisions,
    FailureRow,
    Findings,
    Format,
    Histogram,
    Integrity,
    KindRow,
    LawRow,
    Linkage,
    MapCell,
    NamesInTexts,
    PackRow,
    Part,
    Precision,
    Redaction,
    RuleRow,
    Scope,
    SeverityRow,
    Skip,
    Summary,
    T,
    Texts,
    Top,
    Verdict,
    VisibilityRow,
)
from privacy_audit.stats import Interval
from privacy_audit.store import people, redactions, reviews, settled
from privacy_audit.store.files import sha256
from privacy_audit.store.manifest import NAME, Manifest
from privacy_audit.store.schema import TABLES
from privacy_audit.taxonomy import CODES, describe, matches
from privacy_audit.types import ACTIONS, TRAININGS, VISIBILITIES, Severity

if TYPE_CHECKING:
    import duckdb

    from privacy_audit.store.folder import AuditFolder

# rows that a report prints of each ranking
KINDS = 200
ABSENT = 100
RULES = 100
PACKS = 20
LAWS = 40
FAILURES = 50
SKIPS = 25
FORMATS = 20
MEMBERS = 20
COMBINATIONS = 12
DETECTORS = 40
MESSAGE_CHARS = 300

PART_CODES: dict[Part, tuple[str, ...]] = {
    "face": ("face",),
    "name": ("name.*",),
    "place": ("gps.precise", "contact.address"),
    "time": ("time",),
    "contact": ("contact.email", "contact.phone", "contact.username", "url.personal"),
    "identifier": ("id.*", "secret"),
    "child": ("person.minor",),
}
NAMED: tuple[tuple[Part, ...], ...] = (
    ("face", "name"),
    ("face", "place"),
    ("face", "place", "time"),
    ("face", "name", "place"),
    ("face", "contact"),
    ("face", "identifier"),
    ("face", "child"),
    ("name", "contact"),
    ("name", "place"),
)
_LOCATIONS = {"gps.precise": "precise", "gps.coarse": "coarse", "place": "place"}  # finest first
_LANGUAGE = "language: "  # how the captions detector begins the reason that names were not looked for
_SEVERITIES = tuple(Severity)

Checked = Callable[[Iterable[str]], int]
Seekers = Mapping[str, set[str]]


def summarise(audit: AuditFolder) -> Summary:
    """Measure an audit. Needs memory for one row per sample and kind, inside DuckDB, which spills to disk."""
    connection = audit.connection.cursor()  # its temporary tables end with it
    try:
        return _Measure(audit, connection, Rates.of(audit.manifest)).summary()
    finally:
        connection.close()


def kind_rates(audit: AuditFolder) -> dict[str, KindRow]:
    """Per kind of finding, its row of the report; {} when it would say no more than the counts do."""
    if not audit.manifest.sampling and not rates.measured(audit.manifest.detectors):
        return {}
    connection = audit.connection.cursor()
    try:
        return {row.code: row for row in _Measure(audit, connection, Rates.of(audit.manifest)).kinds()}
    finally:
        connection.close()


def action_rates(audit: AuditFolder) -> dict[str, Interval | None]:
    """Per strongest action, the interval of the share of samples in the whole source; {} when all was audited."""
    if not audit.manifest.sampling:
        return {}
    connection = audit.connection.cursor()
    try:
        return _Measure(audit, connection, Rates.of(audit.manifest)).action_intervals()
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class _Measure:
    audit: AuditFolder
    connection: duckdb.DuckDBPyConnection
    rates: Rates

    def summary(self) -> Summary:
        manifest = self.audit.manifest
        self._prepare(manifest)
        samples = self._number("SELECT count(*) FROM samples")
        checked = self._checked()
        seekers = self._seekers(manifest)
        self._place(seekers)
        integrity = self._integrity(manifest)
        rules, silent = self._rules(manifest, samples)
        return Summary(
            manifest=manifest,
            verdict=self._verdict(manifest, samples, integrity),
            scope=self._scope(manifest, samples),
            findings=self._findings(manifest, seekers, checked, samples),
            texts=self._texts(manifest),
            linkage=self._linkage(seekers, samples),
            provenance=self._provenance(samples),
            decisions=Decisions(*self._actions(samples, rules, silent), asked=self._asked()),
            redaction=self._redaction(manifest),
            detectors=_top(manifest.detectors, DETECTORS),
            recall=recall_tables(manifest.detectors[:DETECTORS]),
            unmeasured=unmeasured(manifest.detectors[:DETECTORS]),
            histograms=self._histograms(seekers, checked),
            failures=self._failures(),
            packs=self._packs(manifest),
            integrity=integrity,
            rates=self.rates,
            people=people.read(self.audit.path),
            claims=claimed.read(self.audit.path, manifest),
            settled=settled.read(self.audit.path),
            precision=self._precision(manifest),
            map=self._map(),
        )

    def kinds(self) -> Sequence[KindRow]:
        """The kinds of findings alone."""
        manifest = self.audit.manifest
        self._prepare(manifest)
        seekers = self._seekers(manifest)
        self._place(seekers)
        return self._kinds(manifest, seekers, self._checked())

    def action_intervals(self) -> dict[str, Interval | None]:
        """The intervals of the actions alone."""
        self._prepare(self.audit.manifest)
        self._place({})
        counts, _, _, intervals = self._actions(self._number("SELECT count(*) FROM samples"), Top(()), ())
        return dict(zip((name for name, _ in counts), intervals, strict=True))

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, list(parameters)).fetchall()

    def _number(self, query: str, *parameters: object) -> int:
        return int(self._rows(query, *parameters)[0][0] or 0)

    def _table(self, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[object]]) -> None:
        """A temporary table with these columns (name to type) and rows, in one statement."""
        selected = ", ".join(f"unnest(?::{kind}[]) AS {column}" for column, kind in columns.items())
        values = [[row[index] for row in rows] for index in range(len(columns))]
        self.connection.execute(f"CREATE TEMP TABLE {name} AS SELECT {selected}", values)

    def _prepare(self, manifest: Manifest) -> None:
        """Small tables of what the tool knows, and `found`: one row per sample and kind with its severity.

        Samples are told apart by a 64-bit hash of their id, which halves the memory; that two of ten million share one
        has a chance of three in a million, and would make a count one too low.
        """
        ranked = {"name": "TEXT", "rank": "INTEGER"}
        self._table("severities", ranked, [(entry.value, entry.rank) for entry in Severity])
        self._table("actions", ranked, [(name, rank) for rank, name in enumerate(ACTIONS)])
        self._table("taxonomy", ranked, [(code, entry.severity.rank) for code, entry in CODES.items()])
        laws = [(pack, rule, facts.get("law", "")) for (pack, rule), facts in _known_rules(manifest).items()]
        self._table("laws", {"pack": "TEXT", "rule": "TEXT", "law": "TEXT"}, [law for law in laws if law[2]])
        self.connection.execute("""
            CREATE TEMP TABLE decided AS
            SELECT hash(d.sample_id) AS sample, d.codes, d.action.kind AS action, coalesce(s.rank, 2) AS rank,
                split_part(d.rule_id, '/', 1) AS pack, substr(d.rule_id, strpos(d.rule_id, '/') + 1) AS rule,
                k.rule_id IS NOT NULL AS known
            FROM decisions d LEFT JOIN severities s ON s.name = d.severity
            LEFT JOIN (SELECT DISTINCT sample_id, rule_id FROM settled WHERE how = 'baseline') k
                ON k.sample_id = d.sample_id AND k.rule_id = d.rule_id
        """)
        self.connection.execute("""
            CREATE TEMP TABLE found AS
            WITH kinds AS (SELECT hash(sample_id) AS sample, code, count(*) AS findings FROM findings GROUP BY ALL),
            ruled AS (SELECT sample, unnest(codes) AS code, rank FROM decided),
            strongest AS (SELECT sample, code, max(rank) AS rank FROM ruled GROUP BY ALL)
            SELECT k.sample, k.code, k.findings, coalesce(s.rank, t.rank, ?) AS rank
            FROM kinds k LEFT JOIN strongest s USING (sample, code) LEFT JOIN taxonomy t ON t.name = k.code
        """, [describe("").severity.rank])  # fmt: skip

    def _checked(self) -> Checked:
        """A function: how many samples at least one of some detectors looked at."""
        groups = [
            (frozenset(names or ()), count)
            for names, count in self._rows("SELECT list_sort(checked), count(*) FROM samples GROUP BY 1")
        ]

        def count(detectors: Iterable[str]) -> int:
            wanted = frozenset(detectors)
            return sum(samples for names, samples in groups if names & wanted)

        return count

    def _seekers(self, manifest: Manifest) -> Seekers:
        """The detectors that look for each code, by their own word or by what they found."""
        seekers: dict[str, set[str]] = defaultdict(set)
        for entry in manifest.detectors:
            for code in entry.codes:
                seekers[code].add(entry.name)
        for code, detector in self._rows("SELECT DISTINCT code, detector FROM findings"):
            seekers[code].add(detector)
        return dict(seekers)

    def _place(self, seekers: Seekers) -> None:
        """Tables that intervals need where whole shards were drawn; `seeking` is the denominator of each code."""
        sets = {code: frozenset(names) for code, names in seekers.items()}
        denominators = rates.place(self.connection, sets.values(), clustered=self.rates.clusters is not None)
        numbers = {names: number for number, names in enumerate(denominators)}
        rows = [(code, numbers[names]) for code, names in sets.items()]
        self._table("seeking", {"code": "TEXT", "denominator": "INTEGER"}, rows)

    def _clusters(self, rows: str, *parameters: object) -> Mapping[Any, stats.Clusters]:
        """Sums over drawn shards per key of `rows` (key, sample, denominator); {} where no shards were drawn."""
        if self.rates.clusters is None:
            return {}
        return rates.counted(self.connection, self.rates.clusters, rows, parameters)

    def _verdict(self, manifest: Manifest, samples: int, integrity: Integrity) -> Verdict:
        fail_on = _fail_on(manifest)
        limit = fail_on.rank if fail_on else len(Severity)
        violating = self._number("SELECT count(DISTINCT sample) FROM decided WHERE rank >= ? AND NOT known", limit)
        unchecked = self._number("""
            SELECT count(*) FROM (
                SELECT sample_id FROM failures UNION SELECT sample_id FROM samples WHERE len(failed) > 0
            )
        """)
        missing = integrity.missing_parts + sum(abs(said - there) for _, said, there in integrity.mismatches)
        partial = manifest.status != "complete"
        if violating:
            state = "violated"
        elif unchecked or partial or missing:
            state = "incomplete"
        else:
            state = "pass" if samples and manifest.packs and fail_on else "unjudged"
        rows = f"SELECT DISTINCT 0 AS key, sample, {ALL} AS denominator FROM decided WHERE rank >= ? AND NOT known"  # noqa: S608
        interval = self.rates.interval(violating, samples, self._clusters(rows, limit).get(0))
        return Verdict(state, fail_on, violating, unchecked, partial, missing, interval)  # type: ignore[arg-type]

    def _scope(self, manifest: Manifest, samples: int) -> Scope:
        pictures, size_bytes = self._rows(
            "SELECT count(*) FILTER (coalesce(format, '') <> ''), coalesce(sum(bytes), 0)::BIGINT FROM samples"
        )[0]
        formats = self._rows("""
            SELECT coalesce(format, '') AS name, count(*) AS samples, coalesce(sum(bytes), 0)::BIGINT
            FROM samples GROUP BY 1 ORDER BY samples DESC, name
        """)
        skips = self._rows("""
            SELECT entry.key, left(entry.value, ?) AS reason, count(*) AS samples
            FROM (SELECT unnest(map_entries(skipped)) AS entry FROM samples) GROUP BY 1, 2 ORDER BY samples DESC, 1, 2
        """, MESSAGE_CHARS)  # fmt: skip
        members = sorted(manifest.skipped_members.items(), key=lambda item: (-item[1], item[0]))
        return Scope(
            samples=samples,
            with_picture=pictures,
            size_bytes=size_bytes,
            formats=_top([Format(*row) for row in formats], FORMATS),
            coverage=self._coverage(manifest),
            skips=_top([Skip(*row) for row in skips], SKIPS),
            skipped_members=_top(members, MEMBERS),
            skipped_member_count=sum(manifest.skipped_members.values()),
        )

    def _coverage(self, manifest: Manifest) -> tuple[Coverage, ...]:
        counts: dict[str, tuple[int, int, int]] = {
            stage: (checked, failed, skipped)
            for stage, checked, failed, skipped in self._rows("""
                SELECT stage, count(*) FILTER (outcome = 0), count(*) FILTER (outcome = 1),
                    count(*) FILTER (outcome = 2)
                FROM (
                    SELECT unnest(checked) AS stage, 0 AS outcome FROM samples
                    UNION ALL SELECT unnest(failed), 1 FROM samples
                    UNION ALL SELECT unnest(map_keys(skipped)), 2 FROM samples
                ) GROUP BY stage ORDER BY stage LIMIT 200
            """)
        }
        versions = {entry.name: entry.version for entry in manifest.detectors}
        stages = list(versions) + [stage for stage in counts if stage not in versions]
        return tuple(Coverage(stage, versions.get(stage, ""), *counts.get(stage, (0, 0, 0))) for stage in stages)

    def _findings(self, manifest: Manifest, seekers: Seekers, checked: Checked, total: int) -> Findings:
        kinds = self._kinds(manifest, seekers, checked)
        seen = {kind.code for kind in kinds}
        absent = [
            AbsentKind(code, looked, self.rates.bound_of_none(looked))
            for code in sorted(seekers.keys() - seen, key=_taxonomy_order)
            if (looked := checked(seekers[code]))
        ]
        severities = self._severities(total)
        return Findings(
            findings=sum(row.findings for row in severities),
            samples=sum(row.samples for row in severities if row.severity is not Severity.INFO),
            severities=severities,
            kinds=_top(kinds, KINDS),
            absent=_top(absent, ABSENT),
            not_sought=tuple(code for code in CODES if code not in seekers),
            clear=max(0, total - sum(row.samples for row in severities)),
        )

    def _kinds(self, manifest: Manifest, seekers: Seekers, checked: Checked) -> list[KindRow]:
        known = rates.measured(manifest.detectors)
        sums = self._clusters("SELECT code AS key, sample, denominator FROM found JOIN seeking USING (code)")
        kinds = []
        for code, rank, hits, findings, *split in self._rows("""
            SELECT code, max(rank) AS worst, count(*) AS samples, sum(findings)::BIGINT,
                count(*) FILTER (rank = 0), count(*) FILTER (rank = 1), count(*) FILTER (rank = 2),
                count(*) FILTER (rank = 3), count(*) FILTER (rank = 4)
            FROM found GROUP BY code ORDER BY worst DESC, samples DESC, code
        """):
            looked = max(hits, checked(seekers[code]))
            kinds.append(
                KindRow(
                    code=code,
                    severity=_SEVERITIES[rank],
                    samples=hits,
                    findings=findings,
                    checked=looked,
                    by_severity=tuple(split),
                    interval=self.rates.interval(hits, looked, sums.get(code)),
                    corrected=self.rates.corrected(hits, looked, known.get(code), sums.get(code)),
                )
            )
        return kinds

    def _texts(self, manifest: Manifest) -> Texts:
        tiers = self._rows("""
            SELECT list_extract(map_extract(attributes, 'tier'), 1) AS tier, count(DISTINCT sample_id), count(*)
            FROM findings WHERE detector = 'captions' GROUP BY 1 HAVING tier IN ('direct', 'contextual')
            ORDER BY tier = 'contextual'
        """)
        wanted = any(entry.name == "captions" for entry in manifest.detectors)
        return Texts(
            tuple((tier, samples, findings) for tier, samples, findings in tiers), self._names() if wanted else None
        )

    def _names(self) -> NamesInTexts:
        reasons = dict(
            self._rows("""
                SELECT list_extract(map_extract(skipped, 'captions.names'), 1) AS reason, count(*) FROM samples
                GROUP BY 1 HAVING reason IS NOT NULL
            """)
        )
        self.connection.execute("""
            CREATE TEMP TABLE named AS SELECT sample_id FROM samples
            WHERE list_contains(checked, 'captions') AND NOT list_contains(failed, 'captions.names')
                AND list_extract(map_extract(skipped, 'captions.names'), 1) IS NULL
        """)
        checked = self._number("SELECT count(*) FROM named")
        found = self._number("""
            SELECT count(DISTINCT sample_id) FROM findings SEMI JOIN named USING (sample_id)
            WHERE code = 'name.person' AND detector = 'captions'
        """)
        languages = [
            (reason.removeprefix(_LANGUAGE), count) for reason, count in reasons.items() if reason.startswith(_LANGUAGE)
        ]
        return NamesInTexts(
            checked=checked,
            found=found,
            rate=stats.wilson(found, checked),
            not_drawn=reasons.get("names: not in the sample", 0),
            off=reasons.get("names: off", 0),
            languages=tuple(sorted(languages, key=lambda row: (-row[1], row[0]))),
        )

    def _severities(self, total: int) -> tuple[SeverityRow, ...]:
        worst = """
            SELECT sample, max(rank) AS rank FROM (
                SELECT sample, rank FROM found UNION ALL SELECT sample, rank FROM decided
            ) GROUP BY sample
        """
        samples = dict(self._rows(f"SELECT rank, count(*) FROM ({worst}) GROUP BY rank"))  # noqa: S608
        sums = self._clusters(f"SELECT rank AS key, sample, {ALL} AS denominator FROM ({worst})")  # noqa: S608
        findings = dict(self._rows("SELECT rank, sum(findings)::BIGINT FROM found GROUP BY rank"))
        return tuple(
            SeverityRow(
                entry,
                count := samples.get(entry.rank, 0),
                findings.get(entry.rank, 0),
                self.rates.interval(count, total, sums.get(entry.rank)),
            )
            for entry in reversed(Severity)
        )

    def _linkage(self, seekers: Seekers, total: int) -> Linkage:
        belonging = [
            (code, part)
            for part, patterns in PART_CODES.items()
            for code in sorted(seekers)
            if any(matches(pattern, code) for pattern in patterns)
        ]
        sought = {part for _, part in belonging}
        bits = [(code, 1 << PARTS.index(part)) for code, part in belonging]
        self._table("parts", {"code": "TEXT", "bit": "INTEGER"}, bits)
        groups = [
            (frozenset(part for bit, part in enumerate(PARTS) if mask >> bit & 1), count)
            for mask, count in self._rows("""
                SELECT mask, count(*) AS samples
                FROM (SELECT bit_or(bit) AS mask FROM found JOIN parts USING (code) GROUP BY sample)
                WHERE bit_count(mask) > 1 GROUP BY mask ORDER BY samples DESC, mask
            """)
        ]
        masks = [sum(1 << PARTS.index(part) for part in parts) for parts in NAMED]
        self._table("combinations", {"wanted": "INTEGER"}, [(mask,) for mask in masks])
        sums = self._clusters(f"""
            SELECT wanted AS key, sample, {ALL} AS denominator FROM (
                SELECT sample, bit_or(bit) AS mask FROM found JOIN parts USING (code) GROUP BY sample
            ) JOIN combinations ON mask & wanted = wanted
        """)  # noqa: S608
        named = []
        for parts, mask in zip(NAMED, masks, strict=True):
            samples = sum(count for group, count in groups if group.issuperset(parts))
            interval = self.rates.interval(samples, total, sums.get(mask))
            named.append(Combination(parts, samples, sought.issuperset(parts), interval))
        exact = [
            Combination(
                tuple(part for part in PARTS if part in group), count, interval=self.rates.interval(count, total)
            )
            for group, count in groups
        ]
        not_public = self._number("""
            SELECT count(*) FROM found JOIN samples ON hash(sample_id) = sample
            WHERE code = 'face' AND coalesce(visibility, 'unknown') <> 'public'
        """)
        return Linkage(tuple(named), _top(exact, COMBINATIONS), not_public)

    def _provenance(self, samples: int) -> tuple[VisibilityRow, ...]:
        sums = self._clusters(f"""
            SELECT CASE WHEN list_contains(?, visibility) THEN visibility ELSE 'unknown' END AS key,
                hash(sample_id) AS sample, {ALL} AS denominator FROM samples
        """, list(VISIBILITIES))  # fmt: skip  # noqa: S608
        counts = {
            (visibility, training): count
            for visibility, training, count in self._rows("""
                SELECT CASE WHEN list_contains(?, visibility) THEN visibility ELSE 'unknown' END,
                    CASE WHEN list_contains(?, training) THEN training ELSE 'unspecified' END, count(*)
                FROM samples GROUP BY 1, 2
            """, list(VISIBILITIES), list(TRAININGS))
        }  # fmt: skip
        rows = []
        for visibility in ("public", "restricted", "private", "unknown"):
            trainings = tuple(counts.get((visibility, training), 0) for training in TRAININGS)
            count = sum(trainings)
            interval = self.rates.interval(count, samples, sums.get(visibility))
            rows.append(VisibilityRow(visibility, count, trainings, interval))
        return tuple(rows)

    def _actions(
        self, samples: int, rules: Top[RuleRow], silent: tuple[tuple[str, int], ...]
    ) -> tuple[tuple[tuple[str, int], ...], Top[RuleRow], tuple[tuple[str, int], ...], tuple[Interval | None, ...]]:
        acted = """
            SELECT d.sample, max(coalesce(a.rank, 0)) AS rank FROM decided d LEFT JOIN actions a ON a.name = d.action
            GROUP BY d.sample
        """
        strongest = dict(self._rows(f"SELECT rank, count(*) FROM ({acted}) WHERE rank > 0 GROUP BY rank"))  # noqa: S608
        strongest[0] = max(0, samples - sum(strongest.values()))
        sums = self._clusters(f"""
            SELECT coalesce(a.rank, 0) AS key, p.sample, {ALL} AS denominator
            FROM places p LEFT JOIN ({acted}) a USING (sample)
        """)  # noqa: S608
        counts = [strongest.get(rank, 0) for rank in range(len(ACTIONS))]
        intervals = tuple(self.rates.interval(count, samples, sums.get(rank)) for rank, count in enumerate(counts))
        return tuple(zip(ACTIONS, counts, strict=True)), rules, silent, intervals

    def _asked(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        rows = self._rows("""
            WITH asked AS (SELECT d.sample, d.pack, a.name, a.rank FROM decided d JOIN actions a ON a.name = d.action),
            strongest AS (SELECT sample, max(rank) AS rank FROM asked GROUP BY sample)
            SELECT name, list_sort(list(DISTINCT pack)) FROM asked JOIN strongest USING (sample, rank) GROUP BY name
        """)
        packs = dict(rows)
        return tuple((name, tuple(packs.get(name, ()))) for name in ACTIONS)

    def _rules(self, manifest: Manifest, total: int) -> tuple[Top[RuleRow], tuple[tuple[str, int], ...]]:
        known = _known_rules(manifest)
        key = "pack || '/' || rule"
        sums = self._clusters(f"SELECT DISTINCT {key} AS key, sample, {ALL} AS denominator FROM decided")  # noqa: S608
        rows = []
        fired = set()
        for pack, rule, rank, actions, samples in self._rows("""
            SELECT pack, rule, max(rank) AS rank, list_sort(list(DISTINCT action)), count(DISTINCT sample) AS samples
            FROM decided GROUP BY pack, rule ORDER BY rank DESC, samples DESC, pack, rule
        """):
            fired.add((pack, rule))
            facts = known.get((pack, rule), {})
            title, why, law = (facts.get(name, "") for name in ("title", "why", "law"))
            kinds = tuple(name for name in reversed(ACTIONS) if name in actions)
            interval = self.rates.interval(samples, total, sums.get(f"{pack}/{rule}"))
            rows.append(RuleRow(pack, rule, title or rule, why, law, _SEVERITIES[rank], kinds, samples, interval))
        silent: dict[str, int] = {entry.pack: 0 for entry in manifest.packs}
        for pack, rule in known:
            silent[pack] += (pack, rule) not in fired
        return _top(rows, RULES), tuple((pack, count) for pack, count in silent.items() if count)

    def _packs(self, manifest: Manifest) -> Top[PackRow]:
        titles = {key: facts.get("title", "") or key[1] for key, facts in _known_rules(manifest).items()}
        laws: dict[str, list[LawRow]] = defaultdict(list)
        for pack, law, rules, samples in self._rows("""
            SELECT pack, law, list_sort(list(DISTINCT rule)), count(DISTINCT sample) AS samples
            FROM decided JOIN laws USING (pack, rule) GROUP BY pack, law ORDER BY samples DESC, pack, law
        """):
            laws[pack].append(LawRow(law, tuple(titles[pack, rule] for rule in rules), samples))
        return _top([PackRow(entry, _top(laws[entry.pack], LAWS)) for entry in manifest.packs], PACKS)

    def _failures(self) -> Top[FailureRow]:
        rows = self._rows("""
            SELECT stage, kind, left(message, ?) AS message, count(DISTINCT sample_id) AS samples
            FROM failures GROUP BY 1, 2, 3 ORDER BY samples DESC, 1, 2, 3 LIMIT ?
        """, MESSAGE_CHARS, FAILURES)  # fmt: skip
        groups = self._number("""
            SELECT count(*) FROM (SELECT DISTINCT stage, kind, left(message, ?) FROM failures)
        """, MESSAGE_CHARS)  # fmt: skip
        return Top(tuple(FailureRow(*row) for row in rows), groups - len(rows))

    def _histograms(self, seekers: Seekers, checked: Checked) -> tuple[Histogram, ...]:
        faces = """
            SELECT 100 * greatest(f.w, f.h) / greatest(s.width, s.height) AS value
            FROM findings f JOIN samples s USING (sample_id)
            WHERE f.code = 'face' AND f.w > 0 AND f.h > 0 AND s.width > 0
        """
        per_sample = "SELECT findings AS value FROM found WHERE code = 'face'"
        megapixels = "SELECT width::DOUBLE * height / 1e6 AS value FROM samples WHERE width > 0 AND height > 0"
        counts = self._binned("faces_per_picture", per_sample, (2, 3, 6, 11))
        none = max(0, checked(seekers.get("face", ())) - counts.total)
        return (
            self._binned("face_size", faces, (1, 2, 5, 10, 20, 40)),
            Histogram(counts.name, (("none", none), *counts.bins), counts.median),
            self._location(checked(set().union(*(seekers.get(code, ()) for code in _LOCATIONS)))),
            self._binned("picture_size", megapixels, (0.1, 0.5, 1, 4, 12)),
            self._channels(),
        )

    def _binned(self, name: str, values: str, edges: Sequence[float]) -> Histogram:
        """A histogram of the query `values`: bin 0 is below the first edge, bin i from edge i - 1 on."""
        rows = self._rows(
            "SELECT len(list_filter(?::DOUBLE[], lambda edge: edge <= value)) AS bin, count(*) "  # noqa: S608
            f"FROM ({values}) GROUP BY bin",
            list(edges),
        )
        counts = dict(rows)
        median = self._rows(f"SELECT median(value) FROM ({values})")[0][0]  # noqa: S608
        bins = tuple((str(index), counts.get(index, 0)) for index in range(len(edges) + 1))
        return Histogram(name, bins, None if median is None else float(median))

    def _location(self, searched: int) -> Histogram:
        counts = dict(
            self._rows("""
                SELECT finest, count(*) FROM (
                    SELECT min(list_position(?, code)) AS finest FROM found GROUP BY sample
                ) WHERE finest IS NOT NULL GROUP BY finest
            """, list(_LOCATIONS))
        )  # fmt: skip
        bins = [(name, counts.get(rank, 0)) for rank, name in enumerate(_LOCATIONS.values(), 1)]
        return Histogram("location", (*bins, ("none", max(0, searched - sum(counts.values())))))

    def _map(self) -> Top[MapCell]:
        """By the first cell of each sample with coordinates; those whose detector gave none have no place."""
        rows = self._rows(r"""
            SELECT 10 * floor(latitude / 10)::INTEGER, 10 * floor(longitude / 10)::INTEGER, count(*) FROM (
                SELECT sample_id, min(cell) AS cell, try_cast(split_part(min(cell), ',', 1) AS DOUBLE) AS latitude,
                    try_cast(split_part(min(cell), ',', 2) AS DOUBLE) AS longitude
                FROM (
                    SELECT sample_id, list_extract(map_extract(attributes, 'cell'), 1) AS cell FROM findings
                    WHERE code IN ('gps.precise', 'gps.coarse')
                ) GROUP BY sample_id
            ) GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
        """)
        placed = [
            MapCell(latitude, longitude, samples)
            for latitude, longitude, samples in rows
            if latitude is not None and longitude is not None and -90 <= latitude < 90 and -180 <= longitude < 180
        ]
        rest = sum(row[2] for row in rows) - sum(cell.samples for cell in placed)
        return Top((*placed, MapCell(None, None, rest)) if rest else tuple(placed))

    def _channels(self) -> Histogram:
        rows = self._rows("""
            SELECT coalesce(channel, '') AS channel, count(DISTINCT sample_id) AS samples
            FROM findings GROUP BY 1 ORDER BY samples DESC, 1 LIMIT 20
        """)
        return Histogram("channel", tuple((channel, samples) for channel, samples in rows))

    def _redaction(self, manifest: Manifest) -> Redaction | None:
        summary = redactions.read(self.audit.path)
        if summary is None:
            return None
        current = (summary.policy_hash, summary.source_fingerprint) == (
            manifest.policy_hash,
            manifest.source_fingerprint,
        )
        return Redaction(summary, current)

    def _precision(self, manifest: Manifest) -> tuple[Precision, ...]:
        """From verdicts on what the detectors of this audit found, as they ran; those of others say nothing here."""
        versions = {f"{entry.name} {entry.version}": entry.name for entry in manifest.detectors}
        counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for verdict in reviews.read(self.audit.path).values():
            if verdict.detector in versions:
                counts[verdict.code, versions[verdict.detector]][verdict.verdict] += 1
        found = {
            (code, detector): findings
            for code, detector, findings in self._rows("SELECT code, detector, count(*) FROM findings GROUP BY ALL")
        }
        rows = []
        for (code, detector), said in sorted(counts.items(), key=lambda item: (_taxonomy_order(item[0][0]), item[0])):
            right, wrong = said["true_positive"], said["false_positive"]
            rate = stats.wilson(right, right + wrong)
            total = found.get((code, detector), 0)
            low, high = round(total * rate.low), round(total * rate.high)
            rows.append(Precision(code, detector, right, wrong, said["unsure"], rate, total, low, high))
        return tuple(rows)

    def _integrity(self, manifest: Manifest) -> Integrity:
        there = {table: self._number(f"SELECT count(*) FROM {table}") for table in TABLES}  # noqa: S608
        said = {table: manifest.counts.get(table, there[table]) for table in TABLES}
        return Integrity(
            manifest_sha256=sha256(self.audit.path / NAME),
            parts=len(manifest.parts),
            missing_parts=sum(not (self.audit.path / name).is_file() for name in manifest.parts),
            mismatches=tuple((table, said[table], there[table]) for table in TABLES if said[table] != there[table]),
            root=str(manifest.integrity.get("root", "")),
        )


def _top(rows: Sequence[T], limit: int) -> Top[T]:
    return Top(tuple(rows[:limit]), max(0, len(rows) - limit))


def _fail_on(manifest: Manifest) -> Severity | None:
    """The severity from which a decision is a violation: None for "none"; what is unreadable is the default."""
    value = manifest.options.get("fail_on")
    if value == "none":
        return None
    return Severity(value) if value in _SEVERITIES else Severity.HIGH


def _known_rules(manifest: Manifest) -> dict[tuple[str, str], dict[str, str]]:
    """What the manifest says of each rule, by pack and rule. A key may be "rule" or "pack/rule"."""
    return {
        (entry.pack, rule.removeprefix(f"{entry.pack}/")): facts
        for entry in manifest.packs
        for rule, facts in entry.rules.items()
    }


def _taxonomy_order(code: str) -> tuple[int, str]:
    return (list(CODES).index(code) if code in CODES else len(CODES), code)
