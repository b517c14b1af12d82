/* rpcconn.c
 * Connections that carry EMSMDB and AsyncEMSMDB: what DCE/RPC does not tell an interface
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "transport/oxcrpc.h"

#include "registration.h"

#include <string.h>

#include <epan/exceptions.h>
#include <epan/expert.h>
#include <epan/proto_data.h>
#include <epan/show_exception.h>

/*
 * Wireshark's DCE/RPC dissector hands an interface the stubs of requests and responses whose bind and request were
 * captured and which it can decrypt. The rest matters as much to somebody who looks for a lost notification: a wait that
 * ends in a fault, a capture that was begun when Outlook had been running for days, a stub that needs a password. So
 * this heuristic dissector lets DCE/RPC do its work and then looks at the same PDUs for what was left out.
 *
 * It belongs to DCE/RPC's own protocol, accepts exactly what DCE/RPC's heuristic accepts, and calls that directly: nothing
 * changes for other interfaces, and it always comes first, because Wireshark moves heuristics that match to the front
 * and DCE/RPC's never gets to match by itself. Who disables it in Analyze > Enabled Protocols has plain DCE/RPC.
 */
static heur_dtbl_entry_t *dcerpc_over_tcp;

static int proto_ports = -1;    /* in name only; also the key for what is remembered with a frame */
static int ett_inferred = -1;

static expert_field ei_inferred = EI_INIT;
static expert_field ei_sealed = EI_INIT;
static expert_field ei_unknown_call = EI_INIT;

#define HEADER_SIZE 16          /* of a PDU (C706 12.6.3.1) */
#define BODY_SIZE 24            /* header and body of a request or response, up to the stub */
#define FLAG_FIRST 0x01
#define FLAG_LAST 0x02
#define FLAG_OBJECT 0x80

/* ---- PDUs ---- */

typedef struct {
    tvbuff_t *tvb;              /* the whole PDU */
    uint8_t ptype;
    uint8_t flags;
    uint8_t drep[4];
    unsigned encoding;
    uint16_t length;
    uint32_t call_id;
    uint16_t context_id;        /* of requests, responses and faults */
    uint16_t opnum;             /* of requests */
    uint8_t auth_type;          /* DCE_C_RPC_AUTHN_PROTOCOL_NONE: no verifier */
    uint8_t auth_level;
    int stub;                   /* where it begins and ends */
    int stub_end;
} pdu_t;

/* The header of the PDU at offset: the same test that DCE/RPC makes. */
static bool
read_header(tvbuff_t *tvb, int offset, pdu_t *pdu)
{
    memset(pdu, 0, sizeof *pdu);
    if (!tvb_bytes_exist(tvb, offset, HEADER_SIZE))
        return false;
    if (tvb_get_uint8(tvb, offset) != 5 || tvb_get_uint8(tvb, offset + 1) > 1)
        return false;
    pdu->ptype = tvb_get_uint8(tvb, offset + 2);
    pdu->flags = tvb_get_uint8(tvb, offset + 3);
    tvb_memcpy(tvb, pdu->drep, offset + 4, sizeof pdu->drep);
    if (pdu->ptype > PDU_RTS || pdu->drep[0] & 0xEE || pdu->drep[1] > 3)
        return false;
    pdu->encoding = DREP_ENC_INTEGER(pdu->drep);
    pdu->length = tvb_get_uint16(tvb, offset + 8, pdu->encoding);
    pdu->call_id = tvb_get_uint32(tvb, offset + 12, pdu->encoding);
    return pdu->length >= HEADER_SIZE;
}

/* The whole PDU at offset; false if it is not all there. */
static bool
read_pdu(tvbuff_t *tvb, int offset, pdu_t *pdu)
{
    uint16_t auth_length;
    int trailer;

    if (!read_header(tvb, offset, pdu) || !tvb_bytes_exist(tvb, offset, pdu->length))
        return false;
    pdu->tvb = tvb_new_subset_length(tvb, offset, pdu->length);
    if (pdu->length < BODY_SIZE)
        return true;
    pdu->context_id = tvb_get_uint16(pdu->tvb, 20, pdu->encoding);
    pdu->opnum = tvb_get_uint16(pdu->tvb, 22, pdu->encoding);
    pdu->stub = BODY_SIZE + (pdu->ptype == PDU_REQ && pdu->flags & FLAG_OBJECT ? 16 : 0);
    pdu->stub_end = pdu->length;
    auth_length = tvb_get_uint16(pdu->tvb, 10, pdu->encoding);
    if (auth_length > 0) {
        trailer = pdu->length - auth_length - 8;
        if (trailer >= pdu->stub) {
            pdu->auth_type = tvb_get_uint8(pdu->tvb, trailer);
            pdu->auth_level = tvb_get_uint8(pdu->tvb, trailer + 1);
            pdu->stub_end = trailer - tvb_get_uint8(pdu->tvb, trailer + 2);
        }
    }
    if (pdu->stub_end < pdu->stub)
        pdu->stub_end = pdu->stub;
    return true;
}

