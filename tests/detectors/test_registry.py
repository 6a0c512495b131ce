"""Detectors by name: what is found, what is refused, and who is named for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

from privacy_audit.detectors import base, registry
from privacy_audit.errors import DetectorError
from privacy_audit.models import ModelFile
from privacy_audit.types import Needs, Outcome, Sample


class Good(base.Standalone):
    """Finds nothing."""

    name, version = "good", "1"
    codes = frozenset({"nothing"})
    needs = Needs.TEXT

    def detect(self, samples: Sequence[Sample]) -> list[Outcome]:
        return [[] for _ in samples]


class Unversioned(Good):
    name = "unversioned"
    version = None  # type: ignore[assignment]
    codes = None  # type: ignore[assignment]


class Idle:
    name, version, codes, needs = "idle", "1", frozenset({"nothing"}), Needs.TEXT


class Modelless(Good):
    name = "modelless"
    models = (ModelFile("m", "no_such_package", "no-such-dist", "m.onnx", "0" * 64, "MIT", "https://example.com"),)


Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs distributions that hold nothing but entry points; no other detector is installed then."""

    def installed(distribution: str, **detectors: str) -> None:
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in detectors.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{registry.GROUP}]", *lines, ""]))

    def entry_points(group: str) -> list[EntryPoint]:
        points = [point for found in distributions(path=[str(tmp_path)]) for point in found.entry_points]
        return [point for point in points if point.group == group]

    monkeypatch.setattr(registry, "entry_points", entry_points)
    return installed


def test_find(install: Install) -> None:
    install("good-dist", good=f"{__name__}:Good")
    assert registry.names() == ["good"]
    assert registry.find("good") is Good
    assert registry.select(None) == registry.select(["good", "good"]) == [Good]
    assert registry.listing() == [registry.Listing("good", "good-dist", Good, None)]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no_such_module:Badge", ["ModuleNotFoundError", "no_such_module"]),
        (f"{__name__}:NoSuchClass", ["AttributeError", "NoSuchClass"]),
        (f"{__name__}:Unversioned", ["version, codes"]),
        (f"{__name__}:Idle", ["detect()"]),
        (f"{__name__}:Good", ["calls itself 'good'"]),
    ],
)
def test_a_broken_detector_is_named_with_its_distribution(install: Install, value: str, words: list[str]) -> None:
    install("broken-dist", badge=value)
    with pytest.raises(DetectorError) as caught:
        registry.find("badge")
    for word in ["'badge'", "broken-dist", *words]:
        assert word in str(caught.value)


def test_a_module_that_fails_on_import_is_named(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fails_on_import.py").write_text("raise RuntimeError('half installed')")
    monkeypatch.syspath_prepend(tmp_path)
    install("broken-dist", badge="fails_on_import:Badge")
    with pytest.raises(DetectorError, match="broken-dist cannot be loaded: RuntimeError: half installed"):
        registry.find("badge")


def test_two_packages_with_one_name_are_refused(install: Install) -> None:
    install("one-dist", good=f"{__name__}:Good")
    install("two-dist", good=f"{__name__}:Good")
    with pytest.raises(DetectorError, match="'good': one-dist, two-dist"):
        registry.find("good")
    assert registry.names() == ["good"]
    (row,) = registry.listing()
    assert (row.distribution, row.detector) == ("one-dist, two-dist", None)


@pytest.mark.parametrize(("name", "hint"), [("goood", "Did you mean 'good'?"), ("xyz", None)])
def test_an_unknown_name(install: Install, name: str, hint: str | None) -> None:
    install("good-dist", good=f"{__name__}:Good")
    with pytest.raises(DetectorError, match=f"no detector is called '{name}'.*Installed: good") as caught:
        registry.find(name)
    assert ("Did you mean" in str(caught.value)) == (hint is not None)
    assert hint is None or hint in str(caught.value)


def test_a_broken_detector_does_not_hide_the_others(install: Install) -> None:
    install("broken-dist", badge="no_such_module:Badge")
    install("good-dist", good=f"{__name__}:Good")
    rows = {row.name: row for row in registry.listing()}
    assert rows["good"].problem is None
    assert rows["badge"].detector is None
    assert "no_such_module" in (rows["badge"].problem or "")


def test_a_missing_model_is_a_problem_of_its_detector(install: Install) -> None:
    install("model-dist", modelless=f"{__name__}:Modelless")
    (row,) = registry.listing()
    assert row.detector is Modelless
    assert "pip install no-such-dist" in (row.problem or "")


def test_our_own_detectors_are_registered() -> None:
    assert {"captions", "faces", "metadata", "provenance"} <= set(registry.names())


def test_about_falls_back_on_the_docstring() -> None:
    assert base.about(Good) == base.About("Finds nothing.", "not stated by the detector")
