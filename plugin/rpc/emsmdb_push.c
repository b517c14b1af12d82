/* emsmdb_push.c
 * EcRRegisterPushNotification (MS-OXCRPC 3.1.4.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/emsmdb_push.h"

#include "rpc/emsmdb_call.h"

#include <epan/expert.h>
#include <epan/to_str.h>

#include "session/event.h"
#include "udp/push.h"

/* A Winsock address image (MS-OXCRPC 3.1.4.5): its numbers are Windows', but clients on other systems exist. */
#define WINSOCK_AF_INET 2
#define WINSOCK_AF_INET6 23
#define LINUX_AF_INET6 10

static int hf_unknown = -1;
static int hf_unknown_bytes = -1;
static int hf_i_rpc = -1;
static int hf_rgb_context = -1;
static int hf_cb_context = -1;
static int hf_grbit_advise_bits = -1;
static int hf_rgb_callback_address = -1;
static int hf_cb_callback_address = -1;
static int hf_sin_family = -1;
static int hf_sin_port = -1;
static int hf_sin_addr = -1;
static int hf_sin_zero = -1;
static int hf_sin6_flowinfo = -1;
static int hf_sin6_addr = -1;
static int hf_sin6_scope_id = -1;
static int hf_h_notification = -1;

static int ett_callback_address = -1;

static expert_field ei_silent = EI_INIT;
static expert_field ei_context_size = EI_INIT;
static expert_field ei_advise_bits = EI_INIT;
static expert_field ei_callback_address = EI_INIT;

static const value_string family_vals[] = {
    { WINSOCK_AF_INET, "AF_INET" },
    { LINUX_AF_INET6, "AF_INET6 of Linux" },
    { WINSOCK_AF_INET6, "AF_INET6" },
    { 0, NULL }
};

/* Shows the address that datagrams shall go to; false if it is none that we know. */
static bool
show_callback_address(oxc_rpc_t *rpc, tvbuff_t *tvb, proto_item *item, address *addr, uint16_t *port)
{
    proto_tree *tree = proto_item_add_subtree(item, ett_callback_address);
    int length = (int)tvb_reported_length(tvb);
    uint32_t family, port32;

    if (length < 4) {
        expert_add_info_format(rpc->pinfo, item, &ei_callback_address, "No address: %d bytes", length);
        return false;
    }
    /* An image of memory, so the family is little-endian whatever the stub's byte order; the rest is network order. */
    proto_tree_add_item_ret_uint(tree, hf_sin_family, tvb, 0, 2, ENC_LITTLE_ENDIAN, &family);
    proto_tree_add_item_ret_uint(tree, hf_sin_port, tvb, 2, 2, ENC_BIG_ENDIAN, &port32);
    *port = (uint16_t)port32;

    if (family == WINSOCK_AF_INET && length >= 8) {
        proto_tree_add_item(tree, hf_sin_addr, tvb, 4, 4, ENC_BIG_ENDIAN);
        set_address_tvb(addr, AT_IPv4, 4, tvb, 4);
        if (length > 8)
            proto_tree_add_item(tree, hf_sin_zero, tvb, 8, length - 8, ENC_NA);
        if (length != 16)
            expert_add_info_format(rpc->pinfo, item, &ei_callback_address, "AF_INET with %d instead of 16 bytes",
                                   length);
    } else if ((family == WINSOCK_AF_INET6 || family == LINUX_AF_INET6) && length >= 24) {
        proto_tree_add_item(tree, hf_sin6_flowinfo, tvb, 4, 4, ENC_BIG_ENDIAN);
        proto_tree_add_item(tree, hf_sin6_addr, tvb, 8, 16, ENC_NA);
        set_address_tvb(addr, AT_IPv6, 16, tvb, 8);
        if (length >= 28)
            proto_tree_add_item(tree, hf_sin6_scope_id, tvb, 24, 4, ENC_LITTLE_ENDIAN);
        if (length != 28)
            expert_add_info_format(rpc->pinfo, item, &ei_callback_address, "AF_INET6 with %d instead of 28 bytes",
                                   length);
    } else {
        expert_add_info_format(rpc->pinfo, item, &ei_callback_address, "Address family %u with %d bytes is unknown",
                               family, length);
        return false;
    }
    proto_item_append_text(item, ", %s port %u", address_to_str(rpc->pinfo->pool, addr), *port);
    return true;
}

