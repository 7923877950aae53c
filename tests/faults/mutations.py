"""Damage to FITS files, drawn at random and found again by seed and number."""

import gzip
import io
import itertools
import random
import tarfile
import zlib

BLOCK, CARD = 2880, 80
BOMB = 400 * 2**20
"""Bytes that a gzip bomb unpacks to; it has a thousandth of them."""

INTEGERS = (
    "0", "-1", "1", "2", "3", "5", "7", "999", "1000", "2000000", "2147483647", "4294967296",
    "1000000000000", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "1" + "0" * 60, "3.7", "'three'", "T", "''", "",
)  # fmt: skip
REALS = (
    "0.0", "-0.0", "-1.5", "1E-300", "1E300", "-1E300", "1E999", "1E38", "1E-40", "'NaN'", "NaN",
    "'inf'", "Infinity", "'nonsense'", "''", "", "T", "(1.0, 2.0)", "1D5", "2796.34",
)  # fmt: skip
TEXTS = (
    "''", "'nonsense'", "'../../../tmp/evil'", "'a/b'", "''''", "'unclosed", "17", "T", "",
    "'" + "x" * 66 + "'", "'\x01\x7f\xe9'", "'\\n'", "'None'", "'&'",
)  # fmt: skip
DATES = (
    "''", "'now'", "'today'", "'NaT'", "'2014'", "'2014-13-45T99:99:99'", "'1858-11-17'",
    "'9999-12-31T23:59:59'", "'99999-01-01'", "'-2014-03-29T14:09:38'", "20140329", "T", "",
    "'2014-03-29T14:09:38Z'", "'2014-03-29T14:09:38+25:00'", "'29 Mar 2014'",
    "'2014-03-29T14:09:60'",
)  # fmt: skip
FORMATS = ("'1PB(1)'", "'1QB(9)'", "'1PB(-5)'", "'1PJ(743060)'", "'1D'", "'0PB(0)'", "'99999PB'",
           "'A'", "''", "'1PB(9999999999999)'", "'1P'", "'?'", "7")  # fmt: skip
CODES = ("'GZIP_1'", "'RICE_1'", "'PLIO_1'", "'HCOMPRESS_1'", "'NOCOMPRESS'", "'GZIP_2'", "'LZW'",
         "''", "7")  # fmt: skip
WILD = {
    "NAXIS": INTEGERS, "NAXIS1": INTEGERS, "NAXIS2": INTEGERS, "NAXIS3": INTEGERS,
    "BITPIX": ("0", "8", "16", "32", "64", "-32", "-64", "7", "-1", "1000000", "'x'", ""),
    "PCOUNT": INTEGERS, "GCOUNT": INTEGERS, "TFIELDS": INTEGERS, "THEAP": INTEGERS,
    "ZNAXIS": INTEGERS, "ZNAXIS1": INTEGERS, "ZNAXIS2": INTEGERS, "ZNAXIS3": INTEGERS,
    "ZTILE1": INTEGERS, "ZTILE2": INTEGERS, "ZTILE3": INTEGERS, "ZVAL1": INTEGERS,
    "ZVAL2": INTEGERS, "ZNAME1": TEXTS, "ZNAME2": TEXTS, "ZQUANTIZ": TEXTS,
    "ZSCALE": REALS, "ZZERO": REALS, "ZBLANK": INTEGERS,
    "ZBITPIX": ("0", "8", "16", "32", "64", "-32", "-64", "7", "'x'"),
    "ZCMPTYPE": CODES, "ZIMAGE": ("F", "0", "'T'", ""), "ZTENSION": TEXTS, "ZSIMPLE": ("F", ""),
    "TFORM1": FORMATS, "TTYPE1": TEXTS, "TTYPE2": TEXTS,
    "BSCALE": REALS, "BZERO": REALS, "BLANK": INTEGERS, "SIMPLE": ("F", "7", ""),
    "XTENSION": ("'IMAGE'", "'BINTABLE'", "'TABLE'", "'FOREIGN'", "''"), "EXTEND": ("F", ""),
    "CDELT1": REALS, "CDELT2": REALS, "CDELT3": REALS, "CRVAL1": REALS, "CRPIX1": REALS,
    "CRPIX2": REALS, "CTYPE1": TEXTS, "CTYPE3": TEXTS, "PC2_2": REALS, "PC3_2": REALS,
    "NWIN": INTEGERS, "NRASTERP": INTEGERS, "OBSID": TEXTS, "STARTOBS": DATES, "DATE_OBS": DATES,
    "DATE_END": DATES, "TWMIN1": REALS, "TWMIN2": REALS, "TWMAX1": REALS, "TWMAX2": REALS,
    "TDESC1": TEXTS, "TDESC2": TEXTS, "TIME": INTEGERS, "EXPTIMEN": INTEGERS,
    "EXPTIMES": INTEGERS, "XCENIX": INTEGERS, "YCENIX": INTEGERS, "SLTPX1IX": INTEGERS,
}  # fmt: skip


