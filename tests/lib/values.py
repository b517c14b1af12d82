# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes values of properties by the specifications, with what must be shown of each: random ones, and their beginnings.

It knows nothing of `ropdefs/` or the plugin; a value is bytes, and field -> values in the order of the bytes."""

from __future__ import annotations

import random
import struct
import uuid
from dataclasses import dataclass, field

ADDRESS_BOOK = uuid.UUID(bytes_le=bytes.fromhex("DCA740C8C042101AB4B908002B2FE182"))
STORE = uuid.UUID(bytes_le=bytes.fromhex("38A1BB1005E5101AA1BB08002B2A56C2"))
ONE_OFF = uuid.UUID(bytes_le=bytes.fromhex("812B1FA4BEA310199D6E00DD010F5402"))
PUBLIC = uuid.UUID(bytes_le=bytes.fromhex("1A447390AA6611CD9BC800AA002FC45A"))
CONTACT = uuid.UUID(bytes_le=bytes.fromhex("FE42AA0A18C71A10E8850B651C240000"))
WRAPPED = uuid.UUID(bytes_le=bytes.fromhex("C091ADD3519DCF11A4A900AA0047FAA4"))
MAILBOX_STORE = uuid.UUID(bytes_le=bytes.fromhex("1B55FA20AA6611CD9BC800AA002FC45A"))
PUBLIC_STORE = uuid.UUID(bytes_le=bytes.fromhex("1C830210AA6611CD9BC800AA002FC45A"))
SETS = {name: uuid.UUID(f"{start}-0000-0000-C000-000000000046") for name, start in (
    ("PSETID_Appointment", "00062002"), ("PSETID_Task", "00062003"), ("PSETID_Address", "00062004"),
    ("PSETID_Common", "00062008"), ("PS_PUBLIC_STRINGS", "00020329"))}


@dataclass
class Value:
    """Bytes, and what they mean."""
    data: bytes = b""
    fields: list[tuple[str, object]] = field(default_factory=list)
    ends: set[int] = field(default_factory=set)         # lengths at which the value is whole, too

    def add(self, name: str | None, data: bytes, meaning: object = None) -> "Value":
        self.data += data
        if name:
            self.fields.append((name, meaning))
        return self

    def number(self, name: str, size: int, value: int) -> "Value":
        return self.add(name, value.to_bytes(size, "little"), value)

    def guid(self, name: str, value: uuid.UUID) -> "Value":
        return self.add(name, value.bytes_le, str(value))

    def counter(self, name: str, value: int) -> "Value":
        return self.add(name, value.to_bytes(6, "big"), value)

    def z8(self, name: str, value: str) -> "Value":
        return self.add(name, value.encode("cp1252") + b"\0", value)

    def z16(self, name: str, value: str) -> "Value":
        return self.add(name, value.encode("utf-16-le") + b"\0\0", value)

    def nested(self, value: "Value") -> "Value":
        self.fields += value.fields
        return self.add(None, value.data)

    def may_end(self) -> "Value":
        self.ends.add(len(self.data))
        return self


# Letters of the code page, and some that UTF-16 has besides; no blank at an end, no separator of a list.
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789-._äöüßéÆ"
WIDE = LETTERS + "ЖшłŐ漢字𝄞📧"


def word(rng: random.Random, letters: str = LETTERS, least: int = 1) -> str:
    return "".join(rng.choice(letters) for _ in range(rng.randint(least, 20)))


def guid(rng: random.Random) -> uuid.UUID:
    return uuid.UUID(int=rng.getrandbits(128) | 1 << 127)


def header(uid: uuid.UUID, flags: int = 0) -> Value:
    return Value().number("rop.entry_id.flags", 4, flags).guid("rop.entry_id.provider_uid", uid)


# ---- EntryIDs ([MS-OXCDATA] 2.2.4, 2.2.5; [MS-OXNSPI] 2.2.9.2; [MS-OXOCNTC] 2.2.2.2.4.1.1) ----

def folder(rng: random.Random) -> Value:
    value = header(rng.choice([PUBLIC, guid(rng)]))
    value.number("rop.entry_id.object_type", 2, rng.choice([1, 3, 5, 12]))
    value.guid("rop.entry_id.database_guid", guid(rng)).counter("rop.entry_id.global_counter", rng.getrandbits(48))
    return value.number("rop.entry_id.pad", 2, 0)


def message(rng: random.Random) -> Value:
    value = header(rng.choice([PUBLIC, guid(rng)]))
    value.number("rop.entry_id.object_type", 2, rng.choice([7, 9, 11]))
    for prefix in ("folder", "message"):
        value.guid(f"rop.entry_id.{prefix}_database_guid", guid(rng))
        value.counter(f"rop.entry_id.{prefix}_global_counter", rng.getrandbits(48))
        value.number("rop.entry_id.pad", 2, 0)
    return value


def tail_v2(rng: random.Random, value: Value) -> None:
    dn, fqdn = "/o=" + word(rng), word(rng, WIDE)
    value.number("rop.entry_id.magic", 4, 0xF32135D8).number("rop.entry_id.size", 4, rng.getrandbits(8))
    value.number("rop.entry_id.tail_version", 4, 1).number("rop.entry_id.offset_dn", 4, 20)
    if rng.random() < 0.5:
        value.number("rop.entry_id.offset_fqdn", 4, 21 + len(dn))
        value.z8("rop.entry_id.dn", dn).z16("rop.entry_id.fqdn", fqdn)
    else:
        value.number("rop.entry_id.offset_fqdn", 4, 0).z8("rop.entry_id.dn", dn)
    value.add("rop.entry_id.reserved", b"\0\0", "0000")


def tail_v3(rng: random.Random, value: Value) -> None:
    value.number("rop.entry_id.magic", 4, 0xF43246E9).number("rop.entry_id.size", 4, rng.getrandbits(8))
    value.number("rop.entry_id.tail_version", 4, 2).number("rop.entry_id.offset_smtp_address", 4, 16)
    value.z16("rop.entry_id.smtp_address", word(rng, WIDE)).add("rop.entry_id.reserved", b"\0\0", "0000")


def store(rng: random.Random) -> Value:
    public = rng.random() < 0.3
    dll = rng.choice(["EMSMDB.DLL", "emsmdb.dll"])
    value = header(STORE).number("rop.entry_id.store_version", 1, 0).number("rop.entry_id.flag", 1, 0)
    value.add("rop.entry_id.dll_file_name", dll.encode().ljust(14, b"\0"), dll)
    value.number("rop.entry_id.wrapped_flags", 4, 0)
    value.guid("rop.entry_id.wrapped_provider_uid", PUBLIC_STORE if public else MAILBOX_STORE)
    value.number("rop.entry_id.wrapped_type", 4, 6 if public else 12).z8("rop.entry_id.server_shortname", word(rng))
    value.may_end()
    if not public:
        value.z8("rop.entry_id.mailbox_dn", "/o=" + word(rng)).may_end()
    tail = rng.choice([None, tail_v2, tail_v3])
    if tail:
        tail(rng, value)
    return value


def foreign_store(rng: random.Random) -> Value:
    value = header(STORE).number("rop.entry_id.store_version", 1, 0).number("rop.entry_id.flag", 1, 0)
    value.add("rop.entry_id.dll_file_name", b"mspst.dll".ljust(14, b"\0"), "mspst.dll").may_end()
    data = rng.randbytes(rng.randint(1, 60))
    value.ends.update(range(len(value.data), len(value.data) + len(data)))
    return value.add("rop.entry_id.store_provider_data", data, data.hex())


def one_off(rng: random.Random) -> Value:
    wide = rng.random() < 0.5
    flags = (0x8000 if wide else 0) | rng.choice([0, 0x1000]) | rng.choice([0, 0x20, 0x40, 0x60]) | rng.choice(
        [0, 0x06, 0x0E, 0x16]) | rng.randint(0, 1)
    value = header(ONE_OFF).number("rop.entry_id.one_off_version", 2, 0).number("rop.entry_id.one_off_flags", 2, flags)
    for name, bit in (("u", 0x8000), ("l", 0x1000), ("m", 1)):
        value.fields.append((f"rop.entry_id.one_off_flags.{name}", int(bool(flags & bit))))
    value.fields.append(("rop.entry_id.one_off_flags.mae", (flags >> 5) & 3))
    value.fields.append(("rop.entry_id.one_off_flags.format", (flags >> 1) & 15))
    for name in ("display_name", "address_type", "email_address"):
        if wide:
            value.z16(f"rop.entry_id.{name}", word(rng, WIDE))
        else:
            value.z8(f"rop.entry_id.{name}", word(rng))
    return value


def address_book(rng: random.Random) -> Value:
    value = header(ADDRESS_BOOK).number("rop.entry_id.version", 4, 1)
    value.number("rop.entry_id.type", 4, rng.choice([0, 1, 2, 3, 4, 5, 6, 0x100, 0x101, 0x102, 0x200]))
    return value.z8("rop.entry_id.x500_dn", "/" + word(rng))


def ephemeral(rng: random.Random) -> Value:
    value = header(guid(rng), 0x87).number("rop.entry_id.version", 4, 1).number("rop.entry_id.type", 4, rng.randint(0, 6))
    return value.number("rop.entry_id.mid", 4, rng.getrandbits(32))


def contact(rng: random.Random) -> Value:
    is_list = rng.random() < 0.4
    inner = message(rng)
    value = header(CONTACT).number("rop.entry_id.version", 4, 3).number("rop.entry_id.type", 4, 5 if is_list else 4)
    value.number("rop.entry_id.index", 4, 0xFF if is_list else rng.randint(0, 5))
    return value.number("rop.entry_id.entry_id_count", 4, len(inner.data)).nested(inner)


def wrapped(rng: random.Random) -> Value:
    kind, inner = rng.choice([(0x00, one_off), (0xC3, message), (0x83, message), (0xB4, message), (0xB5, address_book),
                              (0xB6, address_book)])
    value = header(WRAPPED).number("rop.entry_id.wrapped_entry_type", 1, kind)
    value.fields += [("rop.entry_id.wrapped_entry_type.kind", kind & 15),
                     ("rop.entry_id.wrapped_entry_type.address", kind >> 4 & 7)]
    return value.nested(inner(rng))


ENTRY_IDS = (folder, message, store, foreign_store, one_off, address_book, ephemeral, contact, wrapped)


def entry_list(rng: random.Random) -> Value:
    """FlatEntryList ([MS-OXCDATA] 2.3.3); what may be left out at the end is the padding of the last entry."""
    entries = [rng.choice(ENTRY_IDS)(rng) for _ in range(rng.randint(0, 4))]
    inner = Value()
    for entry in entries:
        inner.number("rop.flat_entry.size", 4, len(entry.data)).nested(entry)
        inner.add(None, bytes(-len(entry.data) % 4))
    value = Value().number("rop.flat_entry_list.count", 4, len(entries))
    return value.number("rop.flat_entry_list.size", 4, len(inner.data)).nested(inner)


# ---- IDSETs ([MS-OXCFXICS] 2.2.2.4, encoded as in 3.1.5.4.3.1) ----

Range = tuple[int, int]


def merged(ranges: list[Range]) -> list[Range]:
    """The same set in as few ranges as there can be."""
    out: list[Range] = []
    for low, high in sorted(ranges):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return out


def random_ranges(rng: random.Random, low: int, high: int) -> list[Range]:
    """Some ranges between the ends, with gaps; single ids and neighbours among them."""
    points = sorted({rng.randint(low, high) for _ in range(rng.randint(1, 6))})
    ranges = []
    for point in points:
        for _ in range(rng.randint(1, 4)):
            end = min(high, point + rng.choice([0, 0, 1, 2, 5, 300, 70000, 1 << rng.randint(1, 24)]))
            ranges.append((point, end))
            point = end + rng.choice([2, 2, 3, 4, 9])
            if point > high:
                break
    return merged(ranges)


def globset(rng: random.Random, ranges: list[Range]) -> bytes:
    return encode(rng, [(low.to_bytes(6, "big"), high.to_bytes(6, "big")) for low, high in ranges], 0) + b"\0"


def encode(rng: random.Random, ranges: list[tuple[bytes, bytes]], known: int) -> bytes:
    """Commands for ranges that all begin with the bytes on the stack, of which there are so many."""
    out, i = b"", 0
    while i < len(ranges):
        low, high = ranges[i]
        if known == 5 and rng.random() < 0.7:
            command, taken = bitmask(ranges[i:])
            if taken:
                out, i = out + command, i + taken
                continue
        if low == high and rng.random() < 0.5:
            out, i = out + bytes([6 - known]) + low[known:], i + 1      # the last push makes it an id, and pops itself
            continue
        same = i
        while same < len(ranges) and known < 5 and {low[known]} == {ranges[same][0][known], ranges[same][1][known]}:
            same += 1
        if same == i or rng.random() < 0.2:
            out, i = out + b"\x52" + low[known:] + high[known:], i + 1
            continue
        same = rng.randint(i + 1, same)
        ends = [end for pair in ranges[i:same] for end in pair]
        common = next((n for n in range(known, 5) if len({end[n] for end in ends}) > 1), 5)
        common = rng.randint(known + 1, common)
        out += bytes([common - known]) + low[known:common] + encode(rng, ranges[i:same], common) + b"\x50"
        i = same
    return out


def bitmask(ranges: list[tuple[bytes, bytes]]) -> tuple[bytes, int]:
    """The command for as many of the ranges as a start and the eight ids behind it hold; 0 if not even the first."""
    start, mask, taken = ranges[0][0][5], 0, 0
    for low, high in ranges:
        if high[5] - start > 8:
            break
        for value in range(low[5], high[5] + 1):
            if value > start:
                mask |= 1 << (value - start - 1)
        taken += 1
    return bytes([0x42, start, mask]), taken


@dataclass
class IdSet:
    data: bytes
    replicas: list[object]
    ranges: list[Range]
    ends: set[int]              # lengths at which it is a set of fewer replicas


def idset(rng: random.Random, low: int, high: int, by_guid: bool) -> IdSet:
    """A set of one to three replicas, whose ids are all between low and high."""
    step = (high - low) // 3
    data, replicas, ranges, ends = b"", [], [], set()
    for n in range(rng.randint(1, 3)):
        ends.add(len(data))
        replica = guid(rng) if by_guid else rng.randint(1, 0xFFFF)
        some = random_ranges(rng, low + n * step, low + (n + 1) * step - 2)
        data += (replica.bytes_le if by_guid else struct.pack("<H", replica)) + globset(rng, some)
        replicas.append(str(replica) if by_guid else replica)
        ranges += some
    return IdSet(data, replicas, merged(ranges), ends)


# ---- names, rules, structures of synchronization ----

def property_name(rng: random.Random) -> Value:
    """PropertyName ([MS-OXCDATA] 2.6.1) of a kind that names something."""
    kind = rng.randint(0, 1)
    value = Value().number("rop.property_name.kind", 1, kind)
    value.guid("rop.property_name.guid", rng.choice([*SETS.values(), guid(rng)]))
    if kind == 0:
        return value.number("rop.property_name.lid", 4, rng.choice([0x8503, 0x8205, rng.getrandbits(32)]))
    name = word(rng, WIDE)
    data = name.encode("utf-16-le") + b"\0\0"
    return value.number("rop.property_name.name_size", 1, len(data)).add("rop.property_name.name", data, name)


def named_properties(rng: random.Random, ids: list[int]) -> Value:
    """NamedPropertyInformation ([MS-OXORULE] 2.2.4.2)."""
    value = Value().number("rop.rule.no_of_named_props", 2, len(ids))
    for number in ids:
        value.number("rop.rule.prop_id", 2, number)
    if ids:
        names = Value()
        for _ in ids:
            names.nested(property_name(rng))
        value.number("rop.rule.named_properties_size", 4, len(names.data)).nested(names)
    return value


def extended_condition(rng: random.Random) -> Value:
    """PidTagExtendedRuleMessageCondition ([MS-OXORULE] 2.2.4.1.10): all of some properties exist."""
    ids = [0x8000 + n for n in range(rng.randint(0, 4))]
    value = named_properties(rng, ids)
    value.number("rop.restriction.restrict_type", 1, 0).number("rop.restriction.restrict_count", 4, len(ids))
    for number in ids:
        value.number("rop.restriction.restrict_type", 1, 8).number("rop.restriction.prop_tag", 4, number << 16 | 0x1F)
    return value


def extended_actions(rng: random.Random) -> Value:
    """PidTagExtendedRuleMessageActions ([MS-OXORULE] 2.2.4.1.9): move to a folder, and mark as read."""
    value = named_properties(rng, [0x8001] if rng.random() < 0.5 else [])
    value.number("rop.rule.rule_version", 4, 1).number("rop.rule_action.no_of_actions", 4, 2)
    there, where = store(rng), folder(rng)
    move = Value().number("rop.rule_action.action_type", 1, 1).number("rop.rule_action.action_flavor", 4, 0)
    move.number("rop.rule_action.action_flags", 4, 0)
    move.number("rop.rule_action.store_eid_size", 4, len(there.data)).nested(there)
    move.number("rop.rule_action.folder_eid_size", 4, len(where.data)).nested(where)
    value.number("rop.rule_action.action_length", 4, len(move.data)).nested(move)
    value.number("rop.rule_action.action_length", 4, 9).number("rop.rule_action.action_type", 1, 11)
    return value.number("rop.rule_action.action_flavor", 4, 0).number("rop.rule_action.action_flags", 4, 0)


def progress(rng: random.Random) -> Value:
    """ProgressInformation ([MS-OXCFXICS] 2.2.2.7)."""
    value = Value()
    for name, size in (("version", 2), ("padding1", 2), ("fai_message_count", 4), ("fai_message_total_size", 8),
                       ("normal_message_count", 4), ("padding2", 4), ("normal_message_total_size", 8)):
        value.number(f"rop.progress_information.{name}", size, rng.getrandbits(8 * size))
    return value


def group_info(rng: random.Random) -> Value:
    """PropertyGroupInfo ([MS-OXCFXICS] 2.2.2.8)."""
    value = Value().number("rop.property_group_info.group_id", 4, rng.getrandbits(32))
    value.number("rop.property_group_info.reserved", 4, 0)
    groups = rng.randint(0, 4)
    value.number("rop.property_group_info.group_count", 4, groups)
    for _ in range(groups):
        tags = rng.randint(0, 5)
        value.number("rop.property_group.property_tag_count", 4, tags)
        for _ in range(tags):
            tag = rng.choice([0x0037001F, 0x0E060040, 0x8503000B, 0x80010003 | rng.getrandbits(14) << 16])
            value.number("rop.group_property_tag.property_tag", 4, tag)
            if tag < 0x80000000:
                continue
            kind = rng.randint(0, 1)
            value.guid("rop.group_property_tag.guid", guid(rng)).number("rop.group_property_tag.kind", 4, kind)
            if kind == 0:
                value.number("rop.group_property_tag.disp_id", 4, rng.getrandbits(32))
            else:
                name = word(rng, WIDE)
                data = name.encode("utf-16-le") + b"\0\0"
                value.number("rop.group_property_tag.name_size", 4, len(data))
                value.add("rop.group_property_tag.name", data, name)
    return value


def replica_info(rng: random.Random) -> Value:
    """FolderReplicaInfo ([MS-OXCFXICS] 2.2.2.9)."""
    count = rng.randint(0, 3)
    value = Value().number("rop.folder_replica_info.flags", 4, 0).number("rop.folder_replica_info.depth", 4, rng.getrandbits(8))
    value.guid("rop.long_term_id.database_guid", guid(rng)).counter("rop.long_term_id.global_counter", rng.getrandbits(48))
    value.number("rop.long_term_id.pad", 2, 0).number("rop.folder_replica_info.server_dn_count", 4, count)
    value.number("rop.folder_replica_info.cheap_server_dn_count", 4, rng.randint(0, count))
    for _ in range(count):
        value.z8("rop.folder_replica_info.server_dn_array", "/o=" + word(rng))
    return value
