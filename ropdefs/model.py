# SPDX-License-Identifier: GPL-2.0-or-later
"""What the definitions are read into."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field as dc_field
from typing import Any


class DefinitionError(Exception):
    """What is wrong with a definition, and where (file:line)."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: error: {reason}")


class Consequence(DefinitionError):
    """An error that only follows from another, which is reported."""

    def __init__(self) -> None:
        super().__init__("", "follows from another error")


class DefinitionErrors(Exception):
    """All errors of a run, in the order of the files."""

    def __init__(self, errors: list[DefinitionError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = errors


class Errors:
    """Collects errors: what is wrong in one line does not keep the others from being read."""

    def __init__(self) -> None:
        self.list: list[DefinitionError] = []

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        try:
            yield
        except Consequence:
            pass
        except DefinitionError as error:
            if str(error) not in map(str, self.list):       # a group is read wherever it is used
                self.list.append(error)

    def check(self, order: list[str]) -> None:
        """Raises what was collected, sorted by the files in this order, and by lines."""
        def place(error: DefinitionError) -> tuple[int, int]:
            name, line = str(error).split(":")[:2]
            return order.index(name), int(line)
        if self.list:
            raise DefinitionErrors(sorted(self.list, key=place))


@dataclass
class Enum:
    name: str
    where: str
    values: list[tuple[int, str, str]] = dc_field(default_factory=list)     # (number, identifier, label)
    decimal: bool = False       # its numbers are written, and shown, in decimal
    used: bool = False


@dataclass
class Bit:
    mask: int
    name: str
    label: str | None
    enum: str | None = None
    filter: str | None = None
    where: str = ""


@dataclass
class Flags:
    name: str
    width: int
    where: str
    bits: list[Bit] = dc_field(default_factory=list)
    used: bool = False


@dataclass
class CType:
    name: str
    function: str
    where: str
    args: dict[str, int] = dc_field(default_factory=dict)
    reads: list[str] = dc_field(default_factory=list)        # structures that the C function reads by their definitions
    as_bytes: bool = False                              # its field has the type FT_BYTES
    used: bool = False


@dataclass
class Deviation:
    name: str
    text: str
    where: str
    used: bool = False


@dataclass
class Columns:
    name: str
    tags: list[int]
    where: str
    used: bool = False


@dataclass
class Field:
    name: str
    type: Any                   # str, once the line was read
    where: str
    arg: str | None = None
    array: Any = None           # None: no array; "rest": to the end; else an expression
    cond: Any = None
    size: Any = None
    at: Any = None              # where the value stands, from the beginning of the block
    flags: str | None = None
    enum: str | None = None
    each: str | None = None
    as_name: str | None = None
    keep: str | None = None
    label: str | None = None
    note: str | None = None
    kind: str | None = None     # of a server object that the field opens
    info: bool = False
    hex: bool = False
    latin1: bool = False            # 8-bit text that is Latin-1 whatever the code page
    # settled by the checker
    header: Any = None
    bits: list[Any] | None = None
    slot: int = 0               # from 1 on; 0: no expression asks for it
    broken: bool = False        # refused


@dataclass
class Group:
    """Lines that several forms have in common; they are read anew in each."""
    name: str
    where: str
    lines: list[Any]
    used: bool = False


@dataclass
class Form:
    name: str
    where: str
    prefix: Any                 # str, once the line was read
    proto: str
    fields: list[Field] = dc_field(default_factory=list)
    is_struct: bool = False
    is_block: bool = False
    ref: str = ""
    label: str | None = None
    used: bool = False
    broken: bool = False        # a line of it was refused: what depends on others is not checked
    slots: int = 0              # settled by the checker, as is:
    index: int = -1


@dataclass
class Rop:
    id: int
    name: str
    where: str
    ref: str
    proto: str
    trailer: bool = False
    request: Form | None = None
    response: Form | None = None
    does: list[str] = dc_field(default_factory=list)
    rows: tuple[str, str | None] | None = None
    answered_as: int | None = None


@dataclass
class Message:
    name: str
    where: str
    ref: str
    proto: str
    endpoints: list[str] = dc_field(default_factory=list)
    does: str = "other"
    request: Form | None = None
    response: Form | None = None


@dataclass
class Property:
    """What the number of a property means."""
    id: int
    name: str
    where: str
    enum: str | None = None
    flags: str | None = None


@dataclass
class Block:
    """An auxiliary block; types of the same layout share one."""
    types: list[tuple[int, str, str]]       # (type, name, label)
    versions: list[int]
    where: str
    form: Any = None            # Form, set when the line was read


@dataclass
class Model:
    enums: dict[str, Enum] = dc_field(default_factory=dict)
    flags: dict[str, Flags] = dc_field(default_factory=dict)
    structs: dict[str, Form] = dc_field(default_factory=dict)
    groups: dict[str, Group] = dc_field(default_factory=dict)
    ctypes: dict[str, CType] = dc_field(default_factory=dict)
    deviations: dict[str, Deviation] = dc_field(default_factory=dict)
    columns: dict[str, Columns] = dc_field(default_factory=dict)
    rops: dict[int, Rop] = dc_field(default_factory=dict)
    reserved: dict[int, Rop] = dc_field(default_factory=dict)
    messages: dict[str, Message] = dc_field(default_factory=dict)
    properties: dict[int, Property] = dc_field(default_factory=dict)
    blocks: dict[tuple[int, int], Block] = dc_field(default_factory=dict)       # (type, version) -> Block
    broken: set[str] = dc_field(default_factory=set)     # names whose definition was refused


SCALARS = {
    # bytes of each
    "u8": 1, "u16": 2, "u24": 3, "u32": 4, "u64": 8, "i8": 1, "i16": 2, "i32": 4, "i64": 8,
    "bool": 1, "error": 4, "fid": 8, "mid": 8, "cn": 8, "tag": 4, "guid": 16, "filetime": 8, "counter48": 6,
}
STRINGS = {"z8", "z16", "str8", "str16", "bytes"}
KEEPS = {"folder", "message", "notification_types", "whole_store", "name", "columns", "recipient_columns",
         "row_columns", "logon_flags", "folder_names", "names", "ids", "target", "notification_flags", "table_event",
         "session_index", "state_property", "state_size", "table_flags", "code_page", "user_dn", "display_name",
         "event_pending", "max_rop_out", "old_folder", "parent", "old_parent", "restriction", "unchanged", "copies",
         "associated", "properties", "problems"}
DOES = {"release", "logon", "set_columns", "reset_columns", "set_recipients", "name_folder", "name_properties",
        "subscribe", "notify", "pending", "end_of_answers", "progress", "list_folders", "open_table", "view", "restrict",
        "change_messages", "change_subfolders", "copy", "create_message", "save_message", "open_folder", "folder_properties"}
CALLS = {"connect", "fetch", "wait", "disconnect"}           # what a message does
ENDPOINTS = ("emsmdb", "nspi")                               # of MAPI/HTTP: mailbox and address book
BUFFERS = ("rops", "auxiliary")                              # that other readers dissect
PROTOCOLS = {"rop", "oxcnotif", "mapihttp"}

# Handle indexes in the head of a ROP: word -> field, and what it is to the ROP.
HANDLES = {"in": ("InputHandleIndex", "in"), "out": ("OutputHandleIndex", "out"), "source": ("SourceHandleIndex", "in"),
           "dest": ("DestHandleIndex", "other"), "response": ("ResponseHandleIndex", "other")}
# Heads that MS-OXCROPS 2.2.2 allows: those of the request -> the one that the response echoes.
HEADS = {("in",): "in", ("in", "out"): "out", ("out",): "out", ("source", "dest"): "source",
         ("response", "in"): "response"}


def snake(name: str) -> str:
    """The specification's name as a filter name: TableRowFolderID -> table_row_folder_id."""
    name = re.sub(r"IDs\b", "Ids", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().replace("__", "_")


def minimum_size(fields: list[Field]) -> int:
    """Bytes that the fields take at least: those that are there under no condition of their own."""
    size = 0
    for f in fields:
        if f.array is None and f.cond is None:
            size += 1 if f.type == "handle" else SCALARS.get(f.type, 0)
    return size
