# SPDX-License-Identifier: GPL-2.0-or-later
"""ROPs the lab sends ([MS-OXCROPS], [MS-OXCNOTIF]): each function gives a Rop, the bytes and what they mean.

Every layout is written out by hand, form by form, so that the ground truth does not come from a table of rules that
the dissector could share.
Values in the truth: integers as integers; FolderId, MessageId and other byte strings as hex of the bytes on the wire.
"""

import struct

ROP_NAMES = {
    0x01: 'RopRelease', 0x02: 'RopOpenFolder', 0x04: 'RopGetHierarchyTable', 0x05: 'RopGetContentsTable',
    0x12: 'RopSetColumns', 0x15: 'RopQueryRows', 0x29: 'RopRegisterNotification', 0x2A: 'RopNotify',
    0x6E: 'RopPending', 0xF9: 'RopBackoff', 0xFE: 'RopLogon', 0xFF: 'RopBufferTooSmall',
}

PIDTAG_MID = 0x674A0014
PIDTAG_SUBJECT = 0x0037001F
PIDTAG_MESSAGE_FLAGS = 0x0E070003
PIDTAG_DISPLAY_NAME = 0x3001001F
PIDTAG_FOLDER_ID = 0x67480014
PIDTAG_CONTENT_COUNT = 0x36020003

CONTENTS_COLUMNS = [PIDTAG_MID, PIDTAG_SUBJECT, PIDTAG_MESSAGE_FLAGS]
HIERARCHY_COLUMNS = [PIDTAG_FOLDER_ID, PIDTAG_DISPLAY_NAME, PIDTAG_CONTENT_COUNT]


def eid(counter, replica=1):
    """A FolderId or MessageId: ReplicaId little-endian, GlobalCounter big-endian."""
    return struct.pack('<H', replica) + counter.to_bytes(6, 'big')


class Rop:
    """One ROP: its bytes and its truth."""

    def __init__(self, rop_id):
        self.rop_id = rop_id
        self.data = bytearray([rop_id])
        self.fields = {}

    def add(self, name, fmt, value):
        if fmt == 'bytes':
            self.data += value
            self.fields[name] = bytes(value).hex()
        elif fmt == 'z8':
            self.data += value.encode('latin-1') + b'\0'
            self.fields[name] = value
        elif fmt == 'z16':
            self.data += value.encode('utf-16-le') + b'\0\0'
            self.fields[name] = value
        else:
            self.data += struct.pack('<' + fmt, value)
            self.fields[name] = value
        return self

    def truth(self):
        return {'RopId': self.rop_id, 'name': ROP_NAMES[self.rop_id], 'fields': self.fields,
                'length': len(self.data), 'hex': bytes(self.data).hex()}


def request(rop_id, logon, inp, out=None):
    rop = Rop(rop_id).add('LogonId', 'B', logon).add('InputHandleIndex', 'B', inp)
    return rop if out is None else rop.add('OutputHandleIndex', 'B', out)


def response(rop_id, index, value=0, name='InputHandleIndex'):
    return Rop(rop_id).add(name, 'B', index).add('ReturnValue', 'I', value)


def release(logon, inp):
    return request(0x01, logon, inp)


def logon_request(logon, out, essdn):
    essdn = essdn.encode('ascii') + b'\0'
    rop = Rop(0xFE).add('LogonId', 'B', logon).add('OutputHandleIndex', 'B', out)
    rop.add('LogonFlags', 'B', 0x01).add('OpenFlags', 'I', 0x01000004).add('StoreState', 'I', 0)
    return rop.add('EssdnSize', 'H', len(essdn)).add('Essdn', 'bytes', essdn)


def logon_response(out, first_folder, mailbox_guid):
    rop = response(0xFE, out, name='OutputHandleIndex').add('LogonFlags', 'B', 0x01)
    folders = [eid(first_folder + n) for n in range(13)]
    rop.data += b''.join(folders)
    rop.fields['FolderIds'] = [folder.hex() for folder in folders]
    rop.add('ResponseFlags', 'B', 0x07).add('MailboxGuid', 'bytes', mailbox_guid)
    rop.add('ReplId', 'H', 1).add('ReplGuid', 'bytes', bytes(range(0x40, 0x50)))
    rop.add('LogonTime', 'bytes', struct.pack('<BBBBBBH', 5, 4, 3, 1, 2, 2, 2026))
    return rop.add('GwartTime', 'Q', 0x01DC00000000AB00).add('StoreState', 'I', 0)


