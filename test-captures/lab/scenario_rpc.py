# SPDX-License-Identifier: GPL-2.0-or-later
"""EMSMDB and AsyncEMSMDB over ncacn_ip_tcp: every call, every kind of notification, both byte orders, NDR64, port 6001."""

import rops
from capture import Wakeup
from emsmdb import (BAD_STUB, DELETED, FOLDER_SUB, HIERARCHY, INBOX, LOGON, OUTBOX, STORE_SUB, TABLE, UNUSED, Session,
                    contents_row, core, fetch, folder, logon, mail, open_hierarchy, open_inbox, subscribe)
from rpc import ASYNCEMSMDB, EMSMDB, Channel, ImpacketClient, OwnClient, Server
from capture import Link
from wire import COMPRESSED, LAST, XOR_MAGIC


def open_tcp(capture, interface=EMSMDB, own=False, port=49700, **more):
    """A connection, its server, its client, bound."""
    channel = Channel(Link(capture, server_port=port))
    server = Server(channel, secondary=str(port))
    client = OwnClient(channel, **more) if own else ImpacketClient(channel, **more)
    client.bind(interface)
    return client, server, channel.link


def every_notification(session, client, server):
    """All forms a server sends, in a few fetches; plain, XOR, LZ77 and both."""
    fetch(session, client, server,
          rops.message_created(FOLDER_SUB, 0, folder(INBOX), rops.eid(0x2005), [rops.PIDTAG_SUBJECT, rops.PIDTAG_MESSAGE_FLAGS]),
          rops.folder_created(STORE_SUB, 0, folder(0x201), folder(INBOX), [rops.PIDTAG_DISPLAY_NAME]),
          rops.message_modified(STORE_SUB, 0, folder(INBOX), rops.eid(0x2005), []),
          rops.folder_modified(STORE_SUB, 0, folder(INBOX), [0x36020003, 0x36030003], 17, 4), comment='created, modified')
    fetch(session, client, server,
          rops.message_deleted(FOLDER_SUB, 0, folder(INBOX), rops.eid(0x2001)),
          rops.folder_deleted(STORE_SUB, 0, folder(0x201), folder(INBOX)),
          rops.message_moved(STORE_SUB, 0, folder(DELETED), rops.eid(0x2101), folder(INBOX), rops.eid(0x2001)),
          rops.message_moved(STORE_SUB, 0, folder(OUTBOX), rops.eid(0x2102), folder(INBOX), rops.eid(0x2002), copied=True),
          rops.folder_moved(STORE_SUB, 0, folder(0x202), folder(DELETED), folder(0x202), folder(INBOX)),
          rops.folder_moved(STORE_SUB, 0, folder(0x203), folder(INBOX), folder(0x202), folder(DELETED), copied=True),
          flags_out=LAST | XOR_MAGIC, comment='deleted, moved, copied; XOR')
    notes = [rops.contents_row(TABLE, 0, 5, folder(INBOX), rops.eid(0x2000 + n), folder(INBOX), rops.eid(0x2000 + n - 1) if n else bytes(8),
                               contents_row(n, n % 3 == 2)) for n in range(5)]
    fetch(session, client, server, *notes, rops.contents_row_deleted(TABLE, 0, folder(INBOX), rops.eid(0x2004)),
          rops.table_changed(TABLE, 0), flags_in=LAST, flags_out=LAST | COMPRESSED, comment='contents table; LZ77')
    fetch(session, client, server,
          rops.hierarchy_row(HIERARCHY, 0, 3, folder(0x204), folder(0x200),
                             rops.row(rops.HIERARCHY_COLUMNS, [folder(0x204), 'Projects / Projects / Projects', 0])),
          rops.hierarchy_row(HIERARCHY, 0, 5, folder(0x200), bytes(8),
                             rops.row(rops.HIERARCHY_COLUMNS, [folder(0x200), None, 13], flagged=True)),
          rops.hierarchy_row_deleted(HIERARCHY, 0, folder(0x204)), rops.table_changed(HIERARCHY, 0, contents=False),
          flags_in=LAST | XOR_MAGIC, flags_out=LAST | COMPRESSED | XOR_MAGIC, comment='hierarchy table; LZ77 and XOR')
    fetch(session, client, server,
          rops.search_created(STORE_SUB, 0, folder(INBOX), rops.eid(0x2006), folder(0x300), [rops.PIDTAG_SUBJECT]),
          rops.search_completed(STORE_SUB, 0, folder(0x300)), mail(7), mail(8, False),
          rops.table_changed(TABLE, 0, event=7), comment='search folder, new mail')