static bool
is_whole(const pdu_t *pdu)
{
    return (pdu->flags & (FLAG_FIRST | FLAG_LAST)) == (FLAG_FIRST | FLAG_LAST);
}

static bool
is_sealed(const pdu_t *pdu)
{
    return pdu->auth_type != DCE_C_RPC_AUTHN_PROTOCOL_NONE && pdu->auth_level == DCE_C_AUTHN_LEVEL_PKT_PRIVACY;
}

/* ---- what is remembered ---- */

/* A presentation context: what its id stands for. */
typedef struct {
    oxc_rpc_interface_t interface;
    bool ndr64;
} context_t;

/* A request whose answer is still to come. */
typedef struct {
    oxc_rpc_state_t *state;     /* NULL: it was not handed to us */
    dcerpc_call_value *value;   /* set if we dissect the call, for want of DCE/RPC */
} asked_t;

typedef struct {
    bool bound;                 /* a bind was captured: DCE/RPC knows the contexts */
    bool ours;                  /* one of them is for one of our interfaces */
    bool sealed;                /* said once that a stub cannot be decrypted */
    wmem_map_t *contexts;       /* id -> context_t */
    wmem_map_t *asked;          /* call id -> asked_t */
} connection_t;

/* What the first visit found out about a PDU; later visits only show it. */
typedef enum { STUB, UNKNOWN_CALL, FAULT, SEALED } finding_kind_t;

typedef struct {
    finding_kind_t kind;
    oxc_rpc_interface_t interface;
    dcerpc_call_value *value;           /* STUB */
    oxc_rpc_state_t *state;             /* FAULT */
} finding_t;

/* The calls that DCE/RPC has handed to us while it dissects a stream. */
typedef struct {
    uint32_t call_id;
    oxc_rpc_state_t *state;
} handed_t;

static wmem_array_t *handed;

void
oxc_rpc_handed(uint32_t call_id, oxc_rpc_state_t *state)
{
    handed_t one = { call_id, state };

    if (handed)
        wmem_array_append_one(handed, one);
}

static oxc_rpc_state_t *
find_handed(wmem_array_t *list, uint32_t call_id)
{
    for (unsigned i = 0; i < wmem_array_get_count(list); i++) {
        const handed_t *one = (const handed_t *)wmem_array_index(list, i);

        if (one->call_id == call_id)
            return one->state;
    }
    return NULL;
}

static connection_t *
get_connection(conversation_t *conversation)
{
    connection_t *connection = (connection_t *)conversation_get_proto_data(conversation, proto_ports);

    if (!connection) {
        connection = wmem_new0(wmem_file_scope(), connection_t);
        connection->contexts = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
        connection->asked = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
        conversation_add_proto_data(conversation, proto_ports, connection);
    }
    return connection;
}

static void
set_context(connection_t *connection, uint16_t id, oxc_rpc_interface_t interface, bool ndr64)
{
    context_t *context = wmem_new0(wmem_file_scope(), context_t);

    context->interface = interface;
    context->ndr64 = ndr64;
    connection->ours = true;
    wmem_map_insert(connection->contexts, GUINT_TO_POINTER(id), context);
}

static oxc_rpc_interface_t
interface_of(const connection_t *connection, const pdu_t *pdu, bool *ndr64)
{
    const context_t *context =
        (const context_t *)wmem_map_lookup(connection->contexts, GUINT_TO_POINTER(pdu->context_id));

    if (!context)
        return OXC_RPC_NEITHER;
    *ndr64 = context->ndr64;
    return context->interface;
}

/* ---- binds ---- */

static oxc_rpc_interface_t
interface_of_uuid(const e_guid_t *uuid)
{
    static const e_guid_t emsmdb = OXC_EMSMDB_UUID;
    static const e_guid_t asyncemsmdb = OXC_ASYNCEMSMDB_UUID;

    if (guid_cmp(uuid, &emsmdb) == 0)
        return OXC_RPC_EMSMDB;
    return guid_cmp(uuid, &asyncemsmdb) == 0 ? OXC_RPC_ASYNCEMSMDB : OXC_RPC_NEITHER;
}

