"""Rule packs and templates are found in a checkout and in an installed package."""

from __future__ import annotations

from pathlib import Path

import pytest

from privacy_audit import resources

CHECKOUT = Path(resources.__file__).resolve().parent.parent


def empty(tmp_path: Path) -> Path:
    (tmp_path / "package").mkdir(exist_ok=True)
    return tmp_path / "package"


@pytest.mark.parametrize("kind", ["rules", "reports"])
def test_in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: resources.Kind) -> None:
    monkeypatch.setattr(resources, "files", lambda _: empty(tmp_path))
    folder = resources.folder(kind)
    assert folder == CHECKOUT / kind
    assert any(folder.iterdir())


@pytest.mark.parametrize("kind", ["rules", "reports"])
def test_in_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: resources.Kind) -> None:
    installed = empty(tmp_path) / "_data" / kind
    installed.mkdir(parents=True)
    (installed / "mark").write_text("installed")
    asked: list[str] = []
    monkeypatch.setattr(resources, "files", lambda name: asked.append(name) or empty(tmp_path))
    assert resources.folder(kind).joinpath("mark").read_text() == "installed"
    assert asked == ["privacy_audit"]


def test_in_a_package_that_is_a_zip_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "package.zip", "w") as file:
        file.writestr("privacy_audit/_data/rules/mark.yaml", "zipped")
    with zipfile.ZipFile(tmp_path / "package.zip") as file:
        monkeypatch.setattr(resources, "files", lambda _: zipfile.Path(file, "privacy_audit/"))
        assert resources.folder("rules").joinpath("mark.yaml").read_text() == "zipped"
        assert resources.folder("reports") == CHECKOUT / "reports"


def test_the_built_in_packs_are_there() -> None:
    names = {entry.name for entry in resources.folder("rules").iterdir()}
    assert names >= {"baseline.yaml", "gdpr.yaml", "uu-pdp.yaml", "pack.schema.json"}
