/* port_owner.c
 * Exchange RPC on TCP ports that Wireshark gives to another protocol
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/rpc_inference.h"

#include "registration.h"
#include "rpc/rpc_fallback.h"
#include "tcp/postdissector.h"
#include "tcp/reassembly_overrun.h"
#include "tcp/tcp_payload.h"

static dissector_handle_t first_data_handle;
static int proto_dcerpc = -1;
static int proto_tcp = -1;

/* Who disables DCE/RPC's heuristic, or DCE/RPC, wants none of this. */
static bool
is_dcerpc_enabled(void)
{
    heur_dtbl_entry_t *entry = find_heur_dissector_by_unique_short_name("dcerpc_tcp");

    return entry && entry->enabled && proto_is_protocol_enabled(find_protocol_by_id(proto_dcerpc));
}

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

/* ---- ports of X11 ---- */

/*
 * TCP ports 6001 to 6004 belong to X11 displays in Wireshark. X11 takes a bind for a request of several kilobytes and
 * asks TCP for the rest, so that nobody else is asked about the calls behind it: looking on from behind, as below, comes
 * too late. The owner of a port comes before all heuristics, but after the dissector of a conversation. So a segment
 * without data, such as that which opens a connection, gives the connection to this dissector until the first data tell:
 * Exchange's RPC it takes, and all else it gives back before it has touched it.
 */
static int
dissect_first_data(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    conversation_t *conversation = find_conversation_pinfo(pinfo, 0);
    bool is_ours = is_dcerpc_enabled() && is_exchange_rpc(tvb);

    if (conversation && !PINFO_FD_VISITED(pinfo))
        conversation_set_dissector_from_frame_number(conversation, pinfo->num,
                                                     is_ours ? oxc_rpc_connection_handle() : NULL);
    return is_ours ? oxc_rpc_dissect_connection(tvb, pinfo, tree, data) : 0;
}

static bool
is_port_of_x11(uint32_t port)
{
    return port >= OXC_RPC_FIRST_PORT && port <= OXC_RPC_LAST_PORT;
}

static void
wait_for_data(packet_info *pinfo)
{
    conversation_t *conversation = find_conversation_pinfo(pinfo, 0);

    if (conversation && !conversation_get_dissector(conversation, pinfo->num))
        conversation_set_dissector_from_frame_number(conversation, pinfo->num, first_data_handle);
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
 * order: those calls were read already, or will be. What HTTP carries is RPC over HTTP's.
 */
static bool
has_owner(const packet_info *pinfo)
{
    wmem_list_frame_t *last = wmem_list_tail(pinfo->layers);

    if (last && GPOINTER_TO_INT(wmem_list_frame_data(last)) == oxc_postdissector_layer())
        last = wmem_list_frame_prev(last);      /* the post-dissector itself */
    return last && GPOINTER_TO_INT(wmem_list_frame_data(last)) != proto_tcp &&
           !proto_is_frame_protocol(pinfo->layers, "dcerpc") && !proto_is_frame_protocol(pinfo->layers, "http");
}

/*
 * The owner of a port comes before all heuristics, so that a client port that happens to be, say, C12.22's hides a whole
 * connection. Behind all dissectors, the first whole PDU that identifies itself gives the connection to us: from its
 * frame on on later visits, from the next frame on on the first one, where the frame is shown here and the owner's
 * items stay. Calls before that PDU stay the owner's. So does a connection of which the owner waits for more data: TCP
 * would hand us what it has put together for the owner a second time.
 */
static int
postdissect(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree, void *unused _U_)
{
    conversation_t *conversation;
    tvbuff_t *data;
    uint32_t seq;

    if (PINFO_FD_VISITED(pinfo) || pinfo->ptype != PT_TCP || pinfo->flags.in_error_pkt)
        return 0;
    data = NULL;
    if (is_port_of_x11(pinfo->srcport) || is_port_of_x11(pinfo->destport)) {
        data = oxc_tcp_payload(frame, pinfo, &seq);
        if (!data)
            wait_for_data(pinfo);
    }
    if (!has_owner(pinfo))
        return 0;
    if (!data)
        data = oxc_tcp_payload(frame, pinfo, &seq);
    if (!data || !tvb_bytes_exist(data, 0, RPC_HEADER_SIZE) || tvb_get_ntohs(data, 0) != 0x0500 ||
        !identifies_itself(pinfo, data) || oxc_overrun_is_possible(pinfo) || !is_dcerpc_enabled())
        return 0;
    conversation = find_or_create_conversation(pinfo);
    conversation_set_dissector_from_frame_number(conversation, pinfo->num, oxc_rpc_connection_handle());
    oxc_rpc_dissect_pdus(data, pinfo, tree);
    return (int)tvb_captured_length(frame);
}

void
proto_reg_handoff_oxc_port_owner(void)
{
    if (!oxc_rpc_connection_handle())
        return;
    proto_dcerpc = proto_get_id_by_filter_name("dcerpc");
    proto_tcp = proto_get_id_by_filter_name("tcp");
    first_data_handle = create_dissector_handle(dissect_first_data, proto_dcerpc);
    oxc_postdissector_add(postdissect, proto_get_id_by_filter_name("emsmdb"));
}
