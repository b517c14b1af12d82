/* rpch_call.c
 * What one call for a segment or record shows, and whom it calls: HTTP for messages, DCE/RPC for PDUs [MS-RPCH]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpch/rpch_call.h"

#include <epan/exceptions.h>
#include <epan/expert.h>
#include <epan/show_exception.h>

#include "http/mapihttp_owner.h"
#include "oxcnotif_item.h"
#include "rpc/rpc_pdu.h"
#include "rpch/rpch_pairing.h"
#include "tcp/segment.h"

/* [MS-RPCH] 2.2.3.6 */
#define RTS_FLAG_PING 0x0001
#define RTS_FLAG_ECHO 0x0040

static int proto_rpch = -1;

static int hf_rpch_channel = -1;
static int hf_rpch_cookie = -1;
static int hf_rpch_data = -1;
static int hf_rpch_virtual_connection = -1;

static int ett_rpch = -1;

/* DCE/RPC by its heuristics, which can be called with a PDU: ours for Exchange, its own for TCP and for lone PDUs */
static heur_dtbl_entry_t *exchange_entry;
static heur_dtbl_entry_t *dcerpc_entry;
static heur_dtbl_entry_t *lone_entry;
static heur_dtbl_entry_t *body_entry;           /* ours, by which HTTP asks about a body */
static bool takes_body;
static int http_follow_tap;
static dissector_handle_t upgrade_handle;

static const value_string rpch_channels[] = {
    { RPCH_CHANNEL_UNKNOWN, "unknown" },
    { RPCH_CHANNEL_IN, "IN" },
    { RPCH_CHANNEL_OUT, "OUT" },
    { 0, NULL }
};

proto_tree *
rpch_channel_item(rpch_call_t *call, int offset)
{
    if (!call->has_item) {
        call->has_item = true;
        if (!oxc_is_looked_at(call->tree, proto_rpch))
            return NULL;
        call->item = proto_tree_add_item(call->tree, proto_rpch, call->tvb, offset, -1, ENC_NA);
        call->item_tree = proto_item_add_subtree(call->item, ett_rpch);
        call->item_start = offset;
    }
    return call->item_tree;
}

void
rpch_finish_item(rpch_call_t *call)
{
    const rpch_use_t use = rpch_current_use(call->connection, call->pinfo->num);
    proto_item *item;

    if (!call->seen) {
        col_set_str(call->pinfo->cinfo, COL_PROTOCOL, "RPCH");
        col_set_str(call->pinfo->cinfo, COL_INFO, "RPC over HTTP channel");
    }
    if (!call->item)
        return;
    proto_item_set_len(call->item, call->offset - call->item_start);
    if (use.channel != RPCH_CHANNEL_UNKNOWN) {
        proto_item_append_text(call->item, ", %s channel", val_to_str_const(use.channel, rpch_channels, "?"));
        item = proto_tree_add_uint(call->item_tree, hf_rpch_channel, call->tvb, 0, 0, use.channel);
        proto_item_set_generated(item);
    }
    if (use.virtual_connection) {
        proto_item_append_text(call->item, ", virtual connection %u", use.virtual_connection->number);
        item = proto_tree_add_uint(call->item_tree, hf_rpch_virtual_connection, call->tvb, 0, 0,
                                   use.virtual_connection->number);
        proto_item_set_generated(item);
        if (use.virtual_connection->has_cookie) {
            item = proto_tree_add_guid(call->item_tree, hf_rpch_cookie, call->tvb, 0, 0,
                                       &use.virtual_connection->cookie);
            proto_item_set_generated(item);
        }
    }
}

/* Follow HTTP Stream is to have the body, too. */
static void
tell_follow_tap(rpch_call_t *call, tvbuff_t *data)
{
    if (!call->position.tapped && http_follow_tap > 0 && have_tap_listener(http_follow_tap))
        tap_queue_packet(http_follow_tap, call->pinfo, data);
}

void
rpch_show_data(rpch_call_t *call, int length, expert_field *why)
{
    proto_tree *tree = rpch_channel_item(call, call->offset);
    proto_item *item = proto_tree_add_item(tree, hf_rpch_data, call->tvb, call->offset, length, ENC_NA);

    if (why)
        expert_add_info(call->pinfo, item, why);
    tell_follow_tap(call, tvb_new_subset_length(call->tvb, call->offset, length));
    call->offset += length;
}

bool
rpch_takes_body(void)
{
    return takes_body;
}

void
rpch_call_http(rpch_call_t *call, int length, bool desegment, int body)
{
    packet_info *pinfo = call->pinfo;
    tvbuff_t *tvb = tvb_new_subset_length(call->tvb, call->offset, length + body);
    uint16_t can_desegment = pinfo->can_desegment;
    http_conv_t *http = oxc_http_of(find_conversation_pinfo(pinfo, 0));
    uint32_t start = 0;

    /* HTTP gets what it hands to us because of these fields back again, so hide them. */
    if (http && http->next_handle == upgrade_handle) {
        start = http->startframe;
        http->startframe = 0;
    }
    pinfo->can_desegment = desegment && can_desegment ? can_desegment + 1 : 0;
    takes_body = body > 0;
    TRY {
        call_dissector_with_data(call->http, tvb, pinfo, call->tree, call->offset ? NULL : call->data);
    }
    FINALLY {
        takes_body = false;
        pinfo->can_desegment = can_desegment;
        if (start && !http->startframe)
            http->startframe = start;
    }
    ENDTRY;
    call->seen = true;
    if (desegment && pinfo->desegment_len) {
        call->need = pinfo->desegment_len;
        call->offset += pinfo->desegment_offset;
    } else {
        call->offset += length;
    }
    col_set_fence(pinfo->cinfo, COL_INFO);
}

