# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables are subscriptions (MS-OXCNOTIF 3.1.4.3): one that got no event although a row came or went is told, on the frame
of the answer that opened it, and no other one."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

import rop_story as rop
from rop_story import M, NONE, Rop, Story

ROOT, SUBSCRIPTION, FOLDER, TABLE, OTHER = 4, 30, 20, 21, 50        # handles; that of the logon is ROOT
PARENT, ELSEWHERE, SUB, NEW = 4, 9, 0x50, 0x77                      # folders
DEPTH, NO_NOTIFICATIONS, SOFT_DELETES, SUPPRESSES = 4, 0x10, 0x20, 0x80
ASSOCIATED, CONVERSATIONS = 2, 0x80
ACCESS_DENIED = 0x80070005

HIERARCHY_VIEW = (rop.set_columns(2, rop.FOLDER_ID, rop.DISPLAY_NAME), rop.query_rows(2, rop.folder_row(SUB, "Sub")))
CONTENTS_VIEW = (rop.set_columns(2, rop.SUBJECT), rop.query_rows(2))
VIEWS = {"QueryRows": rop.query_rows(2), "QueryPosition": rop.query_position(2),
         "SeekRow": Rop(struct.pack("<BBBBiB", 0x18, 0, 2, 0, 1, 0), struct.pack("<BBIBi", 0x18, 2, 0, 0, 1)),
         "SeekRowFractional": Rop(struct.pack("<BBBII", 0x1A, 0, 2, 1, 2), struct.pack("<BBI", 0x1A, 2, 0)),
         "CollapseRow": Rop(struct.pack("<BBBQ", 0x5A, 0, 2, 1), struct.pack("<BBII", 0x5A, 2, 0, 1))}


def opened(story: Story, table: Callable[..., Rop], view: tuple[Rop, ...], flags: int = 0) -> int:
    story.call(rop.logon(0), asked=(NONE,), got=(ROOT,))
    story.call(rop.register(0, 1), asked=(ROOT, NONE), got=(ROOT, SUBSCRIPTION))
    story.call(rop.new_mail(SUBSCRIPTION, ELSEWHERE, 0x800))
    return story.call(rop.open_folder(0, 1, PARENT), table(1, 2, flags), *view, asked=(ROOT, NONE, NONE), got=(ROOT, FOLDER, TABLE))


def restricted(index: int, restriction: bytes = b"\x08" + struct.pack("<I", rop.SUBJECT)) -> Rop:
    return Rop(struct.pack("<BBBBH", 0x14, 0, index, 0, len(restriction)) + restriction, struct.pack("<BBIB", 0x14, index, 0, 0))


def refused(done: Rop) -> Rop:
    """With PartialCompletion, as every answer to it has."""
    return Rop(done.request, done.response[:2] + struct.pack("<IB", ACCESS_DENIED, 0))


def both(change: Callable[[int, int], Rop]) -> Callable[[Story], object]:
    """The change between the folder of the table and another one."""
    def act(story: Story, source: int = FOLDER, target: int = OTHER) -> None:
        story.call(rop.open_folder(0, 1, ELSEWHERE), asked=(ROOT, NONE), got=(ROOT, OTHER))
        story.call(change(0, 1), asked=(source, target))
    return act


def told(*notifications: Rop) -> Callable[[Story], object]:
    return lambda story: story.call(*notifications)


def done(change: Rop, opens: bool = False) -> Callable[[Story], object]:
    handles = (FOLDER, NONE) if opens else (FOLDER,)
    return lambda story: story.call(change, asked=handles, got=(FOLDER, OTHER)[:len(handles)])


def after(first: Rop, change: Rop) -> Callable[[Story], object]:
    """first: on the table."""
    def act(story: Story) -> None:
        story.call(first, asked=(TABLE,))
        story.call(change)
    return act


def row(event: int, message: bool) -> Rop:
    ids = (rop.folder_id(PARENT), rop.folder_id(0x900), 0) if message else (rop.folder_id(NEW),)
    return Rop(b"", struct.pack("<BIBHH", 0x2A, TABLE, 0, 0x100 | (M if message else 0), event)
               + struct.pack("<QQI" if message else "<Q", *ids))


CREATED = rop.notify(SUBSCRIPTION, 4, NEW, PARENT, tags=())
MOVE, COPY = (lambda source, target: rop.move_folder(source, target, NEW, "Moved")), (lambda source, target: rop.copy_folder(source, target, NEW, "Copy"))