def rpc_tcp(capture):
    session = Session(capture)
    client, server, _ = open_tcp(capture)
    session.connect_ex(client, server, aux_flags=LAST | XOR_MAGIC)
    session.dummy(client, server)
    logon(session, client, server)
    open_inbox(session, client, server, flags_in=LAST | COMPRESSED)
    open_hierarchy(session, client, server, flags_in=LAST | XOR_MAGIC, flags_out=LAST | XOR_MAGIC)
    subscribe(session, client, server, flags_in=LAST, aux_flags=LAST | XOR_MAGIC)
    every_notification(session, client, server)
    first = fetch(session, client, server, *[mail(20 + n) for n in range(6)], rops.pending(session.index), out_limit=400,
                  comment='not all fit: RopPending of the own session')
    rest = fetch(session, client, server, mail(26), mail(27))
    Wakeup(capture, 4, 1, first, rest, session, 'RopPending')

    # Chained answer: RopQueryRows is the last ROP and the client allows it.
    asked = rops.Buffer([rops.query_rows_request(0, 0, 8)], [TABLE])
    parts = [rops.Buffer([rops.query_rows_response(0, [contents_row(n) for n in range(at, at + 4)])], [TABLE]) for at in (0, 4)]
    parts[0].rops.append(mail(30))
    session.rpc_ext2(client, server, asked, parts, pul_flags=4, flags_out=LAST | COMPRESSED, comment='chained answer')

    # Fragmented both ways.
    columns = rops.CONTENTS_COLUMNS + [0x00010000 * n + 0x0003 for n in range(0x3000, 0x3100)]
    asked = rops.Buffer([rops.set_columns_request(0, 0, columns), rops.set_columns_request(0, 0, rops.CONTENTS_COLUMNS),
                         rops.query_rows_request(0, 0, 60)], [TABLE])
    got = rops.Buffer([rops.set_columns_response(0), rops.set_columns_response(0),
                       rops.query_rows_response(0, [contents_row(n) for n in range(60)]), mail(31)], [TABLE])
    client.fragment = 400
    session.rpc_ext2(client, server, asked, got, fragment=1024, comment='request and answer in fragments')
    client.fragment = 0

    session.rpc_ext2(client, server, failure=0x000004B6, comment='ecRpcFormat')
    session.rpc_ext2(client, server, fault=BAD_STUB, comment='fault')
    released = rops.Buffer([rops.release(0, 0)], [FOLDER_SUB])
    session.rpc_ext2(client, server, released, rops.Buffer([mail(32)], []), comment='RopRelease of a subscription')
    for opnum in (3, 5, 7, 8, 12, 13, 15):
        session.unused(client, server, opnum, b'\x01\x02\x03\x04' if opnum == 7 else b'')
    session.connect_ex(client, server, failure=0x000003EB, comment='ecUnknownUser: handle all zero', aux=False)
    session.disconnect(client, server)
    capture.notes.append('One session on one connection, impacket\'s client. Table rows use the columns of RopSetColumns.')


