# SPDX-License-Identifier: GPL-2.0-or-later
"""The capture file, written packet by packet, and the faults of capturing: packets not seen, a start that came late."""

import heapq
import random
import struct

# A moment that never changes, so that the same seed gives the same bytes.
EPOCH = 1767603600  # 2026-01-05 09:00:00 UTC
ETHERNET = 1


def routed(frame):
    """The packet as it leaves a router: other stations, one hop less."""
    head = b'\x02\xee' + frame[8:12] + b'\x02\xee' + frame[2:6] + frame[12:14]
    packet = bytearray(frame[14:])
    if packet[0] >> 4 == 6:
        packet[7] -= 1
        return head + bytes(packet)
    packet[8] -= 1
    total = sum(struct.unpack_from('>10H', packet)) - struct.unpack_from('>H', packet, 10)[0]
    struct.pack_into('>H', packet, 10, (0xFFFF - total % 0xFFFF) % 0xFFFF)
    return head + bytes(packet)


class Capture:
    """A pcapng or pcap file. write() answers the frame number, or None for a packet that the capture does not have."""

    def __init__(self, path, form='pcapng', missing=None, start=0.0, copies=False):
        """missing: a function that says, packet by packet, whether it is lost; start: seconds before which nothing is
        kept; copies: a mirror port shows every packet a second time, 3 us later; 'routed': behind a router, up to
        400 us later."""
        self.file = open(path, 'wb', buffering=1 << 20)
        self.form = form
        self.missing = missing
        self.start = start
        self.copies = copies
        self.due, self.due_copies = [], []
        self.frames = self.sent = 0
        if form == 'pcap':
            self.file.write(struct.pack('<IHHiIII', 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, ETHERNET))
        else:
            self._block(0x0A0D0D0A, struct.pack('<IHHq', 0x1A2B3C4D, 1, 0, -1))
            self._block(1, struct.pack('<HHI', ETHERNET, 0, 0x40000))  # no if_tsresol: microseconds

    def _block(self, kind, body):
        length = 12 + len(body)
        self.file.write(struct.pack('<II', kind, length) + body + struct.pack('<I', length))

    def write(self, when, frame):
        """The number of the frame; what was promised for earlier comes before it."""
        self._catch_up(when)
        return self._write(when, frame)

    def later(self, when, frame):
        """To be written at a moment that has not come yet; nobody needs its number."""
        heapq.heappush(self.due, (when, self.sent, len(self.due), frame))

    def _catch_up(self, when):
        while self.due and self.due[0][0] <= when:
            at, _, _, frame = heapq.heappop(self.due)
            self._write(at, frame)
        while self.due_copies and self.due_copies[0][0] <= when:
            self._record(*heapq.heappop(self.due_copies)[::2])

    def _write(self, when, frame):
        self.sent += 1
        lost = self.missing is not None and self.missing()
        if lost or when < self.start:
            return None
        self._record(when, frame)
        number = self.frames
        if self.copies == 'routed':
            dice = random.Random(self.sent)
            heapq.heappush(self.due_copies, (when + dice.uniform(5e-6, 4e-4), self.sent, routed(frame)))
        elif self.copies:
            self._record(when + 3e-6, frame)
        return number

    def _record(self, when, frame):
        self.frames += 1
        stamp, size = EPOCH * 1000000 + round(when * 1000000), len(frame)
        if self.form == 'pcap':
            self.file.write(struct.pack('<IIII', stamp // 1000000, stamp % 1000000, size, size) + frame)
        else:
            self._block(6, struct.pack('<IIIII', 0, stamp >> 32, stamp & 0xFFFFFFFF, size, size) + frame + bytes(-size % 4))

    def close(self):
        self._catch_up(float('inf'))
        self.file.close()
