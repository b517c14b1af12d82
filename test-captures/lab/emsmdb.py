# SPDX-License-Identifier: GPL-2.0-or-later
"""The calls of EMSMDB and AsyncEMSMDB ([MS-OXCRPC] 3.1.4, 3.3.4): stubs of both sides, and what they mean."""

import ipaddress
import struct
import uuid

import rops
from rpc import ASYNCEMSMDB, EMSMDB, Answer, Call
from wire import LAST, NULL_HANDLE, Ndr, extended, version_words, xor

USER_DN = '/o=Lab/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=%s'

NO_SUCH_CALL = 0x1C010002  # nca_op_rng_error
BAD_STUB = 0x000006F7
INBOX, OUTBOX, DELETED = 0x104, 0x105, 0x107


def folder(number):
    return rops.eid(number)


# -- auxiliary blocks --------------------------------------------------------------------------------------------------

def aux_block(version, kind, name, *parts):
    """One block of [MS-OXCRPC] 2.2.2.2; parts are (field, struct format or None for raw bytes, value)."""
    body, fields = b'', {}
    for field, fmt, value in parts:
        body += value if fmt is None else struct.pack('<' + fmt, value)
        fields[field] = value.hex() if isinstance(value, bytes) else value
    return struct.pack('<HBB', len(body) + 4, version, kind) + body, \
        {'Size': len(body) + 4, 'Version': version, 'Type': kind, 'name': name, 'fields': fields}


def client_aux():
    name = 'LABCLIENT'.encode('utf-16-le') + b'\0\0'
    user = 'anna'.encode('utf-16-le') + b'\0\0'
    at = 4 + 4 + 12 * 2
    return [
        aux_block(1, 0x02, 'AUX_PERF_CLIENTINFO', ('AdapterSpeed', 'I', 1000000), ('ClientID', 'H', 1),
                  ('MachineNameOffset', 'H', at), ('UserNameOffset', 'H', at + len(name)), ('ClientIPSize', 'H', 4),
                  ('ClientIPOffset', 'H', at + len(name) + len(user)), ('ClientIPMaskSize', 'H', 0), ('ClientIPMaskOffset', 'H', 0),
                  ('AdapterNameOffset', 'H', 0), ('MacAddressSize', 'H', 0), ('MacAddressOffset', 'H', 0),
                  ('ClientMode', 'H', 2), ('Reserved', 'H', 0), ('MachineName', None, name), ('UserName', None, user),
                  ('ClientIP', None, bytes([198, 51, 100, 20]))),
        aux_block(2, 0x04, 'AUX_PERF_SESSIONINFO_V2', ('SessionID', 'H', 1), ('Reserved', 'H', 0),
                  ('SessionGuid', None, bytes(range(0xA0, 0xB0))), ('ConnectionID', 'I', 7)),
        aux_block(1, 0x0A, 'AUX_CLIENT_CONTROL', ('EnableFlags', 'I', 0x5), ('ExpiryTime', 'I', 604800000)),
    ]


def server_aux():
    return [
        aux_block(1, 0x17, 'AUX_EXORGINFO', ('OrgFlags', 'I', 1)),
        aux_block(1, 0x46, 'AUX_SERVER_CAPABILITIES', ('ServerCapabilityFlags', 'I', 3)),
        aux_block(1, 0x16, 'AUX_OSVERSIONINFO', ('OSVersionInfoSize', 'I', 0x9C), ('MajorVersion', 'I', 6), ('MinorVersion', 'I', 1),
                  ('BuildNumber', 'I', 7601), ('Reserved1', None, bytes(132)), ('ServicePackMajor', 'H', 1),
                  ('ServicePackMinor', 'H', 0), ('Reserved2', 'I', 0)),
        aux_block(9, 0x77, 'unknown', ('data', None, b'\xDE\xAD\xBE\xEF\x01')),
    ]


def aux_buffer(blocks, flags=LAST):
    if not blocks:
        return b'', None
    data, truth = extended(b''.join(block for block, _ in blocks), flags)
    return data, {'ext': truth, 'blocks': [block for _, block in blocks]}


def sockaddr(address, port):
    """The Winsock image of a callback address."""
    ip = ipaddress.ip_address(address)
    truth = {'family': 2 if ip.version == 4 else 23, 'address': address, 'port': port}
    if ip.version == 4:
        return struct.pack('<H', 2) + struct.pack('>H', port) + ip.packed + bytes(8), truth
    return struct.pack('<H', 23) + struct.pack('>H', port) + bytes(4) + ip.packed + bytes(4), truth


