"""Model files: inside installed packages, found without importing the package, checked by sha256. See MODELS.md."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from privacy_audit.errors import ModelError


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One model file inside a package. `path` is relative to the package folder."""

    name: str
    package: str
    distribution: str
    path: str
    sha256: str
    license: str
    source: str

    def locate(self) -> Path:
        """The file's place on this machine; raises ModelError when the package or the file is not there."""
        try:
            spec = importlib.util.find_spec(self.package)
        except (ImportError, ValueError):
            spec = None
        places = list(spec.submodule_search_locations or ()) if spec else []
        for place in places:
            candidate = Path(place) / self.path
            if candidate.is_file():
                return candidate
        raise ModelError(
            f"the model {self.name} is missing: {self.path} inside the package {self.distribution} "
            f"(sha256 {self.sha256}). Install it with: pip install {self.distribution}"
        )

    def verified(self) -> Path:
        """Like `locate`, and the content is what we measured; raises ModelError when it was altered."""
        path = self.locate()
        found = sha256_of(path)
        if found != self.sha256:
            raise ModelError(
                f"the model {self.name} in the package {self.distribution} is not the one expected: sha256 is {found}, "
                f"should be {self.sha256}. Reinstall it with: pip install --force-reinstall {self.distribution}"
            )
        return path


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
