"""What the metadata detector and the stripper do, with ExifTool as the judge.

    python benchmarks/metadata_exiftool.py DIR [--exiftool exiftool] [--misses] [--no-strip] [--no-speed]

ExifTool is a test oracle only (Debian's libimage-exiftool-perl, or the npm package exiftool-vendored.pl). Prints

- recall: of the (file, class) pairs that ExifTool finds, the share that we find, per class and per format. Values that
  cameras write by themselves ("OLYMPUS DIGITAL CAMERA") and places that are nowhere on earth are left out of findings
  on purpose; pairs that rest on them alone, on placeholders ("unknown") or on a few digits as text are counted apart
  ("defaults").
- what we flag and ExifTool does not.
- speed: files per second of CPU time of JPEGs with EXIF, ours (header parse with MakerNotes; search behind the
  picture; comparison of thumbnails) and `exiftool -fast` (one call for all files, start-up included).
- stripping, per mode and format: files refused, classes that ExifTool still finds, pixels that changed, colour
  profiles and orientations lost.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import re
import resource
import subprocess
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from privacy_audit.containers import read, sniff
from privacy_audit.detectors.base import as_sample
from privacy_audit.detectors.metadata import Metadata, scan, thumbnail
from privacy_audit.detectors.metadata.hits import blank as placeholder
from privacy_audit.detectors.metadata.hits import camera_default
from privacy_audit.errors import PictureError
from privacy_audit.pixels import Picture
from privacy_audit.redaction.metadata import StripRefused, strip
from privacy_audit.types import Failure, Finding, Needs

HEAD_BYTES = 128 * 1024  # what the header parse reads first
Pairs = dict[str, set[str]]

# --- ExifTool's tags to classes -------------------------------------------------------------------------------------


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


BY_NAME = {
    "PLACE": names(
        "city country countryname countrycode countryprimarylocationname countryprimarylocationcode state "
        "provincestate sublocation location landmark contentlocationname contentlocationcode locationname worldregion "
        "gpsareainformation locationcreated locationshown city2 locationcode"
    ),
    "UID": names(
        "imageuniqueid rawdatauniqueid contentidentifier photoidentifier mediagroupuuid captureuuid burstuuid burstid "
        "mediauniqueid"
    ),
    "PERSON": names(
        "artist creator byline author xpauthor ownername cameraownername cameraowner personinimage personinimagename "
        "personname regionname persondisplayname regionpersondisplayname imageregionpersoninimage imagecreatorname "
        "photographer attributionname captionwriter writereditor writer babyname imagecreator copyrightownername"
    ),
    "TIME": names(
        "datetimeoriginal createdate datetimedigitized datetime modifydate datecreated timecreated digitizationdate "
        "digitizationtime digitalcreationdate digitalcreationtime gpsdatestamp gpsdate gpsdatetime gpstimestamp "
        "metadatadate offsettime offsettimeoriginal offsettimedigitized datecreate datemodify creationtime "
        "lastmodified date"
    ),
    "TEXT": names(
        "usercomment imagedescription xpcomment xptitle xpsubject xpkeywords description captionabstract caption "
        "headline objectname title keywords subject comment documentname specialinstructions instructions parameters "
        "prompt workflow hierarchicalsubject jobname invokeaimetadata sdmetadata dream disclaimer warning source"
    ),
    "RIGHTS": names(
        "copyright copyrightnotice rights usageterms webstatement marked license datamining credit creditline "
        "licensorurl licensorname webstatementofrights morepermissions attributionurl copyrightstatus "
        "certificate owner"
    ),
    "HISTORY": names("documentid instanceid originaldocumentid derivedfrom"),
    "SERIAL": names("hostcomputer deviceserialno cameraid"),
}
GPS = re.compile(r"gps(dest)?(latitude|longitude)$|gpsposition$|gpscoordinates$|^(latitude|longitude)$")
CONTACT = re.compile(
    r"email|telephone|^phone|^ciadr|^ciurl|^creator(address|city|region|postalcode|country|work|contactinfo)"
    r"|^licensor(street|city|region|postal|country|extended)|^contact$"
)
THUMB = re.compile(
    r"thumbnailimage$|thumbnailtiff$|photoshop(bgr)?thumbnail$|previewimage$|jpgfromraw2?$|otherimage$|previewtiff$"
    r"|^thumbnailsimage|^previewimagestart$|^thumbnailoffset$"
)
PERSONS = re.compile(r"personinimage.*|recognizedface\d?name|face\d*name")
DERIVED = frozenset({"ExifTool", "Composite", "System", "ICC_Profile"})
DEFAULTED = frozenset({"TEXT", "SERIAL", "PERSON", "RIGHTS", "PLACE"})
# Our own words for the same classes
OURS = {
    "gps": "GPS",
    "place": "PLACE",
    "device.serial": "SERIAL",
    "device.uid": "UID",
    "name": "PERSON",
    "contact": "CONTACT",
    "url.personal": "CONTACT",
    "time": "TIME",
    "embedded.thumbnail": "THUMB",
    "embedded.second_image": "THUMB",
    "text": "TEXT",
    "rights": "RIGHTS",
    "history": "HISTORY",
}


def blank(value: str) -> bool:
    return not value.strip(" \0\t\r\n-") or (len(value) < 16 and not value.strip(" \0\t\r\n0:"))


def classes_of(key: str, value: str) -> set[str]:
    """The classes of one tag of `exiftool -G0:1:4 -a`: "EXIF:GPS:GPSLatitude"."""
    group, _, rest = key.partition(":")
    space, _, name = rest.rpartition(":")
    if group in DERIVED or space.startswith("System") or blank(value):
        return set()
    word = re.sub(r"[^a-z0-9]", "", name.lower())
    if word.endswith(("creatortool", "format")) or "unknown" in word:
        return set()
    found = {kind for kind, listed in BY_NAME.items() if word in listed}
    if not re.search(r"[1-9]", value):
        found.discard("TIME")
    if word.startswith(("locationcreated", "locationshown")) and "gps" not in word:
        found.add("PLACE")
    if GPS.search(word):
        found.add("GPS")
    if "serialnumber" in word:
        found.add("SERIAL")
    if PERSONS.fullmatch(word):
        found.add("PERSON")
    if CONTACT.search(word):
        found.add("CONTACT")
    if THUMB.search(word):
        found.add("THUMB")
    if space.startswith("XMP-xmpMM") or word.startswith(("history", "derivedfrom")):
        found.add("HISTORY")
    return found


def says_nothing(value: str, kind: str) -> bool:
    """A camera's default, a placeholder ("unknown", zeros) or, as text, a few digits."""
    digits = (
        kind in {"TEXT", "PLACE"} and not any(letter.isalpha() for letter in value) and sum(map(str.isdigit, value)) < 7
    )
    return camera_default(value) or placeholder(value) or digits