def open_folder_request(logon, inp, out, folder):
    return request(0x02, logon, inp, out).add('FolderId', 'bytes', folder).add('OpenModeFlags', 'B', 0)


def open_folder_response(out):
    return response(0x02, out, name='OutputHandleIndex').add('HasRules', 'B', 0).add('IsGhosted', 'B', 0)


def open_table_request(rop_id, logon, inp, out, flags=0):
    return request(rop_id, logon, inp, out).add('TableFlags', 'B', flags)


def open_table_response(rop_id, out, rows):
    return response(rop_id, out, name='OutputHandleIndex').add('RowCount', 'I', rows)


def set_columns_request(logon, inp, tags):
    rop = request(0x12, logon, inp).add('SetColumnsFlags', 'B', 0).add('PropertyTagCount', 'H', len(tags))
    rop.data += b''.join(struct.pack('<I', tag) for tag in tags)
    rop.fields['PropertyTags'] = list(tags)
    return rop


def set_columns_response(inp):
    return response(0x12, inp).add('TableStatus', 'B', 0)


def query_rows_request(logon, inp, count):
    return request(0x15, logon, inp).add('QueryRowsFlags', 'B', 0).add('ForwardRead', 'B', 1).add('RowCount', 'H', count)


def value_bytes(tag, value):
    kind = tag & 0xFFFF
    if kind == 0x0014:
        return value
    if kind == 0x0003:
        return struct.pack('<i', value)
    if kind == 0x001F:
        return value.encode('utf-16-le') + b'\0\0'
    raise ValueError('no such type in the lab')


def row(tags, values, flagged=False):
    """PropertyRow over these columns; in a flagged row None is a property that is not there (Flag 0x01)."""
    data = bytearray([1 if flagged else 0])
    truth = []
    for tag, value in zip(tags, values, strict=True):
        if flagged:
            data.append(0x01 if value is None else 0x00)
        if value is not None:
            data += value_bytes(tag, value)
        truth.append({'tag': tag, 'value': value.hex() if isinstance(value, bytes) else value})
    return bytes(data), {'Flag': 1 if flagged else 0, 'values': truth}


def query_rows_response(inp, rows):
    rop = response(0x15, inp).add('Origin', 'B', 2).add('RowCount', 'H', len(rows))
    rop.data += b''.join(data for data, _ in rows)
    rop.fields['RowData'] = [truth for _, truth in rows]
    return rop


def register_request(logon, inp, out, types, folder=None, message=None):
    rop = request(0x29, logon, inp, out).add('NotificationTypes', 'H', types)
    if types & 0x0400:
        rop.add('Reserved', 'B', 0)
    if folder is None:
        return rop.add('WantWholeStore', 'B', 1)
    rop.add('WantWholeStore', 'B', 0).add('FolderId', 'bytes', folder)
    return rop.add('MessageId', 'bytes', message or bytes(8))


def register_response(out, value=0):
    return response(0x29, out, value, name='OutputHandleIndex')


def pending(index):
    return Rop(0x6E).add('SessionIndex', 'H', index)


def _notify(handle, logon, flags):
    return Rop(0x2A).add('NotificationHandle', 'I', handle).add('LogonId', 'B', logon).add('NotificationFlags', 'H', flags)


def _tags(rop, tags):
    rop.add('TagCount', 'H', len(tags))
    if tags:
        rop.data += b''.join(struct.pack('<I', tag) for tag in tags)
        rop.fields['Tags'] = list(tags)
    return rop


def new_mail(handle, logon, folder, message, flags, unicode, message_class):
    rop = _notify(handle, logon, 0x8002).add('FolderId', 'bytes', folder).add('MessageId', 'bytes', message)
    rop.add('MessageFlags', 'I', flags).add('UnicodeFlag', 'B', 1 if unicode else 0)
    return rop.add('MessageClass', 'z16' if unicode else 'z8', message_class)


def message_created(handle, logon, folder, message, tags):
    rop = _notify(handle, logon, 0x8004).add('FolderId', 'bytes', folder).add('MessageId', 'bytes', message)
    return _tags(rop, tags)


def search_created(handle, logon, folder, message, search, tags):
    rop = _notify(handle, logon, 0xC004).add('FolderId', 'bytes', folder).add('MessageId', 'bytes', message)
    return _tags(rop.add('ParentFolderId', 'bytes', search), tags)


