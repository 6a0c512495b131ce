"""What a code says: one table of payloads, and what of them is personal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_audit.detectors.barcodes.payloads import MAX_CHARACTERS, parse

VCARD = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Doe;Jane;;;\r\nitem1.TEL;TYPE=cell:+1 415 555 0137\r\n"
    "ADR;TYPE=home:;;1 Example\r\n  Street;Springfield;;12345;\r\nORG:Example Ltd\r\nEND:VCARD"
)
BOARDING = "M1DOE/JANE            EXXYZ12 CGKSINGA 0822 329Y012A0001 100"
LICENCE = (
    "@\n\x1e\rANSI 636000090002DL00410278ZV03190008DLDAQT64235789\nDCSDOE\nDACJANE\nDBB01131975\nDAG1 EXAMPLE ST\n"
    "DAYBRO\n"
)
SWISS = "\n".join(
    ["SPC", "0200", "1", "CH4431999123000889012", "S", "Max Muster", "Musterweg", "1", "8000", "Zurich", "CH"]
    + [""] * 7
    + ["100.00", "CHF", "S", "Jane Doe", "Example Road", "2", "9000", "St. Gallen", "CH", "NON", ""]
)
TD3 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"  # ICAO's specimen
QRIS = (
    "00020101021126570011ID.DANA.WWW0118936009150000000000021500000000000000303UMI"
    "5204581253033605802ID5910TOKO MAJU6007JAKARTA6304ABCD"
)
PROMPTPAY = "00020101021129370016A000000677010111011300668123456785802TH53037646304ABCD"
PROMPTPAY_ID = "00020101021129370016A000000677010111021311234567890125802TH53037646304ABCD"
PAYNOW = "00020101021126340009SG.PAYNOW010100211+65812345675204000053037025802SG6304ABCD"
PIX = "00020126380014BR.GOV.BCB.PIX0116jane@example.com5204000053039865802BR6304ABCD"
PIX_CPF = "00020126330014BR.GOV.BCB.PIX0111123456789095204000053039865802BR6304ABCD"


@pytest.mark.parametrize(
    ("payload", "kind", "codes"),
    [
        ("MECARD:N:Doe,Jane;TEL:+14155550137;;", "contact card", ["name.person", "contact.phone"]),
        ("MECARD:N:Doe\\;Jane;EMAIL:jane@example.com;BDAY:19900101;;", "contact card",
         ["name.person", "contact.email", "person.birth_date"]),
        ("BIZCARD:N:Jane;X:Doe;T:Director;A:1 Example St;B:+14155550137;E:jane@example.com;;", "contact card",
         ["name.person", "name.person", "contact.phone", "contact.address", "contact.phone", "contact.email"]),
        (VCARD, "contact card", ["name.person", "contact.phone", "contact.address"]),
        ("begin:vcard\nFN:\nEND:VCARD", "contact card", []),
        ("WIFI:T:WPA;S:home;P:hunter22;;", "network", ["secret"]),
        ("WIFI:T:nopass;S:cafe;;", "network", []),
        ("WIFI:S:a\\;P:b;T:WPA;P:pass\\;word;;", "network", ["secret"]),
        ("mailto:jane@example.com?subject=hello", "mail", ["contact.email"]),
        ("MATMSG:TO:jane@example.com;SUB:hi;BODY:;;", "mail", ["contact.email"]),
        ("SMTP:jane@example.com:hi:there", "mail", ["contact.email"]),
        ("mailto:", "mail", []),
        ("tel:+14155550137", "phone", ["contact.phone"]),
        ("tel:112", "phone", []),
        ("SMSTO:+14155550137:hello", "phone", ["contact.phone"]),
        ("geo:-7.60788,110.20377", "place", ["gps.precise"]),
        ("geo:-7.6,110.2", "place", ["gps.coarse"]),
        ("https://www.google.com/maps?q=-7.60788,110.20377", "place", ["gps.precise"]),
        ("otpauth://totp/Example:jane@example.com?secret=JBSWY3DPEHPK3PXP", "one-time password",
         ["secret", "contact.email"]),
        ("otpauth-migration://offline?data=CjEKCkhlbGxv", "one-time password", ["secret"]),
        ("FIDO:/0766202010", "sign-in", ["secret"]),
        ("LPA:1$rsp.example.com$MATCHING-ID", "sign-in", ["secret"]),
        (BOARDING, "boarding pass", ["name.person", "secret"]),
        (LICENCE, "driving licence", ["id.national", "name.person", "name.person", "person.birth_date",
                                      "contact.address"]),
        ("@\n\x1e\rANSI 636000", "driving licence", ["id.national"]),
        ("HC1:NCFOXN%TS3DH", "health certificate", ["person.health", "name.person", "person.birth_date"]),
        ("shc:/5676290952432060", "health certificate", ["person.health", "name.person", "person.birth_date"]),
        ('<?xml version="1.0"?><PrintLetterBarcodeData uid="999941057058" name="Jane Doe" yob="1990"/>',
         "identity card", ["id.national", "name.person", "person.birth_date"]),
        ("BCD\n002\n1\nSCT\n\nJane Doe\nDE89370400440532013000\nEUR10\n", "bank transfer", ["id.iban", "name.person"]),
        ("BCD\n002\n1\nSCT\n", "bank transfer", []),
        (SWISS, "bank transfer", ["id.iban", "name.person", "contact.address", "name.person", "contact.address"]),
        ("upi://pay?pa=jane@okbank&pn=Jane%20Doe&am=10", "bank transfer", ["id.iban", "name.person"]),
        (QRIS, "merchant payment", []),  # a business shows its own name to be paid
        (PROMPTPAY, "merchant payment", ["contact.phone"]),
        (PROMPTPAY_ID, "merchant payment", ["id.national"]),
        (PAYNOW, "merchant payment", ["contact.phone"]),
        (PIX, "merchant payment", ["contact.email"]),
        (PIX_CPF, "merchant payment", ["id.tax"]),
        (TD3, "machine-readable zone", ["id.mrz", "id.passport"]),
        ("4006381333931", "number", []),
        ("4111111111111111", "number", []),  # a parcel's number passes for a card's one time in ten
        ("https://example.com/menu", "url", []),
        ("Table 12", "text", []),
        ("", "text", []),
        ("<script>alert(1)</script>", "text", []),
    ],
)  # fmt: skip
def test_payloads(payload: str, kind: str, codes: list[str]) -> None:
    parsed = parse(payload)
    assert (parsed.kind, [item.code for item in parsed.items]) == (kind, codes)


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("MECARD:N:Doe\\;Jane;TEL:+14155550137;;", ["Doe Jane", "+14155550137"]),
        (BOARDING, ["DOE/JANE", "XXYZ12"]),
        (LICENCE, ["T64235789", "DOE", "JANE", "01131975", "1 EXAMPLE ST"]),
        ("WIFI:T:WPA;S:home;P:pass\\;word;;", ["pass;word"]),
        ("geo:-7.60788,110.20377?z=3", ["-7.60788,110.20377"]),
        (PROMPTPAY, ["0066812345678"]),
    ],
)
def test_values_are_what_equal_values_share_a_token_by(payload: str, values: list[str]) -> None:
    assert [item.value for item in parse(payload).items] == values


BEGINNINGS = [
    "",
    "BEGIN:VCARD\n",
    "MECARD:",
    "WIFI:",
    "M1",
    "000201",
    "@\n\x1e\rANSI ",
    "BCD\n002\n",
    "geo:",
    "SPC\n0200\n",
]


@settings(max_examples=300, deadline=500)
@given(
    st.sampled_from(BEGINNINGS),
    st.text(max_size=400),
)
def test_any_payload_is_parsed(beginning: str, rest: str) -> None:
    for item in parse(beginning + rest).items:
        assert item.value.strip()


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "filler", ["A", "9", ";", "\\;", ":", "\n", "<", "N:x;", "a@", "1.", "00", "\n ", "DLDAQ", "é", "\0", '01="x" ']
)
def test_long_payloads_cost_little(filler: str) -> None:
    for beginning in ("", "MECARD:", "BEGIN:VCARD\n", "mailto:", "tel:", "geo:", "000201", "M1", "<QPDA ", "@ANSI "):
        parse(beginning + filler * (MAX_CHARACTERS // len(filler)))