def nowhere(value: str) -> bool:
    """Whether a coordinate is no place on earth, or that of a receiver without a fix."""
    degrees = re.match(r"[+-]?(\d+(?:\.\d+)?)", value)
    return degrees is None or float(degrees[1]) > 180 or not re.search(r"[1-9]", value)


def oracle(paths: Sequence[Path], command: Sequence[str]) -> tuple[Pairs, Pairs, dict[tuple[str, str], str]]:
    """Classes per file; those that rest on what cameras write by themselves; the tag of each (file, class)."""
    found, defaults = {}, {}
    reasons: dict[tuple[str, str], str] = {}
    for entry in exiftool([*command, "-j", "-G0:1:4", "-a", "-u", "-api", "largefilesupport=1"], paths):
        name = entry.pop("SourceFile")
        real, only = set(), set()
        page = entry.get("File:FileType") == "TIFF"  # its first directory is the picture itself, no preview of it
        for key, value in entry.items():
            if page and key.startswith("EXIF:IFD0") and "PreviewImage" in key:
                continue
            for kind in classes_of(key, str(value)):
                plain = nowhere(str(value)) if kind == "GPS" else kind in DEFAULTED and says_nothing(str(value), kind)
                (only if plain else real).add(kind)
                reasons.setdefault((name, kind), key)
        found[name] = real | only
        defaults[name] = only - real
    return found, defaults, reasons


def exiftool(command: Sequence[str], paths: Iterable[Path]) -> list[dict[str, Any]]:
    """One call for all files; names go through its standard input."""
    listed = "\n".join(str(path) for path in paths).encode()
    done = subprocess.run([*command, "-@", "-"], input=listed, capture_output=True, check=False)
    return json.loads(done.stdout.decode("utf-8", "replace") or "[]")


# --- ours -----------------------------------------------------------------------------------------------------------