void
oxc_emsmdb_register_push_request(oxc_rpc_t *rpc)
{
    tvbuff_t *context, *callback;
    address addr = ADDRESS_INIT_NONE;
    proto_item *item;
    uint32_t bits;
    uint16_t port = 0;

    oxc_emsmdb_request_cxh(rpc);
    oxc_ndr_u32(&rpc->ndr, hf_i_rpc, NULL);
    context = oxc_ndr_bytes(&rpc->ndr, hf_rgb_context, false, &item);
    if (context && tvb_reported_length(context) > OXC_MAX_PUSH_CONTEXT)
        expert_add_info_format(rpc->pinfo, item, &ei_context_size, "%u bytes of context, the server takes at most %u",
                               tvb_reported_length(context), OXC_MAX_PUSH_CONTEXT);
    oxc_emsmdb_length16(rpc, hf_cb_context, context);
    bits = oxc_ndr_u32(&rpc->ndr, hf_grbit_advise_bits, &item);
    if (!rpc->ndr.broken && bits != 0xFFFFFFFF)
        expert_add_info(rpc->pinfo, item, &ei_advise_bits);
    callback = oxc_ndr_bytes(&rpc->ndr, hf_rgb_callback_address, false, &item);
    if (callback && show_callback_address(rpc, callback, item, &addr, &port)) {
        col_append_fstr(rpc->pinfo->cinfo, COL_INFO, ", %s port %u", address_to_str(rpc->pinfo->pool, &addr), port);
        if (context && !PINFO_FD_VISITED(rpc->pinfo)) {
            unsigned len = tvb_reported_length(context);

            oxc_rpc_change_setup(rpc)->push = oxc_push_ask(rpc->pinfo, rpc->pdu->call->session, &addr, port,
                                                           tvb_get_ptr(context, 0, (int)len), len);
        }
    }
    oxc_emsmdb_length16(rpc, hf_cb_callback_address, callback);
    oxc_rpc_show_session(rpc->ndr.tvb, rpc->pinfo, rpc->tree, rpc->pdu->call);
}

void
oxc_emsmdb_register_push_response(oxc_rpc_t *rpc)
{
    bool lost = oxc_emsmdb_response_cxh(rpc);
    uint32_t result;

    oxc_ndr_u32(&rpc->ndr, hf_h_notification, NULL);
    result = oxc_emsmdb_return_value(rpc);
    if (!PINFO_FD_VISITED(rpc->pinfo) && !rpc->ndr.broken) {
        oxc_push_answer(rpc->pinfo, oxc_rpc_setup(rpc)->push, result == 0);
        if (result == 0 && !oxc_rpc_setup(rpc)->push && !rpc->pdu->call->request && rpc->pdu->call->session)
            oxc_listener->push_expected(rpc->pdu->call->session);
    }
    if (result == 0 && oxc_push_is_silent(rpc->pinfo, oxc_rpc_setup(rpc)->push))
        proto_tree_add_expert_format(rpc->tree, rpc->pinfo, &ei_silent, rpc->ndr.tvb, 0, 0,
                                     "No push datagram for this registration: no event occurred, or a device dropped the "
                                     "datagrams (the client polls until the first one arrives)");
    oxc_rpc_show_session(rpc->ndr.tvb, rpc->pinfo, rpc->tree, rpc->pdu->call);
    oxc_emsmdb_check_lost(rpc, lost);
}

/*
 * EcRUnregisterPushNotification is no longer described, and servers refuse it; the layout is that of open clients of
 * its time, where a stub has its size.
 */