/* Looks through the contexts of a bind or alter_context (C706 12.6.4.3); connection may be NULL. Are there any of ours? */
static bool
read_bind(const pdu_t *pdu, connection_t *connection)
{
    static const e_guid_t ndr64_uuid = { 0x71710533, 0xbeba, 0x4937, { 0x83, 0x19, 0xb5, 0xdb, 0xef, 0x9c, 0xcc, 0x36 } };
    bool found = false;
    unsigned count;
    int offset = BODY_SIZE + 4;

    if (pdu->length < offset)
        return false;
    count = tvb_get_uint8(pdu->tvb, BODY_SIZE);
    for (unsigned i = 0; i < count && offset + 44 <= pdu->length; i++) {
        uint16_t id = tvb_get_uint16(pdu->tvb, offset, pdu->encoding);
        unsigned transfers = tvb_get_uint8(pdu->tvb, offset + 2);
        oxc_rpc_interface_t interface;
        e_guid_t uuid, transfer;

        tvb_get_guid(pdu->tvb, offset + 4, &uuid, pdu->encoding);
        tvb_get_guid(pdu->tvb, offset + 24, &transfer, pdu->encoding);
        interface = interface_of_uuid(&uuid);
        if (interface != OXC_RPC_NEITHER) {
            found = true;
            if (connection)
                set_context(connection, id, interface, guid_cmp(&transfer, &ndr64_uuid) == 0);
        }
        offset += 24 + 20 * (int)transfers;
    }
    return found;
}

/* ---- calls that are recognized by their stub ---- */

static int
align4(int offset)
{
    return (offset + 3) / 4 * 4;
}

static uint64_t
get_count(tvbuff_t *stub, int offset, unsigned encoding, bool ndr64)
{
    return ndr64 ? tvb_get_uint64(stub, offset, encoding) : tvb_get_uint32(stub, offset, encoding);
}

/* A context handle that a server may have given out: small attributes, a UUID that is not null. */
static bool
is_handle(tvbuff_t *stub, unsigned encoding)
{
    return tvb_get_uint32(stub, 0, encoding) < 16 && (tvb_get_uint64(stub, 4, encoding) || tvb_get_uint64(stub, 12, encoding));
}

/* RPC_HEADER_EXT (MS-OXCRPC 2.2.2.1), always little-endian, that fits into room bytes. */
static bool
is_header_ext(tvbuff_t *stub, int offset, uint64_t room)
{
    return room >= 8 && tvb_get_letohs(stub, offset) == 0 && tvb_get_letohs(stub, offset + 2) <= 7 &&
           tvb_get_letohs(stub, offset + 4) + UINT64_C(8) <= room;
}

/*
 * Is this the stub of an EcDoRpcExt2 request? Handle, flags, an array whose count comes back as cbIn behind it, and in it
 * an extended header: no other call has all that by chance.
 */
static bool
is_rpc_ext2_request(tvbuff_t *stub, unsigned encoding, bool ndr64)
{
    int length = (int)tvb_reported_length(stub);
    int data = 24 + (ndr64 ? 8 : 4);
    uint64_t count;
    int after;

    if (length < data + 8 || !is_handle(stub, encoding) || tvb_get_uint32(stub, 20, encoding) > 7)
        return false;
    count = get_count(stub, 24, encoding, ndr64);
    if (count > (uint64_t)(length - data) || !is_header_ext(stub, data, count))
        return false;
    after = align4(data + (int)count);
    return after + 4 <= length && tvb_get_uint32(stub, after, encoding) == count;
}

/* An array of an EcDoRpcExt2 response with its length behind it: where that ends, 0 if it is none. */
static int
skip_array(tvbuff_t *stub, int offset, unsigned encoding, bool ndr64, uint64_t *count)
{
    int length = (int)tvb_reported_length(stub);
    int word = ndr64 ? 8 : 4;

    offset = (offset + word - 1) / word * word;
    if (offset + 3 * word + 4 > length || get_count(stub, offset + word, encoding, ndr64) != 0)
        return 0;
    *count = get_count(stub, offset + 2 * word, encoding, ndr64);
    if (*count > (uint64_t)(length - offset - 3 * word - 4) || *count > get_count(stub, offset, encoding, ndr64))
        return 0;
    offset = align4(offset + 3 * word + (int)*count);
    if (offset + 4 > length || tvb_get_uint32(stub, offset, encoding) != *count)
        return 0;
    return offset + 4;
}