def mutated(sources, seed, number):
    """Return the name of a source, what was done to it, and what came of it, as bytes."""
    rng = random.Random(f"{seed}:{number}")
    source = rng.choice(sorted(sources))
    content = bytearray(sources[source])
    done = []
    # Half of all cases have one fault, which nothing else hides.
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        fault = rng.choices(*FAULTS)[0]
        content = bytearray(fault(content, rng))
        done.append(fault.__name__)
    if rng.random() < 0.05:
        content = bytearray(gzip.compress(content, 1, mtime=0))
        if rng.random() < 0.5:
            content = bytearray(rng.choice((data_bits, cut, garbage_behind))(content, rng))
        done.append("gzip")
    return source, done, bytes(content)


def headers(content):
    """Return for each header the places of its cards, the one with END not among them."""
    found, at = [], 0
    while at < len(content):
        if content[at : at + 8] not in (b"SIMPLE  ", b"XTENSION"):
            at += BLOCK
            continue
        end = next(
            (e for e in range(at, len(content), CARD) if content[e : e + CARD].rstrip() == b"END"),
            None,
        )
        if end is None:
            break
        found.append(range(at, end, CARD))
        at = end + CARD + -(end + CARD) % BLOCK
    return [header for header in found if header]


def header(content, rng):
    found = headers(content)
    return rng.choice(found) if found else None


def header_bits(content, rng):
    cards = header(content, rng)
    for _ in range(rng.randint(1, 8)) if cards else ():
        content[rng.randrange(cards.start, cards.stop)] ^= 1 << rng.randrange(8)
    return content


def structural_bits(content, rng):
    """In the first cards, which say how large everything is."""
    cards = header(content, rng)
    for _ in range(rng.randint(1, 3)) if cards else ():
        content[rng.choice(cards[:20]) + rng.randrange(35)] ^= 1 << rng.randrange(8)
    return content


def card_deleted(content, rng):
    cards = header(content, rng)
    if cards:
        gone = rng.choice(cards[:25] if rng.random() < 0.5 else cards)
        content[gone : cards.stop] = content[gone + CARD : cards.stop] + b" " * CARD
    return content


def card_doubled(content, rng):
    cards = header(content, rng)
    if cards:
        one, other = rng.choice(cards), rng.choice(cards)
        content[other : other + CARD] = content[one : one + CARD]
    return content


def cards_swapped(content, rng):
    cards = header(content, rng)
    if cards:
        one, other = rng.choice(cards), rng.choice(cards)
        kept = content[one : one + CARD]
        content[one : one + CARD] = content[other : other + CARD]
        content[other : other + CARD] = kept
    return content


def card_scrambled(content, rng):
    cards = header(content, rng)
    if cards:
        at = rng.choice(cards)
        content[at : at + CARD] = bytes(rng.choice((rng.randrange(32, 127), rng.randrange(256)))
                                        for _ in range(CARD))  # fmt: skip
    return content


def value_wild(content, rng):
    every = [
        (at, content[at : at + 8].decode("latin-1").strip())
        for cards in headers(content)
        for at in cards
    ]
    known = [(at, key) for at, key in every if key in WILD]
    if known:
        at, key = rng.choice(known)
        value = rng.choice(WILD[key])
        text = f"{key:8}= {value:>20}".encode("latin-1")
        content[at : at + CARD] = text[:CARD].ljust(CARD)
    return content


def any_value_wild(content, rng):
    cards = header(content, rng)
    if cards:
        at = rng.choice(cards)
        value = rng.choice(rng.choice((INTEGERS, REALS, TEXTS, DATES)))
        content[at + 8 : at + CARD] = f"= {value:>20}".encode("latin-1")[: CARD - 8].ljust(CARD - 8)
    return content


def card_added(content, rng):
    """In the place of a comment or the last card, as files have no room for more."""
    cards = header(content, rng)
    if cards:
        key = rng.choice(sorted(WILD))
        value = rng.choice(WILD[key])
        text = f"{key:8}= {value:>20}".encode("latin-1")
        at = rng.choice(cards[-5:])
        content[at : at + CARD] = text[:CARD].ljust(CARD)
    return content


