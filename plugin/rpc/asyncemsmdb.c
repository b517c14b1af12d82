/* asyncemsmdb.c
 * The AsyncEMSMDB interface (MS-OXCRPC 3.3)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/rpc_call.h"

#include "registration.h"

#include "session/event.h"
#include "rop/buffer.h"
#include "ropdefs.h"
#include "rpc/async_wait.h"

#define ASYNCEMSMDB_VERSION 0   /* the interface is 0.1; see EMSMDB_VERSION */

#define NOTIFICATION_PENDING 0x00000001         /* pulFlagsOut */

static int proto_asyncemsmdb = -1;

static int hf_opnum = -1;
static int hf_acxh = -1;
static int hf_ul_flags_in = -1;
static int hf_pul_flags_out = -1;
static int hf_pul_flags_out_pending = -1;
static int hf_return_value = -1;

static int ett_asyncemsmdb = -1;
static int ett_pul_flags_out = -1;

static void
note_begin(const oxc_rpc_t *rpc)
{
    oxc_async_wait_begins(rpc->pinfo, rpc->pdu->call);
    if (!PINFO_FD_VISITED(rpc->pinfo))
        oxc_listener->wait_began_on(rpc->conversation, rpc->pdu->call, oxc_rpc_client(rpc), oxc_rpc_server(rpc));
}

static void
note_end(const oxc_rpc_t *rpc, uint32_t result)
{
    oxc_call_t *wait = rpc->pdu->call;

    oxc_async_wait_ends(rpc->pinfo, wait);
    if (PINFO_FD_VISITED(rpc->pinfo))
        return;
    if (rpc->began_before && !wait->session && !oxc_call_wait(wait)->channel)
        oxc_listener->old_wait_ended_on(rpc->conversation, wait, false, oxc_rpc_client(rpc), oxc_rpc_server(rpc));
    else
        oxc_listener->wait_ended_on(rpc->conversation, wait, result != 0, oxc_rpc_client(rpc), oxc_rpc_server(rpc));
}

static int
async_wait_ex_request(tvbuff_t *tvb, int offset, packet_info *pinfo, proto_tree *tree, dcerpc_info *di, uint8_t *drep)
{
    oxc_rpc_t rpc = oxc_rpc_begin(tvb, offset, pinfo, tree, di, drep, OXC_RPC_ASYNCEMSMDB, OXC_CALL_WAIT);
    oxc_ndr_handle_t acxh;

    if (oxc_ndr_handle(&rpc.ndr, hf_acxh, &acxh))
        oxc_rpc_session(&rpc, OXC_KEY_ACXH, &acxh);
    note_begin(&rpc);
    oxc_ndr_u32(&rpc.ndr, hf_ul_flags_in, NULL);
    oxc_rpc_show_session(tvb, pinfo, tree, rpc.pdu->call);
    oxc_listener->call(pinfo, rpc.pdu);
    oxc_listener->wait(tvb, pinfo, tree, OXC_WAKEUP_ASYNC_WAIT, rpc.pdu);
    return oxc_rpc_end(&rpc, tvb);
}

static void
show_end(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t discriminator, oxc_wakeup_outcome_t outcome,
         const oxc_call_t *wait)
{
    if (oxc_call_wait(wait)->channel)
        oxc_listener->wakeup_through(tvb, pinfo, tree, discriminator, OXC_WAKEUP_ASYNC_WAIT, outcome, oxc_call_wait(wait)->channel,
                                  wait->request);
    else
        oxc_listener->wakeup(tvb, pinfo, tree, discriminator, OXC_WAKEUP_ASYNC_WAIT, outcome, wait->session, wait->bound,
                          wait->request);
}

static int
async_wait_ex_response(tvbuff_t *tvb, int offset, packet_info *pinfo, proto_tree *tree, dcerpc_info *di, uint8_t *drep)
{
    static int *const bits[] = { &hf_pul_flags_out_pending, NULL };
    oxc_rpc_t rpc = oxc_rpc_begin(tvb, offset, pinfo, tree, di, drep, OXC_RPC_ASYNCEMSMDB, OXC_CALL_WAIT);
    oxc_call_t *call = rpc.pdu->call;
    oxc_wakeup_outcome_t outcome;
    proto_item *item;
    uint32_t flags, result;

    flags = oxc_ndr_u32(&rpc.ndr, hf_pul_flags_out, &item);
    if (item)
        proto_tree_add_bitmask_list_value(proto_item_add_subtree(item, ett_pul_flags_out), rpc.ndr.tvb,
                                          rpc.ndr.offset - 4, 4, bits, flags);
    result = oxc_rpc_return_value(&rpc, hf_return_value);

    note_end(&rpc, result);
    if (rpc.ndr.broken)
        return oxc_rpc_end(&rpc, tvb);
    if (result != 0)
        outcome = OXC_OUTCOME_REJECTED;
    else
        outcome = flags & NOTIFICATION_PENDING ? OXC_OUTCOME_PENDING : OXC_OUTCOME_TIMEOUT;
    if (result == 0)
        col_append_str(pinfo->cinfo, COL_INFO,
                       outcome == OXC_OUTCOME_PENDING ? ", notification pending" : ", no notification");
    show_end(tvb, pinfo, tree, rpc.discriminator, outcome, call);
    return oxc_rpc_end(&rpc, tvb);
}