/* Is this the stub of an EcDoRpcExt2 response? As above, and it ends where the parameters end. */
static bool
is_rpc_ext2_response(tvbuff_t *stub, unsigned encoding, bool ndr64)
{
    int length = (int)tvb_reported_length(stub);
    int data = 24 + 3 * (ndr64 ? 8 : 4);
    uint64_t rops, aux;
    int offset;

    if (length < data + 8 || !is_handle(stub, encoding) || tvb_get_uint32(stub, 20, encoding) > 7)
        return false;
    offset = skip_array(stub, 24, encoding, ndr64, &rops);
    if (offset == 0 || !is_header_ext(stub, data, rops))
        return false;
    offset = skip_array(stub, offset, encoding, ndr64, &aux);
    return offset != 0 && offset + 8 <= length && length < offset + 8 + 16;
}

static bool
is_known_handle(packet_info *pinfo, tvbuff_t *stub, const pdu_t *pdu, oxc_key_kind_t kind)
{
    dcerpc_call_value value = { 0 };
    dcerpc_info di = { 0 };
    oxc_ndr_handle_t handle;
    oxc_ndr_t ndr;

    di.call_data = &value;
    ndr = oxc_ndr_begin(stub, 0, pinfo, NULL, &di, pdu->drep);
    return tvb_reported_length(stub) >= OXC_NDR_HANDLE_SIZE && oxc_ndr_handle(&ndr, -1, &handle) && !handle.is_null &&
           oxc_session_find(pinfo, kind, handle.bytes, sizeof handle.bytes, false) != NULL;
}

/* The interface of a request on a connection whose bind was not captured. */
static oxc_rpc_interface_t
infer_request(packet_info *pinfo, tvbuff_t *stub, const pdu_t *pdu, bool *ndr64)
{
    int length = (int)tvb_reported_length(stub);

    *ndr64 = false;
    if (pdu->opnum == 11) {
        if (is_rpc_ext2_request(stub, pdu->encoding, false))
            return OXC_RPC_EMSMDB;
        *ndr64 = is_rpc_ext2_request(stub, pdu->encoding, true);
        return *ndr64 ? OXC_RPC_EMSMDB : OXC_RPC_NEITHER;
    }
    if (((pdu->opnum == 1 || pdu->opnum == 14) && length == OXC_NDR_HANDLE_SIZE) || (pdu->opnum == 4 && length > 40))
        return is_known_handle(pinfo, stub, pdu, OXC_KEY_CXH) ? OXC_RPC_EMSMDB : OXC_RPC_NEITHER;
    if (pdu->opnum == 0 && length == OXC_NDR_HANDLE_SIZE + 4 && is_handle(stub, pdu->encoding) &&
        tvb_get_uint32(stub, OXC_NDR_HANDLE_SIZE, pdu->encoding) == 0 &&
        (is_known_handle(pinfo, stub, pdu, OXC_KEY_ACXH) || oxc_rpc_is_server(&pinfo->dst, pinfo->destport)))
        return OXC_RPC_ASYNCEMSMDB;
    return OXC_RPC_NEITHER;
}

/* EcDoAsyncWaitEx's answer is only two numbers: it takes a server known for Exchange's RPC to believe in it. */
static bool
is_wait_response(packet_info *pinfo, tvbuff_t *stub, const pdu_t *pdu, bool known_interface)
{
    uint32_t result;

    if (tvb_reported_length(stub) != 8 || tvb_get_uint32(stub, 0, pdu->encoding) > 1)
        return false;
    result = tvb_get_uint32(stub, 4, pdu->encoding);
    return known_interface || ((result == 0 || result == 0x7EE || result == 0x3ED) &&
                               oxc_rpc_is_server(&pinfo->src, pinfo->srcport));
}

#define NO_OPNUM (-1)

