# SPDX-License-Identifier: GPL-2.0-or-later
"""A mailbox as one session sees it: its server objects, what a client asks of them, what happens in it."""

import struct

import rops

UNUSED = 0xFFFFFFFF
RELEASE = 1             # RopId of RopRelease
BODY = 0x10090102       # PidTagRtfCompressed
INBOX = 4               # position in FolderIds, [MS-OXCSTOR] 2.2.1.1.3
WORDS = ('Minutes', 'Offer', 'Re: Offer', 'Lunch', 'Fwd: Minutes of Monday', 'Invoice 4711', 'Holidays')


class Batch:
    """The ROPs of one call, both ways."""

    def __init__(self, asked=(), got=(), handles=(), answered=None):
        self.asked = rops.Buffer(asked, handles)
        self.got = rops.Buffer(got, handles if answered is None else answered)

    def request(self):
        return self.asked.bytes()

    def is_bare(self):
        """Does it ask for nothing but notifications?"""
        return all(rop.data[0] == RELEASE for rop in self.asked.rops)

    def answer_size(self):
        return 2 + sum(len(rop.data) for rop in self.got.rops) + 4 * len(self.got.handles)

    def answer(self, notes):
        """The ROP output buffer; notifications are at the end of the list, [MS-OXCROPS] 3.1.5.1.3."""
        return rops.Buffer(self.got.rops + notes, self.got.handles).bytes()