def sizes_wild(content, rng):
    """Of one header several sizes at once, so that they may agree with each other."""
    cards = header(content, rng)
    for at in cards or ():
        key = content[at : at + 8].decode("latin-1").strip()
        sizes = key.lstrip("Z").startswith(("NAXIS", "PCOUNT", "GCOUNT", "TILE"))
        if sizes and key not in ("NAXIS", "ZNAXIS") and rng.random() < 0.5:
            value = rng.choice(("0", "0", "1", "1000000", "1000000000000", "-1"))
            content[at : at + CARD] = f"{key:8}= {value:>20}".encode().ljust(CARD)
    return content


def end_missing(content, rng):
    cards = header(content, rng)
    if cards:
        content[cards.stop : cards.stop + CARD] = rng.choice((b" ", b"X", b"\0")) * CARD
    return content


def data_bits(content, rng):
    for _ in range(rng.choice((1, 10, 1000)) if content else 0):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def data_overwritten(content, rng):
    if content:
        at, length = rng.randrange(len(content)), rng.choice((4, 100, 5000))
        wrong = rng.choice((bytes(length), b"\xff" * length, b"\x7f\x7f\xff\xff" * (length // 4),
                            rng.randbytes(length)))  # fmt: skip
        content[at : at + length] = wrong
    return content


def cut(content, rng):
    return content[: rng.randrange(len(content) + 1)]


def cut_at_a_block(content, rng):
    return content[: rng.randrange(len(content) // BLOCK + 1) * BLOCK]


def garbage_behind(content, rng):
    return content + rng.choice(
        (rng.randbytes(rng.randrange(1, 9000)), bytes(BLOCK), b"XTENSION" * 360)
    )


def blocks_swapped(content, rng):
    if len(content) >= 2 * BLOCK:
        one, other = (rng.randrange(len(content) // BLOCK) * BLOCK for _ in range(2))
        kept = content[one : one + BLOCK]
        content[one : one + BLOCK] = content[other : other + BLOCK]
        content[other : other + BLOCK] = kept
    return content


def block_lost(content, rng):
    at = rng.randrange(len(content) // BLOCK + 1) * BLOCK
    return content[:at] + content[at + BLOCK :]


def block_doubled(content, rng):
    at = rng.randrange(len(content) // BLOCK + 1) * BLOCK
    return content[: at + BLOCK] + content[at:]


def extensions_swapped(content, rng):
    found = headers(content)
    if len(found) > 2:
        ends = [*(cards.start for cards in found[1:]), len(content)]
        parts = [content[a:b] for a, b in itertools.pairwise(ends)]
        rng.shuffle(parts)
        content = content[: ends[0]] + b"".join(parts)
    return content


def another_file(content, rng):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("raster.fits")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return rng.choice((
        b"", b"\n", b"S", b"SIMPLE", b"SIMPLE  =", b"\x89PNG\r\n\x1a\n" + bytes(99),
        b"\x89HDF\r\n\x1a\n" + bytes(999), b"PK\x03\x04" + bytes(99), b"<html>moved</html>",
        b"\x93NUMPY" + bytes(99), b"\x1f\x8b", b"\x1f\x8b\x08", rng.randbytes(5000),
        b"BZh91AY&SY" + rng.randbytes(99), b"\xfd7zXZ\x00" + rng.randbytes(99), stream.getvalue(),
        zlib.compress(bytes(content[:BLOCK])), bytes(BLOCK), b" " * BLOCK,
        b"SIMPLE  =                    T".ljust(CARD) * 36, b"END".ljust(BLOCK),
        gzip.compress(gzip.compress(bytes(content[: 9 * BLOCK])))[:-3],
    ))  # fmt: skip


def bomb(content, rng):
    """A small gzip file that unpacks to much: zeros, behind a file or alone."""
    head = rng.choice((b"", bytes(content)))
    pressing = zlib.compressobj(6, zlib.DEFLATED, 31)
    parts = [pressing.compress(head)]
    parts += [pressing.compress(bytes(2**20)) for _ in range(BOMB // 2**20)]
    return b"".join([*parts, pressing.flush()])


FAULTS = (
    (
        header_bits, structural_bits, card_deleted, card_doubled, cards_swapped, card_scrambled,
        value_wild, any_value_wild, card_added, sizes_wild, end_missing, data_bits,
        data_overwritten, cut, cut_at_a_block, garbage_behind, blocks_swapped, block_lost,
        block_doubled, extensions_swapped, another_file, bomb,
    ),
    (8, 8, 8, 4, 4, 4, 30, 8, 8, 8, 1, 8, 6, 4, 2, 2, 3, 2, 2, 3, 2, 0.1),
)  # fmt: skip