class Session:
    """One session context and the calls in it. Bytes of the handles are fixed so that captures stay comparable."""

    def __init__(self, capture, user='anna', seed=1):
        self.capture, self.user = capture, user
        self.number = len(capture.sessions)
        self.cxh = str(uuid.UUID(int=(0xC0DE0000 + seed << 96) | 0x4711_81A2 << 64 | 0x9E00_0000_0000_0001 + seed))
        self.acxh = str(uuid.UUID(int=(0xAC0D0000 + seed << 96) | 0x4712_81A2 << 64 | 0x9E00_0000_0000_1001 + seed))
        self.index = 0x10 + seed
        self.stamp = 0x00AB1000 + seed
        capture.sessions.append(self)

    def truth(self):
        return {'session': self.number, 'user': self.user, 'pcxh': self.cxh, 'pacxh': self.acxh, 'piCxr': self.index,
                'pulTimeStamp': self.stamp}

    def call(self, client, server, opnum, name, stub, answer, request, response=None, interface=EMSMDB, ctx=None, comment=''):
        call = Call(self.capture, interface, opnum, name, comment)
        call.session, call.request, call.response = self, request, response
        return call.run(client, server, stub, answer, ctx)

    def ndr(self, client):
        return Ndr(client.big, client.ndr64)

    # -- [MS-OXCRPC] 3.1.4.1 ------------------------------------------------------------------------------------------

    def connect_ex(self, client, server, link=0xFFFFFFFF, aux=True, aux_flags=LAST, prefix='', display='Anna Lab', ctx=None,
                   failure=0, comment='', fragment=5840, held=False):
        user = USER_DN % self.user
        aux_in, aux_in_truth = aux_buffer(client_aux() if aux else [], aux_flags)
        aux_out, aux_out_truth = aux_buffer(server_aux() if aux and not failure else [], aux_flags)
        words = version_words(14, 0, 7268, 5000)
        asked = {'szUserDN': user, 'ulFlags': 0, 'ulConMod': 0x12345678, 'cbLimit': 0, 'ulCpid': 1252, 'ulLcidString': 1033,
                 'ulLcidSort': 1031, 'ulIcxrLink': link, 'usFCanConvertCodePages': 1, 'rgwClientVersion': words,
                 'pulTimeStamp': self.stamp if link != 0xFFFFFFFF else 0, 'cbAuxIn': len(aux_in), 'pcbAuxOut': 0x1008}
        stub = self.ndr(client).string(user)
        for name in ('ulFlags', 'ulConMod', 'cbLimit', 'ulCpid', 'ulLcidString', 'ulLcidSort', 'ulIcxrLink'):
            stub.u32(asked[name])
        stub.u16(1)
        for word in words:
            stub.u16(word)
        stub.u32(asked['pulTimeStamp']).conformant(aux_in).u32(len(aux_in)).u32(0x1008)

        server_words = version_words(14, 3, 123, 4)
        got = {'pcxh': NULL_HANDLE if failure else self.cxh, 'pcmsPollsMax': 60000, 'pcRetry': 6, 'pcmsRetryDelay': 10000,
               'piCxr': self.index, 'szDNPrefix': prefix, 'szDisplayName': display, 'rgwServerVersion': server_words,
               'rgwBestVersion': words, 'pulTimeStamp': self.stamp, 'pcbAuxOut': len(aux_out), 'return': failure}
        if failure:
            got.update(pcmsPollsMax=0, pcRetry=0, pcmsRetryDelay=0, piCxr=0, szDNPrefix=None, szDisplayName=None)
        back = self.ndr(client).handle(got['pcxh']).u32(got['pcmsPollsMax']).u32(got['pcRetry']).u32(got['pcmsRetryDelay'])
        back.u16(got['piCxr']).unique_string(got['szDNPrefix']).unique_string(got['szDisplayName'], 0x00020004)
        for word in server_words + words:
            back.u16(word)
        back.u32(self.stamp).varying(aux_out, 0x1008).u32(len(aux_out)).u32(failure)
        call = self.call(client, server, 10, 'EcDoConnectEx', stub.bytes(), Answer(back.bytes(), fragment=fragment, held=held),
                         asked, got, ctx=ctx, comment=comment)
        call.aux_in, call.aux_out = aux_in_truth, aux_out_truth
        asked['rgbAuxIn'], got['rgbAuxOut'] = aux_in_truth, aux_out_truth
        return call

    def disconnect(self, client, server, ctx=None):
        return self.call(client, server, 1, 'EcDoDisconnect', self.ndr(client).handle(self.cxh).bytes(),
                         Answer(self.ndr(client).handle(NULL_HANDLE).u32(0).bytes()), {'pcxh': self.cxh},
                         {'pcxh': NULL_HANDLE, 'return': 0}, ctx=ctx)

    def rpc_ext2(self, client, server, asked=None, got=None, flags_in=LAST, flags_out=LAST, pul_flags=0, out_limit=0x8007,
                 failure=0, fault=None, held=False, fragment=5840, ctx=None, comment='', aux_flags=None):
        """EcDoRpcExt2: `asked` one Buffer, `got` one or more (a chain); an empty fetch when nothing is given."""
        asked = asked or rops.Buffer()
        got = [got or rops.Buffer()] if not isinstance(got, list) else got
        rgb_in, ext = extended(asked.bytes(), flags_in)
        payloads_in = [dict(asked.truth(), ext=ext)]
        rgb_out, payloads_out = b'', []
        for number, buffer in enumerate(got if not failure else []):
            flags = flags_out if number == len(got) - 1 else flags_out & ~LAST
            data, ext = extended(buffer.bytes(), flags)
            rgb_out += data
            payloads_out.append(dict(buffer.truth(), ext=ext))
        aux_in, aux_truth = b'', None
        if aux_flags is not None:
            aux_in, aux_truth = aux_buffer([aux_block(1, 0x01, 'AUX_PERF_REQUESTID', ('SessionID', 'H', 1), ('RequestID', 'H', 9))],
                                           aux_flags)
        request = {'pcxh': self.cxh, 'pulFlags': pul_flags, 'cbIn': len(rgb_in), 'pcbOut': out_limit, 'rgbAuxIn': aux_truth,
                   'cbAuxIn': len(aux_in), 'pcbAuxOut': 0x1008}
        stub = self.ndr(client).handle(self.cxh).u32(pul_flags).conformant(rgb_in).u32(len(rgb_in)).u32(out_limit)
        stub.conformant(aux_in).u32(len(aux_in)).u32(0x1008)
        response = {'pcxh': self.cxh, 'pulFlags': 0, 'pcbOut': len(rgb_out), 'pcbAuxOut': 0, 'pulTransTime': 16, 'return': failure}
        back = self.ndr(client).handle(self.cxh).u32(0).varying(rgb_out, out_limit).u32(len(rgb_out))
        back.varying(b'', 0x1008).u32(0).u32(16).u32(failure)
        answer = Answer(back.bytes(), fault=fault, held=held, fragment=fragment)
        call = Call(self.capture, EMSMDB, 11, 'EcDoRpcExt2', comment)
        call.session, call.request, call.response = self, request, None if fault else response
        call.payloads_in, call.payloads_out = payloads_in, [] if fault else payloads_out
        return call.run(client, server, stub.bytes(), answer, ctx)

    def register_push(self, client, server, context, address, port, notification=0x51, failure=0, ctx=None, comment=''):
        where, truth = sockaddr(address, port)
        request = {'pcxh': self.cxh, 'iRpc': 0, 'rgbContext': context.hex(), 'cbContext': len(context), 'grbitAdviseBits': 0xFFFFFFFF,
                   'rgbCallbackAddress': dict(truth, hex=where.hex()), 'cbCallbackAddress': len(where)}
        stub = self.ndr(client).handle(self.cxh).u32(0).conformant(context).u16(len(context)).u32(0xFFFFFFFF)
        stub.conformant(where).u16(len(where))
        response = {'pcxh': self.cxh, 'hNotification': 0 if failure else notification, 'return': failure}
        back = self.ndr(client).handle(self.cxh).u32(response['hNotification']).u32(failure)
        return self.call(client, server, 4, 'EcRRegisterPushNotification', stub.bytes(), Answer(back.bytes()), request, response,
                         ctx=ctx, comment=comment)

    def async_connect(self, client, server, failure=0, ctx=None):
        acxh = NULL_HANDLE if failure else self.acxh
        return self.call(client, server, 14, 'EcDoAsyncConnectEx', self.ndr(client).handle(self.cxh).bytes(),
                         Answer(self.ndr(client).handle(acxh).u32(failure).bytes()), {'cxh': self.cxh},
                         {'pacxh': acxh, 'return': failure}, ctx=ctx)

    def async_wait(self, client, server, flags=0, value=0, held=False, ctx=None, comment='', acxh=None):
        acxh = acxh or self.acxh
        return self.call(client, server, 0, 'EcDoAsyncWaitEx', self.ndr(client).handle(acxh).u32(0).bytes(),
                         Answer(self.ndr(client).u32(flags).u32(value).bytes(), held=held), {'acxh': acxh, 'ulFlagsIn': 0},
                         {'pulFlagsOut': flags, 'return': value}, interface=ASYNCEMSMDB, ctx=ctx, comment=comment)

    def dummy(self, client, server, ctx=None):
        return self.call(client, server, 6, 'EcDummyRpc', b'', Answer(self.ndr(client).u32(0).bytes()), {}, {'return': 0}, ctx=ctx)

    def unused(self, client, server, opnum, stub=b'', ctx=None):
        return self.call(client, server, opnum, f'Opnum{opnum}NotUsedOnWire', stub, Answer(fault=NO_SUCH_CALL), {'hex': stub.hex()},
                         None, ctx=ctx, comment='unused opnum, fault nca_op_rng_error')

    # -- the calls of Exchange 5.5 to 2003 -----------------------------------------------------------------------------

    def legacy_connect(self, client, server):
        user = USER_DN % self.user
        words = [0x0A00, 0x8000 | 2627, 1]
        request = {'szUserDN': user, 'ulFlags': 0, 'ulConMod': 0x12345678, 'cbLimit': 0, 'ulCpid': 1252, 'ulLcidString': 1033,
                   'ulLcidSort': 1033, 'ulIcxrLink': 0xFFFFFFFF, 'usFCanConvertCodePages': 1, 'rgwClientVersion': words,
                   'pullTimeStamp': 0}
        stub = self.ndr(client).string(user)
        for name in ('ulFlags', 'ulConMod', 'cbLimit', 'ulCpid', 'ulLcidString', 'ulLcidSort', 'ulIcxrLink'):
            stub.u32(request[name])
        stub.u16(1)
        for word in words:
            stub.u16(word)
        stub.u32(0)
        server_words = [6, 7638, 1]
        response = {'pcxh': self.cxh, 'pcmsPollsMax': 60000, 'pcRetry': 6, 'pcmsRetryDelay': 10000, 'piCxr': self.index,
                    'szDNPrefix': '', 'szDisplayName': 'Old Lab', 'rgwServerVersion': server_words, 'rgwClientVersion': words,
                    'pullTimeStamp': self.stamp, 'return': 0}
        back = self.ndr(client).handle(self.cxh).u32(60000).u32(6).u32(10000).u16(self.index)
        back.unique_string('').unique_string('Old Lab', 0x00020004)
        for word in server_words + words:
            back.u16(word)
        back.u32(self.stamp).u32(0)
        return self.call(client, server, 0, 'EcDoConnect', stub.bytes(), Answer(back.bytes()), request, response, comment='legacy')

    def legacy_rpc(self, client, server, asked=None, got=None, comment='legacy'):
        """EcDoRpc: the ROP buffer itself, every byte XOR 0xA5, no extended header."""
        asked, got = asked or rops.Buffer(), got or rops.Buffer()
        data, answer = asked.bytes(), got.bytes()
        request = {'pcxh': self.cxh, 'length': len(data), 'max_data': 0x7FFF}
        stub = self.ndr(client).handle(self.cxh).varying(xor(data), 0x7FFF).u16(len(data)).u16(0x7FFF)
        response = {'pcxh': self.cxh, 'length': len(answer), 'return': 0}
        back = self.ndr(client).handle(self.cxh).varying(xor(answer), 0x7FFF).u16(len(answer)).u32(0)
        call = self.call(client, server, 2, 'EcDoRpc', stub.bytes(), Answer(back.bytes()), request, response, comment=comment)
        call.payloads_in, call.payloads_out = [dict(asked.truth(), ext=None)], [dict(got.truth(), ext=None)]
        return call

    def legacy_rpc_ext(self, client, server, asked=None, got=None, flags_in=LAST, flags_out=LAST):
        asked, got = asked or rops.Buffer(), got or rops.Buffer()
        data, ext_in = extended(asked.bytes(), flags_in)
        answer, ext_out = extended(got.bytes(), flags_out)
        request = {'pcxh': self.cxh, 'pulFlags': 0, 'cbIn': len(data), 'pcbOut': 0x8007, 'Reserved0': '', 'Reserved1': 0}
        stub = self.ndr(client).handle(self.cxh).u32(0).conformant(data).u32(len(data)).u32(0x8007).varying(b'').u32(0)
        response = {'pcxh': self.cxh, 'pulFlags': 0, 'pcbOut': len(answer), 'Reserved0': '', 'Reserved1': 0, 'pulTransTime': 3,
                    'return': 0}
        back = self.ndr(client).handle(self.cxh).u32(0).varying(answer, 0x8007).u32(len(answer)).varying(b'').u32(0).u32(3).u32(0)
        call = self.call(client, server, 9, 'EcDoRpcExt', stub.bytes(), Answer(back.bytes()), request, response, comment='legacy')
        call.payloads_in, call.payloads_out = [dict(asked.truth(), ext=ext_in)], [dict(got.truth(), ext=ext_out)]
        return call