/* Interface and call of a response whose request was not captured; NO_OPNUM if they cannot be told. */
static int
infer_response(packet_info *pinfo, tvbuff_t *stub, const pdu_t *pdu, oxc_rpc_interface_t *interface, bool *ndr64)
{
    bool known = *interface != OXC_RPC_NEITHER;
    int length = (int)tvb_reported_length(stub);

    if (*interface != OXC_RPC_EMSMDB && is_wait_response(pinfo, stub, pdu, known)) {
        *interface = OXC_RPC_ASYNCEMSMDB;
        return 0;
    }
    if (*interface == OXC_RPC_ASYNCEMSMDB)
        return NO_OPNUM;
    for (int wide = 0; wide <= 1; wide++) {
        if ((!known || *ndr64 == (wide == 1)) && is_rpc_ext2_response(stub, pdu->encoding, wide == 1)) {
            *interface = OXC_RPC_EMSMDB;
            *ndr64 = wide == 1;
            return 11;
        }
    }
    if (!known)
        return NO_OPNUM;
    /* The short answers have lengths of their own, but for one that the handle tells. */
    if (length == 4)
        return 6;
    if (length == OXC_NDR_HANDLE_SIZE + 4)
        return is_handle(stub, pdu->encoding) ? 14 : 1;
    return length == OXC_NDR_HANDLE_SIZE + 8 ? 4 : NO_OPNUM;
}

/* ---- the first visit ---- */

static finding_t *
add_finding(packet_info *pinfo, uint32_t key, finding_kind_t kind, oxc_rpc_interface_t interface)
{
    finding_t *finding = wmem_new0(wmem_file_scope(), finding_t);

    finding->kind = kind;
    finding->interface = interface;
    p_add_proto_data(wmem_file_scope(), pinfo, proto_ports, key, finding);
    return finding;
}

static dcerpc_call_value *
new_value(packet_info *pinfo, uint16_t opnum, bool ndr64, bool is_request)
{
    dcerpc_call_value *value = wmem_new0(wmem_file_scope(), dcerpc_call_value);

    value->opnum = opnum;
    value->flags = ndr64 ? DCERPC_IS_NDR64 : 0;
    value->req_frame = is_request ? pinfo->num : 0;
    return value;
}

static tvbuff_t *
stub_of(const pdu_t *pdu)
{
    return tvb_new_subset_length(pdu->tvb, pdu->stub, pdu->stub_end - pdu->stub);
}

static void
note_sealed(packet_info *pinfo, connection_t *connection, uint32_t key, const pdu_t *pdu, oxc_rpc_interface_t interface)
{
    if (connection->sealed || interface == OXC_RPC_NEITHER || !is_sealed(pdu) || !(pdu->flags & FLAG_LAST))
        return;
    connection->sealed = true;
    add_finding(pinfo, key, SEALED, interface);
}

static void
learn_request(packet_info *pinfo, connection_t *connection, uint32_t key, const pdu_t *pdu, oxc_rpc_state_t *state)
{
    bool ndr64 = false;
    oxc_rpc_interface_t interface = interface_of(connection, pdu, &ndr64);
    asked_t *asked = (asked_t *)wmem_map_lookup(connection->asked, GUINT_TO_POINTER(pdu->call_id));

    if (!asked || pdu->flags & FLAG_FIRST) {
        asked = wmem_new0(wmem_file_scope(), asked_t);
        wmem_map_insert(connection->asked, GUINT_TO_POINTER(pdu->call_id), asked);
    }
    if (state) {
        asked->state = state;
        if (interface == OXC_RPC_NEITHER)
            set_context(connection, pdu->context_id, state->interface, ndr64);
        return;
    }
    if (is_sealed(pdu)) {
        note_sealed(pinfo, connection, key, pdu, interface);
        return;
    }
    if (connection->bound || !is_whole(pdu))
        return;
    if (interface == OXC_RPC_NEITHER) {
        interface = infer_request(pinfo, stub_of(pdu), pdu, &ndr64);
        if (interface == OXC_RPC_NEITHER)
            return;
        set_context(connection, pdu->context_id, interface, ndr64);
    }
    asked->value = new_value(pinfo, pdu->opnum, ndr64, true);
    add_finding(pinfo, key, STUB, interface)->value = asked->value;
}

static void
learn_response(packet_info *pinfo, connection_t *connection, uint32_t key, const pdu_t *pdu, const oxc_rpc_state_t *state)
{
    bool ndr64 = false;
    oxc_rpc_interface_t interface = interface_of(connection, pdu, &ndr64);
    oxc_rpc_interface_t inferred = interface;
    const asked_t *asked = (const asked_t *)wmem_map_lookup(connection->asked, GUINT_TO_POINTER(pdu->call_id));
    finding_t *finding;
    int opnum;

    if (asked && pdu->flags & FLAG_LAST)
        wmem_map_remove(connection->asked, GUINT_TO_POINTER(pdu->call_id));
    if (state)
        return;
    if (is_sealed(pdu)) {
        note_sealed(pinfo, connection, key, pdu, interface);
        return;
    }
    if (!is_whole(pdu))
        return;
    if (asked) {
        if (asked->value) {
            finding = add_finding(pinfo, key, STUB, interface);
            finding->value = asked->value;
        }
        return;
    }
    opnum = infer_response(pinfo, stub_of(pdu), pdu, &inferred, &ndr64);
    if (opnum == NO_OPNUM) {
        if (interface != OXC_RPC_NEITHER)
            add_finding(pinfo, key, UNKNOWN_CALL, interface);
        return;
    }
    if (interface == OXC_RPC_NEITHER)
        set_context(connection, pdu->context_id, inferred, ndr64);
    finding = add_finding(pinfo, key, STUB, inferred);
    finding->value = new_value(pinfo, (uint16_t)opnum, ndr64, false);
}

