/* emsmdb.c
 * The EMSMDB interface (MS-OXCRPC 3.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/emsmdb_call.h"

#include "rpc/async_wait.h"
#include "rpc/emsmdb_connect.h"
#include "rpc/emsmdb_push.h"

#include "registration.h"

#include <string.h>

#include <epan/expert.h>
#include <epan/prefs.h>

#include "foreign_text.h"
#include "session/event.h"
#include "rop/buffer.h"
#include "ropdefs.h"
#include "payload/extended_buffer.h"

#define EMSMDB_VERSION 0        /* the interface is 0.81; DCE/RPC tells interfaces apart by the major number alone */

#define BIG_RANGE 0x40000       /* MS-OXCRPC 2.2.1.3 */
#define ULTRA_LARGE 0x100000    /* pcbOut where the server announced it (MS-OXCRPC 2.2.2.2.19) */
#define NCA_S_FAULT_CONTEXT_MISMATCH 0x1C00001A

static int proto_emsmdb = -1;

static int hf_opnum = -1;
static int hf_acxh = -1;
static int hf_pul_flags = -1;
static int hf_pul_flags_no_compression = -1;
static int hf_pul_flags_no_xor_magic = -1;
static int hf_pul_flags_chain = -1;
static int hf_rgb_in = -1;
static int hf_cb_in = -1;
static int hf_rgb_out = -1;
static int hf_pcb_out = -1;
static int hf_pul_trans_time = -1;
static int hf_length = -1;
static int hf_max_data = -1;
static int hf_reserved0 = -1;
static int hf_reserved1 = -1;

static int ett_emsmdb = -1;
static int ett_parameter = -1;


/* ---- parts ---- */

static void
show_pul_flags(oxc_rpc_t *rpc)
{
    static int *const bits[] = { &hf_pul_flags_no_compression, &hf_pul_flags_no_xor_magic, &hf_pul_flags_chain, NULL };
    proto_item *item;
    uint32_t value = oxc_ndr_u32(&rpc->ndr, hf_pul_flags, &item);

    if (item)
        proto_tree_add_bitmask_list_value(proto_item_add_subtree(item, ett_parameter), rpc->ndr.tvb,
                                          rpc->ndr.offset - 4, 4, bits, value);
}

/* ---- calls that carry ROPs ---- */

typedef enum { CHAIN, OBFUSCATED } wrapping_t;

/* After all parameters: what is wrong in a ROP must not hide how the call ended. */
static void
show_rops(oxc_rpc_t *rpc, tvbuff_t *rops, wrapping_t wrapping)
{
    if (rops && tvb_reported_length(rops) > 0) {
        if (wrapping == CHAIN)
            oxc_dissect_rop_chain(rops, rpc->pinfo, rpc->tree, rpc->pdu);
        else
            oxc_dissect_rop_plain(rops, rpc->pinfo, rpc->tree, rpc->pdu, true);
        if (!oxc_pdu_rop(rpc->pdu, 0))
            col_append_str(rpc->pinfo->cinfo, COL_INFO, ", no ROP");
    }
    if (!rpc->is_response)
        oxc_async_other_call_begins(rpc->pinfo, rpc->pdu->call);
    oxc_listener->fetch(rpc->ndr.tvb, rpc->pinfo, rpc->tree, rpc->pdu);
}

static void
rpc_ext2_request(oxc_rpc_t *rpc)
{
    tvbuff_t *rops, *aux;

    oxc_emsmdb_request_cxh(rpc);
    show_pul_flags(rpc);
    rops = oxc_ndr_bytes(&rpc->ndr, hf_rgb_in, false, NULL);
    oxc_emsmdb_length(rpc, hf_cb_in, rops);
    rpc->pdu->max_out = oxc_emsmdb_limit(rpc, hf_pcb_out, ULTRA_LARGE);
    aux = oxc_emsmdb_aux_request(rpc);
    show_rops(rpc, rops, CHAIN);
    oxc_emsmdb_show_aux(rpc, aux);
}

