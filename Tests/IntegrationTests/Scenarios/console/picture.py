"""Pictures in PNG with fewer bytes."""

import collections
import itertools
import struct
import zlib

from common import expect


def smaller(png):
    """The same picture with a palette: its most frequent 256 colors, and for others the nearest of these."""
    place, packed, head = 8, b"", b""
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place:place + 8])
        body = png[place + 8:place + 8 + length]
        head, packed = (body, packed) if kind == b"IHDR" else (head, packed + body if kind == b"IDAT" else packed)
        place += 12 + length
    width, height, depth, color = struct.unpack(">IIBB", head[:10])
    size = {2: 3, 6: 4}[color]
    expect(depth == 8 and head[12] == 0, "a picture of another form")
    rows = unfiltered(zlib.decompress(packed), width * size, size)
    pixels = [[row[at:at + 3] for at in range(0, len(row), size)] for row in rows]
    frequent = [one for one, _ in collections.Counter(itertools.chain.from_iterable(pixels)).most_common()]
    palette = frequent[:256]
    index = {one: number for number, one in enumerate(palette)}
    for one in frequent[256:]:
        index[one] = min(range(len(palette)), key=lambda number: sum(
            (mine - its) ** 2 for mine, its in zip(one, palette[number])))
    packed = zlib.compress(b"".join(b"\0" + bytes(map(index.__getitem__, row)) for row in pixels), 9)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return (png[:8] + chunk(b"IHDR", head) + chunk(b"PLTE", b"".join(palette)) + chunk(b"IDAT", packed)
            + chunk(b"IEND", b""))


def unfiltered(data, length, size):
    """A picture's rows without what PNG (section 9) writes in place of their octets."""
    above = bytes(length)
    for start in range(0, len(data), length + 1):
        kind, row = data[start], bytearray(data[start + 1:start + 1 + length])
        if kind == 2:
            row = bytearray((one + up) & 255 for one, up in zip(row, above))
        elif kind == 1:
            for place in range(size):
                row[place::size] = bytes(itertools.accumulate(row[place::size], lambda left, one: (left + one) & 255))
        elif kind:
            for place in range(length):
                left = row[place - size] if place >= size else 0
                if kind == 3:
                    row[place] = (row[place] + (left + above[place]) // 2) & 255
                    continue
                corner = above[place - size] if place >= size else 0
                guess = left + above[place] - corner
                best = min((left, above[place], corner), key=lambda one: abs(guess - one))
                row[place] = (row[place] + best) & 255
        above = bytes(row)
        yield above


# Scenarios
