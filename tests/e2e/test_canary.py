"""Unique personal values planted in every field must not stand in any output: tables, manifest, report, logs, errors.

File names are the exception that the design makes: a sample id is the path of its file, so it stands in the audit's own
tables (which only their owner can read), and nowhere else.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from privacy_audit.demo import exif

EMAIL, PHONE, CARD, NIK = "zq7canary@example.com", "+62 812-9087-6651", "4539 1488 0343 6467", "3171014508907731"
OWNER, SERIAL, ARTIST = "Zqowner Kenari", "ZQSERIAL-99817", "Zqartist Burung"
NAME_EMAIL = "zqname@example.org"
PLACE = (-6.917464, 107.619125)
SECRETS = (
    EMAIL,
    "812-9087-6651",
    "81290876651",
    "4539 1488",
    "4539148803436467",
    NIK,
    OWNER,
    SERIAL,
    ARTIST,
    "zq7canary",
)
COORDINATES = ("6.917", "107.619", "107.61")
FREE = "zqfreetext"  # a word of a caption: no identifier, but nothing of a caption is to be copied anywhere


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An audit, a redaction and a report over canaries, by the command line, with what it printed."""
    root = tmp_path_factory.mktemp("canary")
    source = root / "source"
    source.mkdir()
    camera = {exif.OWNER_NAME: OWNER, exif.BODY_SERIAL: SERIAL, exif.DATE_TAKEN: "2024:05:17 09:31:20"}
    picture = Image.new("RGB", (320, 240), "olive")
    buffer = io.BytesIO()
    block = exif.build(camera=camera, place=PLACE)
    picture.save(buffer, "JPEG", exif=block, comment=f"{FREE} {EMAIL}".encode())
    whole = buffer.getvalue()
    (source / "a.jpg").write_bytes(whole)
    (source / "cut.jpg").write_bytes(whole[: len(whole) - 400])
    (source / f"{NAME_EMAIL}.png").write_bytes(_png(ARTIST))
    (source / "a.json").write_text(json.dumps({"caption": f"{FREE} NIK {NIK}", "owner": OWNER, "phone": PHONE}))
    (source / "cut.txt").write_bytes(f"{FREE} caf\xe9 kartu {CARD}".encode("latin-1"))
    rows = [f'a.jpg,"{FREE} {EMAIL}, WA {PHONE}",private-ish', f"gone.jpg,{EMAIL},public", f"../{EMAIL}.jpg,x,public"]
    (source / "metadata.csv").write_text("\n".join(["file_name,text,visibility", *rows, '"unclosed ' + EMAIL]) + "\n")
    said = ""
    state = {**os.environ, "XDG_STATE_HOME": str(root / "state")}
    for command in (
        ["scan", "source", "-o", "audit", "--jobs", "1", "--policy", "gdpr", "--policy", "baseline"],
        ["redact", "source", "--audit", "audit", "-o", "clean", "--jobs", "1"],
        ["report", "audit"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "privacy_audit", *command],
            cwd=root,
            env=state,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, 1, 3}, done.stderr
        said += done.stdout + done.stderr
    return root, said


def test_nothing_personal_is_printed(outputs: tuple[Path, str]) -> None:
    _, said = outputs
    assert [value for value in (*SECRETS, NAME_EMAIL, *COORDINATES, FREE) if value in said] == []


def test_no_output_file_holds_a_planted_value(outputs: tuple[Path, str]) -> None:
    root, _ = outputs
    looked_at = 0
    for path in sorted((root / "audit").rglob("*")):
        if path.is_file():
            looked_at += 1
            text = _readable(path)
            leaked = [value for value in (*SECRETS, *COORDINATES, FREE) if value in text]
            assert leaked == [], path.relative_to(root)
    assert looked_at > 10


def test_the_report_holds_no_sample_id(outputs: tuple[Path, str]) -> None:
    text = (outputs[0] / "audit" / "report.html").read_text()
    assert NAME_EMAIL not in text
    assert "a.jpg" not in text


def test_the_clean_copy_holds_no_direct_identifier(outputs: tuple[Path, str]) -> None:
    root = outputs[0] / "clean"
    names = [path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file()]
    assert names
    assert not any("zqname" in name for name in names)
    for name in names:
        data = (root / name).read_bytes().decode("latin-1")
        direct = (EMAIL, PHONE, CARD, NIK, SERIAL)
        hidden = (OWNER, ARTIST) if name.endswith((".jpg", ".png")) else ()  # names in texts are contextual
        assert [value for value in (*direct, *hidden) if value in data] == [], name


def test_the_canaries_were_found(outputs: tuple[Path, str]) -> None:
    """The other tests would pass on an audit that found nothing."""
    from privacy_audit import Audit

    codes = set(Audit(outputs[0] / "audit").findings.to_pandas().code)
    wanted = {"contact.email", "contact.phone", "id.card", "id.national", "name.owner", "device.serial", "gps.precise"}
    assert wanted <= codes


def test_the_audit_is_readable_by_its_owner_only(outputs: tuple[Path, str]) -> None:
    assert (outputs[0] / "audit").stat().st_mode & 0o077 == 0


def _readable(path: Path) -> str:
    """A file's content; Parquet is decompressed, and its column of sample ids left out (see above)."""
    if path.suffix != ".parquet":
        return path.read_bytes().decode("latin-1")
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    kept = [name for name in table.column_names if name not in {"sample_id", "output_id"}]
    return repr(table.select(kept).to_pylist()) + repr(table.schema.metadata)


def _png(artist: str) -> bytes:
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_text("Author", artist)
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "navy").save(buffer, "PNG", pnginfo=notes)
    return buffer.getvalue()
