"""Proofs of presence and absence, their forgeries, and signatures, over audits that a scan made."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import privacy_audit as pa
from privacy_audit.cli import main
from privacy_audit.errors import AuditError, IntegrityError
from privacy_audit.integrity import contents, proof, signature
from privacy_audit.store import manifest as manifests

Made = tuple[Path, Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, jpeg: Callable[..., bytes]) -> Made:
    """A folder of five contents, one of them twice, a broken picture and a row without picture; and its audit."""
    root = tmp_path_factory.mktemp("integrity")
    photos = root / "photos"
    photos.mkdir()
    for number, color in enumerate(["teal", "olive", "navy", "plum"]):
        (photos / f"{number}.jpg").write_bytes(jpeg(color))
    (photos / "copy.jpg").write_bytes(jpeg("teal"))
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (photos / "metadata.csv").write_text("file_name,text\ngone.jpg,a text\n0.jpg,another\n")
    return photos, scanned(photos, root / "audit")


def scanned(photos: Path, audit: Path) -> Path:
    pa.scan(photos, output=audit, detectors=["metadata"], jobs=0)
    return audit


@pytest.fixture
def own(made: Made, tmp_path: Path) -> Path:
    """A copy of the audit that a test may break."""
    shutil.copytree(made[1], tmp_path / "audit")
    return tmp_path / "audit"


def facts(audit: Path) -> dict[str, Any]:
    return manifests.read(audit).integrity


def test_a_scan_states_the_root_over_its_contents(made: Made) -> None:
    found = facts(made[1])
    assert found["contents"] == 5, "a content counts once; a picture that cannot be decoded has bytes too"
    assert found["without_content"] == 1
    assert len(found["root"]) == 64


def test_the_same_data_has_the_same_root(made: Made, tmp_path: Path) -> None:
    assert facts(scanned(made[0], tmp_path / "again")) == facts(made[1])


def test_another_content_has_another_root(made: Made, tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    shutil.copytree(made[0], tmp_path / "photos")
    (tmp_path / "photos" / "3.jpg").write_bytes(jpeg("red"))
    assert facts(scanned(tmp_path / "photos", tmp_path / "audit"))["root"] != facts(made[1])["root"]


@pytest.mark.parametrize("name", ["0.jpg", "3.jpg", "copy.jpg", "broken.jpg"])
def test_a_picture_that_was_audited_is_proven_present(made: Made, name: str) -> None:
    photos, audit = made
    found = pa.prove(audit, photos / name)
    said = pa.check_proof(found, facts(audit)["root"], photos / name)
    assert said.present
    assert said.picture_sha256 == hashlib.sha256((photos / name).read_bytes()).hexdigest()


def test_other_bytes_are_proven_absent(made: Made, tmp_path: Path, jpeg: Callable[..., bytes]) -> None:
    """Also the same picture with one byte more: a proof speaks of bytes, not of look-alikes."""
    photos, audit = made
    for number in range(12):
        picture = tmp_path / f"{number}.jpg"
        picture.write_bytes((photos / "0.jpg").read_bytes() + bytes([number]))
        assert not pa.check_proof(pa.prove(audit, picture), facts(audit)["root"], picture).present


def test_an_audit_without_any_content_proves_absence(tmp_path: Path, made: Made) -> None:
    (tmp_path / "texts.csv").write_text("text\nhello\n")
    audit = tmp_path / "audit"
    pa.scan(tmp_path / "texts.csv", output=audit, detectors=["captions"], jobs=0)
    assert facts(audit)["contents"] == 0
    assert not pa.check_proof(pa.prove(audit, made[0] / "0.jpg"), facts(audit)["root"]).present


def test_a_proof_discloses_hashes_only(made: Made) -> None:
    """No name of a sample, and no sha256 of another picture that somebody could look up."""
    photos, audit = made
    text = json.dumps(pa.prove(audit, photos / "0.jpg"))
    assert ".jpg" not in text
    others = [hashlib.sha256((photos / f"{number}.jpg").read_bytes()).hexdigest() for number in (1, 2, 3)]
    assert [digest for digest in others if digest in text] == []


def forgeries(made: Made) -> Iterator[tuple[str, dict[str, Any]]]:
    photos, audit = made
    present = pa.prove(audit, photos / "0.jpg")
    stranger = audit / "audit.json"
    absent = pa.prove(audit, stranger)
    other = pa.prove(audit, photos / "1.jpg")

    def changed(base: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return {**copy.deepcopy(base), **fields}

    yield "present, said of absent bytes", changed(present, picture_sha256=absent["picture_sha256"])
    yield "absent, said of present bytes", changed(absent, picture_sha256=present["picture_sha256"])
    yield "present leaf called a neighbour", changed(present, statement="absent")
    yield "two neighbours called presence", changed(absent, statement="present")
    yield (
        "neighbours that are no neighbours",
        changed(absent, picture_sha256=present["picture_sha256"], shown=[other["shown"][0], absent["shown"][1]]),
    )
    yield "one neighbour", changed(absent, shown=absent["shown"][:1])
    yield "neighbours in the wrong order", changed(absent, shown=absent["shown"][::-1])
    yield "another salt", changed(present, salt="00" * 32)
    yield "another size", changed(present, leaves=present["leaves"] + 1)
    for field, value in {"index": 0, "leaf": "00" * 32, "path": []}.items():
        yield f"another {field}", changed(present, shown=[{**present["shown"][0], field: value}])


def test_no_forgery_holds(made: Made) -> None:
    root = facts(made[1])["root"]
    names = []
    for name, forged in forgeries(made):
        names.append(name)
        with pytest.raises(IntegrityError):
            pa.check_proof(forged, root)
    assert len(names) == 12


def test_a_proof_of_another_audit_does_not_hold(made: Made) -> None:
    found = pa.prove(made[1], made[0] / "0.jpg")
    with pytest.raises(IntegrityError, match="does not lead to this root"):
        pa.check_proof(found, "ab" * 32)
    with pytest.raises(IntegrityError, match="64 hexadecimal"):
        pa.check_proof(found, "root")
    with pytest.raises(IntegrityError, match="another file"):
        pa.check_proof(found, found["root"], made[0] / "1.jpg")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["format", "statement", "picture_sha256", "salt", "leaves", "shown"]),
    st.sampled_from(["", "index", "leaf", "path"]),
    JSON,
)
def test_a_damaged_proof_is_refused_and_nothing_else_happens(made: Made, field: str, inner: str, value: Any) -> None:
    found = pa.prove(made[1], made[0] / "0.jpg")
    if field == "shown" and inner:
        found["shown"][0][inner] = value
    else:
        found[field] = value
    with pytest.raises(IntegrityError):
        proof.check(found, facts(made[1])["root"])


def test_changed_samples_make_no_proof(own: Path, made: Made) -> None:
    for part in (own / "samples").glob("*.parquet"):
        part.unlink()
    with pytest.raises(AuditError, match="are not those of its manifest"):
        pa.prove(own, made[0] / "0.jpg")


def test_an_audit_of_an_older_version_has_no_tree(own: Path, made: Made) -> None:
    raw = json.loads((own / "audit.json").read_text())
    del raw["integrity"]
    (own / "audit.json").write_text(json.dumps(raw))
    with pytest.raises(AuditError, match="no tree"):
        pa.prove(own, made[0] / "0.jpg")


def test_the_leaves_are_sorted_and_each_stands_once(made: Made) -> None:
    leaves = contents.leaves_of(made[1], bytes.fromhex(facts(made[1])["salt"]))
    assert list(leaves) == sorted(set(leaves))
    assert len(leaves) == 7
    assert leaves[-1] == b"\xff" * 32
    assert leaves[1:3] == [leaves[1], leaves[2]]


def test_hashes_that_end_in_zero_bytes_stay_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy drops zero bytes from the end of a string: sorting and telling apart must not."""
    from privacy_audit.integrity import tree

    keys = [b"\x01" * 31 + b"\0", b"\x01" * 31 + b"\1", b"\x01" + b"\0" * 31, b"\x01" * 31 + b"\0"]
    digests = iter(range(4))
    monkeypatch.setattr(contents, "_digests", lambda audit: (bytes([number]) for number in digests))
    monkeypatch.setattr(tree, "keyed", lambda salt, digest: keys[digest[0]])
    leaves = contents.leaves_of(tmp_path, b"")
    assert list(leaves) == [tree.FIRST, *sorted(set(keys)), tree.LAST]