static void
rpc_ext2_response(oxc_rpc_t *rpc)
{
    tvbuff_t *rops, *aux;
    bool lost = oxc_emsmdb_response_cxh(rpc);

    show_pul_flags(rpc);
    rops = oxc_ndr_bytes(&rpc->ndr, hf_rgb_out, true, NULL);
    oxc_emsmdb_length(rpc, hf_pcb_out, rops);
    aux = oxc_emsmdb_aux_response(rpc);
    oxc_ndr_u32(&rpc->ndr, hf_pul_trans_time, NULL);
    oxc_emsmdb_return_value(rpc);
    show_rops(rpc, rops, CHAIN);
    oxc_emsmdb_show_aux(rpc, aux);
    oxc_emsmdb_check_lost(rpc, lost);
}

/* EcDoRpcExt and EcDoRpc, as EcDoConnect above. */
static void
legacy_rpc_ext_request(oxc_rpc_t *rpc)
{
    tvbuff_t *rops, *reserved;

    oxc_emsmdb_request_cxh(rpc);
    show_pul_flags(rpc);
    rops = oxc_ndr_bytes(&rpc->ndr, hf_rgb_in, false, NULL);
    oxc_emsmdb_length(rpc, hf_cb_in, rops);
    rpc->pdu->max_out = oxc_emsmdb_limit(rpc, hf_pcb_out, BIG_RANGE);
    reserved = oxc_ndr_bytes(&rpc->ndr, hf_reserved0, true, NULL);
    oxc_emsmdb_length(rpc, hf_reserved1, reserved);
    show_rops(rpc, rops, CHAIN);
}

static void
legacy_rpc_ext_response(oxc_rpc_t *rpc)
{
    tvbuff_t *rops, *reserved;
    bool lost = oxc_emsmdb_response_cxh(rpc);

    show_pul_flags(rpc);
    rops = oxc_ndr_bytes(&rpc->ndr, hf_rgb_out, true, NULL);
    oxc_emsmdb_length(rpc, hf_pcb_out, rops);
    reserved = oxc_ndr_bytes(&rpc->ndr, hf_reserved0, true, NULL);
    oxc_emsmdb_length(rpc, hf_reserved1, reserved);
    oxc_ndr_u32(&rpc->ndr, hf_pul_trans_time, NULL);
    oxc_emsmdb_return_value(rpc);
    show_rops(rpc, rops, CHAIN);
    oxc_emsmdb_check_lost(rpc, lost);
}

static void
legacy_rpc_request(oxc_rpc_t *rpc)
{
    tvbuff_t *rops;

    oxc_emsmdb_request_cxh(rpc);
    rops = oxc_ndr_bytes(&rpc->ndr, hf_rgb_in, true, NULL);
    oxc_emsmdb_length16(rpc, hf_length, rops);
    rpc->pdu->max_out = oxc_ndr_u16(&rpc->ndr, hf_max_data, NULL);
    show_rops(rpc, rops, OBFUSCATED);
}

static void
legacy_rpc_response(oxc_rpc_t *rpc)
{
    tvbuff_t *rops;
    bool lost = oxc_emsmdb_response_cxh(rpc);

    rops = oxc_ndr_bytes(&rpc->ndr, hf_rgb_out, true, NULL);
    oxc_emsmdb_length16(rpc, hf_length, rops);
    oxc_emsmdb_return_value(rpc);
    show_rops(rpc, rops, OBFUSCATED);
    oxc_emsmdb_check_lost(rpc, lost);
}

/* ---- the other calls ---- */

static void
handle_request(oxc_rpc_t *rpc)
{
    oxc_emsmdb_request_cxh(rpc);
    oxc_rpc_show_session(rpc->ndr.tvb, rpc->pinfo, rpc->tree, rpc->pdu->call);
}

static void
disconnect_response(oxc_rpc_t *rpc)
{
    oxc_emsmdb_response_cxh(rpc);
    oxc_emsmdb_return_value(rpc);
    oxc_rpc_show_session(rpc->ndr.tvb, rpc->pinfo, rpc->tree, rpc->pdu->call);
}

