"""baseline, suppress, decide, gate, review and check as people run them, and redaction that honours them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from privacy_audit import api
from privacy_audit.cli import formats, main
from privacy_audit.cli import review as review_command
from privacy_audit.report.formats import WRITERS
from privacy_audit.store import reviews
from privacy_audit.store.folder import AuditFolder

EMAIL = "maria.example@example.com"


def run(*arguments: str | Path, **more: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **more)  # type: ignore[arg-type]


@pytest.fixture
def photos(tmp_path: Path, jpeg: Callable[..., bytes]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, color in (("a", "teal"), ("maria-b", "red")):
        (folder / f"{name}.jpg").write_bytes(jpeg(color))
        (folder / f"{name}.txt").write_text(f"write to {EMAIL} {name}")
    return folder


def scan(photos: Path, *more: str | Path) -> Result:
    audit = photos.parent / "audit"
    return run("scan", photos, "-o", audit, "--jobs", "0", "--detectors", "captions,metadata,provenance", *more)


def suppress(audit: Path, *more: str) -> Result:
    file = audit.parent / "s.yaml"
    always = ("--reason", "known sign", "--by", "DPO", "--expires", "2999-01-01", "--file", file)
    return run("suppress", audit, *more, *always)


def test_a_baseline_makes_a_scan_pass_until_something_is_new(photos: Path, jpeg: Callable[..., bytes]) -> None:
    audit, file = photos.parent / "audit", photos.parent / "b.jsonl"
    assert scan(photos).exit_code == 1
    created = run("baseline", "create", audit, "-o", file)
    assert created.exit_code == 0, created.output
    assert run("decide", audit, "--baseline", file).exit_code == 0
    assert scan(photos, "--baseline", file).exit_code == 0
    (photos / "c.jpg").write_bytes(jpeg("blue"))
    (photos / "c.txt").write_text(EMAIL)
    result = scan(photos, "--baseline", file)
    assert result.exit_code == 1
    assert "new since the baseline" in result.stdout


def test_a_scan_with_another_key_is_refused_before_it_starts(photos: Path) -> None:
    audit, file = photos.parent / "audit", photos.parent / "b.jsonl"
    scan(photos, "--token-key", photos.parent / "one.key")
    run("baseline", "create", audit, "-o", file)
    before = (audit / "audit.json").read_bytes()
    result = scan(photos, "--baseline", file, "--token-key", photos.parent / "two.key")
    assert result.exit_code == 2
    assert "another token key" in result.output
    assert "--token-key FILE" in result.output
    assert (audit / "audit.json").read_bytes() == before
    assert scan(photos, "--baseline", file, "--token-key", photos.parent / "one.key").exit_code == 0


def test_a_suppressed_finding_is_not_redacted_and_its_neighbour_is(photos: Path) -> None:
    audit, clean = photos.parent / "audit", photos.parent / "clean"
    scan(photos)
    result = suppress(audit, "--code", "contact.email", "--sample", "a.jpg")
    assert result.exit_code == 0, result.output
    assert "covers 1 finding" in result.stdout
    decided = run("decide", audit, "--suppressions", photos.parent / "s.yaml")
    assert decided.exit_code == 1
    assert "1 decision suppressed" in decided.stdout
    redacted = run("redact", photos, "--audit", audit, "-o", clean, "--jobs", "0")
    assert redacted.exit_code == 0, redacted.output
    assert EMAIL in (clean / "a.txt").read_text()
    assert all(EMAIL not in path.read_text() for path in clean.glob("*b.txt"))
    internal = Path(run("report", audit, "--audience", "internal").stdout.strip()).read_text()
    assert "known sign" in internal
    assert "DPO" in internal
    public = Path(run("report", audit).stdout.strip()).read_text()
    assert all(word not in public for word in ("known sign", "DPO", "maria", "a.jpg"))


def test_a_rescan_forgets_and_a_rescan_with_the_file_does_not(photos: Path) -> None:
    audit = photos.parent / "audit"
    scan(photos)
    fired = AuditFolder(audit).sql("SELECT * FROM decisions ORDER BY ALL")
    suppress(audit, "--code", "contact.email")
    assert run("decide", audit, "--suppressions", photos.parent / "s.yaml").exit_code == 0
    assert scan(photos).exit_code == 1
    assert AuditFolder(audit).sql("SELECT * FROM decisions ORDER BY ALL") == fired
    assert AuditFolder(audit).sql("SELECT count(*) FROM settled") == [(0,)]
    assert api.Audit(audit).settled is None
    assert scan(photos, "--suppressions", photos.parent / "s.yaml").exit_code == 0


def test_the_gate_refuses_what_has_expired_since(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import date

    audit = photos.parent / "audit"
    scan(photos)
    suppress(audit, "--code", "contact.email")
    run("decide", audit, "--suppressions", photos.parent / "s.yaml")
    assert run("gate", audit).exit_code == 0
    monkeypatch.setattr(api, "_today", lambda: date(2999, 1, 1))
    result = run("gate", audit)
    assert result.exit_code == 2
    assert "Decide again" in result.output
    back = run("decide", audit, "--suppressions", photos.parent / "s.yaml")
    assert back.exit_code == 1
    assert "1 suppression expired" in back.stdout


@pytest.mark.parametrize("shape", formats.NAMES)
def test_every_format_has_data_on_stdout_and_the_same_exit_code(photos: Path, shape: str) -> None:
    result = scan(photos, "--format", shape)
    assert result.exit_code == 1, result.output
    if shape == "quiet":
        assert result.stdout == ""
    if shape == "json":
        found = json.loads(result.stdout)
        assert (found["verdict"], found["exit_code"], found["violating_samples"]) == ("violated", 1, 2)
        assert {"contact.email"} <= {row["code"] for row in found["findings"]}
    if shape == "jsonl":
        first, *rows = [json.loads(line) for line in result.stdout.splitlines()]
        assert first["kind"] == "verdict"
        decisions = AuditFolder(photos.parent / "audit").manifest.counts["decisions"]
        assert [row["kind"] for row in rows] == ["decision"] * decisions
        assert all(len(row["sha256"]) == 64 for row in rows)
    if shape not in {"human", "quiet", "sarif"}:  # SARIF names files by design
        assert "maria" not in result.stdout
        assert ".jpg" not in result.stdout
    gated = run("gate", photos.parent / "audit", "--format", shape)
    assert (gated.exit_code, gated.stdout) == (1, result.stdout) or shape == "human"
    assert run("gate", photos.parent / "audit", "--format", "quiet", "--fail-on", "none").exit_code == 0
    assert run("gate", photos.parent / "audit", "--format", "quiet", "--fail-on", "low").exit_code == 1


def test_the_command_line_knows_every_format() -> None:
    assert set(formats.NAMES) == {*WRITERS, "human", "quiet"}


def test_a_comment_shows_hostile_text_as_text() -> None:
    from privacy_audit.report.formats.markdown import escaped

    shown = escaped("<img src=x> | @everyone [x](http://e.com) `c` \u202e #1\n## h www.example.com")
    assert not re.search(r"[<>|@`\[\]()\n\u202e#](?!\d+;)", shown.replace("&#", ""))
    assert "www.example" not in shown


def test_review_asks_nobody_away_from_a_terminal(photos: Path) -> None:
    scan(photos)
    result = run("review", photos.parent / "audit")
    assert result.exit_code == 0
    assert re.fullmatch(r"\d+ findings wait for a review\.\n", result.stdout)
    assert not (photos.parent / "audit" / reviews.FOLDER).exists()


def walk(audit: Path, monkeypatch: pytest.MonkeyPatch, answers: str, *more: str) -> Result:
    monkeypatch.setattr(review_command, "is_terminal", lambda: True)
    return run("review", audit, *more, input="".join(f"{answer}\n" for answer in answers))


def test_verdicts_given_in_the_terminal_decide(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = photos.parent / "audit"
    scan(photos)
    assert "say who judges" in walk(audit, monkeypatch, "").output
    result = walk(audit, monkeypatch, "xnd", "--code", "contact.email", "--by", "Reviewer")
    assert result.exit_code == 0, result.output
    assert EMAIL not in result.output
    assert "m***@***.com" in result.stdout
    assert "2 verdicts kept" in result.stdout
    decided = run("decide", audit)
    assert decided.exit_code == 1
    assert "1 decision taken away by reviews" in decided.stdout
    rows = dict(AuditFolder(audit).sql("SELECT rule_id, action.kind FROM decisions WHERE rule_id LIKE 'review/%'"))
    assert rows == {"review/drop": "drop"}
    clean = photos.parent / "clean"
    assert run("redact", photos, "--audit", audit, "-o", clean, "--jobs", "0").exit_code == 0
    assert len(list(clean.glob("*.jpg"))) == 1, "the one that the reviewer dropped is gone"
    assert EMAIL in next(clean.glob("*.txt")).read_text(), "a false positive is not masked"
    summary = api.Audit(audit).summary()
    (row,) = summary.precision
    assert (row.code, row.confirmed, row.refuted, row.findings) == ("contact.email", 1, 1, 2)
    assert 0 < row.rate.low < 0.5 < row.rate.high < 1
    assert "0 findings wait" in run("review", audit, "--code", "contact.email").stdout
    assert scan(photos).exit_code == 1
    assert "review/drop" in {row[0] for row in AuditFolder(audit).sql("SELECT rule_id FROM decisions")}


@pytest.mark.parametrize(
    ("key", "rule", "parameters"),
    [
        ("k", None, None),
        ("r", "review/redact", {"mask": "contact.email"}),
        ("a", "review/quarantine", {}),
        ("u", "", None),
    ],
)
def test_what_a_reviewer_chooses(
    photos: Path, monkeypatch: pytest.MonkeyPatch, key: str, rule: str | None, parameters: dict[str, str] | None
) -> None:
    audit = photos.parent / "audit"
    scan(photos)
    walk(audit, monkeypatch, f"{key}q", "--code", "contact.email", "--by", "Reviewer")
    run("decide", audit)
    found = AuditFolder(audit)
    rows = found.sql("SELECT rule_id, action.parameters FROM decisions WHERE rule_id LIKE 'review/%'")
    assert rows == ([(rule, parameters)] if rule else [])
    fired = found.sql(
        "SELECT count(*) FROM decisions WHERE list_contains(codes, 'contact.email') AND severity = 'high'"
    )
    assert fired == [(1 if key == "k" else 2,)]
    if key == "u":
        assert api.Audit(audit).summary().precision[0].unsure == 1


def test_the_page_shows_concealed_crops_and_nothing_can_leave_it(tmp_path: Path, face: Image.Image) -> None:
    photos, audit, page = tmp_path / "photos", tmp_path / "audit", tmp_path / "r.html"
    photos.mkdir()
    face.save(photos / "<b>.jpg")
    assert run("scan", photos, "-o", audit, "--jobs", "0", "--detectors", "faces").exit_code == 0
    result = run("review", audit, "--code", "face", "--html", page, "--source", photos)
    assert result.exit_code == 0, result.output
    text = page.read_text()
    assert text.count("<img ") == 1
    assert "&lt;b&gt;.jpg" in text
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert not re.search(r"\son\w+=|\sstyle=|https?:", text)
    (photos / "new.jpg").write_bytes((photos / "<b>.jpg").read_bytes())
    changed = run("review", audit, "--code", "face", "--html", page, "--source", photos)
    assert changed.exit_code == 2
    assert "is not what was audited" in changed.output


def test_a_crop_is_coarse_where_something_was_found(face: Image.Image) -> None:
    import io

    import numpy as np

    from privacy_audit.pixels import Picture
    from privacy_audit.report.review_page import crop

    box = (180.0, 60.0, 90.0, 120.0)
    data = crop(Picture.of(face), box, [])
    assert data is not None
    shown = Image.open(io.BytesIO(data))
    assert max(shown.size) <= 200
    middle = np.asarray(shown)[
        shown.height // 2 - 25 : shown.height // 2 + 25, shown.width // 2 - 15 : shown.width // 2 + 15
    ]
    assert len(np.unique(middle.reshape(-1, 3), axis=0)) < 300
    plain = np.asarray(face)[95:145, 210:240]
    assert len(np.unique(plain.reshape(-1, 3), axis=0)) > 1000
    for odd in [(1e9, 1e9, 5, 5), (0, 0, 0, 0), (float("nan"), 0, 5, 5), (-50, -50, 20, 20)]:
        assert crop(Picture.of(face), odd, [odd]) is None
    assert crop(Picture.broken("gone"), box, []) is None


@pytest.mark.browser
def test_the_page_saves_a_file_that_can_be_taken_in(photos: Path) -> None:
    from playwright.sync_api import sync_playwright

    audit, page_file, saved = photos.parent / "audit", photos.parent / "r.html", photos.parent / "v.jsonl"
    scan(photos)
    assert run("review", audit, "--code", "contact.email", "--html", page_file).exit_code == 0
    errors: list[str] = []
    executable = shutil.which("chromium")
    assert executable is not None, "this test needs Chromium on the PATH, for example: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(accept_downloads=True)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(page_file.as_uri())
        page.fill("#by", "Reviewer")
        page.locator("fieldset").nth(0).get_by_label("Wrong").check()
        page.locator("fieldset").nth(1).get_by_label("Right").check()
        page.locator("fieldset").nth(1).locator("select").select_option("redact")
        with page.expect_download() as download:
            page.click("#save")
        download.value.save_as(saved)
        browser.close()
    assert errors == []
    result = run("review", audit, "--import", saved)
    assert result.exit_code == 0, result.output
    assert "Took in 2 verdicts" in result.stdout
    verdicts = sorted((verdict.verdict, verdict.action) for verdict in reviews.read(audit).values())
    assert verdicts == [("false_positive", ""), ("true_positive", "redact")]


def exif_gps() -> Image.Exif:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.6), 3: "E", 4: (2.0, 17.0, 40.2)})
    return exif


def test_check_names_the_file_and_the_rule(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    (tmp_path / "good.jpg").write_bytes(jpeg())
    (tmp_path / "bad.jpg").write_bytes(jpeg(exif=exif_gps()))
    (tmp_path / "notes.md").write_text(EMAIL)
    (tmp_path / "broken.png").write_text("<html>")
    files = [tmp_path / name for name in ("good.jpg", "bad.jpg", "notes.md")]
    result = run("check", *files)
    assert result.exit_code == 1, result.output
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"{tmp_path / 'bad.jpg'}: high: ")
    assert "gps.precise" in line
    assert run("check", "--fail-on", "none", *files).exit_code == 0
    quiet = run("check", "-q", *files)
    assert (quiet.exit_code, quiet.stdout) == (1, "")
    broken = run("check", tmp_path / "broken.png")
    assert broken.exit_code == 3
    assert "not checked" in broken.stdout
    gone = run("check", tmp_path / "gone.jpg")
    assert gone.exit_code == 2
    assert run("check").exit_code == 0


def test_check_loads_nothing_that_it_does_not_need(tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    (tmp_path / "good.jpg").write_bytes(jpeg())
    code = (
        "import sys\nfrom privacy_audit.cli import main\n"
        f"try:\n    main(['check', {str(tmp_path / 'good.jpg')!r}])\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "heavy = 'pandas pyarrow duckdb spacy presidio_analyzer jinja2'.split()\n"
        "print(sorted(set(heavy) & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