# what happens, whether the hierarchy table should have been told, its flags
HIERARCHY = {
    "created": (told(CREATED), True, 0),
    "created elsewhere": (told(rop.notify(SUBSCRIPTION, 4, NEW, ELSEWHERE, tags=())), False, 0),
    "deleted": (told(rop.notify(SUBSCRIPTION, 8, NEW, PARENT)), True, 0),
    "moved here": (told(rop.notify(SUBSCRIPTION, 0x20, NEW, PARENT, NEW, ELSEWHERE)), True, 0),
    "moved away": (told(rop.notify(SUBSCRIPTION, 0x20, NEW, ELSEWHERE, NEW, PARENT)), True, 0),
    "copied here": (told(rop.notify(SUBSCRIPTION, 0x40, NEW + 1, PARENT, NEW, ELSEWHERE)), True, 0),
    "copied from here": (told(rop.notify(SUBSCRIPTION, 0x40, NEW + 1, ELSEWHERE, NEW, PARENT)), False, 0),
    "counts of a folder": (told(rop.notify(SUBSCRIPTION, 0x10, NEW, tags=())), False, 0),
    "new mail in it": (told(rop.new_mail(SUBSCRIPTION, PARENT, 0x900)), False, 0),
    "below, without Depth": (told(rop.notify(SUBSCRIPTION, 4, NEW, SUB, tags=())), False, 0),
    "below, with Depth": (told(rop.notify(SUBSCRIPTION, 4, NEW, SUB, tags=())), True, DEPTH),
    "far below, with Depth": (told(rop.notify(SUBSCRIPTION, 0x40, 0x51, SUB, 0x52, ELSEWHERE), rop.notify(SUBSCRIPTION, 8, NEW, 0x51)), True, DEPTH),
    "elsewhere, with Depth": (told(rop.notify(SUBSCRIPTION, 4, NEW, ELSEWHERE, tags=())), False, DEPTH),
    "NoNotifications": (told(CREATED), False, NO_NOTIFICATIONS),
    "SoftDeletes": (told(CREATED), False, SOFT_DELETES),
    "SuppressesNotifications": (told(CREATED), False, SUPPRESSES),
    "told with an event": (told(CREATED, rop.table_changed(TABLE, False)), False, 0),
    "event of an earlier change": (told(rop.table_changed(TABLE, False), CREATED), False, 0),
    "released before": (after(rop.release(0), CREATED), False, 0),
    "reset before": (after(rop.reset_table(0), CREATED), False, 0),
    "released with it": (lambda story: story.call(rop.release(0), CREATED, asked=(TABLE,)), False, 0),
    "viewed after a reset": (lambda story: (story.call(rop.reset_table(0), rop.set_columns(0, rop.FOLDER_ID), rop.query_rows(0), asked=(TABLE,)),
                                            story.call(CREATED)), True, 0),
    "RopCreateFolder": (done(rop.create_folder(0, 1, NEW, rop.z16("New")), True), True, 0),
    "RopCreateFolder of one that is there": (done(rop.create_folder(0, 1, NEW, rop.z16("New"), existing=True), True), False, 0),
    "RopDeleteFolder": (done(rop.delete_folder(0, NEW)), True, 0),
    "RopDeleteFolder in part": (done(rop.delete_folder(0, NEW, partial=True)), False, 0),
    "RopDeleteFolder refused": (done(refused(rop.delete_folder(0, NEW))), False, 0),
    "RopMoveFolder from here": (both(MOVE), True, 0),
    "RopMoveFolder to here": (lambda story: both(MOVE)(story, OTHER, FOLDER), True, 0),
    "RopCopyFolder from here": (both(COPY), False, 0),
    "RopCopyFolder to here": (lambda story: both(COPY)(story, OTHER, FOLDER), True, 0),
}

MESSAGE_IDS = struct.pack("<HQ", 1, rop.folder_id(0x900))


def moved(source: int, target: int, copy: bool) -> Rop:
    return Rop(struct.pack("<BBBB", 0x33, 0, source, target) + MESSAGE_IDS + bytes([0, copy]), struct.pack("<BBIB", 0x33, source, 0, 0))


def saved(associated: bool) -> Rop:
    create = struct.pack("<BBBBHQB", 6, 0, 0, 1, 0xFFF, rop.folder_id(PARENT), associated)
    return Rop(create + struct.pack("<BBBBB", 0x0C, 0, 0, 1, 0),
               struct.pack("<BBIB", 6, 1, 0, 0) + struct.pack("<BBIBQ", 0x0C, 0, 0, 1, rop.folder_id(0x900)))


