"""Kinds of claims, grades and reasons in plain words, in English and Indonesian."""

from __future__ import annotations

from privacy_audit.claims.grade import Reason

_KINDS = {
    "only-public": ("Only public pictures", "Hanya gambar publik"),
    "no-children": ("No children", "Tidak ada anak-anak"),
    "faces-blurred": ("No recognisable faces", "Tidak ada wajah yang dapat dikenali"),
    "licences": ("Licences are as stated", "Lisensi sesuai pernyataan"),
    "gps-removed": ("Places of capture removed", "Lokasi pemotretan dihapus"),
    "metadata-removed": ("Personal metadata removed", "Metadata pribadi dihapus"),
    "opt-outs-honoured": ("Training opt-outs honoured", "Penolakan pelatihan AI dihormati"),
    "no-personal-data-in-captions": ("No personal data in captions", "Tidak ada data pribadi dalam keterangan gambar"),
    "no-identifiers-in-pictures": (
        "No identifiers or contacts readable in pictures",
        "Tidak ada nomor identitas atau kontak yang terbaca pada gambar",
    ),
}
_GRADES = {
    "supported": ("supported", "didukung"),
    "partly": ("partly supported", "didukung sebagian"),
    "unsupported": ("unsupported", "tidak didukung"),
    "contradicted": ("contradicted", "dibantah"),
}
_REASONS = {
    "nothing": (
        "The audit holds no sample that this claim is about.",
        "Audit ini tidak memuat sampel yang berkaitan dengan klaim ini.",
    ),
    "counter": ("{n} of {of} samples say the opposite.", "{n} dari {of} sampel menyatakan sebaliknya."),
    "not_run": (
        "Nothing looked for it: {detectors} did not run.",
        "Tidak ada yang memeriksanya: {detectors} tidak dijalankan.",
    ),
    "none_looked": ("No sample could be looked at.", "Tidak ada sampel yang dapat diperiksa."),
    "no_evidence": (
        "No sample has evidence of it, and how a picture looks proves nothing.",
        "Tidak ada sampel yang memiliki bukti, dan tampilan gambar tidak membuktikan apa pun.",
    ),
    "stated": ("{n} of {of} samples have evidence for it.", "{n} dari {of} sampel memiliki bukti."),
    "found_none": (
        "None was found in {n} samples: supported up to a rate of {high}.",
        "Tidak ditemukan pada {n} sampel: didukung hingga tingkat {high}.",
    ),
    "coverage": (
        "Only {coverage} of the samples count as looked at ({failed} failed); the claim asks for {wanted}.",
        "Hanya {coverage} sampel yang terhitung diperiksa ({failed} gagal); klaim ini meminta {wanted}.",
    ),
    "waiting": (
        "On {n} samples the detector was not sure: a person has to look.",
        "Pada {n} sampel detektor tidak yakin: perlu diperiksa oleh seseorang.",
    ),
    "recall": (
        "The detector finds at least {recall} of such cases of the size that it finds worst; the rate allows for that.",
        "Detektor menemukan sedikitnya {recall} kasus pada ukuran tersulit; tingkat tersebut sudah memperhitungkannya.",
    ),
    "unmeasured": (
        "How many cases the detector misses was not measured, so the true rate may be higher.",
        "Jumlah kasus yang terlewat oleh detektor tidak diukur, jadi tingkat sebenarnya bisa lebih tinggi.",
    ),
    "sampled": (
        "{n} of {population} samples were audited; the rate is for the whole dataset.",
        "{n} dari {population} sampel diaudit; tingkat tersebut berlaku untuk seluruh kumpulan data.",
    ),
    "clustered": (
        "Whole shards were drawn, so the true interval is wider.",
        "Yang diambil adalah bagian utuh, jadi interval sebenarnya lebih lebar.",
    ),
    "capped.no-children": (
        "Only what texts say was looked for: nothing judges the age of a face.",
        "Yang diperiksa hanya teks: tidak ada yang menilai usia sebuah wajah.",
    ),
    "capped.opt-outs-honoured": (
        "Only signals in the files and records were looked for, no registry of opt-outs and no robots.txt.",
        "Yang diperiksa hanya sinyal dalam berkas dan catatan, bukan daftar penolakan atau robots.txt.",
    ),
}
_LANGUAGES = ("en", "id")
LANGUAGES = _LANGUAGES
_SHARES = {"high", "coverage", "wanted", "recall"}
_FROM_COUNTS = {"high", "coverage"}
_TEN_OR_MORE = ("10 or more", "10 atau lebih")


def kind(name: str, language: str = "en") -> str:
    """The title of a kind of claim."""
    return _KINDS[name][_LANGUAGES.index(language)] if name in _KINDS else name


def grade(name: str, language: str = "en") -> str:
    """A grade as a word."""
    return _GRADES[name][_LANGUAGES.index(language)]


def reason(said: Reason, language: str = "en", *, public: bool = False) -> str:
    """A reason as a sentence. For a `public` page, counts are "<10" or "10 or more", and shares are in steps of 5 %.

    Exact ones could give away a count that the page hides.
    """
    numbers = {name: _written(name, value, language, public) for name, value in said.numbers}
    return _REASONS[said.name][_LANGUAGES.index(language)].format(**numbers)


def share(value: float, language: str = "en") -> str:
    """A rate as a percentage with up to three digits; what is neither none nor all never looks like it."""
    text = f"{100 * value:.3g}" if value < 0.99 else f"{100 * value:.2f}".rstrip("0").rstrip(".")
    if text == "100" and value < 1:
        text = ">99.99"
    return f"{text} %".replace(".", "," if language == "id" else ".")


def coarse(value: float) -> str:
    """A rate in steps of 5 %; what is neither none nor all never looks like it."""
    if value in {0, 1}:
        return f"{100 * value:.0f} %"
    return "<5 %" if value < 0.05 else ">95 %" if value > 0.95 else f"{5 * round(20 * value)} %"


def _written(name: str, value: float | str, language: str, public: bool) -> str:
    if isinstance(value, str):
        return value
    if name in _SHARES:
        return coarse(value) if public and name in _FROM_COUNTS else share(value, language)
    if public and value > 0:
        return "<10" if value < 10 else _TEN_OR_MORE[_LANGUAGES.index(language)]
    return f"{value:,.0f}".replace(",", "." if language == "id" else ",")