def ours(path: Path) -> tuple[set[str], bool]:
    """Our classes, and whether a stage failed."""
    outcome = Metadata().detect([as_sample(path, Needs.BYTES)])[0]
    if isinstance(outcome, Failure):
        return set(), True
    codes = [part.code for part in outcome if isinstance(part, Finding)]
    kinds = {OURS.get(code) or OURS.get(code.partition(".")[0]) for code in codes}
    return {kind for kind in kinds if kind}, any(isinstance(part, Failure) for part in outcome)


def recall(paths: Sequence[Path], command: Sequence[str], misses: bool) -> None:
    truth, defaults, reasons = oracle(paths, command)
    kinds = {path: kind for path in paths if (kind := sniff(path.read_bytes()[:64]))}
    hits: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    beyond = Counter[str]()
    failed = 0
    for path, kind in kinds.items():
        got, problem = ours(path)
        failed += problem
        for group in truth.get(str(path), ()):
            default = group in defaults[str(path)] and group not in got
            for key in (("class", group), ("format", kind), ("all", "pairs")):
                hits[key][0] += 1
                hits[key][1] += group in got
                hits[key][2] += default
            if misses and group not in got:
                mark = "default" if default else "MISSED "
                print(f"  {mark} {group:8} {path}  {reasons[str(path), group]}")
        beyond.update(got - truth.get(str(path), set()))
    print(f"\n{len(kinds)} files; a stage failed on {failed}\n")
    print(f"{'':16}{'pairs':>7}{'found':>7}{'recall':>9}{'defaults':>10}{'without them':>14}")
    for (table, name), (total, found, default) in sorted(hits.items(), key=lambda row: (row[0][0] != "all", row[0])):
        rest = total - default
        print(f"{table} {name:<10}{total:>7}{found:>7}{found / total:>9.1%}{default:>10}{found / max(rest, 1):>14.1%}")
    print("\nflagged by us and not by ExifTool:", ", ".join(f"{k} {n}" for k, n in beyond.most_common()) or "nothing")


# --- speed ----------------------------------------------------------------------------------------------------------


def speed(paths: Sequence[Path], command: Sequence[str]) -> None:
    """Camera JPEGs: those with a MakerNote or a camera's name in EXIF."""
    chosen = [path for path in paths if b"Exif\0\0" in (head := path.read_bytes()[:64]) and head[:2] == b"\xff\xd8"]
    if not chosen:
        print("\nspeed: no camera JPEG")
        return
    size = sum(path.stat().st_size for path in chosen) / len(chosen)

    def header(path: Path) -> object:
        with path.open("rb") as file:
            data = file.read(HEAD_BYTES)
            container = read(data, behind=False)
            if container and container.problems:  # more metadata than that, or damage
                container = read(data + file.read(), behind=False)
        return scan.hits(container) if container else None

    def everything(path: Path) -> object:
        container = read(path.read_bytes())
        return scan.hits(container) if container else None

    def reading(path: Path) -> object:
        return path.read_bytes()

    floor, head, whole = (rate(chosen, work) for work in (reading, header, everything))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    exiftool([*command, "-fast", "-j"], chosen)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    judge = len(chosen) / used
    compared = comparison(chosen)
    search = 1 / (1 / whole - 1 / head)
    print(f"\nspeed, {len(chosen)} camera JPEGs of {size / 1024:,.0f} KiB, files per second of CPU time, best of 5")
    print(f"  read the file              {floor:>9,.0f}")
    print(f"  header parse, MakerNotes   {head:>9,.0f}   {head / judge:.0f} x exiftool -fast")
    print(f"  read all, search behind    {search:>9,.0f}   (by itself)")
    print(
        f"  comparison of thumbnails   {compared:>9,.0f}   (by itself, of the pictures that have one; pixels at hand)"
    )
    print(f"  header and search          {whole:>9,.0f}   {whole / judge:.0f} x exiftool -fast")
    print(f"  exiftool -fast             {judge:>9,.0f}")


def comparison(paths: Sequence[Path]) -> float:
    """Pictures per second whose thumbnail is compared, the decoding of the picture itself left out."""
    cases = []
    for path in paths:
        picture, container = Picture(path), read(path.read_bytes())
        try:
            raster = picture.upright(320)
        except PictureError:
            continue
        if container and thumbnail.differs(container, raster.rgb, picture.orientation):
            cases.append((container, raster.rgb, picture.orientation))
    start = time.process_time()
    for case in cases:
        thumbnail.differs(*case)
    return len(cases) / max(time.process_time() - start, 1e-9)