CONTENTS = {
    "created": (told(rop.notify(SUBSCRIPTION, M | 4, PARENT, 0x900, tags=())), True, 0),
    "linked to a search folder": (told(rop.notify(SUBSCRIPTION, M | 0x4004, ELSEWHERE, 0x900, PARENT, tags=())), True, 0),
    "new mail, associated table": (told(rop.new_mail(SUBSCRIPTION, PARENT, 0x900)), False, ASSOCIATED),
    "new mail, conversations": (told(rop.new_mail(SUBSCRIPTION, PARENT, 0x900)), False, CONVERSATIONS),
    "folder created": (told(CREATED), False, 0),
    "restricted": (after(restricted(0), rop.new_mail(SUBSCRIPTION, PARENT, 0x900)), False, 0),
    "no longer restricted": (after(Rop(restricted(0).request + restricted(0, b"").request, restricted(0).response * 2),
                                   rop.new_mail(SUBSCRIPTION, PARENT, 0x900)), True, 0),
    "RopDeleteMessages": (done(Rop(struct.pack("<BBBBB", 0x1E, 0, 0, 0, 0) + MESSAGE_IDS, struct.pack("<BBIB", 0x1E, 0, 0, 0))), True, 0),
    "RopDeleteMessages in part": (done(Rop(struct.pack("<BBBBB", 0x1E, 0, 0, 0, 0) + MESSAGE_IDS, struct.pack("<BBIB", 0x1E, 0, 0, 1))), False, 0),
    "RopMoveCopyMessages from here": (both(lambda source, target: moved(source, target, False)), True, 0),
    "RopMoveCopyMessages, copies": (both(lambda source, target: moved(source, target, True)), False, 0),
    "RopSaveChangesMessage": (done(saved(False), True), True, 0),
    "RopSaveChangesMessage, associated": (done(saved(True), True), False, 0),
}


def check(name: str, table: Callable[..., Rop], view: tuple[Rop, ...], act: Callable[[Story], object], due: bool, flags: int) -> None:
    story = Story(1252)
    frame = opened(story, table, view, flags)
    act(story)
    story.call()
    assert story.frames(name, "oxcnotif.subscription.no_event") == ([frame] if due else [])


@pytest.mark.parametrize("what", HIERARCHY)
def test_hierarchy_table_without_its_event_is_told(tshark, what: str) -> None:
    check("hierarchy", rop.hierarchy_table, HIERARCHY_VIEW, *HIERARCHY[what])


@pytest.mark.parametrize("what", CONTENTS)
def test_contents_table_without_its_event_is_told(tshark, what: str) -> None:
    check("contents", rop.contents_table, CONTENTS_VIEW, *CONTENTS[what])


@pytest.mark.parametrize("view", VIEWS)
def test_events_begin_with_a_view(tshark, view: str) -> None:
    """MS-OXCNOTIF 3.1.4.3, product behaviour of Exchange 2010 and later"""
    columns = rop.set_columns(2, rop.FOLDER_ID, rop.DISPLAY_NAME)
    check("view", rop.hierarchy_table, (columns, VIEWS[view]), told(CREATED), True, 0)
    check("no-view", rop.hierarchy_table, (columns,), told(CREATED), False, 0)


def test_own_change_may_be_told_with_the_next_answer(tshark) -> None:
    """Before that nothing is missing."""
    story = Story(1252)
    opened(story, rop.hierarchy_table, HIERARCHY_VIEW)
    story.call(rop.delete_folder(0, NEW), asked=(FOLDER,))
    assert story.frames("last", "oxcnotif.subscription.no_event") == []


@pytest.mark.parametrize("table, message, wrong", [(rop.hierarchy_table, False, False), (rop.hierarchy_table, True, True),
                                                   (rop.contents_table, True, False), (rop.contents_table, False, True)])
def test_rows_say_whether_they_are_messages(tshark, table: Callable[..., Rop], message: bool, wrong: bool) -> None:
    """MS-OXCNOTIF 2.2.1.4.1.2: M"""
    story = Story(1252)
    opened(story, table, ())
    frame = story.call(row(4, message))
    assert story.frames("rows", "rop.deviation") == ([frame] if wrong else [])


def test_view_may_come_later_and_must_succeed(tshark) -> None:
    for refuse in (False, True):
        story = Story(1252)
        frame = opened(story, rop.contents_table, ())
        view = rop.query_position(0)
        story.call(rop.failed(view, ACCESS_DENIED) if refuse else view, asked=(TABLE,))
        story.call(rop.new_mail(SUBSCRIPTION, PARENT, 0x900))
        assert story.frames("later", "oxcnotif.subscription.no_event") == ([] if refuse else [frame])


def test_each_table_is_told_for_itself(tshark) -> None:
    """Two of a folder, of which one gets its event; and one of a folder with the same id in another logon."""
    story = Story(1252)
    opened(story, rop.contents_table, CONTENTS_VIEW)
    silent = story.call(rop.open_folder(0, 1, PARENT), rop.contents_table(1, 2), *CONTENTS_VIEW, asked=(ROOT, NONE, NONE), got=(ROOT, 60, 61))
    story.call(rop.logon(0, 1), asked=(NONE,), got=(5,))
    story.call(rop.open_folder(0, 1, PARENT, 1), rop.contents_table(1, 2, logon_id=1), rop.set_columns(2, rop.SUBJECT, logon_id=1),
               rop.query_rows(2, logon_id=1), asked=(5, NONE, NONE), got=(5, 62, 63))
    story.call(rop.new_mail(SUBSCRIPTION, PARENT, 0x900), rop.table_changed(TABLE, True))
    assert story.frames("each", "oxcnotif.subscription.no_event") == [silent]