static void
learn_fault(packet_info *pinfo, connection_t *connection, uint32_t key, const pdu_t *pdu)
{
    const asked_t *asked = (const asked_t *)wmem_map_remove(connection->asked, GUINT_TO_POINTER(pdu->call_id));
    oxc_rpc_state_t *state;

    if (!asked)
        return;
    state = asked->state;
    if (!state && asked->value)
        state = (oxc_rpc_state_t *)asked->value->se_data;
    if (state)
        add_finding(pinfo, key, FAULT, state->interface)->state = state;
}

static void
learn(packet_info *pinfo, conversation_t *conversation, uint32_t key, const pdu_t *pdu, wmem_array_t *list)
{
    connection_t *connection = get_connection(conversation);
    oxc_rpc_state_t *state = find_handed(list, pdu->call_id);

    if (pdu->ptype == PDU_BIND || pdu->ptype == PDU_ALTER) {
        connection->bound = connection->bound || pdu->ptype == PDU_BIND;
        read_bind(pdu, connection);
        return;
    }
    if (pdu->length < BODY_SIZE || (connection->bound && !connection->ours && !state))
        return;
    if (pdu->ptype == PDU_REQ)
        learn_request(pinfo, connection, key, pdu, state);
    else if (pdu->ptype == PDU_RESP)
        learn_response(pinfo, connection, key, pdu, state);
    else if (pdu->ptype == PDU_FAULT)
        learn_fault(pinfo, connection, key, pdu);
}

/* ---- every visit ---- */

static const char *
interface_name(oxc_rpc_interface_t interface)
{
    return interface == OXC_RPC_EMSMDB ? "EMSMDB" : "AsyncEMSMDB";
}

static void
show_stub(packet_info *pinfo, proto_tree *tree, conversation_t *conversation, const pdu_t *pdu, const finding_t *finding)
{
    dcerpc_info *di = wmem_new0(pinfo->pool, dcerpc_info);
    tvbuff_t *stub = stub_of(pdu);
    uint8_t drep[4];
    const char *name = "EcDoAsyncWaitEx";
    bool known;

    memcpy(drep, pdu->drep, sizeof drep);
    di->conv = conversation;
    di->call_id = pdu->call_id;
    di->ptype = pdu->ptype;
    di->call_data = finding->value;
    di->dcerpc_procedure_name = "";
    if (finding->interface == OXC_RPC_EMSMDB)
        name = oxc_emsmdb_call_name(finding->value->opnum);
    col_set_str(pinfo->cinfo, COL_PROTOCOL, interface_name(finding->interface));
    col_add_fstr(pinfo->cinfo, COL_INFO, "%s %s", name, pdu->ptype == PDU_REQ ? "request" : "response");

    proto_tree_add_expert_format(tree, pinfo, &ei_inferred, stub, 0, 0,
                                 "No bind or no request of this call was captured: %s of %s, as its stub shows", name,
                                 interface_name(finding->interface));
    known = finding->interface == OXC_RPC_EMSMDB ? oxc_emsmdb_dissect_stub(stub, pinfo, tree, di, drep)
                                                 : oxc_asyncemsmdb_dissect_stub(stub, pinfo, tree, di, drep);
    if (!known)
        proto_tree_add_expert(tree, pinfo, &ei_unknown_call, stub, 0, -1);
}