# signatures


def test_a_signature_holds_for_its_key_alone(own: Path, tmp_path: Path) -> None:
    key = tmp_path / "keys" / "audit.key"
    made_id = pa.sign(own, key, new=True)
    found = pa.verify_signature(own, signature.public_path(key))
    assert (found.key_id, found.trusted, found.root) == (made_id, True, facts(own)["root"])
    assert not pa.verify_signature(own).trusted
    signature.new_key(tmp_path / "other.key")
    with pytest.raises(IntegrityError, match="another key"):
        pa.verify_signature(own, tmp_path / "other.key.pub")


def test_a_new_key_is_for_its_owner_and_never_written_over(tmp_path: Path) -> None:
    signature.new_key(tmp_path / "audit.key")
    assert (tmp_path / "audit.key").stat().st_mode & 0o077 == 0
    with pytest.raises(AuditError, match="never written over"):
        signature.new_key(tmp_path / "audit.key")


def breakages(audit: Path) -> dict[str, Callable[[], object]]:
    part = next((audit / "samples").glob("*.parquet"))
    text = (audit / "audit.json").read_text()
    signed = json.loads((audit / "signature.json").read_text())

    def resigned(**fields: Any) -> Callable[[], object]:
        return lambda: (audit / "signature.json").write_text(json.dumps({**signed, **fields}))

    return {
        "the manifest": lambda: (audit / "audit.json").write_text(text.replace('"complete"', '"partial"')),
        "one blank of the manifest": lambda: (audit / "audit.json").write_text(text + " "),
        "a part": lambda: part.write_bytes(part.read_bytes() + b"\0"),
        "a part is gone": part.unlink,
        "a part too many": lambda: (audit / "findings" / "zz.parquet").write_bytes(part.read_bytes()),
        "the signature": resigned(signature="00" * 64),
        "another key in the file": resigned(public_key="11" * 32),
        "no key": resigned(public_key="zz"),
        "another algorithm": resigned(algorithm="none"),
        "no JSON": lambda: (audit / "signature.json").write_text("["),
    }