static bool
show_unless_size(oxc_rpc_t *rpc, int size)
{
    int length = (int)tvb_reported_length(rpc->ndr.tvb);

    if (length == size)
        return false;
    if (length > 0)
        proto_tree_add_item(rpc->tree, hf_unknown_bytes, rpc->ndr.tvb, 0, -1, ENC_NA);
    rpc->ndr.offset = length;
    return true;
}

void
oxc_emsmdb_unregister_push_request(oxc_rpc_t *rpc)
{
    if (show_unless_size(rpc, OXC_NDR_HANDLE_SIZE + 8))
        return;
    oxc_emsmdb_request_cxh(rpc);
    oxc_ndr_u32(&rpc->ndr, hf_unknown, NULL);
    oxc_ndr_u32(&rpc->ndr, hf_unknown, NULL);
    oxc_rpc_show_session(rpc->ndr.tvb, rpc->pinfo, rpc->tree, rpc->pdu->call);
}

void
oxc_emsmdb_unregister_push_response(oxc_rpc_t *rpc)
{
    bool lost;

    if (show_unless_size(rpc, OXC_NDR_HANDLE_SIZE + 4))
        return;
    lost = oxc_emsmdb_response_cxh(rpc);
    if (oxc_emsmdb_return_value(rpc) == 0 && !rpc->ndr.broken && rpc->pdu->call->session)
        oxc_push_withdraw(rpc->pinfo, rpc->pdu->call->session);
    oxc_rpc_show_session(rpc->ndr.tvb, rpc->pinfo, rpc->tree, rpc->pdu->call);
    oxc_emsmdb_check_lost(rpc, lost);
}

void
oxc_emsmdb_register_push(int proto)
{
    static hf_register_info hf[] = {
        { &hf_unknown, { "Unknown", "emsmdb.unknown", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_unknown_bytes, { "Unknown", "emsmdb.unknown_bytes", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_i_rpc, { "iRpc", "emsmdb.i_rpc", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_rgb_context, { "rgbContext", "emsmdb.rgb_context", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_cb_context, { "cbContext", "emsmdb.cb_context", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_grbit_advise_bits,
          { "grbitAdviseBits", "emsmdb.grbit_advise_bits", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_rgb_callback_address,
          { "rgbCallbackAddress", "emsmdb.rgb_callback_address", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_cb_callback_address,
          { "cbCallbackAddress", "emsmdb.cb_callback_address", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_sin_family,
          { "sin_family", "emsmdb.rgb_callback_address.sin_family", FT_UINT16, BASE_DEC, VALS(family_vals), 0, NULL,
            HFILL } },
        { &hf_sin_port,
          { "sin_port", "emsmdb.rgb_callback_address.sin_port", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_sin_addr,
          { "sin_addr", "emsmdb.rgb_callback_address.sin_addr", FT_IPv4, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_sin_zero,
          { "sin_zero", "emsmdb.rgb_callback_address.sin_zero", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_sin6_flowinfo,
          { "sin6_flowinfo", "emsmdb.rgb_callback_address.sin6_flowinfo", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_sin6_addr,
          { "sin6_addr", "emsmdb.rgb_callback_address.sin6_addr", FT_IPv6, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_sin6_scope_id,
          { "sin6_scope_id", "emsmdb.rgb_callback_address.sin6_scope_id", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_h_notification, { "hNotification", "emsmdb.h_notification", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_callback_address };
    static ei_register_info ei[] = {
        { &ei_silent,
          { "emsmdb.push.silent", PI_SEQUENCE, PI_NOTE, "No push datagram for this registration", EXPFILL } },
        { &ei_context_size,
          { "emsmdb.cb_context.invalid", PI_PROTOCOL, PI_WARN, "Context exceeds what the server takes", EXPFILL } },
        { &ei_advise_bits,
          { "emsmdb.grbit_advise_bits.invalid", PI_PROTOCOL, PI_WARN, "grbitAdviseBits is not 0xFFFFFFFF", EXPFILL } },
        { &ei_callback_address,
          { "emsmdb.rgb_callback_address.invalid", PI_PROTOCOL, PI_WARN, "Not a socket address", EXPFILL } },
    };

    proto_register_field_array(proto, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, array_length(ei));
}