/* What decrypts the stub of a connection; the text names Wireshark's preferences. */
static const char *
what_decrypts(uint8_t auth_type)
{
    switch (auth_type) {
    case DCE_C_RPC_AUTHN_PROTOCOL_NTLMSSP:
        return "the user's password in the preference NTLMSSP > NT Password (ntlmssp.nt_password)";
    case DCE_C_RPC_AUTHN_PROTOCOL_GSS_KERBEROS:
    case DCE_C_RPC_AUTHN_PROTOCOL_KRB5:
        return "a keytab with the server's or the user's key in the preference KRB5 > Kerberos keytab file "
               "(kerberos.file), with kerberos.decrypt on";
    case DCE_C_RPC_AUTHN_PROTOCOL_SPNEGO:
        return "the user's password in the preference NTLMSSP > NT Password (ntlmssp.nt_password) if NTLM was negotiated, "
               "or a keytab in KRB5 > Kerberos keytab file (kerberos.file, with kerberos.decrypt on) if Kerberos was";
    default:
        return "nothing that Wireshark knows of for this kind of authentication";
    }
}

static void
show_finding(packet_info *pinfo, proto_tree *tree, conversation_t *conversation, const pdu_t *pdu,
             const finding_t *finding, uint32_t discriminator)
{
    switch (finding->kind) {
    case STUB:
        show_stub(pinfo, tree, conversation, pdu, finding);
        break;
    case UNKNOWN_CALL:
        proto_tree_add_expert(tree, pinfo, &ei_unknown_call, pdu->tvb, pdu->stub, pdu->stub_end - pdu->stub);
        break;
    case SEALED:
        proto_tree_add_expert_format(tree, pinfo, &ei_sealed, pdu->tvb, pdu->stub, pdu->stub_end - pdu->stub,
                                     "The stubs of this connection are encrypted. What decrypts them: %s; and the capture "
                                     "must hold the connection's bind",
                                     what_decrypts(pdu->auth_type));
        break;
    case FAULT:
        if (pdu->length >= 28) {
            uint32_t status = tvb_get_uint32(pdu->tvb, 24, pdu->encoding);

            if (finding->interface == OXC_RPC_EMSMDB)
                oxc_emsmdb_fault(pdu->tvb, pinfo, tree, discriminator, finding->state, status);
            else
                oxc_asyncemsmdb_fault(pdu->tvb, pinfo, tree, discriminator, finding->state);
        }
        break;
    }
}

static void
look_at_pdu(packet_info *pinfo, proto_tree *tree, const pdu_t *pdu, wmem_array_t *list)
{
    conversation_t *conversation = find_conversation_pinfo(pinfo, 0);
    const finding_t *finding;
    uint32_t discriminator, key;

    if (!conversation)
        return;
    discriminator = oxc_rpc_discriminator(conversation, pdu->call_id);
    key = discriminator + pdu->ptype * UINT32_C(0x01000193);
    if (!PINFO_FD_VISITED(pinfo) && !pinfo->flags.in_error_pkt)
        learn(pinfo, conversation, key, pdu, list);
    finding = (const finding_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_ports, key);
    if (!finding)
        return;
    /* As DCE/RPC does: what is wrong with one PDU does not hide the next. */
    TRY {
        show_finding(pinfo, tree, conversation, pdu, finding, discriminator);
    }
    CATCH_NONFATAL_ERRORS {
        show_exception(pdu->tvb, pinfo, tree, EXCEPT_CODE, GET_MESSAGE);
    }
    ENDTRY;
}

bool
oxc_rpc_dissect_stream(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    wmem_array_t *volatile outer = handed;
    wmem_array_t *volatile list = wmem_array_new(pinfo->pool, sizeof(handed_t));
    volatile bool accepted = false;
    pdu_t pdu;

    handed = list;
    TRY {
        accepted = dcerpc_over_tcp->dissector(tvb, pinfo, tree, data) != 0;
    }
    FINALLY {
        handed = outer;
    }
    ENDTRY;
    if (!accepted)
        return false;
    for (int offset = 0; read_pdu(tvb, offset, &pdu); offset += pdu.length)
        look_at_pdu(pinfo, tree, &pdu, list);
    return true;
}

static ws_bool
dissect_rpc_heur(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    pdu_t pdu;

    /* Cheap for everything that is none, and for those who disabled DCE/RPC's heuristic. */
    if (!dcerpc_over_tcp->enabled || !read_header(tvb, 0, &pdu))
        return false;
    return oxc_rpc_dissect_stream(tvb, pinfo, tree, data);
}

/* A connection that was claimed: whatever is no PDU in it is at least not another protocol's. */
static int
dissect_rpc_connection(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (!oxc_rpc_dissect_stream(tvb, pinfo, tree, data))
        call_data_dissector(tvb, pinfo, tree);
    return (int)tvb_captured_length(tvb);
}

/* ---- ports of another protocol ---- */

