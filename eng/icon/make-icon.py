#!/usr/bin/env python3
"""Draws the packages' icon, icon.png beside this script: a speech bubble with a token stream in it. Standard library only."""
import pathlib
import struct
import zlib

SIZE = 128
BACKGROUND, BUBBLE, TOKENS = (0, 0, 0, 0), (48, 92, 222, 255), [(255, 255, 255, 255), (255, 255, 255, 200), (255, 255, 255, 140)]


def inside_rounded(x, y, left, top, right, bottom, radius):
    """Whether a point lies in a rectangle with rounded corners."""
    dx = max(left + radius - x, 0, x - (right - radius))
    dy = max(top + radius - y, 0, y - (bottom - radius))
    return left <= x <= right and top <= y <= bottom and dx * dx + dy * dy <= radius * radius


def color(x, y):
    for i, token in enumerate(TOKENS):
        if inside_rounded(x, y, 24 + 28 * i, 44, 46 + 28 * i, 66, 6):
            return token
    if inside_rounded(x, y, 8, 16, 120, 94, 22) or (94 <= y <= 116 and 34 <= x <= 56 - (y - 94)):
        return BUBBLE
    return BACKGROUND


def pixel(x, y):
    """Four by four samples, so that edges are smooth."""
    samples = [color(x + (i + 0.5) / 4, y + (j + 0.5) / 4) for i in range(4) for j in range(4)]
    alpha = sum(s[3] for s in samples)
    mixed = [sum(s[c] * s[3] for s in samples) // alpha if alpha else 0 for c in range(3)]
    return bytes([*mixed, alpha // 16])


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


rows = b"".join(b"\0" + b"".join(pixel(x, y) for x in range(SIZE)) for y in range(SIZE))
pathlib.Path(__file__).with_name("icon.png").write_bytes(
    b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))
