"""What several test files share: pictures made on the spot, and the demo, run once."""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from privacy_audit import demo

# The packages that carry the text networks and the schema of SARIF need Python 3.11
_NEW_PYTHON = ["detectors/test_image_text.py", "e2e/test_image_text_scan.py", "report/test_sarif_schema.py"]
collect_ignore = _NEW_PYTHON if sys.version_info < (3, 11) else []


_EXTRAS = (
    "brotli",
    "c2pa",
    "cryptography",
    "datasets",
    "dlib",
    "jsonschema",
    "mlcroissant",
    "ray",
    "turbojpeg",
    "zxingcpp",
)


def pytest_configure() -> None:
    """No test is skipped for a missing package; say at once how to get them all."""
    missing = [name for name in _EXTRAS if importlib.util.find_spec(name) is None]
    if missing:
        pytest.exit(f"not installed: {', '.join(missing)}. Run: uv run --group extras pytest", returncode=4)


@pytest.fixture(scope="session", autouse=True)
def _state_home(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The token key of the tests is not the developer's."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def jpeg() -> Callable[..., bytes]:
    """Makes a small JPEG; keyword arguments go to Pillow's save."""

    def make(color: str = "teal", size: tuple[int, int] = (64, 48), **options: object) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", size, color).save(buffer, "JPEG", **options)
        return buffer.getvalue()

    return make


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> demo.Outcome:
    """The demo, as a user runs it."""
    return demo.run(tmp_path_factory.mktemp("demo"), jobs=2)


@pytest.fixture(scope="session")
def face() -> Image.Image:
    """A picture with one face."""
    import skimage

    return Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png").convert("RGB")
