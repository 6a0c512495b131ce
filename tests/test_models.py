"""Model files: found without importing their package, and trusted only with the content that was measured."""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from privacy_audit.detectors import registry
from privacy_audit.detectors.base import models_of
from privacy_audit.errors import ModelError
from privacy_audit.models import ModelFile

CONTENT = b"weights" * 1000


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelFile:
    """A model in a package that must not be imported."""
    package = tmp_path / "modelpackage_zq"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "data" / "net.onnx").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path))
    digest = hashlib.sha256(CONTENT).hexdigest()
    return ModelFile("net", "modelpackage_zq", "model-package", "data/net.onnx", digest, "MIT", "https://example.com")


def test_a_model_is_found_without_importing_its_package(model: ModelFile) -> None:
    assert model.verified() == model.locate()
    assert model.verified().read_bytes() == CONTENT
    assert "modelpackage_zq" not in sys.modules


@pytest.mark.parametrize(
    "change",
    [
        {"package": "no_such_package_zq"},
        {"package": "no_such.sub_package"},
        {"package": ""},
        {"package": "json"},
        {"path": "data/other.onnx"},
        {"path": "data"},
    ],
)
def test_a_missing_model_says_what_to_install(model: ModelFile, change: dict[str, str]) -> None:
    missing = replace(model, **change)
    for ask in (missing.locate, missing.verified):
        with pytest.raises(ModelError) as caught:
            ask()
        said = str(caught.value)
        assert "the model net is missing" in said
        assert "pip install model-package" in said
        assert model.sha256 in said


def test_an_altered_model_is_refused(model: ModelFile) -> None:
    model.locate().write_bytes(CONTENT + b"x")
    assert model.locate()
    with pytest.raises(ModelError, match="is not the one expected") as caught:
        model.verified()
    found = hashlib.sha256(CONTENT + b"x").hexdigest()
    assert f"sha256 is {found}, should be {model.sha256}" in str(caught.value)
    assert "pip install --force-reinstall model-package" in str(caught.value)


def test_the_models_that_are_used_are_what_was_measured() -> None:
    models = [model for row in registry.listing() if row.detector for model in models_of(row.detector)]
    assert len(models) >= 2
    for model in models:
        assert re.fullmatch(r"[0-9a-f]{64}", model.sha256)
        assert model.verified().is_file()
        assert model.license
        assert model.source
