/* port_owner.c
 * Exchange RPC on TCP ports that Wireshark gives to another protocol
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/rpc_inference.h"

#include "registration.h"
#include "rpc/rpc_fallback.h"
#include "tcp/postdissector.h"
#include "tcp/segment.h"
#include "tcp/segment_copy.h"
#include "tcp/reassembly_overrun.h"

static int proto_owner = -1;
static int proto_dcerpc = -1;

/* Who disables DCE/RPC's heuristic, or DCE/RPC, wants none of this. */
static bool
is_dcerpc_enabled(void)
{
    heur_dtbl_entry_t *entry = find_heur_dissector_by_unique_short_name("dcerpc_tcp");

    return entry && entry->enabled && proto_is_protocol_enabled(find_protocol_by_id(proto_dcerpc));
}

static dissector_handle_t port_owner[OXC_RPC_LAST_PORT - OXC_RPC_FIRST_PORT + 1];

/*
 * Is this certainly Exchange's RPC? The first thing said on a connection is a bind that names one of our interfaces or,
 * behind an RPC proxy, the banner of ncacn_http or an RTS PDU (MS-RPCH 2.2.3.6.1). In the middle of a connection, or
 * when one direction alone was captured, it is a whole PDU of version 5.0 with a first fragment. The X11 protocol has
 * no such bytes: 5 is DestroySubwindows, whose length is always 2 and would be more than 255 or have that fragment flag
 * unset, or ButtonRelease, of a button that is never 0 (X Window System Protocol, 9 and 11).
 */
static bool
is_exchange_rpc(tvbuff_t *tvb)
{
    static const char banner[] = "ncacn_http/1.0";
    oxc_rpc_pdu_t pdu;

    if (tvb_captured_length(tvb) == sizeof banner - 1)
        return tvb_strneql(tvb, 0, banner, sizeof banner - 1) == 0;
    if (!oxc_rpc_read_pdu(tvb, 0, &pdu))
        return false;
    if (pdu.ptype == PDU_BIND || pdu.ptype == PDU_ALTER)
        return oxc_rpc_read_bind(&pdu, NULL, NULL);
    if (pdu.ptype == PDU_RTS)
        return oxc_rpc_is_whole(&pdu) && pdu.call_id == 0 && tvb_get_uint16(pdu.tvb, 10, pdu.encoding) == 0 &&
               pdu.length >= 20;
    return tvb_get_uint8(tvb, 1) == 0 && pdu.flags & RPC_FLAG_FIRST && oxc_rpc_sure_length(tvb, 0) != 0;
}

/*
 * TCP ports 6001 to 6004 belong to X11 displays in Wireshark, and the owner of a port comes before all heuristics; only
 * the dissector of a conversation comes before it. That cannot be set before the first data are seen, and then X11 takes a
 * PDU for a request of several kilobytes and asks TCP for the rest, so that nobody else is asked about the calls behind
 * it: looking on from behind, as below, comes too late, and a capture that begins in the middle of a connection has no
 * segment before the first data. So this dissector stands in front of the owner: a connection of Exchange's RPC it
 * claims, everything else it passes on as it came. It is registered in the owner's name (which adds no layer, and goes
 * when the owner is disabled). If the user changes the owner's ports in the preferences, those win.
 */
static int
dissect_port(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    uint32_t port = pinfo->match_uint;
    conversation_t *conversation;

    /* We stand aside: whom we call is to reassemble as if TCP had called. */
    pinfo->can_desegment = pinfo->saved_can_desegment;
    if (is_dcerpc_enabled() && is_exchange_rpc(tvb)) {
        conversation = find_or_create_conversation(pinfo);
        if (!PINFO_FD_VISITED(pinfo))
            conversation_set_dissector_from_frame_number(conversation, pinfo->num, oxc_rpc_connection_handle());
        return call_dissector_only(oxc_rpc_connection_handle(), tvb, pinfo, tree, data);
    }
    if (port < OXC_RPC_FIRST_PORT || port > OXC_RPC_LAST_PORT)
        return 0;
    return call_dissector_only(port_owner[port - OXC_RPC_FIRST_PORT], tvb, pinfo, tree, data);
}

static void
stand_before_port_owners(void)
{
    dissector_table_t ports = find_dissector_table("tcp.port");
    dissector_handle_t handle = NULL;

    for (uint32_t port = OXC_RPC_FIRST_PORT; port <= OXC_RPC_LAST_PORT; port++) {
        dissector_handle_t owner = dissector_get_uint_handle(ports, port);

        if (!owner)
            continue;
        port_owner[port - OXC_RPC_FIRST_PORT] = owner;
        if (!handle)
            handle = register_dissector("emsmdb-or-port-owner", dissect_port, proto_owner);
        dissector_add_uint("tcp.port", port, handle);
    }
}