class Mailbox:
    """Handles are small numbers that every session counts up by itself, as servers do: equal ones are everywhere."""

    def __init__(self, rng, user, contents_table, hierarchy_table):
        self.rng = rng
        self.user = user
        self.first = rng.randrange(0x100, 0x8000)
        self.message = 0x10000 + rng.randrange(0x10000)
        self.last_handle = rng.choice((0, 0, 0x20))
        self.logon = self._handle()
        self.inbox = self._handle()
        self.contents = self._handle() if contents_table else None
        self.hierarchy = self._handle() if hierarchy_table else None
        self.store = self._handle()
        self.folder = self._handle()
        self.whole = False      # every subscription gets its notification of an event
        self.other = None       # handle of the subscription in another user's mailbox

    def _handle(self):
        self.last_handle += 1
        return self.last_handle

    def fid(self, number=INBOX):
        return rops.eid(self.first + number)

    def opening(self):
        """What a client does after the connect: logon, folder, tables, subscriptions."""
        yield Batch([rops.logon_request(0, 0, f'/o=Lab/ou=Exchange Administrative Group/cn=Recipients/cn={self.user}')],
                    [rops.logon_response(0, self.first, self.rng.randbytes(16))], [UNUSED], [self.logon])
        asked = [rops.open_folder_request(0, 0, 1, self.fid())]
        got = [rops.open_folder_response(1)]
        handles = [self.inbox]
        if self.contents is not None:
            handles.append(self.contents)
            at = len(handles)
            asked += [rops.open_table_request(0x05, 0, 1, at), rops.set_columns_request(0, at, rops.CONTENTS_COLUMNS),
                      rops.query_rows_request(0, at, 20)]
            rows = [self._row() for _ in range(self.rng.randrange(8))]
            got += [rops.open_table_response(0x05, at, len(rows)), rops.set_columns_response(at), rops.query_rows_response(at, rows)]
        if self.hierarchy is not None:
            handles.append(self.hierarchy)
            at = len(handles)
            asked += [rops.open_table_request(0x04, 0, 1, at), rops.set_columns_request(0, at, rops.HIERARCHY_COLUMNS),
                      rops.query_rows_request(0, at, 20)]
            rows = [self._folder_row(n) for n in range(3)]
            got += [rops.open_table_response(0x04, at, 3), rops.set_columns_response(at), rops.query_rows_response(at, rows)]
        yield Batch(asked, got, [self.logon] + [UNUSED] * len(handles), [self.logon] + handles)
        yield Batch([rops.register_request(0, 0, 2, 0x01FE), rops.register_request(0, 1, 3, 0x001E, self.fid())],
                    [rops.register_response(2), rops.register_response(3)],
                    [self.logon, self.inbox, UNUSED, UNUSED], [self.logon, self.inbox, self.store, self.folder])

    def opening_other(self, user):
        """A delegate opens the mailbox of somebody else in the same session: LogonId 1, the same ids inside."""
        logon = self._handle()
        yield Batch([rops.logon_request(1, 0, f'/o=Lab/ou=Exchange Administrative Group/cn=Recipients/cn={user}')],
                    [rops.logon_response(0, self.first, self.rng.randbytes(16))], [UNUSED], [logon])
        self.other = self._handle()
        yield Batch([rops.register_request(1, 0, 1, 0x01FE)], [rops.register_response(1)], [logon, UNUSED], [logon, self.other])

    def happening_to_other(self):
        """New mail in the mailbox that a delegate has open."""
        self.message += 1
        return [rops.new_mail(self.other, 1, self.fid(), rops.eid(self.message), 0, True, 'IPM.Note')]

    def chain(self, limit):
        """A FastTransfer download in answers that are full, [MS-OXCFXICS] 3.1.5.2."""
        source, parts = self._handle(), self.rng.randrange(2, 5)
        begin = rops.Rop(0x4D).add('LogonId', 'B', 0).add('InputHandleIndex', 'B', 0).add('OutputHandleIndex', 'B', 1)
        begin.add('Level', 'B', 0).add('CopyFlags', 'I', 0).add('SendOptions', 'B', 0).add('PropertyTagCount', 'H', 0)
        begun = rops.Rop(0x4D).add('OutputHandleIndex', 'B', 1).add('ReturnValue', 'I', 0)
        room = limit - 8 - 2 - 15 - 4
        content = struct.pack('<II', BODY, room * parts - 8) + bytes(range(256)) * (room * parts // 256 + 1)
        for part in range(parts):
            data = content[part * room:(part + 1) * room]
            ask = rops.Rop(0x4E).add('LogonId', 'B', 0).add('InputHandleIndex', 'B', 0).add('BufferSize', 'H', 0xBABE)
            ask.add('MaximumBufferSize', 'H', room)
            got = rops.Rop(0x4E).add('InputHandleIndex', 'B', 0).add('ReturnValue', 'I', 0)
            got.add('TransferStatus', 'H', 3 if part == parts - 1 else 1).add('InProgressCount', 'H', part)
            got.add('TotalStepCount', 'H', parts).add('Reserved', 'B', 0).add('TransferBufferSize', 'H', len(data))
            got.add('TransferBuffer', 'bytes', data)
            if part == 0:
                yield Batch([begin], [begun], [self.inbox, UNUSED], [self.inbox, source])
            yield Batch([ask], [got], [source])

    def _row(self, number=None):
        number = self.rng.randrange(0x10000) if number is None else number
        return rops.row(rops.CONTENTS_COLUMNS, [rops.eid(number), WORDS[number % len(WORDS)], number & 1])

    def _folder_row(self, number):
        return rops.row(rops.HIERARCHY_COLUMNS, [self.fid(0x20 + number), f'Folder {number}', self.rng.randrange(1000)])

    def releases(self):
        """RopRelease only: it has no answer."""
        count = self.rng.randrange(1, 4)
        return Batch([rops.release(0, at) for at in range(count)], [], [self._handle() for _ in range(count)])

    def something(self, limit):
        """What a user makes the client ask for: small calls mostly, now and then one of several segments."""
        kind = self.rng.random()
        if kind < 0.55 and self.contents is not None:
            count = min(self.rng.choice((0, 1, 3, 5, 20)) if kind > 0.03 else 250, limit // 128)
            return Batch([rops.query_rows_request(0, 0, 250)], [rops.query_rows_response(0, [self._row() for _ in range(count)])],
                         [self.contents])
        many = 80 if kind > 0.97 else self.rng.randrange(1, 4)
        asked, got, opened = [], [], []
        for at in range(1, many + 1):
            asked += [rops.open_folder_request(0, 0, at, self.fid(0x20 + at)), rops.release(0, at)]
            got.append(rops.open_folder_response(at))
            opened.append(self._handle())
        return Batch(asked, got, [self.logon] + [UNUSED] * many, [self.logon] + opened)

    def whole_event(self):
        """One event with the notifications of every subscription that it concerns: a server that forgets none."""
        inbox, kind = self.fid(), self.rng.randrange(3)
        self.message += 1
        message, notes = rops.eid(self.message), []
        for subscription in (self.store, self.folder):
            if kind == 0:
                notes.append(rops.new_mail(subscription, 0, inbox, message, 0, True, 'IPM.Note'))
            elif kind == 1:
                notes.append(rops.message_modified(subscription, 0, inbox, message, []))
            else:
                notes.append(rops.message_deleted(subscription, 0, inbox, message))
        if self.contents is not None and kind < 2:
            notes.append(rops.contents_row(self.contents, 0, 3 if kind == 0 else 5, inbox, message, inbox, rops.eid(self.message - 1),
                                           self._row(self.message)))
        elif self.contents is not None:
            notes.append(rops.contents_row_deleted(self.contents, 0, inbox, message))
        return notes

    def happening(self):
        """One event and the notifications it makes, each as its own bytes; a server may forget some."""
        if self.whole:
            return self.whole_event()
        rng, inbox = self.rng, self.fid()
        self.message += 1
        message, kind, notes = rops.eid(self.message), rng.random(), []
        if kind < 0.5:
            notes.append(rops.new_mail(self.store, 0, inbox, message, 0, rng.random() < 0.5, 'IPM.Note'))
            if rng.random() < 0.4:
                notes.append(rops.message_created(self.folder, 0, inbox, message, []))
            if self.contents is not None:
                notes.append(rops.contents_row(self.contents, 0, 3, inbox, message, inbox, rops.eid(self.message - 1),
                                               self._row(self.message)))
            if self.hierarchy is not None and rng.random() < 0.5:
                notes.append(rops.hierarchy_row(self.hierarchy, 0, 5, self.fid(0x21), self.fid(0x20), self._folder_row(1)))
        elif kind < 0.7:
            notes.append(rops.message_modified(self.store, 0, inbox, message, []))
            if self.contents is not None and rng.random() < 0.5:
                notes.append(rops.contents_row(self.contents, 0, 5, inbox, message, bytes(8), bytes(8), self._row(self.message)))
        elif kind < 0.8:
            notes.append(rops.message_deleted(self.store, 0, inbox, message))
            if self.contents is not None:
                notes.append(rops.contents_row_deleted(self.contents, 0, inbox, message))
        elif kind < 0.9:
            notes.append(rops.message_moved(self.store, 0, self.fid(7), message, inbox, rops.eid(self.message - 3)))
        elif kind < 0.96 or self.contents is None:
            notes.append(rops.folder_modified(self.store, 0, inbox, [], self.message & 0xFFF, self.message & 0xF))
        else:
            notes.append(rops.table_changed(self.contents, 0))
        return notes