def rpc_async(capture):
    """Waits on an own connection and by alter_context; answered late, timed out, refused, ended."""
    session = Session(capture)
    client, server, _ = open_tcp(capture)
    core(session, client, server)
    session.async_connect(client, server)
    wait_client, wait_server, _ = open_tcp(capture, ASYNCEMSMDB)

    wait = session.async_wait(wait_client, wait_server, flags=1, held=True, comment='answered after other calls')
    fetch(session, client, server, comment='while the wait is open')
    session.dummy(client, server)
    capture.gap(95)
    wait.complete()
    got = fetch(session, client, server, mail(40), rops.message_created(FOLDER_SUB, 0, folder(INBOX), rops.eid(0x2040), []))
    Wakeup(capture, 2, 1, wait, got, session, 'after 95 s')

    second = session.async_wait(wait_client, wait_server, held=True, comment='times out')
    capture.gap(300)
    second.complete()
    Wakeup(capture, 2, 2, second, None, session, 'five minutes without activity')

    third = session.async_wait(wait_client, wait_server, flags=1, comment='events were queued already')
    got = fetch(session, client, server, mail(41))
    Wakeup(capture, 2, 1, third, got, session, 'at once')

    fourth = session.async_wait(wait_client, wait_server, flags=1, comment='another call drained the queue')
    got = open_inbox(session, client, server)
    Wakeup(capture, 2, 1, fourth, got, session, 'the next call of the session brought no RopNotify')

    # The same interface on the first connection, and a second wait while one is open.
    ctx = client.alter(ASYNCEMSMDB)
    fifth = session.async_wait(client, server, flags=1, held=True, ctx=ctx, comment='alter_context on the EMSMDB connection')
    rejected = session.async_wait(wait_client, wait_server, value=0x7EE, comment='second wait: ecRejected')
    Wakeup(capture, 2, 3, rejected, None, session, '0x7EE')
    middle = fetch(session, client, server, comment='while the wait on this connection is open')
    capture.gap(42)
    fifth.complete()
    got = fetch(session, client, server, mail(42))
    Wakeup(capture, 2, 1, fifth, got, session, 'answered after another call of the same connection')
    middle.comment += ': call ids out of order'

    # Two wake-ups before one fetch.
    sixth = session.async_wait(wait_client, wait_server, flags=1)
    seventh = session.async_wait(wait_client, wait_server, flags=1)
    got = fetch(session, client, server, mail(43), mail(44))
    Wakeup(capture, 2, 1, sixth, None, session, 'superseded by the next one').superseded = \
        Wakeup(capture, 2, 1, seventh, got, session, '')

    last = session.async_wait(wait_client, wait_server, value=0x3ED, comment='server shutting down: ecExiting')
    Wakeup(capture, 2, 3, last, None, session, '0x3ED')
    session.disconnect(client, server)
    capture.notes.append('Time stamps of gaps (95, 300, 42 s) were moved by the lab; the packets are real.')


def rpc_async_interleaved(capture):
    """Two sessions wait at the same time over two connections each; the answers cross."""
    pairs = []
    for seed, user in ((1, 'anna'), (2, 'bert')):
        session = Session(capture, user, seed)
        client, server, _ = open_tcp(capture)
        core(session, client, server)
        session.async_connect(client, server)
        wait_client, wait_server, _ = open_tcp(capture, ASYNCEMSMDB)
        pairs.append((session, client, server, session.async_wait(wait_client, wait_server, flags=1, held=True), wait_client, wait_server))
    (anna, a_client, a_server, a_wait, _, _), (bert, b_client, b_server, b_wait, b_wait_client, b_wait_server) = pairs
    b_wait.complete()
    fetch(anna, a_client, a_server, comment='a poll of the other session')
    a_wait.complete()
    a_got = fetch(anna, a_client, a_server, mail(50))
    b_got = fetch(bert, b_client, b_server, mail(60))
    Wakeup(capture, 2, 1, b_wait, b_got, bert)
    Wakeup(capture, 2, 1, a_wait, a_got, anna)
    bert.async_wait(b_wait_client, b_wait_server, flags=1, held=True, comment='never answered: the capture ends')
    capture.end_here()
    capture.notes.append('Both sessions use the same handle values and LogonId 0; only the session context tells them apart.')


