"""XXH64, by its specification: what the proxies make cookies of."""

MASK = 2 ** 64 - 1
P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def turned(value, bits):
    return (value << bits | value >> 64 - bits) & MASK


def mixed(lane, word):
    return turned((lane + word * P2) & MASK, 31) * P1 & MASK


def xxhash64(data, seed=0):
    at, words = 0, lambda start, size: int.from_bytes(data[start:start + size], "little")
    value = (seed + P5) & MASK
    if len(data) >= 32:
        lanes = [(seed + P1 + P2) & MASK, (seed + P2) & MASK, seed, (seed - P1) & MASK]
        while len(data) - at >= 32:
            lanes = [mixed(lane, words(at + 8 * i, 8)) for i, lane in enumerate(lanes)]
            at += 32
        value = sum(turned(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & MASK
        for lane in lanes:
            value = ((value ^ mixed(0, lane)) * P1 + P4) & MASK
    value = (value + len(data)) & MASK
    while len(data) - at >= 8:
        value = (turned(value ^ mixed(0, words(at, 8)), 27) * P1 + P4) & MASK
        at += 8
    if len(data) - at >= 4:
        value = (turned(value ^ words(at, 4) * P1 & MASK, 23) * P2 + P3) & MASK
        at += 4
    for byte in data[at:]:
        value = turned(value ^ byte * P5 & MASK, 11) * P1 & MASK
    for shift, factor in ((33, P2), (29, P3)):
        value = (value ^ value >> shift) * factor & MASK
    return value ^ value >> 32