static proto_tree *
add_tree(tvbuff_t *tvb, proto_tree *tree, const char *what)
{
    proto_item *item = proto_tree_add_item(tree, proto_asyncemsmdb, tvb, 0, -1, ENC_NA);

    proto_item_append_text(item, ", EcDoAsyncWaitEx%s", what);
    tree = proto_item_add_subtree(item, ett_asyncemsmdb);
    item = proto_tree_add_uint(tree, hf_opnum, tvb, 0, 0, 0);
    proto_item_set_generated(item);
    return tree;
}

void
oxc_asyncemsmdb_fault(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t discriminator,
                      const oxc_rpc_state_t *state)
{
    const oxc_pdu_t *pdu = oxc_pdu_response(pinfo, discriminator, OXC_CALL_WAIT, state->call);

    col_append_str(pinfo->cinfo, COL_INFO, ", EcDoAsyncWaitEx");
    tree = add_tree(tvb, tree, ", fault");
    oxc_show_call_links(tvb, pinfo, tree, pdu);
    show_end(tvb, pinfo, tree, discriminator, OXC_OUTCOME_REJECTED, state->call);
}

bool
oxc_asyncemsmdb_dissect_stub(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, dcerpc_info *di, uint8_t *drep)
{
    if (di->call_data->opnum != 0)
        return false;
    tree = add_tree(tvb, tree, "");
    if (di->ptype == PDU_RESP)
        async_wait_ex_response(tvb, 0, pinfo, tree, di, drep);
    else
        async_wait_ex_request(tvb, 0, pinfo, tree, di, drep);
    return true;
}

bool
oxc_asyncemsmdb_is_ours(void)
{
    return proto_is_protocol_enabled(find_protocol_by_id(proto_asyncemsmdb));
}

void
proto_reg_handoff_asyncemsmdb(void)
{
    static dcerpc_sub_dissector procs[] = {
        { 0, "EcDoAsyncWaitEx", async_wait_ex_request, async_wait_ex_response },
        { 0, NULL, NULL, NULL }
    };
    static e_guid_t uuid = OXC_ASYNCEMSMDB_UUID;

    dcerpc_init_uuid(proto_asyncemsmdb, ett_asyncemsmdb, &uuid, ASYNCEMSMDB_VERSION, procs, hf_opnum);
    oxc_async_waits_handoff();
}

void
proto_register_asyncemsmdb(void)
{
    static hf_register_info hf[] = {
        { &hf_opnum, { "Operation", "asyncemsmdb.opnum", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_acxh,
          { "ACXH", "asyncemsmdb.acxh", FT_BYTES, BASE_NONE, NULL, 0, "Asynchronous context handle, little-endian",
            HFILL } },
        { &hf_ul_flags_in, { "ulFlagsIn", "asyncemsmdb.ul_flags_in", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_pul_flags_out,
          { "pulFlagsOut", "asyncemsmdb.pul_flags_out", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_pul_flags_out_pending,
          { "NotificationPending", "asyncemsmdb.pul_flags_out.notification_pending", FT_BOOLEAN, 32, NULL,
            NOTIFICATION_PENDING, NULL, HFILL } },
        { &hf_return_value,
          { "Return value", "asyncemsmdb.return_value", FT_UINT32, BASE_HEX | BASE_EXT_STRING, &ropdef_error_vals_ext,
            0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_asyncemsmdb, &ett_pul_flags_out };

    proto_asyncemsmdb = proto_register_protocol("Exchange Server Asynchronous Mailbox RPC (MS-OXCRPC)", "AsyncMDB",
                                                "asyncemsmdb");
    oxc_async_waits_register(proto_asyncemsmdb);        /* has fields of emsmdb, in one run with the others */
    proto_register_field_array(proto_asyncemsmdb, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
}