static void
async_connect_ex_response(oxc_rpc_t *rpc)
{
    oxc_ndr_handle_t acxh;
    bool found = oxc_ndr_handle(&rpc->ndr, hf_acxh, &acxh);

    if (found)
        oxc_rpc_bind_acxh(rpc, &acxh);
    oxc_emsmdb_return_value(rpc);
    oxc_rpc_show_session(rpc->ndr.tvb, rpc->pinfo, rpc->tree, rpc->pdu->call);
}

static void
no_parameters(oxc_rpc_t *rpc _U_)
{
}

static void
only_return_value(oxc_rpc_t *rpc)
{
    oxc_emsmdb_return_value(rpc);
}

/* ---- the interface ---- */

typedef struct {
    const char *name;
    oxc_call_kind_t kind;
    void (*request)(oxc_rpc_t *rpc);    /* NULL: no layout is known */
    void (*response)(oxc_rpc_t *rpc);
} emsmdb_call_t;

/* By opnum. Those that MS-OXCRPC 3.1.4 lists as "not used on wire" have the names of older clients and servers. */
static const emsmdb_call_t calls[] = {
    { "EcDoConnect", OXC_CALL_CONNECT, oxc_emsmdb_legacy_connect_request, oxc_emsmdb_legacy_connect_response },
    { "EcDoDisconnect", OXC_CALL_DISCONNECT, handle_request, disconnect_response },
    { "EcDoRpc", OXC_CALL_FETCH, legacy_rpc_request, legacy_rpc_response },
    { "EcGetMoreRpc", OXC_CALL_OTHER, NULL, NULL },
    { "EcRRegisterPushNotification", OXC_CALL_REGISTER_PUSH, oxc_emsmdb_register_push_request,
      oxc_emsmdb_register_push_response },
    { "EcRUnregisterPushNotification", OXC_CALL_OTHER, oxc_emsmdb_unregister_push_request,
      oxc_emsmdb_unregister_push_response },
    { "EcDummyRpc", OXC_CALL_OTHER, no_parameters, only_return_value },
    { "EcRGetDCName", OXC_CALL_OTHER, NULL, NULL },
    { "EcRNetGetDCName", OXC_CALL_OTHER, NULL, NULL },
    { "EcDoRpcExt", OXC_CALL_FETCH, legacy_rpc_ext_request, legacy_rpc_ext_response },
    { "EcDoConnectEx", OXC_CALL_CONNECT, oxc_emsmdb_connect_ex_request, oxc_emsmdb_connect_ex_response },
    { "EcDoRpcExt2", OXC_CALL_FETCH, rpc_ext2_request, rpc_ext2_response },
    { "EcDoAsyncConnect", OXC_CALL_OTHER, NULL, NULL },
    { "EcDoAsyncWait", OXC_CALL_OTHER, NULL, NULL },
    { "EcDoAsyncConnectEx", OXC_CALL_ASYNC_CONNECT, handle_request, async_connect_ex_response },
};

const char *
oxc_emsmdb_call_name(uint16_t opnum)
{
    return opnum < array_length(calls) ? calls[opnum].name : "unknown call";
}

oxc_call_kind_t
oxc_emsmdb_call_kind(uint16_t opnum)
{
    return opnum < array_length(calls) ? calls[opnum].kind : OXC_CALL_OTHER;
}

/* Every call goes through here: DCE/RPC has said in di which one it is. */
static int
dissect_call(tvbuff_t *tvb, int offset, packet_info *pinfo, proto_tree *tree, dcerpc_info *di, uint8_t *drep)
{
    const emsmdb_call_t *call = &calls[di->call_data->opnum];
    oxc_rpc_t rpc = oxc_rpc_begin(tvb, offset, pinfo, tree, di, drep, OXC_RPC_EMSMDB, call->kind);

    if (!PINFO_FD_VISITED(pinfo))
        rpc.pdu->call->name = call->name;
    (rpc.is_response ? call->response : call->request)(&rpc);
    if (call->kind != OXC_CALL_FETCH)
        oxc_listener->call(pinfo, rpc.pdu);
    return oxc_rpc_end(&rpc, tvb);
}