/* ---- any port ---- */

/* Nothing but the bytes tells: a bind for one of our interfaces, or a call that identifies itself. First visit only. */
static bool
identifies_itself(packet_info *pinfo, tvbuff_t *data)
{
    oxc_rpc_interface_t interface = OXC_RPC_NEITHER;
    bool ndr64 = false;
    oxc_rpc_pdu_t pdu;

    if (!oxc_rpc_read_pdu(data, 0, &pdu) || !oxc_rpc_is_whole(&pdu) || oxc_rpc_is_sealed(&pdu))
        return false;
    switch (pdu.ptype) {
    case PDU_BIND:
    case PDU_ALTER:
        return oxc_rpc_read_bind(&pdu, NULL, NULL);
    case PDU_REQ:
        return pdu.length >= RPC_BODY_SIZE && oxc_rpc_infer_request(pinfo, &pdu, &ndr64) != OXC_RPC_NEITHER;
    case PDU_RESP:
        return pdu.length >= RPC_BODY_SIZE &&
               oxc_rpc_infer_response(pinfo, &pdu, &interface, &ndr64) != OXC_RPC_NO_OPNUM;
    default:
        return false;
    }
}

/*
 * Did TCP ask a dissector about the data, and was that not DCE/RPC's? It asks nobody about what is retransmitted or out of
 * order: those calls were read already, or will be. What HTTP carries is RPC over HTTP's, and what ended as data was
 * offered to all heuristics, that of DCE/RPC among them.
 */
#define OWNERS (OXC_LAYER_TLS | OXC_LAYER_HTTP2 | OXC_LAYER_OTHER)

static bool
wants(tvbuff_t *frame, packet_info *pinfo, unsigned layers)
{
    uint32_t seq, length;
    int start, first;

    if (PINFO_FD_VISITED(pinfo) || pinfo->flags.in_error_pkt || layers & (OXC_LAYER_DCERPC | OXC_LAYER_HTTP))
        return false;
    first = oxc_segment_first_bytes(frame, pinfo);
    if (first != OXC_TCP_UNSURE && first != 0x0500)
        return false;
    start = oxc_segment_extent(frame, pinfo, &seq, &length);
    return start >= 0 && tvb_bytes_exist(frame, start, RPC_HEADER_SIZE) && tvb_get_ntohs(frame, start) == 0x0500 &&
           !oxc_segment_was_copy(pinfo);
}

/*
 * The owner of a port comes before all heuristics, so that a client port that happens to be, say, C12.22's hides a whole
 * connection. Behind all dissectors, the first whole PDU that identifies itself gives the connection to us: from its
 * frame on on later visits, from the next frame on on the first one, where the frame is shown here and the owner's
 * items stay. Calls before that PDU stay the owner's. So does a connection of which the owner waits for more data: TCP
 * would hand us what it has put together for the owner a second time.
 */
static void
look(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree)
{
    conversation_t *conversation;
    uint32_t seq;
    tvbuff_t *data = oxc_segment_payload(frame, pinfo, &seq);

    if (!data || !tvb_bytes_exist(data, 0, RPC_HEADER_SIZE) || !identifies_itself(pinfo, data) ||
        oxc_overrun_is_possible(pinfo) || !is_dcerpc_enabled())
        return;
    conversation = find_or_create_conversation(pinfo);
    conversation_set_dissector_from_frame_number(conversation, pinfo->num, oxc_rpc_connection_handle());
    oxc_rpc_dissect_pdus(data, pinfo, tree);
}

void
proto_reg_handoff_oxc_port_owner(void)
{
    static const oxc_watcher_t watcher = { PT_TCP, OWNERS, wants, NULL, look };

    if (!oxc_rpc_connection_handle())
        return;
    proto_dcerpc = proto_get_id_by_filter_name("dcerpc");
    stand_before_port_owners();
    oxc_postdissector_add(&watcher, proto_get_id_by_filter_name("emsmdb"));
}

void
proto_register_oxc_port_owner(void)
{
    int proto_x11 = proto_get_id_by_filter_name("x11");

    if (proto_x11 <= 0)
        proto_x11 = proto_get_id_by_filter_name("emsmdb");
    proto_owner = proto_register_protocol_in_name_only("Exchange RPC on ports of X11", "EMSMDB or X11", "emsmdb.port",
                                                       proto_x11, FT_PROTOCOL);
}