def rate(paths: Sequence[Path], work: Callable[[Path], object]) -> float:
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for path in paths:
            work(path)
        best = min(best, time.process_time() - start)
    return len(paths) / best


# --- stripping ------------------------------------------------------------------------------------------------------


def stripping(paths: Sequence[Path], command: Sequence[str], mode: str, misses: bool) -> None:
    """Strip each file, let ExifTool read the copies, compare pixels, profile and orientation."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    reasons = Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        copies: dict[str, tuple[Path, str]] = {}
        for number, path in enumerate(paths):
            data = path.read_bytes()
            kind = sniff(data[:64])
            if kind is None:
                continue
            rows[kind]["files"] += 1
            try:
                clean = strip(data, mode).data  # type: ignore[arg-type]
            except StripRefused as refusal:
                rows[kind]["refused"] += 1
                reasons[f"{kind}: {refusal}"] += 1
                continue
            before, after = pixels(data), pixels(clean)
            rows[kind]["undecodable"] += before is None
            rows[kind]["pixels changed"] += before != after and before is not None
            rows[kind]["changed"] += data != clean
            copy = Path(folder, f"{number:06d}{path.suffix}")
            copy.write_bytes(clean)
            copies[str(copy)] = (path, kind)
        truth, _, tags = oracle([Path(name) for name in copies], command)
        facts = {entry["SourceFile"]: entry for entry in about([path for path, _ in copies.values()], command)}
        later = {entry["SourceFile"]: entry for entry in about([Path(name) for name in copies], command)}
        allowed = {"RIGHTS"} if mode != "all" else set()
        for name, (path, kind) in copies.items():
            kept = allowed | ({"GPS", "TIME"} if mode == "coarsen" else set())
            left = truth.get(name, set()) - kept
            if left and misses:
                print(f"  LEFT {path}: " + ", ".join(tags[name, item] for item in sorted(left)))
            rows[kind]["left"] += bool(left)
            old, new = facts.get(str(path), {}), later.get(name, {})
            rows[kind]["profile lost"] += "ProfileDescription" in old and "ProfileDescription" not in new
            turned = old.get("Orientation", 1) not in {0, 1} and kind in {
                "JPEG",
                "PNG",
                "WEBP",
            }  # others do not obey it
            rows[kind]["orientation lost"] += turned and old["Orientation"] != new.get("Orientation")
    heads = ("files", "refused", "changed", "left", "pixels changed", "undecodable", "profile lost", "orientation lost")
    print(f"\nstrip --mode {mode}\n{'':6}" + "".join(f"{head:>17}" for head in heads))
    for kind, row in sorted(rows.items()):
        print(f"{kind:6}" + "".join(f"{row[head]:>17}" for head in heads))
    for reason, count in reasons.most_common():
        print(f"  refused {count:>4}  {reason}")


def about(paths: Iterable[Path], command: Sequence[str]) -> list[dict[str, Any]]:
    return exiftool([*command, "-j", "-n", "-Orientation", "-ProfileDescription"], paths)


def pixels(data: bytes) -> str | None:
    """A digest of the first frame's stored pixels."""
    import io

    with contextlib.suppress(ImportError):  # the extra 'heif'
        import pillow_heif

        pillow_heif.register_heif_opener()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                return hashlib.sha256(image.mode.encode() + repr(image.size).encode() + image.tobytes()).hexdigest()
        except Exception:  # noqa: BLE001 - decoders raise anything
            return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--exiftool", default="exiftool", help="the command, e.g. 'perl node_modules/.../exiftool'")
    parser.add_argument("--misses", action="store_true", help="name each pair that was missed or left")
    parser.add_argument("--no-strip", action="store_true")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--modes", default="all,private,coarsen")
    options = parser.parse_args()
    command = options.exiftool.split()
    version = subprocess.run([*command, "-ver"], capture_output=True, text=True, check=True).stdout.strip()
    paths = sorted(
        path for path in options.folder.resolve().rglob("*") if path.is_file() and sniff(path.read_bytes()[:64])
    )
    print(f"ExifTool {version}; {len(paths)} pictures in {options.folder}")
    recall(paths, command, options.misses)
    if not options.no_speed:
        speed(paths, command)
    if not options.no_strip:
        for mode in options.modes.split(","):
            stripping(paths, command, mode, options.misses)


if __name__ == "__main__":
    main()