def rpc_late(capture):
    """The capture starts while a fetch is on its way and a wait is open."""
    session = Session(capture)
    client, server, _ = open_tcp(capture)
    core(session, client, server)
    session.async_connect(client, server)
    wait_client, wait_server, _ = open_tcp(capture, ASYNCEMSMDB)
    wait = session.async_wait(wait_client, wait_server, flags=1, held=True, comment='request not captured')
    call = fetch(session, client, server, mail(70), held=True, comment='request not captured')
    capture.begin_here()
    call.complete()
    wait.complete()
    got = fetch(session, client, server, mail(71), rops.message_created(FOLDER_SUB, 0, folder(INBOX), rops.eid(0x2071), []))
    Wakeup(capture, 2, 1, wait, got, session, 'the wait\'s request was not captured')
    fetch(session, client, server, rops.contents_row(TABLE, 0, 3, folder(INBOX), rops.eid(0x2003), folder(INBOX), rops.eid(0x2002),
                                                     contents_row(3)), comment='columns unknown')
    session.disconnect(client, server)
    capture.notes.append('Bind, EcDoConnectEx, logon, subscriptions and two requests happened before the first frame.')


def rpc_legacy(capture):
    """Exchange 5.5 to 2003: EcDoConnect, EcDoRpc with obfuscated ROP buffers, EcDoRpcExt."""
    session = Session(capture, 'otto')
    client, server, _ = open_tcp(capture)
    session.legacy_connect(client, server)
    asked = rops.Buffer([rops.logon_request(0, 0, '/o=Lab/cn=Recipients/cn=otto')], [UNUSED])
    session.legacy_rpc(client, server, asked, rops.Buffer([rops.logon_response(0, 0x100, bytes(range(16)))], [LOGON]))
    asked = rops.Buffer([rops.register_request(0, 0, 1, 0x01FE)], [LOGON, UNUSED])
    session.legacy_rpc(client, server, asked, rops.Buffer([rops.register_response(1)], [LOGON, STORE_SUB]))
    session.legacy_rpc(client, server, comment='legacy poll, A7 A5')
    session.legacy_rpc(client, server, None, rops.Buffer([mail(80, False)]), comment='legacy poll')
    session.legacy_rpc_ext(client, server, None, rops.Buffer([mail(81, False), rops.search_completed(STORE_SUB, 0, folder(0x300))]),
                           flags_out=LAST | XOR_MAGIC)
    session.disconnect(client, server)


def rpc_bigendian(capture):
    session = Session(capture)
    client, server, _ = open_tcp(capture, own=True, big=True)
    core(session, client, server)
    every_notification_after_hierarchy(session, client, server)
    session.register_push(client, server, b'\x11\x22\x33\x44', '198.51.100.20', 2500)
    session.async_connect(client, server)
    waits, wait_server, _ = open_tcp(capture, ASYNCEMSMDB, own=True, big=True)
    wait = session.async_wait(waits, wait_server, flags=1)
    Wakeup(capture, 2, 1, wait, fetch(session, client, server, mail(90)), session)
    session.disconnect(client, server)
    capture.notes.append('The integer representation in drep is big-endian: NDR integers and GUIDs are; extended headers and ROPs are not.')


def every_notification_after_hierarchy(session, client, server):
    open_hierarchy(session, client, server, flags_in=LAST | XOR_MAGIC)
    every_notification(session, client, server)


