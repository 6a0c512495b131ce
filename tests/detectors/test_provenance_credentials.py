"""Content Credentials: the pure reading of a manifest, and signed pictures that the tests make themselves."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from provenance_samples import jpeg

from privacy_audit.detectors import Provenance
from privacy_audit.detectors.provenance import credentials, verdict
from privacy_audit.pixels import Picture
from privacy_audit.types import Failure, Finding, Sample

ROW = "c2pa:training-mining"
MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def uses(generation: str = "cawg", **entries: object) -> dict[str, Any]:
    told = {f"{generation}.{use}": {"use": said} if isinstance(said, str) else said for use, said in entries.items()}
    return {"label": f"{generation}.training-mining", "data": {"entries": told}}


def store(*assertions: object, others: Iterable[object] = ()) -> dict[str, object]:
    return {
        "active_manifest": "a",
        "manifests": {"b": {"assertions": list(others)}, "a": {"assertions": list(assertions)}},
    }


ENTRIES = [
    (uses(ai_training="notAllowed"), "denied"),
    (uses("c2pa", ai_training="notAllowed"), "denied"),
    (uses(ai_training="allowed"), "allowed"),
    (uses("c2pa", ai_training="allowed", data_mining="allowed"), "allowed"),
    (uses(ai_generative_training="notAllowed", ai_training="allowed"), "denied"),
    (uses(data_mining="notAllowed"), "denied"),
    (uses(ai_training={"use": "constrained", "constraint_info": "ask us"}), "constrained"),
    (uses(ai_training="constrained"), "denied"),  # without information: as notAllowed
    (uses(ai_inference="notAllowed"), None),
    (uses(data_mining="allowed"), None),
    (uses(ai_training="perhaps"), None),
    ({**uses(ai_training="notAllowed"), "label": "cawg.training-mining__1"}, "denied"),
    ({**uses(ai_training="notAllowed"), "label": "org.example.training-mining"}, None),
    ({"label": "cawg.training-mining", "data": {"entries": ["notAllowed"]}}, None),
    ("no assertion", None),
]


@pytest.mark.parametrize(("assertion", "training"), ENTRIES)
def test_training_and_mining(assertion: object, training: str | None) -> None:
    sure = credentials.signals(store(assertion), trusted=True)
    assert [(signal.name, signal.training, signal.confidence) for signal in sure] == (
        [(ROW, training, "high")] if training else []
    )
    doubtful = credentials.signals(store(assertion), trusted=False)
    assert [(signal.training, signal.confidence) for signal in doubtful] == (
        [(training, "low")] if training and training != "allowed" else []
    )


def test_a_refusal_of_a_part_counts_and_its_permission_does_not() -> None:
    refused = credentials.signals(store(others=[uses(ai_training="notAllowed")]), trusted=True)
    assert [(signal.training, signal.confidence) for signal in refused] == [("denied", "medium")]
    assert credentials.signals(store(others=[uses(ai_training="allowed")]), trusted=True) == []


def test_the_source_type_of_an_action() -> None:
    actions = {
        "label": "c2pa.actions.v2",
        "data": {"actions": [{"digitalSourceType": MADE}, {"action": "c2pa.opened"}]},
    }
    (signal,) = credentials.signals(store(actions), trusted=True)
    assert (signal.code, signal.value) == ("provenance.synthetic", "trainedAlgorithmicMedia")


_KEYS = ["manifests", "assertions", "label", "data", "entries", "use", "actions", "cawg.ai_training"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8) | st.sampled_from(["cawg.training-mining", "notAllowed"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["manifests", "assertions", "label", "data", "entries", "use", "actions", "cawg.ai_training"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@settings(deadline=None)
@given(_JSON)
def test_any_manifest_is_answered(value: object) -> None:
    assert all(signal.visibility is None for signal in credentials.signals(value, trusted=True))


# ---- signed pictures -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def signed() -> bytes:
    return sign(jpeg(), uses(ai_training="notAllowed"))


def sign(data: bytes, assertion: dict[str, Any]) -> bytes:
    """`data` with a manifest that a certificate made for this test has signed."""
    created = {"actions": [{"action": "c2pa.created", "digitalSourceType": MADE}]}
    assertions = [assertion, {"label": "c2pa.actions", "data": created}]
    chain, key = certificate()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None))
    manifest = {"claim_generator_info": [{"name": "test", "version": "1"}], "assertions": assertions}
    out = io.BytesIO()
    c2pa.Builder.from_json(json.dumps(manifest)).sign(signer, "image/jpeg", io.BytesIO(data), out)
    return out.getvalue()


def certificate() -> tuple[bytes, bytes]:
    """A chain and the private key of its end, in PEM."""
    now = datetime.now(timezone.utc)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def named(name: str) -> x509.Name:
        parts = {NameOID.ORGANIZATION_NAME: "Test", NameOID.COMMON_NAME: name}
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts.items()])

    def issue(name: str, public: ec.EllipticCurvePublicKey, is_ca: bool) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            x509.Name(
                [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, "CA")]
            ),
            x509.Name(
                [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
            ),
            public,
            x509.random_serial_number(),
            now - timedelta(days=1),
            now + timedelta(days=2),
        )
        builder = builder.add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        usage = [not is_ca, False, False, False, False, is_ca, is_ca, False, False]
        builder = builder.add_extension(x509.KeyUsage(*usage), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        if not is_ca:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
            builder = builder.add_extension(purpose, critical=False).add_extension(issuer, critical=False)
        return builder.sign(ca_key, hashes.SHA256())

    pem = serialization.Encoding.PEM
    end, ca = issue("End", key.public_key(), is_ca=False), issue("CA", ca_key.public_key(), is_ca=True)
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return end.public_bytes(pem) + ca.public_bytes(pem), private


def parts(data: bytes) -> tuple[list[Finding], list[Failure]]:
    (outcome,) = Provenance().detect([Sample("a.jpg", "", Picture(data))])
    assert not isinstance(outcome, Failure)
    return [p for p in outcome if isinstance(p, Finding)], [p for p in outcome if isinstance(p, Failure)]


def test_a_signed_refusal(signed: bytes) -> None:
    found, failures = parts(signed)
    assert not failures
    says = {finding.attributes["signal"]: finding for finding in found if "signal" in finding.attributes}
    assert says[ROW].attributes["confidence"] == "high"
    assert says[ROW].attributes["evidence"] == "credential"
    assert says["Iptc4xmpExt:DigitalSourceType"].code == "provenance.synthetic"
    assert verdict(found)[1] == "denied"


def test_a_broken_signature_lowers_confidence(signed: bytes) -> None:
    changed = bytearray(signed)
    changed[-10] ^= 1  # in the pixels, which the manifest binds
    found, _ = parts(bytes(changed))
    (refusal,) = [finding for finding in found if finding.attributes.get("signal") == ROW]
    assert refusal.attributes["confidence"] == "low"
    assert verdict(found)[1] == "denied"


def test_a_broken_signature_permits_nothing() -> None:
    permitted = sign(jpeg(), uses(ai_training="allowed"))
    assert verdict(parts(permitted)[0])[1] == "allowed"
    changed = bytearray(permitted)
    changed[-10] ^= 1
    assert verdict(parts(bytes(changed))[0])[1] == "unspecified"


def test_a_damaged_manifest_is_said_so(signed: bytes) -> None:
    at = signed.index(b"c2pa.claim")
    found, failures = parts(signed[:at] + b"\xff" * 40 + signed[at + 40 :])
    assert [failure.stage for failure in failures] == ["provenance.c2pa"] or verdict(found)[1] == "denied"


def test_nothing_of_the_manifest_is_fetched() -> None:
    assert credentials._SETTINGS["verify"]["remote_manifest_fetch"] is False
    assert credentials._context().is_valid