@pytest.mark.parametrize(
    "name",
    [
        "the manifest",
        "one blank of the manifest",
        "a part",
        "a part is gone",
        "a part too many",
        "the signature",
        "another key in the file",
        "no key",
        "another algorithm",
        "no JSON",
    ],
)
def test_whatever_is_changed_is_noticed(own: Path, tmp_path: Path, name: str) -> None:
    pa.sign(own, tmp_path / "audit.key", new=True)
    breakages(own)[name]()
    with pytest.raises(IntegrityError):
        pa.verify_signature(own)


def test_a_wrong_root_is_not_signed(own: Path, tmp_path: Path) -> None:
    raw = json.loads((own / "audit.json").read_text())
    raw["integrity"]["root"] = "00" * 32
    (own / "audit.json").write_text(json.dumps(raw))
    with pytest.raises(IntegrityError, match="root of the tree"):
        pa.sign(own, tmp_path / "audit.key", new=True)


def test_a_part_outside_of_the_audit_is_refused(own: Path, tmp_path: Path) -> None:
    raw = json.loads((own / "audit.json").read_text())
    raw["parts"]["../secret"] = "0" * 64
    (own / "audit.json").write_text(json.dumps(raw))
    with pytest.raises(IntegrityError, match="outside"):
        pa.sign(own, tmp_path / "audit.key", new=True)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_wrong_key_file_is_said_in_plain_words(own: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(AuditError, match="PEM"):
        pa.sign(own, tmp_path / "bad")
    pa.sign(own, tmp_path / "good", new=True)
    with pytest.raises(AuditError, match="PEM"):
        pa.verify_signature(own, tmp_path / "bad")


# the command line


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_proving_by_the_command_line(made: Made, tmp_path: Path) -> None:
    photos, audit = made
    target, root = tmp_path / "proof.json", facts(audit)["root"]
    result = run("prove", audit, "--picture", photos / "0.jpg", "-o", target)
    assert result.exit_code == 0
    assert "were in the audited data" in result.stdout
    assert "were in the audited data" in run("prove", "--check", target, "--root", root).stdout
    assert run("prove", audit, "--check", target, "--picture", photos / "0.jpg").exit_code == 0
    wrong = run("prove", "--check", target, "--root", root, "--picture", photos / "1.jpg")
    assert (wrong.exit_code, "NOT VALID" in wrong.output) == (1, True)
    assert json.loads(run("prove", audit, "--picture", photos / "0.jpg").stdout)["statement"] == "present"


def test_a_proof_is_not_checked_against_its_own_root(made: Made, tmp_path: Path) -> None:
    (tmp_path / "proof.json").write_text("{}")
    assert run("prove", "--check", tmp_path / "proof.json").exit_code == 2
    assert run("prove", "--picture", made[0] / "0.jpg").exit_code == 2
    assert run("prove", made[1], "--picture", tmp_path / "none.jpg").exit_code == 2
    assert run("prove", "--check", tmp_path / "proof.json", "--root", "ab" * 32).exit_code == 1


def test_signing_by_the_command_line(own: Path, tmp_path: Path) -> None:
    assert "is not signed" in run("verify-signature", own).output
    assert run("sign", own).exit_code == 2
    assert run("sign", own, "--key", tmp_path / "none").exit_code == 2
    assert run("sign", own, "--new-key", tmp_path / "audit.key").exit_code == 0
    assert run("sign", own, "--key", tmp_path / "audit.key").exit_code == 0
    good = run("verify-signature", own, "--public-key", tmp_path / "audit.key.pub")
    assert (good.exit_code, "Valid" in good.stdout) == (0, True)
    assert "Anybody could" in run("verify-signature", own).output
    (own / "audit.json").write_text((own / "audit.json").read_text() + " ")
    bad = run("verify-signature", own)
    assert (bad.exit_code, "NOT VALID" in bad.output) == (1, True)
