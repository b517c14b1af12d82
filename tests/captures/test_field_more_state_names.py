# SPDX-License-Identifier: GPL-2.0-or-later
"""What a session is told of folders, named properties and handles belongs to the logon, and holds until it is told otherwise."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable

import pytest

import rop_story as rop
import tshark as tools
from rop_story import M, NONE, Rop, Story

COMMON = uuid.UUID("00062008-0000-0000-c000-000000000046").bytes_le
OWN, OTHER, SUBSCRIPTION, OTHER_SUBSCRIPTION, FOLDER, TABLE = 4, 5, 30, 31, 20, 21      # handles; OWN and OTHER are logons
NUMBER, INBOX, IPM_SUBTREE, SENT = 0x77, 5, 4, 7                                        # folders; RopLogon names 1 to 13
ACCESS_DENIED, NOT_FOUND, WITH_ERRORS = 0x80070005, 0x8004010F, 0x00040380
WRONG = "oxcnotif.handle.unknown or oxcnotif.handle.other_logon or oxcnotif.handle.released or rop.malformed or rop.chain_lost or rop.deviation"


def begun(*second: Rop) -> Story:
    """Logons 0 and 1, each with a subscription to its whole store; second: the RopLogon of LogonId 1."""
    story = Story(1252)
    story.call(rop.logon(0), *(second or [rop.logon(1, 1, essdn="/o=Lab/cn=bob")]), asked=(NONE, NONE), got=(OWN, OTHER))
    story.call(rop.register(0, 1), rop.register(2, 3, logon_id=1), asked=(OWN, NONE, OTHER, NONE),
               got=(OWN, SUBSCRIPTION, OTHER, OTHER_SUBSCRIPTION))
    return story


def mail(number: int = NUMBER, other: bool = False, message: int = 0x900) -> Rop:
    return rop.new_mail(OTHER_SUBSCRIPTION if other else SUBSCRIPTION, number, message, logon_id=int(other))


def info(story: Story, frame: int) -> str:
    """The Info column behind the name of the call, which is the same on each visit."""
    shown = {tools.fields(story.write("names"), ["_ws.col.Info"], f"frame.number == {frame}", two_pass=two_pass)[0]["_ws.col.Info"][0]
             for two_pass in (False, True)}
    assert len(shown) == 1
    return shown.pop().removeprefix("Execute response, ")


def mails(*names: str) -> str:
    return ", ".join(f"RopNotify NewMail {name} IPM.Note" for name in names)


def shown(story: Story, frame: int) -> str:
    return tools.text(story.write("names"), f"frame.number == {frame}")


# ---- folders ----

def created(name: str, other: bool = False) -> Callable[[Story], object]:
    return lambda story: story.call(rop.create_folder(0, 1, NUMBER, rop.z16(name), logon_id=int(other)),
                                    asked=(OTHER if other else OWN, NONE), got=(OTHER if other else OWN, FOLDER + other))


def renamed(answer: bytes = b"\0\0", error: int = 0) -> Callable[[Story], object]:
    done = rop.set_properties(0, struct.pack("<I", rop.DISPLAY_NAME) + rop.z16("New"))
    return lambda story: story.call(Rop(done.request, struct.pack("<BBI", 0x0A, 0, error) + answer), asked=(FOLDER,))


def moved(error: int = 0, partial: bool = False) -> Callable[[Story], object]:
    done = rop.move_folder(1, 2, NUMBER, "New")
    return lambda story: story.call(rop.open_folder(0, 1, IPM_SUBTREE), rop.open_folder(0, 2, SENT),
                                    Rop(done.request, struct.pack("<BBIB", 0x35, 1, error, partial)),
                                    asked=(OWN, NONE, NONE), got=(OWN, 40, 41))


def listed(*rows: bytes, other: bool = False, find: bool = False) -> Callable[[Story], object]:
    """In a hierarchy table, by RopQueryRows or RopFindRow."""
    logon_id, handle = int(other), OTHER if other else OWN
    found = Rop(struct.pack("<BBBBHBH", 0x4F, logon_id, 2, 0, 0, 0, 0), struct.pack("<BBIBB", 0x4F, 2, 0, 0, 1) + rows[0])
    return lambda story: story.call(
        rop.open_folder(0, 1, IPM_SUBTREE, logon_id), rop.hierarchy_table(1, 2, logon_id=logon_id),
        rop.set_columns(2, rop.FOLDER_ID, rop.DISPLAY_NAME, logon_id=logon_id),
        found if find else rop.query_rows(2, *rows, logon_id=logon_id), asked=(handle, NONE, NONE), got=(handle, 40, TABLE))


def row_added(story: Story) -> None:
    listed(rop.folder_row(NUMBER + 1, "Else"))(story)
    row = rop.folder_row(NUMBER, "New")
    story.call(Rop(b"", struct.pack("<BIBHHQQH", 0x2A, TABLE, 0, 0x100, 3, rop.folder_id(NUMBER), 0, len(row)) + row))


def asked_for(story: Story) -> None:
    story.call(rop.open_folder(0, 1, NUMBER), rop.get_properties(1, (0x66000003, rop.DISPLAY_NAME), b"\0" + bytes(4) + rop.z16("New")),
               asked=(OWN, NONE), got=(OWN, 40))


def asked_for_all(story: Story) -> None:
    values = struct.pack("<HII", 2, 0x66000003, 0) + struct.pack("<I", rop.DISPLAY_NAME8) + b"New\0"
    story.call(rop.open_folder(0, 1, NUMBER), Rop(struct.pack("<BBBHH", 8, 0, 1, 0, 0), struct.pack("<BBI", 8, 1, 0) + values),
               asked=(OWN, NONE), got=(OWN, 40))


def value(data: bytes) -> bytes:
    return b"\0" + data


ERROR = b"\x0a" + struct.pack("<I", NOT_FOUND)
ID = value(struct.pack("<Q", rop.folder_id(NUMBER)))
UNNAMED = f"0x{rop.folder_id(NUMBER):016x}"

# What is done, and the name that the folder has afterwards.
FOLDERS = {
    "RopCreateFolder": ([created("Old")], "Old"),
    "RopSetProperties": ([created("Old"), renamed()], "New"),
    "RopSetProperties refused": ([created("Old"), renamed(b"", ACCESS_DENIED)], "Old"),
    "RopSetProperties with a problem": ([created("Old"), renamed(struct.pack("<HHII", 1, 0, rop.DISPLAY_NAME, ACCESS_DENIED))], "Old"),
    "RopMoveFolder": ([created("Old"), moved()], "New"),
    "RopMoveFolder refused": ([created("Old"), moved(ACCESS_DENIED)], "Old"),
    "RopMoveFolder in part": ([created("Old"), moved(partial=True)], "Old"),
    "RopLogon refused": ([created("Old"), lambda story: story.call(rop.failed(rop.logon(0, first=NUMBER), ACCESS_DENIED), asked=(NONE,))], "Old"),
    "RopQueryRows": ([listed(rop.folder_row(NUMBER, "New"))], "New"),
    "RopFindRow": ([listed(rop.folder_row(NUMBER, "New"), find=True)], "New"),
    "row of a notification": ([row_added], "New"),
    "RopGetPropertiesSpecific": ([asked_for], "New"),
    "RopGetPropertiesAll": ([asked_for_all], "New"),
    "flagged row": ([listed(b"\1" + ID + value(rop.z16("New")))], "New"),
    "error as name": ([listed(b"\1" + ID + ERROR)], UNNAMED),
    "name is absent": ([listed(b"\1" + ID + b"\1")], UNNAMED),
    "error as id": ([listed(b"\1" + ERROR + value(rop.z16("New")))], UNNAMED),
    "in the other logon": ([created("Old", other=True)], UNNAMED),
    "in the other logon, too": ([created("Old"), listed(rop.folder_row(NUMBER, "New"), other=True)], "Old"),
}


@pytest.mark.parametrize("what", FOLDERS)
def test_folder_has_the_name_it_was_given_last(tshark, what: str) -> None:
    acts, name = FOLDERS[what]
    story = begun()
    for act in acts:
        act(story)
    assert info(story, story.call(mail())) == mails(name)


@pytest.mark.parametrize("public", [False, True])
def test_equal_ids_of_two_logons_are_two_folders(tshark, public: bool) -> None:
    story = begun(*([rop.logon(1, 1, public=True, essdn="")] if public else []))
    created("Mine")(story)
    listed(rop.folder_row(NUMBER, "Theirs"), rop.folder_row(NUMBER + 1, "Jobs"), other=True)(story)
    assert info(story, story.call(mail(), mail(other=True), mail(NUMBER + 1, other=True), mail(INBOX))) == \
        mails("Mine", "Theirs", "Jobs", "Inbox")
    assert story.frames("names", WRONG) == []


def test_logon_that_takes_a_logon_id_over_knows_nothing(tshark) -> None:
    story = begun()
    created("Theirs", other=True)(story)
    story.call(rop.ids_of_names(0, rop.named(COMMON, 0x8503), 0x8001, logon_id=1), asked=(OTHER,))
    story.call(rop.release(0, 1), asked=(OTHER,))
    story.call(rop.logon(0, 1, essdn="/o=Lab/cn=carol"), rop.register(0, 1, logon_id=1), asked=(NONE, NONE), got=(6, 32))
    assert "Theirs" not in info(story, story.call(rop.new_mail(32, NUMBER, 0x900, logon_id=1)))
    frame = story.call(rop.get_properties(0, (0x8001000B,), b"\0\1", logon_id=1), asked=(6,))
    assert "ReminderSet" not in shown(story, frame)


# ---- named properties ----

COLOUR, SIZE = rop.named(bytes(range(16)), "Colour"), rop.named(bytes(range(16)), "Size")
RED = value(rop.z16("red"))


def test_property_ids_belong_to_their_logon(tshark) -> None:
    """Also those that RopGetNamesFromPropertyIds told, with one without a name between them."""
    story = begun()
    story.call(rop.ids_of_names(0, SIZE, 0x8001), asked=(OWN,))
    story.call(rop.names_of_ids(0, COLOUR + b"\xff" + rop.named(COMMON, 0x8503), 0x8001, 0x8002, 0x8003, logon_id=1), asked=(OTHER,))
    theirs = [story.call(rop.get_properties(0, (0x8001001F, 0x8003000B), RED + b"\1", logon_id=1), asked=(OTHER,)),
              story.call(rop.notify(OTHER_SUBSCRIPTION, M | 0x10, NUMBER, 0x900, tags=(0x8001001F,), logon_id=1))]
    mine = [story.call(rop.get_properties(0, (0x8001001F,), value(rop.z16("big"))), asked=(OWN,)),
            story.call(rop.notify(SUBSCRIPTION, M | 0x10, NUMBER, 0x900, tags=(0x8001001F,)))]
    assert "Colour: red" in shown(story, theirs[0]) and "PidLidReminderSet (PSETID_Common 0x8503): True" in shown(story, theirs[0])
    assert "Size: big" in shown(story, mine[0])
    assert all("Colour" in shown(story, frame) and "Size (" not in shown(story, frame) for frame in theirs)
    assert all("Size" in shown(story, frame) and "Colour" not in shown(story, frame) for frame in mine)


def test_rows_of_a_delegate_are_named_as_its_mailbox_says(tshark) -> None:
    story = begun()
    story.call(rop.ids_of_names(0, SIZE, 0x8001), asked=(OWN,))
    story.call(rop.ids_of_names(0, COLOUR, 0x8001, logon_id=1), asked=(OTHER,))
    story.call(rop.open_folder(0, 1, NUMBER, 1), rop.contents_table(1, 2, logon_id=1), rop.set_columns(2, 0x8001001F, logon_id=1),
               asked=(OTHER, NONE, NONE), got=(OTHER, FOLDER, TABLE))
    row = struct.pack("<BIBHHQQIQQIH", 0x2A, TABLE, 1, M | 0x100, 3, rop.folder_id(NUMBER), rop.folder_id(0x900), 0, 0, 0, 0, len(RED)) + RED
    for frame in (story.call(rop.query_rows(0, RED, logon_id=1), asked=(TABLE,)), story.call(Rop(b"", row))):
        assert "Colour: red" in shown(story, frame)


def test_id_that_the_store_did_not_give_is_no_name(tshark) -> None:
    """RopGetPropertyIdsFromNames with a warning: 0 stands for a name without an id (MS-OXCPRPT 2.2.12.2)"""
    story = begun()
    story.call(rop.ids_of_names(0, SIZE + COLOUR, 0, 0x8002, error=WITH_ERRORS), asked=(OWN,))
    assert "Colour: red" in shown(story, story.call(rop.get_properties(0, (0x8002001F,), RED), asked=(OWN,)))


# ---- handles ----

def opened(number: int, handle: int) -> Callable[[Story], object]:
    return lambda story: story.call(rop.open_folder(0, 1, number), rop.contents_table(1, 2), asked=(OWN, NONE, NONE), got=(OWN, 40, handle))


def released(handle: int, logon_id: int = 0) -> Callable[[Story], object]:
    return lambda story: story.call(rop.release(0, logon_id), asked=(handle,))


def message(story: Story) -> None:
    story.call(Rop(struct.pack("<BBBBHQB", 6, 0, 0, 1, 0xFFF, rop.folder_id(INBOX), 0), struct.pack("<BBIB", 6, 1, 0, 0)),
               asked=(OWN, NONE), got=(OWN, SUBSCRIPTION))


def registered(handle: int, error: int = 0) -> Callable[[Story], object]:
    asked = rop.failed(rop.register(0, 1), error) if error else rop.register(0, 1)
    return lambda story: story.call(asked, asked=(OWN, NONE), got=(OWN, NONE if error else handle))


def again(story: Story) -> None:
    story.call(rop.logon(0), asked=(NONE,), got=(OWN,))


ROW = rop.table_changed(TABLE, True)

# What is done, the notification, the expert item on it, and which of the acts opened what it is for (from 0; None: nothing that is there)
HANDLES = {
    "released": ([released(SUBSCRIPTION)], mail(), "released", None),
    "logon released": ([released(OTHER, 1)], mail(other=True), "released", None),
    "other logon released": ([released(OTHER, 1)], mail(), "", None),
    "table of a released logon": ([opened(INBOX, TABLE), released(OWN)], ROW, "released", 0),
    "folder of a table released": ([opened(INBOX, TABLE), released(40)], ROW, "", 0),
    "another table": ([opened(INBOX, TABLE), released(TABLE), opened(SENT, TABLE)], ROW, "", 2),
    "a message now": ([released(SUBSCRIPTION), message], mail(), "unknown", None),
    "refused": ([registered(50, ACCESS_DENIED)], rop.new_mail(50, INBOX, 0x900), "unknown", None),
    "of the other logon": ([], rop.new_mail(SUBSCRIPTION, INBOX, 0x900, logon_id=1), "other_logon", None),
    "logon replaced": ([again], mail(), "released", None),
    "logon replaced, registered again": ([again, registered(SUBSCRIPTION)], mail(), "", 1),
    "no handle released": ([released(NONE)], mail(), "", None),
}


@pytest.mark.parametrize("what", HANDLES)
def test_notification_is_for_what_its_handle_was(tshark, what: str) -> None:
    acts, notification, item, opener = HANDLES[what]
    story = begun()
    frames = [act(story) for act in acts]
    frame = story.call(notification)
    assert story.frames("handles", WRONG) == ([frame] if item else [])
    if item:
        assert story.frames("handles", f"oxcnotif.handle.{item}") == [frame]
    if opener is not None:
        rows = tools.fields(story.write("handles"), ["oxcnotif.subscription_in"], f"frame.number == {frame}")
        assert rows[0]["oxcnotif.subscription_in"] == [str(frames[opener] - 1)]


def test_release_and_notification_in_one_call(tshark) -> None:
    """The request comes first; a handle that the server gives out again in the same answer is the new one."""
    story = begun()
    frame = story.call(rop.release(0), mail(), asked=(SUBSCRIPTION,))
    assert story.frames("race", "oxcnotif.handle.released") == [frame]
    story = begun()
    story.call(rop.release(1), rop.register(0, 2), mail(), asked=(OWN, SUBSCRIPTION, NONE), got=(OWN, NONE, SUBSCRIPTION))
    assert story.frames("race", WRONG) == []


def test_handle_of_an_earlier_session_is_unknown(tshark) -> None:
    first = begun()
    first.capture.exchange("Disconnect", struct.pack("<I", 0), bytes(12), "s")
    second = Story(1252, capture=first.capture, session="t")
    second.call(rop.logon(0), asked=(NONE,), got=(OWN,))
    frame = second.call(mail())
    assert second.frames("sessions", "oxcnotif.handle.unknown") == [frame]