def folder_created(handle, logon, folder, parent, tags):
    rop = _notify(handle, logon, 0x0004).add('FolderId', 'bytes', folder).add('ParentFolderId', 'bytes', parent)
    return _tags(rop, tags)


def folder_deleted(handle, logon, folder, parent):
    return _notify(handle, logon, 0x0008).add('FolderId', 'bytes', folder).add('ParentFolderId', 'bytes', parent)


def message_deleted(handle, logon, folder, message):
    return _notify(handle, logon, 0x8008).add('FolderId', 'bytes', folder).add('MessageId', 'bytes', message)


def message_modified(handle, logon, folder, message, tags):
    rop = _notify(handle, logon, 0x8010).add('FolderId', 'bytes', folder).add('MessageId', 'bytes', message)
    return _tags(rop, tags)


def folder_modified(handle, logon, folder, tags, total, unread):
    rop = _tags(_notify(handle, logon, 0x3010).add('FolderId', 'bytes', folder), tags)
    return rop.add('TotalMessageCount', 'I', total).add('UnreadMessageCount', 'I', unread)


def message_moved(handle, logon, folder, message, old_folder, old_message, copied=False):
    rop = _notify(handle, logon, 0x8040 if copied else 0x8020)
    rop.add('FolderId', 'bytes', folder).add('MessageId', 'bytes', message)
    return rop.add('OldFolderId', 'bytes', old_folder).add('OldMessageId', 'bytes', old_message)


def folder_moved(handle, logon, folder, parent, old_folder, old_parent, copied=False):
    rop = _notify(handle, logon, 0x0040 if copied else 0x0020)
    rop.add('FolderId', 'bytes', folder).add('ParentFolderId', 'bytes', parent)
    return rop.add('OldFolderId', 'bytes', old_folder).add('OldParentFolderId', 'bytes', old_parent)


def search_completed(handle, logon, folder):
    return _notify(handle, logon, 0x0080).add('FolderId', 'bytes', folder)


def table_changed(handle, logon, contents=True, event=1):
    return _notify(handle, logon, 0x8100 if contents else 0x0100).add('TableEventType', 'H', event)


def contents_row(handle, logon, event, folder, message, after_folder, after_message, data):
    rop = _notify(handle, logon, 0x8100).add('TableEventType', 'H', event)
    rop.add('TableRowFolderID', 'bytes', folder).add('TableRowMessageID', 'bytes', message).add('TableRowInstance', 'I', 0)
    rop.add('InsertAfterTableRowFolderID', 'bytes', after_folder).add('InsertAfterTableRowID', 'bytes', after_message)
    rop.add('InsertAfterTableRowInstance', 'I', 0)
    rop.add('TableRowDataSize', 'H', len(data[0])).add('TableRowData', 'bytes', data[0])
    rop.fields['TableRow'] = data[1]
    return rop


def contents_row_deleted(handle, logon, folder, message):
    rop = _notify(handle, logon, 0x8100).add('TableEventType', 'H', 4)
    return rop.add('TableRowFolderID', 'bytes', folder).add('TableRowMessageID', 'bytes', message).add('TableRowInstance', 'I', 0)


def hierarchy_row(handle, logon, event, folder, after_folder, data):
    rop = _notify(handle, logon, 0x0100).add('TableEventType', 'H', event)
    rop.add('TableRowFolderID', 'bytes', folder).add('InsertAfterTableRowFolderID', 'bytes', after_folder)
    rop.add('TableRowDataSize', 'H', len(data[0])).add('TableRowData', 'bytes', data[0])
    rop.fields['TableRow'] = data[1]
    return rop


def hierarchy_row_deleted(handle, logon, folder):
    return _notify(handle, logon, 0x0100).add('TableEventType', 'H', 4).add('TableRowFolderID', 'bytes', folder)


class Buffer:
    """A ROP input or output buffer ([MS-OXCROPS] 2.2.1) with its truth."""

    def __init__(self, rops=(), handles=()):
        self.rops = list(rops)
        self.handles = list(handles)

    def bytes(self):
        body = b''.join(bytes(rop.data) for rop in self.rops)
        return struct.pack('<H', len(body) + 2) + body + b''.join(struct.pack('<I', h) for h in self.handles)

    def truth(self):
        return {'RopSize': 2 + sum(len(rop.data) for rop in self.rops), 'rops': [rop.truth() for rop in self.rops],
                'handles': self.handles}
