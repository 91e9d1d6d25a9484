"""Character sets of MySQL and MariaDB, and text in them."""

from __future__ import annotations

import codecs

import pyarrow as pa

_UNICODE = frozenset({"utf8", "utf8mb3", "utf8mb4", "ascii"})
_CODECS = {
    "latin1": "cp1252",
    "latin2": "iso8859_2",
    "latin5": "iso8859_9",
    "latin7": "iso8859_13",
    "greek": "iso8859_7",
    "hebrew": "iso8859_8",
    "koi8r": "koi8_r",
    "koi8u": "koi8_u",
    "ucs2": "utf_16_be",
    "utf16": "utf_16_be",
    "utf16le": "utf_16_le",
    "utf32": "utf_32_be",
    "sjis": "shift_jis",
    "ujis": "euc_jp",
    "eucjpms": "euc_jp",
    "euckr": "euc_kr",
    "macroman": "mac_roman",
    "macce": "mac_latin2",
    "tis620": "tis_620",
    "hp8": "hp_roman8",
    "binary": "latin_1",
}


def decoded(values: pa.Array, charset: str | None) -> pa.Array:
    """Bytes in a character set as text.

    Args:
        values: binary array.
        charset: name of the set; None for UTF-8.

    Raises:
        ValueError: the set is not known, or the bytes are no text in it.
    """
    if charset is None or charset in _UNICODE:
        return values.cast(pa.string())
    name = _CODECS.get(charset, charset)
    try:
        decode = codecs.getdecoder(name)
    except LookupError:
        raise ValueError(f"the character set {charset} is not known") from None

    def text(value: bytes) -> str:
        try:
            return decode(value)[0]
        except UnicodeDecodeError:
            if name != "cp1252":
                raise
            # MySQL's latin1 has control characters where cp1252 has nothing.
            return "".join(bytes([one]).decode("cp1252" if one not in _NO_CP1252 else "latin_1") for one in value)

    return pa.array([None if one is None else text(one) for one in values.to_pylist()], pa.string())


_NO_CP1252 = frozenset({0x81, 0x8D, 0x8F, 0x90, 0x9D})
