# SPDX-License-Identifier: GPL-2.0-or-later
"""NDR stubs, extended buffers and LZ77 as the lab sends them.

Written from [MS-OXCRPC] and [MS-RPCE] alone: nothing here is shared with the dissector, so that a mistake made there
cannot be repeated in what the captures are said to contain.
"""

import struct
import uuid


class Ndr:
    """One NDR stub under construction: NDR 2.0 or NDR64 ([MS-RPCE] 2.2.5), either byte order."""

    def __init__(self, big=False, ndr64=False):
        self.big = big
        self.ndr64 = ndr64
        self.end = '>' if big else '<'
        self.data = bytearray()

    def new(self):
        """An empty stub of the same flavour."""
        return Ndr(self.big, self.ndr64)

    def align(self, size):
        """Pad with 0xBF: padding has no defined value, so nobody may depend on zeros."""
        while len(self.data) % size:
            self.data.append(0xBF)
        return self

    def raw(self, data):
        self.data += data
        return self

    def u16(self, value):
        self.align(2).data += struct.pack(self.end + 'H', value)
        return self

    def u32(self, value):
        self.align(4).data += struct.pack(self.end + 'I', value & 0xFFFFFFFF)
        return self

    def u64(self, value):
        self.align(8).data += struct.pack(self.end + 'Q', value)
        return self

    def count(self, value):
        """A conformance or variance word: 4 bytes in NDR 2.0, 8 in NDR64."""
        return self.u64(value) if self.ndr64 else self.u32(value)

    pointer = count

    def handle(self, text):
        """A context handle: attributes u32 and a GUID whose first three parts follow the byte order."""
        guid = uuid.UUID(text)
        self.u32(0)
        return self.raw(guid.bytes if self.big else guid.bytes_le)

    def conformant(self, data):
        return self.count(len(data)).raw(data)

    def varying(self, data, maximum=None):
        self.count(len(data) if maximum is None else maximum).count(0).count(len(data))
        return self.raw(data)

    def string(self, text):
        return self.varying(text.encode('ascii') + b'\0')

    def unique_string(self, text, referent=0x00020000):
        if text is None:
            return self.pointer(0)
        return self.pointer(referent).string(text)

    def bytes(self):
        return bytes(self.data)


NULL_HANDLE = '00000000-0000-0000-0000-000000000000'


def version_words(major, minor, build, revision):
    """rgwClientVersion / rgwServerVersion, [MS-OXCRPC] 3.1.4.1.3.1, four numbers in three words."""
    return [(major << 8) | minor, build | 0x8000, revision]


def lz77(data):
    """LZ77+DIRECT2 of [MS-OXCRPC] 3.1.4.1.1.2: greedy, a hash of three bytes, the last bitmask filled with ones."""
    out = bytearray(b'\0\0\0\0')
    mask_at, mask, bits = 0, 0, 0
    nibble_at = None
    table = {}
    pos = 0

    def bit(value):
        nonlocal mask_at, mask, bits
        if bits == 32:
            struct.pack_into('<I', out, mask_at, mask)
            mask_at, mask, bits = len(out), 0, 0
            out.extend(b'\0\0\0\0')
        mask = (mask << 1) | value
        bits += 1

    while pos < len(data):
        best, best_at = 0, 0
        for at in reversed(table.get(data[pos:pos + 3], [])[-16:]):
            if pos - at > 8192:
                break
            length = 0
            while pos + length < len(data) and data[at + length] == data[pos + length]:
                length += 1
            if length > best:
                best, best_at = length, at
        if best < 3:
            bit(0)
            out.append(data[pos])
            table.setdefault(data[pos:pos + 3], []).append(pos)
            pos += 1
            continue
        bit(1)
        rest = best - 3
        out.extend(struct.pack('<H', ((pos - best_at - 1) << 3) | min(rest, 7)))
        if rest >= 7:
            rest -= 7
            if nibble_at is None:
                nibble_at = len(out)
                out.append(min(rest, 15))
            else:
                out[nibble_at] |= min(rest, 15) << 4
                nibble_at = None
            if rest >= 15:
                rest -= 15
                if rest < 255:
                    out.append(rest)
                else:
                    out.append(255)
                    out.extend(struct.pack('<H', best - 3))
        for step in range(best):
            table.setdefault(data[pos + step:pos + step + 3], []).append(pos + step)
        pos += best
    bit(1)
    struct.pack_into('<I', out, mask_at, ((mask << (32 - bits)) | ((1 << (32 - bits)) - 1)) & 0xFFFFFFFF)
    return bytes(out)


def unlz77(data, size):
    """The way back, for the lab's check of itself."""
    out = bytearray()
    pos, mask, bits, nibble = 0, 0, 0, None
    while len(out) < size:
        if not bits:
            mask, bits, pos = struct.unpack_from('<I', data, pos)[0], 32, pos + 4
        bits -= 1
        if not mask >> bits & 1:
            out.append(data[pos])
            pos += 1
            continue
        word = struct.unpack_from('<H', data, pos)[0]
        pos += 2
        length = word & 7
        if length == 7:
            if nibble is None:
                nibble, length = data[pos] >> 4, data[pos] & 15
                pos += 1
            else:
                length, nibble = nibble, None
            if length == 15:
                length, pos = data[pos], pos + 1
                if length == 255:
                    length, pos = struct.unpack_from('<H', data, pos)[0] - 22, pos + 2
                length += 15
            length += 7
        length += 3
        for _ in range(length):
            out.append(out[-(word >> 3) - 1])
    return bytes(out)


def xor(data):
    return bytes(byte ^ 0xA5 for byte in data)


COMPRESSED, XOR_MAGIC, LAST = 1, 2, 4


def extended(payload, flags=LAST):
    """RPC_HEADER_EXT and payload, [MS-OXCRPC] 2.2.2.1. Compression that does not pay is left out, as a server must."""
    body = payload
    if flags & COMPRESSED:
        body = lz77(payload)
        if len(body) >= len(payload):
            raise ValueError('a payload that compression makes longer must not be called compressed')
        if unlz77(body, len(payload)) != payload:
            raise ValueError('LZ77 does not come back')
    if flags & XOR_MAGIC:
        body = xor(body)
    truth = {'Version': 0, 'Flags': flags, 'Size': len(body), 'SizeActual': len(payload)}
    return struct.pack('<HHHH', 0, flags, len(body), len(payload)) + body, truth