# -- what most scenarios do --------------------------------------------------------------------------------------------

UNUSED = 0xFFFFFFFF
LOGON, FOLDER, TABLE, HIERARCHY, STORE_SUB, FOLDER_SUB = 0x21, 0x22, 0x23, 0x24, 0x25, 0x26
SUBJECTS = ['Minutes', 'Re: Minutes of the meeting on Monday', 'Grüße']


def contents_row(number, flagged=False):
    values = [rops.eid(0x2000 + number), SUBJECTS[number % 3], number & 1]
    if flagged:
        values[1] = None
    return rops.row(rops.CONTENTS_COLUMNS, values, flagged)


def logon(session, client, server, **more):
    """RopLogon, alone."""
    asked = rops.Buffer([rops.logon_request(0, 0, USER_DN % session.user)], [UNUSED])
    got = rops.Buffer([rops.logon_response(0, 0x100, bytes(range(0x60, 0x70)))], [LOGON])
    return session.rpc_ext2(client, server, asked, got, **more)


def open_inbox(session, client, server, rows=3, **more):
    """RopOpenFolder, RopGetContentsTable, RopSetColumns, RopQueryRows in one buffer."""
    asked = rops.Buffer([
        rops.open_folder_request(0, 0, 1, folder(INBOX)),
        rops.open_table_request(0x05, 0, 1, 2),
        rops.set_columns_request(0, 2, rops.CONTENTS_COLUMNS),
        rops.query_rows_request(0, 2, 50)], [LOGON, UNUSED, UNUSED])
    got = rops.Buffer([
        rops.open_folder_response(1), rops.open_table_response(0x05, 2, rows), rops.set_columns_response(2),
        rops.query_rows_response(2, [contents_row(n, n % 3 == 2) for n in range(rows)])], [LOGON, FOLDER, TABLE])
    return session.rpc_ext2(client, server, asked, got, **more)


