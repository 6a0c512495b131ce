"""XMP properties to hits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from privacy_audit.containers.xmp import URIS, Property
from privacy_audit.detectors.metadata import gps, prompts
from privacy_audit.detectors.metadata.hits import Hit, blank, free_text, words


def _names(code: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), code)


_CODES = {
    **_names(
        "name.creator",
        "dc:creator dc:contributor tiff:Artist exif:Artist photoshop:CaptionWriter pdf:Author xmp:Author acdsee:author "
        "plus:ImageCreatorName plus:ImageCreatorID cc:attributionName exifEX:Photographer exifEX:ImageEditor "
        "MicrosoftPhoto:Author xmp:Photographer xmpDM:artist Iptc4xmpExt:AOCreator",
    ),
    **_names("name.owner", "aux:OwnerName exifEX:CameraOwnerName exif:CameraOwnerName plus:CopyrightOwnerName"),
    **_names("name.region", "mwg-rs:Name MPReg:PersonDisplayName acdsee-rs:Name apple-fi:Name"),
    **_names(
        "name.person",
        "Iptc4xmpExt:PersonInImage Iptc4xmpExt:PersonName mediapro:People acdsee:people MicrosoftPhoto:People "
        "Iptc4xmpExt:PersonDescription Iptc4xmpExt:PersonId plus:MinorModelAgeDisclosure Iptc4xmpExt:ModelAge "
        "Iptc4xmpExt:RegionName GettyImagesGIFT:Personality",
    ),
    **_names(
        "place",
        "photoshop:City photoshop:State photoshop:Country Iptc4xmpCore:Location Iptc4xmpCore:CountryCode "
        "Iptc4xmpExt:City Iptc4xmpExt:Sublocation Iptc4xmpExt:ProvinceState Iptc4xmpExt:CountryName "
        "Iptc4xmpExt:CountryCode Iptc4xmpExt:WorldRegion Iptc4xmpExt:LocationName Iptc4xmpExt:LocationId "
        "exif:GPSAreaInformation mediapro:Location xmpDM:shotLocation prism:location photomech:CountryCode",
    ),
    **_names("contact.email", "Iptc4xmpCore:CiEmailWork plus:LicensorEmail MPReg:PersonEmailDigest"),
    **_names("contact.phone", "Iptc4xmpCore:CiTelWork plus:LicensorTelephone1 plus:LicensorTelephone2"),
    **_names(
        "contact.address",
        "Iptc4xmpCore:CiAdrExtadr Iptc4xmpCore:CiAdrCity Iptc4xmpCore:CiAdrRegion Iptc4xmpCore:CiAdrPcode "
        "Iptc4xmpCore:CiAdrCtry plus:LicensorStreetAddress plus:LicensorExtendedAddress plus:LicensorCity "
        "plus:LicensorRegion plus:LicensorPostalCode plus:LicensorCountry",
    ),
    **_names("url.personal", "Iptc4xmpCore:CiUrlWork"),
    **_names(
        "device.uid",
        "exif:ImageUniqueID Iptc4xmpExt:DigImageGUID GCamera:BurstID GCamera:burstID digiKam:ImageUniqueID "
        "exifEX:ImageUniqueID plus:ImageFileFormatAsDelivered",
    ),
    **_names(
        "rights",
        "dc:rights tiff:Copyright exif:Copyright cc:license cc:attributionURL cc:morePermissions photoshop:Credit "
        "photoshop:Copyright tdm:reservation tdm:policy plus:DataMining plus:OtherConstraints plus:LicensorURL "
        "xmpRights:Marked xmpRights:WebStatement xmpRights:UsageTerms xmpRights:Owner xmpRights:Certificate "
        "crs:Copyright pdf:Copyright pdf:Marked pur:creditLine pur:copyright "
        "plus:LicensorName plus:CopyrightStatus plus:ImageSupplierName Iptc4xmpExt:AOCopyrightNotice xmpDM:copyright",
    ),
    **_names("embedded.thumbnail", "xmpGImg:image"),
    **_names("embedded.second_image", "GImage:Data"),
    **_names("embedded.depth", "GDepth:Data"),
    **_names("embedded.video", "GAudio:Data"),
    **_names("text.prompt", "Iptc4xmpExt:AIPromptInformation"),
    **_names(
        "history",
        "photoshop:History photoshop:DocumentAncestors darktable:history darktable:history_end "
        "darktable:history_operation darktable:history_modversion tiff:ImageHistory",
    ),
}
_FREE_TEXT = words(
    "dc:description dc:title dc:subject dc:source dc:identifier photoshop:Headline photoshop:Instructions "
    "photoshop:Source photoshop:Category photoshop:SupplementalCategories photoshop:TransmissionReference "
    "photoshop:LayerName photoshop:LayerText exif:UserComment tiff:ImageDescription exif:ImageDescription "
    "lr:hierarchicalSubject lr:weightedFlatSubject acdsee:caption acdsee:notes acdsee:keywords acdsee:categories "
    "digiKam:TagsList digiKam:CaptionsDateTimeStamps mediapro:CatalogSets mediapro:Event MicrosoftPhoto:LastKeywordXMP "
    "MicrosoftPhoto:LastKeywordIPTC mwg-kw:Keyword mwg-coll:CollectionName mwg-rs:Description "
    "Iptc4xmpCore:AltTextAccessibility Iptc4xmpCore:ExtDescrAccessibility Iptc4xmpExt:Event Iptc4xmpExt:EventId "
    "Iptc4xmpExt:AOTitle Iptc4xmpExt:OrganisationInImageName stJob:name xmpDM:comment xmpDM:logComment "
    "crs:RawFileName xmp:Nickname xmp:Description pdf:Keywords pdf:Title pdf:Subject exifEX:ImageTitle "
    "Iptc4xmpCore:IntellectualGenre xmpMM:PreservedFileName xmp:Title xmp:Keywords Iptc4xmpExt:Headline "
    "Iptc4xmpExt:CvTermName Iptc4xmpExt:CvTermRefinedAbout crs:Description"
)
# Most telling first; the later ones say when the file was touched.
_TIMES = (
    *("exif:DateTimeOriginal", "photoshop:DateCreated", "exif:DateTimeDigitized", "xmp:CreateDate"),
    *("exif:GPSTimeStamp", "acdsee:datetime", "MicrosoftPhoto:DateAcquired", "xmpDM:shotDate", "exif:GPSDateStamp"),
    "dc:date",
    *("tiff:DateTime", "xmp:ModifyDate", "xmp:MetadataDate"),
)
_STRUCTURES = {
    "Iptc4xmpExt:LocationShown": "place",
    "Iptc4xmpExt:LocationCreated": "place",
    "Iptc4xmpExt:PersonInImageWDetails": "name.person",
}
_TOUCHED = frozenset({"tiff:DateTime", "xmp:ModifyDate", "xmp:MetadataDate"})
_HISTORY = frozenset({"xmpMM", "stEvt", "stRef", "stVer", "stMfs"})
_HISTORY_FIRST = ("xmpMM:DocumentID", "xmpMM:OriginalDocumentID", "xmpMM:InstanceID")
_LATITUDES = ("exif:GPSLatitude", "drone-dji:GpsLatitude", "drone-dji:Latitude", "Camera:GPSLatitude")
_LONGITUDES = (
    *("exif:GPSLongitude", "drone-dji:GpsLongitude", "drone-dji:GpsLongtitude", "drone-dji:Longitude"),
    "Camera:GPSLongitude",
)
_ALTITUDES = ("exif:GPSAltitude", "drone-dji:AbsoluteAltitude", "drone-dji:GpsAltitude")


def hits(properties: Sequence[Property]) -> Iterator[Hit]:
    """Hits of one packet."""
    first: dict[str, str] = {}
    inner: dict[str, dict[str, str]] = {}  # coordinates inside structures
    address: list[Hit] = []
    for prefix, name, value, within in properties:
        key = f"{prefix}:{name}"
        if not value:
            continue
        if within and name.endswith("itude"):
            inner.setdefault(within, {}).setdefault(key, value)
        else:
            first.setdefault(key, value)
        code = _code(prefix, name, within)
        if code == "contact.address":  # its many fields are one address
            address.append(Hit(code, f"XMP-{key}", value))
        elif code is not None and _counts(code, value):
            yield Hit(code, f"XMP-{key}", value)
        elif key in _FREE_TEXT:
            if prompts.is_prompt(value):
                yield Hit("text.prompt", f"XMP-{key}", value)
            elif free_text(value):
                yield Hit("text.free", f"XMP-{key}", value)
    yield from [hit for hit in address if not blank(hit.value)][:1]
    yield from _time(first)
    yield from _history(properties, first)
    yield from _gps(first)
    for within, place in inner.items():
        yield from (hit._replace(tag=f"XMP-{within}") for hit in _gps(place))


def _code(prefix: str, name: str, within: str) -> str | None:
    code = _CODES.get(f"{prefix}:{name}")
    if code is None and within in _STRUCTURES and not name.startswith("GPS"):
        return _STRUCTURES[within]
    if code is None and prefix in URIS and len(name) <= 40:
        lowered = name.lower()
        if "serialnumber" in lowered and not lowered.endswith("format"):
            return "device.serial"
    return code


def _counts(code: str, value: str) -> bool:
    """Whether a value says something: a flag or a licence may be a single word, a name may not be a placeholder."""
    return bool(value) if code == "rights" else not blank(value)


def _time(first: dict[str, str]) -> Iterator[Hit]:
    for key in _TIMES:
        value = first.get(key, "")
        if any(digit in value for digit in "123456789"):
            zoned = value.endswith("Z") or "+" in value or value.count("-") > 2
            yield Hit("time", f"XMP-{key}", value, 0.5 if key in _TOUCHED else 1.0, {"zone": "yes"} if zoned else {})
            return


def _history(properties: Sequence[Property], first: dict[str, str]) -> Iterator[Hit]:
    for key in _HISTORY_FIRST:
        if not blank(first.get(key, "")):
            yield Hit("history", f"XMP-{key}", first[key])
            return
    for prefix, _, value, _ in properties:
        if prefix in _HISTORY and not blank(value):
            yield Hit("history", f"XMP-{prefix}", value)
            return


def _gps(first: dict[str, str]) -> Iterator[Hit]:
    latitude = next((key for key in _LATITUDES if key in first), None)
    longitude = next((key for key in _LONGITUDES if key in first), None)
    if "exif:GPSDestLatitude" in first or "exif:GPSDestLongitude" in first:
        north, east = (gps.from_text(first.get(f"exif:GPSDest{name}", "")) for name in ("Latitude", "Longitude"))
        there = gps.hit("XMP-exif:GPSDestLatitude", north, east, 0.0, altitude=False)
        if there is not None:
            yield there
    if latitude is None and longitude is None:
        return
    found = gps.hit(
        f"XMP-{latitude or longitude}",
        gps.from_text(first.get(latitude or "", "")),
        gps.from_text(first.get(longitude or "", "")),
        _number(first.get("exif:GPSHPositioningError", "")),
        any(_number(first.get(key, "")) > 0 for key in _ALTITUDES),
    )
    if found is not None:
        yield found


def _number(value: str) -> float:
    numerator, _, denominator = value.strip().lstrip("+").partition("/")
    try:
        return float(numerator) / float(denominator or 1)
    except (ValueError, ZeroDivisionError, OverflowError):
        return 0.0