static proto_tree *
add_tree(tvbuff_t *tvb, proto_tree *tree, uint16_t opnum, const char *what)
{
    proto_item *item = proto_tree_add_item(tree, proto_emsmdb, tvb, 0, -1, ENC_NA);

    proto_item_append_text(item, ", %s%s", oxc_emsmdb_call_name(opnum), what);
    tree = proto_item_add_subtree(item, ett_emsmdb);
    item = proto_tree_add_uint(tree, hf_opnum, tvb, 0, 0, opnum);
    proto_item_set_generated(item);
    return tree;
}

bool
oxc_emsmdb_dissect_stub(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, dcerpc_info *di, uint8_t *drep)
{
    uint16_t opnum = di->call_data->opnum;

    if (opnum >= array_length(calls) || !calls[opnum].request)
        return false;
    dissect_call(tvb, 0, pinfo, add_tree(tvb, tree, opnum, ""), di, drep);
    return true;
}

void
oxc_emsmdb_fault(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t discriminator,
                 const oxc_rpc_state_t *state, uint32_t status)
{
    oxc_call_t *call = state->call;

    const oxc_pdu_t *pdu = oxc_pdu_response(pinfo, discriminator, call->kind, call);

    col_append_fstr(pinfo->cinfo, COL_INFO, ", %s", oxc_emsmdb_call_name(state->opnum));
    tree = add_tree(tvb, tree, state->opnum, ", fault");
    oxc_show_call_links(tvb, pinfo, tree, pdu);
    /* The server knows the context handle no more, or never did (C706 appendix N). */
    if (status == NCA_S_FAULT_CONTEXT_MISMATCH && call->session)
        oxc_session_end(pinfo, call->session, OXC_END_LOST);
    oxc_listener->call_failed(pinfo, call, OXC_FAILURE_REFUSED);
    oxc_rpc_show_session(tvb, pinfo, tree, call);
    oxc_listener->call(pinfo, pdu);
}

static dcerpc_sub_dissector procs[array_length(calls) + 1];

/* ---- the built-in dissector ---- */

static ws_bool take_over = true;
static bool taken_over;

/* How somebody serves the interface. */
typedef struct {
    bool exists;
    dcerpc_uuid_value value;
    dissector_handle_t handle;
} service_t;

static service_t builtin;               /* Wireshark's own */
static service_t ours;

/* Who serves the interface now; then nobody does. */
static service_t
take_service_away(const e_guid_t *uuid)
{
    guid_key key = { *uuid, EMSMDB_VERSION };
    const dcerpc_uuid_value *value = (const dcerpc_uuid_value *)g_hash_table_lookup(dcerpc_uuids, &key);
    service_t service = { 0 };

    service.exists = value != NULL;
    if (value)
        service.value = *value;
    service.handle = dissector_get_guid_handle(find_dissector_table("dcerpc.uuid"), &key);
    compat_dcerpc_delete_uuid(uuid, EMSMDB_VERSION);
    return service;
}

/* What dcerpc_init_uuid() does, for a handle that exists: a second one of the same name would be a dissector bug. */
static void
give_service_back(e_guid_t *uuid, const service_t *service)
{
    guid_key *key;
    dcerpc_uuid_value *value;

    if (!service->exists || !service->handle)
        return;
    key = g_new(guid_key, 1);
    key->guid = *uuid;
    key->ver = EMSMDB_VERSION;
    value = g_new(dcerpc_uuid_value, 1);
    *value = service->value;
    g_hash_table_insert(dcerpc_uuids, key, value);
    dissector_add_guid("dcerpc.uuid", key, service->handle);
    guids_add_uuid(uuid, service->value.name);
}

