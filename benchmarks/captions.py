"""Captions: throughput beside stock presidio, false alarms, precision and recall.

    python benchmarks/captions.py DIR [--limit 5000] [--show]

DIR holds files of captions, one a line (*captions*.txt), and optionally pii_anon_technology.jsonl (texts with annotated
spans). For each file of captions: presidio's own pattern recognizers without and with our gate (texts per second of one
core, findings, texts on which the two differ), then this detector without and with names. `--show` prints every direct
hit in the caption files, to be read by a human: never commit that output.

In pii_anon_technology.jsonl 384 telephone numbers, 418 MAC addresses and 105 user names are in the texts and not
annotated ("Phone: +1 (774) ..."): there, precision says nothing for these three.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from presidio_analyzer import RecognizerResult

from privacy_audit.detectors.captions import Captions
from privacy_audit.detectors.captions.stock import StockPatterns
from privacy_audit.types import Finding, Sample, Span, Text

TYPES = {
    "EMAIL_ADDRESS": "contact.email",
    "PHONE_NUMBER": "contact.phone",
    "IP_ADDRESS": "net.ip",
    "MAC_ADDRESS": "net.mac",
    "SOCIAL_SECURITY_NUMBER": "id.ssn",
    "PASSWORD": "secret",
    "API_KEY": "secret",
    "USERNAME": "contact.username",
    "STREET_ADDRESS": "contact.address",
    "BANK_ACCOUNT_NUMBER": "id.iban",
    "PERSON_NAME": "name.person",
    "CREDIT_CARD_NUMBER": "id.card",
    "IBAN": "id.iban",
}
BATCH = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=5000, help="lines per file")
    parser.add_argument("--files", default="*captions*.txt", help="which files of DIR hold captions")
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    captions, unnamed, stock = Captions(), Captions(names="off"), StockPatterns()
    captions("John Smith, call +1 415 555 0132")  # presidio loads at the first text that needs it
    for path in sorted(options.folder.glob(options.files)):
        texts = [line for line in path.read_text("utf-8", errors="replace").splitlines() if line.strip()]
        beside_presidio(stock, unnamed, path.name, texts[: options.limit])
        false_alarms(captions, path.name, texts[: options.limit], options.show)
    gold = options.folder / "pii_anon_technology.jsonl"
    if gold.exists():
        accuracy(captions, gold, options.limit)


def findings(captions: Captions, texts: list[str]) -> tuple[list[list[Finding]], float]:
    """Findings per text, and the seconds of processor time that they took."""
    samples = [Sample(str(index), "", texts=(Text("caption", "text", value),)) for index, value in enumerate(texts)]
    begin = time.process_time()
    outcomes = [
        outcome for at in range(0, len(samples), BATCH) for outcome in captions.detect(samples[at : at + BATCH])
    ]
    spent = time.process_time() - begin
    return [[part for part in outcome if isinstance(part, Finding)] for outcome in outcomes], spent


def beside_presidio(stock: StockPatterns, captions: Captions, name: str, texts: list[str]) -> None:
    """The gate's gain and its differences, which are to be none, and our own recognizers on the same texts."""
    begin = time.process_time()
    alone = [stock.analyze(text, gated=False) for text in texts]
    alone_s = time.process_time() - begin
    begin = time.process_time()
    gated = [stock.analyze(text) for text in texts]
    gated_s = time.process_time() - begin
    own, own_s = findings(captions, texts)
    different = sum(_key(one) != _key(other) for one, other in zip(alone, gated, strict=True))
    print(f"\n{name}: {len(texts)} captions  {'per second':>12} {'times':>8} {'findings':>9} {'differences':>12}")
    print(f"  presidio's patterns, alone      {len(texts) / alone_s:12,.0f} {1:8.1f} {sum(map(len, alone)):9}")
    rate, gain = len(texts) / gated_s, alone_s / gated_s
    print(f"  presidio's patterns, our gate   {rate:12,.0f} {gain:8.1f} {sum(map(len, gated)):9} {different:12}")
    count = sum(map(len, own))
    print(f"  our patterns, no names          {len(texts) / own_s:12,.0f} {alone_s / own_s:8.1f} {count:9}")


def _key(results: list[RecognizerResult]) -> list[tuple[str, int, int, float]]:
    return sorted((one.entity_type, one.start, one.end, round(one.score, 6)) for one in results)


def false_alarms(captions: Captions, name: str, texts: list[str], show: bool) -> None:
    found, seconds = findings(captions, texts)
    counts = Counter((part.code, part.attributes["tier"]) for parts in found for part in parts)
    print(f"{name}: with names, {len(texts) / seconds:,.0f} a processor-second")
    for (code, tier), count in counts.most_common():
        print(f"  {code:20} {tier:10} {count:5} {1000 * count / len(texts):8.2f} per 1,000 captions")
    if show:
        for text, parts in zip(texts, found, strict=True):
            for part in parts:
                if part.attributes["tier"] == "direct":
                    print(f"    {part.code} {part.score} {_slice(text, part)!r}")


def accuracy(captions: Captions, path: Path, limit: int) -> None:
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file][:limit]
    found, seconds = findings(captions, [row["text"] for row in rows])
    hits, missed, wrong = Counter[str](), Counter[str](), Counter[str]()
    for row, parts in zip(rows, found, strict=True):
        gold = [
            (TYPES[a["entity_type"]], a["start"], a["end"]) for a in row["annotations"] if a["entity_type"] in TYPES
        ]
        mine = [(part.code, part.where.start, part.where.end) for part in parts if isinstance(part.where, Span)]
        for one in gold:
            (hits if any(_same(one, other) for other in mine) else missed)[one[0]] += 1
        for one in mine:
            if not any(_same(other, one) for other in gold):
                wrong[one[0]] += 1
    print(f"\n{path.name}: {len(rows)} texts, {len(rows) / seconds:,.0f} a processor-second")
    print(f"  {'code':20} {'gold':>6} {'recall':>7} {'precision':>9}")
    for code in _ordered(hits | missed | wrong):
        right, total = hits[code], hits[code] + missed[code]
        recall = f"{right / total:7.3f}" if total else "      -"
        precision = f"{right / (right + wrong[code]):9.3f}" if right + wrong[code] else "        -"
        print(f"  {code:20} {total:6} {recall} {precision}")


def _same(gold: tuple[str, int, int], mine: tuple[str, int, int]) -> bool:
    """Same kind, and at least half of the annotated characters."""
    overlap = min(gold[2], mine[2]) - max(gold[1], mine[1])
    return gold[0] == mine[0] and 2 * overlap >= gold[2] - gold[1]


def _ordered(counts: Iterable[str]) -> list[str]:
    return sorted(set(counts))


def _slice(text: str, part: Finding) -> str:
    return text[part.where.start : part.where.end] if isinstance(part.where, Span) else ""


if __name__ == "__main__":
    main()