static dissector_handle_t rpc_connection_handle;
static dissector_handle_t port_owner[OXC_RPC_LAST_PORT - OXC_RPC_FIRST_PORT + 1];

/*
 * Is this certainly Exchange's RPC? The first thing said on a connection is a bind that names one of our interfaces or,
 * behind an RPC proxy, the banner of ncacn_http or an RTS PDU (MS-RPCH 2.2.3.6.1). In the middle of a connection it takes
 * a call that is recognized by its stub.
 */
static bool
is_exchange_rpc(packet_info *pinfo, tvbuff_t *tvb)
{
    static const char banner[] = "ncacn_http/1.0";
    bool ndr64 = false;
    pdu_t pdu;

    if (tvb_captured_length(tvb) == sizeof banner - 1)
        return tvb_strneql(tvb, 0, banner, sizeof banner - 1) == 0;
    if (!read_pdu(tvb, 0, &pdu))
        return false;
    if (pdu.ptype == PDU_BIND || pdu.ptype == PDU_ALTER)
        return read_bind(&pdu, NULL);
    if (pdu.ptype == PDU_RTS)
        return is_whole(&pdu) && pdu.call_id == 0 && tvb_get_uint16(pdu.tvb, 10, pdu.encoding) == 0 && pdu.length >= 20;
    return pdu.ptype == PDU_REQ && is_whole(&pdu) && pdu.stub > 0 && pdu.opnum == 11 &&
           infer_request(pinfo, stub_of(&pdu), &pdu, &ndr64) != OXC_RPC_NEITHER;
}

/*
 * TCP ports 6001 to 6004 belong to X11 displays in Wireshark, and the owner of a port comes before all heuristics; only
 * the dissector of a conversation comes before it. That cannot be set before the first data are seen, so this dissector
 * stands in front of the owner: a connection of Exchange's RPC it claims, everything else it passes on as it came. It is
 * registered in the owner's name (which adds no layer, and goes when the owner is disabled). If the user changes the
 * owner's ports in the preferences, those win.
 */
static int
dissect_port(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    uint32_t port = pinfo->match_uint;
    conversation_t *conversation;

    /* We stand aside: whom we call is to reassemble as if TCP had called. */
    pinfo->can_desegment = pinfo->saved_can_desegment;
    if (dcerpc_over_tcp->enabled && is_exchange_rpc(pinfo, tvb)) {
        conversation = find_or_create_conversation(pinfo);
        if (!PINFO_FD_VISITED(pinfo))
            conversation_set_dissector_from_frame_number(conversation, pinfo->num, rpc_connection_handle);
        return call_dissector_only(rpc_connection_handle, tvb, pinfo, tree, data);
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
            handle = create_dissector_handle(dissect_port, proto_ports);
        dissector_add_uint("tcp.port", port, handle);
    }
}

void
proto_reg_handoff_oxc_rpc_connection(void)
{
    int proto_dcerpc = proto_get_id_by_filter_name("dcerpc");

    dcerpc_over_tcp = find_heur_dissector_by_unique_short_name("dcerpc_tcp");
    if (!dcerpc_over_tcp)
        return;
    heur_dissector_add("tcp", dissect_rpc_heur, "Exchange RPC in DCE/RPC over TCP", "emsmdb_tcp", proto_dcerpc,
                       HEURISTIC_ENABLE);
    rpc_connection_handle = create_dissector_handle(dissect_rpc_connection, proto_dcerpc);
    stand_before_port_owners();
}

void
proto_register_oxc_rpc_connection(void)
{
    static int *ett[] = { &ett_inferred };
    static ei_register_info ei[] = {
        { &ei_inferred,
          { "emsmdb.inferred", PI_ASSUMPTION, PI_NOTE, "Recognized by its stub: bind or request was not captured",
            EXPFILL } },
        { &ei_sealed, { "emsmdb.sealed", PI_DECRYPTION, PI_NOTE, "The stub is encrypted", EXPFILL } },
        { &ei_unknown_call,
          { "emsmdb.unknown_call", PI_UNDECODED, PI_NOTE, "It is not known which call this stub belongs to", EXPFILL } },
    };
    int proto_emsmdb = proto_get_id_by_filter_name("emsmdb");
    int proto_x11 = proto_get_id_by_filter_name("x11");

    proto_ports = proto_register_protocol_in_name_only("X11 unless Exchange RPC", "X11 unless Exchange RPC", "emsmdb.port",
                                                       proto_x11 > 0 ? proto_x11 : proto_emsmdb, FT_PROTOCOL);
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto_emsmdb), ei, array_length(ei));
}