/* The name of an RTS PDU that has no commands ([MS-RPCH] 2.2.4), or NULL. */
static const char *
commandless_rts(tvbuff_t *pdu)
{
    oxc_rpc_pdu_t header;

    if (!oxc_rpc_read_header(pdu, 0, &header) || header.ptype != PDU_RTS || header.length != RPC_HEADER_SIZE + 4
        || !tvb_bytes_exist(pdu, 0, header.length))
        return NULL;
    switch (tvb_get_uint16(pdu, RPC_HEADER_SIZE, header.encoding)) {
    case RTS_FLAG_PING:
        return "Ping";
    case RTS_FLAG_ECHO:
        return "Echo";
    }
    return "RTS PDU without commands";
}

void
rpch_call_dcerpc(rpch_call_t *call, tvbuff_t *pdu)
{
    packet_info *pinfo = call->pinfo;
    conversation_element_t *elements = pinfo->conv_elements;
    uint16_t can_desegment = pinfo->can_desegment;
    const char *protocol = pinfo->current_proto, *list = pinfo->heur_list_name;
    const char *name = commandless_rts(pdu);
    heur_dtbl_entry_t *entry = exchange_entry && exchange_entry->enabled ? exchange_entry : dcerpc_entry;
    rpch_use_t use;

    if (name)               /* the only one that lets exceptions pass */
        entry = lone_entry;
    tell_follow_tap(call, pdu);
    if (call->learn) {
        rpch_learn(call->connection, pinfo, pdu);
        rpch_pair(call->connection, pinfo, pdu);
    }
    use = rpch_current_use(call->connection, pinfo->num);
    if (use.virtual_connection) {
        rpch_name_conversation(pinfo, use.virtual_connection);
        /* DCE/RPC makes one for a bind only; calls whose bind was not captured need one too. */
        if (call->learn && !use.virtual_connection->conversation)
            use.virtual_connection->conversation = find_or_create_conversation(pinfo);
        oxc_segment_name(pinfo->conv_elements, use.virtual_connection->conversation);
    }
    pinfo->can_desegment = 0;       /* the PDU is complete, or will never be */
    TRY {
        call_heur_dissector_direct(entry, pdu, pinfo, call->tree, NULL);
    }
    CATCH_NONFATAL_ERRORS {
        /* Nothing is wrong with an RTS PDU without commands; DCE/RPC stumbles when all of it has been shown. */
        if (name) {
            col_set_str(pinfo->cinfo, COL_PROTOCOL, "RPCH");
            col_add_fstr(pinfo->cinfo, COL_INFO, "%s, ", name);
            col_set_fence(pinfo->cinfo, COL_INFO);
        } else {
            show_exception(pdu, pinfo, call->tree, EXCEPT_CODE, GET_MESSAGE);
        }
    }
    FINALLY {
        pinfo->heur_list_name = list;
        pinfo->current_proto = protocol;
        pinfo->can_desegment = can_desegment;
        pinfo->conv_elements = elements;
        oxc_segment_name(NULL, NULL);
    }
    ENDTRY;
    call->seen = true;
}

int
rpch_whole_body(const rpch_head_t *head, int left)
{
    if (!body_entry)
        body_entry = find_heur_dissector_by_unique_short_name("rpch_http");
    if (!body_entry || !body_entry->enabled || head->chunked || !head->has_length ||
        head->body > (unsigned)(left - head->length))
        return 0;
    return (int)head->body;
}

void
rpch_register_call(int proto)
{
    static hf_register_info hf[] = {
        { &hf_rpch_channel,
            { "Channel", "rpch.channel", FT_UINT8, BASE_DEC, VALS(rpch_channels), 0, NULL, HFILL } },
        { &hf_rpch_cookie,
            { "Virtual connection cookie", "rpch.cookie", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_rpch_data,
            { "Data", "rpch.data", FT_BYTES, BASE_NONE, NULL, 0, "Bytes of a channel that are not in a PDU", HFILL } },
        { &hf_rpch_virtual_connection,
            { "Virtual connection", "rpch.virtual_connection", FT_UINT32, BASE_DEC, NULL, 0,
                "A number for the virtual connection cookie, the same on all its channels", HFILL } },
    };
    static int *ett[] = { &ett_rpch };

    proto_rpch = proto;
    proto_register_field_array(proto, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
}

bool
rpch_handoff_call(dissector_handle_t upgrade)
{
    upgrade_handle = upgrade;
    http_follow_tap = find_tap_id("http_follow");
    exchange_entry = find_heur_dissector_by_unique_short_name("emsmdb_tcp");
    dcerpc_entry = find_heur_dissector_by_unique_short_name("dcerpc_tcp");
    lone_entry = find_heur_dissector_by_unique_short_name("dcerpc_netbios");
    return dcerpc_entry && lone_entry;
}