/*
 * Wireshark's own "mapi" dissector has registered the interface before us: plugins hand off after it. Preferences are
 * read later still, so this is first done by default and then again whenever the preference changes.
 */
static void
apply_preferences(void)
{
    e_guid_t uuid = OXC_EMSMDB_UUID;
    service_t before;

    if ((bool)take_over == taken_over)
        return;
    taken_over = take_over;
    before = take_service_away(&uuid);
    if (!taken_over) {
        ours = before;
        give_service_back(&uuid, &builtin);
    } else {
        builtin = before;
        if (ours.exists)
            give_service_back(&uuid, &ours);
        else
            dcerpc_init_uuid(proto_emsmdb, ett_emsmdb, &uuid, EMSMDB_VERSION, procs, hf_opnum);
    }
}

bool
oxc_emsmdb_is_ours(void)
{
    return taken_over && proto_is_protocol_enabled(find_protocol_by_id(proto_emsmdb));
}

void
proto_reg_handoff_emsmdb(void)
{
    for (unsigned i = 0; i < array_length(calls); i++) {
        procs[i].num = (uint16_t)i;
        procs[i].name = calls[i].name;
        procs[i].dissect_rqst = calls[i].request ? dissect_call : NULL;
        procs[i].dissect_resp = calls[i].response ? dissect_call : NULL;
    }
    oxc_rpc_handoff();
    apply_preferences();
}

void
proto_register_emsmdb(void)
{
    static hf_register_info hf[] = {
        { &hf_opnum, { "Operation", "emsmdb.opnum", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_acxh,
          { "ACXH", "emsmdb.acxh", FT_BYTES, BASE_NONE, NULL, 0, "Asynchronous context handle, little-endian",
            HFILL } },
        { &hf_pul_flags, { "pulFlags", "emsmdb.pul_flags", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_pul_flags_no_compression,
          { "NoCompression", "emsmdb.pul_flags.no_compression", FT_BOOLEAN, 32, NULL, 0x1, NULL, HFILL } },
        { &hf_pul_flags_no_xor_magic,
          { "NoXorMagic", "emsmdb.pul_flags.no_xor_magic", FT_BOOLEAN, 32, NULL, 0x2, NULL, HFILL } },
        { &hf_pul_flags_chain, { "Chain", "emsmdb.pul_flags.chain", FT_BOOLEAN, 32, NULL, 0x4, NULL, HFILL } },
        { &hf_rgb_in, { "rgbIn", "emsmdb.rgb_in", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_cb_in, { "cbIn", "emsmdb.cb_in", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_rgb_out, { "rgbOut", "emsmdb.rgb_out", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_pcb_out, { "pcbOut", "emsmdb.pcb_out", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_pul_trans_time,
          { "pulTransTime", "emsmdb.pul_trans_time", FT_UINT32, BASE_DEC | BASE_UNIT_STRING,
            UNS(&oxc_emsmdb_milliseconds), 0, NULL, HFILL } },
        { &hf_length, { "length", "emsmdb.length", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_max_data, { "max_data", "emsmdb.max_data", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_reserved0, { "Reserved0", "emsmdb.reserved0", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_reserved1, { "Reserved1", "emsmdb.reserved1", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
    };
    static int *ett[] = { &ett_emsmdb, &ett_parameter };
    module_t *module;

    proto_emsmdb = proto_register_protocol("Exchange Server Mailbox RPC (MS-OXCRPC)", "EMSMDB", "emsmdb");
    proto_register_field_array(proto_emsmdb, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    oxc_rpc_register(proto_emsmdb);
    oxc_emsmdb_call_register(proto_emsmdb);
    oxc_emsmdb_connect_register(proto_emsmdb);
    oxc_emsmdb_register_push(proto_emsmdb);

    module = prefs_register_protocol(proto_emsmdb, apply_preferences);
    prefs_register_bool_preference(module, "take_over", "Take over EMSMDB from the built-in dissector",
                                   "Off: Wireshark's own \"mapi\" dissector shows the interface, without sessions, "
                                   "notifications or links.",
                                   &take_over);
}