def open_hierarchy(session, client, server, **more):
    asked = rops.Buffer([rops.open_table_request(0x04, 0, 0, 1), rops.set_columns_request(0, 1, rops.HIERARCHY_COLUMNS),
                         rops.query_rows_request(0, 1, 50)], [FOLDER, UNUSED])
    got = rops.Buffer([rops.open_table_response(0x04, 1, 1), rops.set_columns_response(1),
                       rops.query_rows_response(1, [rops.row(rops.HIERARCHY_COLUMNS, [folder(0x200), 'Projects', 12])])],
                      [FOLDER, HIERARCHY])
    return session.rpc_ext2(client, server, asked, got, **more)


def subscribe(session, client, server, **more):
    """Whole store: everything; Inbox: created and deleted, with the Extended bit and its Reserved byte."""
    asked = rops.Buffer([rops.register_request(0, 0, 2, 0x01FE), rops.register_request(0, 1, 3, 0x040C, folder(INBOX))],
                        [LOGON, FOLDER, UNUSED, UNUSED])
    got = rops.Buffer([rops.register_response(2), rops.register_response(3)], [LOGON, FOLDER, STORE_SUB, FOLDER_SUB])
    return session.rpc_ext2(client, server, asked, got, **more)


def fetch(session, client, server, *notes, **more):
    """An empty fetch that brings these notifications."""
    return session.rpc_ext2(client, server, rops.Buffer(), rops.Buffer(notes), **more)


def mail(number=1, unicode=True):
    return rops.new_mail(STORE_SUB, 0, folder(INBOX), rops.eid(0x3000 + number), 2, unicode, 'IPM.Note')


def core(session, client, server, **more):
    """The calls each transport has to carry."""
    session.connect_ex(client, server)
    logon(session, client, server, **more)
    open_inbox(session, client, server, **more)
    subscribe(session, client, server, **more)
    fetch(session, client, server, mail(1), comment='piggy-back on a poll', **more)
    fetch(session, client, server, rops.contents_row(TABLE, 0, 3, folder(INBOX), rops.eid(0x2003), folder(INBOX), rops.eid(0x2002),
                                                     contents_row(3)), mail(2, False), **more)
    fetch(session, client, server, comment='nothing new', **more)