def rpc_ndr64(capture):
    session = Session(capture)
    client, server, _ = open_tcp(capture, ndr64=True)
    core(session, client, server)
    every_notification_after_hierarchy(session, client, server)
    session.register_push(client, server, b'\x11\x22\x33\x44\x55', '198.51.100.20', 2500)
    session.connect_ex(client, server, aux=False, comment='no auxiliary buffer', display='Anna')
    session.async_connect(client, server)
    waits, wait_server, _ = open_tcp(capture, ASYNCEMSMDB, ndr64=True)
    wait = session.async_wait(waits, wait_server, flags=1)
    Wakeup(capture, 2, 1, wait, fetch(session, client, server, mail(90)), session)
    session.disconnect(client, server)

    # Windows offers both; the server takes NDR64 only and refuses the NDR 2.0 context.
    other = Session(capture, 'bert', 2)
    channel = Channel(Link(capture))
    server = Server(channel, refuse_ndr=True)
    client = OwnClient(channel, ndr64=True)
    client.bind(EMSMDB, both=True)
    core(other, client, server)
    other.disconnect(client, server)
    capture.notes.append('Transfer syntax 71710533-beba-4937-8319-b5dbef9ccc36 v1: counts and pointers are 8 bytes, aligned to 8.')


def rpc_ports(capture):
    """EMSMDB on the ports of an Exchange store behind RPC over HTTP, which Wireshark gives to X11."""
    for number, port in enumerate((6001, 6002, 6003, 6004)):
        session = Session(capture, ('anna', 'bert', 'carl', 'dora')[number], number + 1)
        client, server, _ = open_tcp(capture, port=port)
        core(session, client, server)
        session.async_connect(client, server)
        waits, wait_server, _ = open_tcp(capture, ASYNCEMSMDB, port=port)
        wait = session.async_wait(waits, wait_server, flags=1)
        Wakeup(capture, 2, 1, wait, fetch(session, client, server, mail(90)), session)
        session.disconnect(client, server)


def rpc_linked(capture):
    """Linked sessions: a fetch of one tells of events of the other by its session index."""
    anna, bert = Session(capture, 'anna', 1), Session(capture, 'bert', 2)
    client, server, _ = open_tcp(capture)
    core(anna, client, server)
    bert.stamp = anna.stamp
    bert.connect_ex(client, server, link=anna.index, comment='linked to the first session')
    logon(bert, client, server)
    subscribe_store(bert, client, server)
    told = fetch(anna, client, server, rops.pending(bert.index), comment='events of the linked session')
    got = fetch(bert, client, server, mail(100))
    Wakeup(capture, 4, 1, told, got, bert, 'RopPending in a fetch of session 0 names session 1')
    told = fetch(bert, client, server, mail(101), rops.pending(anna.index), comment='both')
    other = fetch(bert, client, server, comment='not the session that was named')
    got = fetch(anna, client, server, mail(102))
    Wakeup(capture, 4, 1, told, got, anna, 'RopPending in a fetch of session 1 names session 0')
    other.comment += ': fetches nothing of session 0'
    told = fetch(anna, client, server, rops.pending(0x7777), comment='an index of no session that was seen')
    Wakeup(capture, 4, 1, told, None, None, 'an index of no session that was seen: to be ignored')
    anna.disconnect(client, server)
    bert.disconnect(client, server)


def subscribe_store(session, client, server):
    asked = rops.Buffer([rops.register_request(0, 0, 1, 0x0002)], [LOGON, UNUSED])
    session.rpc_ext2(client, server, asked, rops.Buffer([rops.register_response(1)], [LOGON, STORE_SUB]))


SCENARIOS = {
    'rpc-tcp': ('EMSMDB over TCP: every call, every kind of notification, fragments, faults', rpc_tcp),
    'rpc-async': ('EcDoAsyncWaitEx: answered late, timed out, refused, ended; two connections and alter_context', rpc_async),
    'rpc-async-interleaved': ('Two sessions wait at the same time', rpc_async_interleaved),
    'rpc-linked': ('Linked sessions and RopPending', rpc_linked),
    'rpc-late': ('A capture that starts in the middle', rpc_late),
    'rpc-legacy': ('The calls of Exchange 5.5 to 2003', rpc_legacy),
    'rpc-bigendian': ('The same calls in big-endian NDR', rpc_bigendian),
    'rpc-ndr64': ('The same calls in NDR64', rpc_ndr64),
    'rpc-ports': ('EMSMDB on TCP 6001 to 6004', rpc_ports),
}
