/* rpc_fallback.c
 * Connections that carry EMSMDB and AsyncEMSMDB: what DCE/RPC does not tell an interface
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/rpc_fallback.h"

#include "rpc/rpc_connection.h"
#include "rpc/rpc_encrypted.h"
#include "rpc/rpc_inference.h"
#include "tcp/heuristic.h"
#include "tcp/postdissector.h"
#include "tcp/segment.h"
#include "tcp/segment_copy.h"

#include "registration.h"

#include <string.h>

#include <epan/exceptions.h>
#include <epan/expert.h>
#include <epan/show_exception.h>

/*
 * Wireshark's DCE/RPC dissector hands an interface the stubs of requests and responses whose bind and request were
 * captured and which it can decrypt. The rest matters as much to somebody who looks for a lost notification: a wait
 * that ends in a fault, a capture that was begun when Outlook had been running for days, a stub that needs a password.
 * So this heuristic dissector lets DCE/RPC do its work and then looks at the same PDUs for what was left out.
 *
 * It belongs to DCE/RPC's own protocol, accepts exactly what DCE/RPC's heuristic accepts, and calls that directly:
 * nothing changes for other interfaces, and it always comes first, because Wireshark moves heuristics that match to the
 * front and DCE/RPC's never gets to match by itself. Who disables it in Analyze > Enabled Protocols has plain DCE/RPC.
 */
static heur_dtbl_entry_t *dcerpc_over_tcp;

static int proto_emsmdb = -1;
static dissector_handle_t rpc_connection_handle;

static expert_field ei_inferred = EI_INIT;
static expert_field ei_sealed = EI_INIT;
static expert_field ei_unknown_call = EI_INIT;

/* ---- what is remembered ---- */

/* What the first visit found out about a PDU; later visits only show it. */
typedef enum { STUB, UNKNOWN_CALL, FAULT, SEALED } finding_kind_t;

typedef struct {
    uint64_t key;               /* oxc_rpc_pdu_key() */
    finding_kind_t kind;
    oxc_rpc_interface_t interface;
    dcerpc_call_value *value;           /* STUB */
    const uint8_t *bytes;               /* STUB that came in fragments */
    unsigned length;
    const oxc_rpc_encrypted_t *sealed;     /* SEALED */
    bool first;                 /* SEALED: of the connection */
    oxc_rpc_state_t *state;             /* FAULT */
} finding_t;

static wmem_map_t *findings;    /* by their keys: a frame may have thousands */

/* The calls that DCE/RPC has handed to us while it dissects a stream: mostly one, and thousands fit into a segment. */
typedef struct {
    wmem_allocator_t *scope;
    uint32_t call_id;
    oxc_rpc_state_t *state;     /* of the first; NULL for none */
    wmem_map_t *others;         /* call id -> oxc_rpc_state_t; NULL for none */
} handed_t;

static handed_t *handed;

static oxc_rpc_state_t *
find_handed(const handed_t *calls, uint32_t call_id)
{
    if (calls->state && calls->call_id == call_id)
        return calls->state;
    return calls->others ? (oxc_rpc_state_t *)wmem_map_lookup(calls->others, GUINT_TO_POINTER(call_id)) : NULL;
}

/* The first one of a call counts. */
static void
note_handed(uint32_t call_id, oxc_rpc_state_t *state)
{
    if (!handed || find_handed(handed, call_id))
        return;
    if (!handed->state) {
        handed->call_id = call_id;
        handed->state = state;
        return;
    }
    if (!handed->others)
        handed->others = wmem_map_new(handed->scope, g_direct_hash, g_direct_equal);
    wmem_map_insert(handed->others, GUINT_TO_POINTER(call_id), state);
}

bool
oxc_rpc_is_connection(packet_info *pinfo)
{
    conversation_t *conversation = oxc_segment_conversation(pinfo);
    const oxc_rpc_connection_t *connection =
        conversation ? (const oxc_rpc_connection_t *)conversation_get_proto_data(conversation, proto_emsmdb) : NULL;

    return connection && connection->ours;
}

static oxc_rpc_connection_t *
get_connection(conversation_t *conversation)
{
    oxc_rpc_connection_t *connection = (oxc_rpc_connection_t *)conversation_get_proto_data(conversation, proto_emsmdb);

    if (!connection) {
        connection = wmem_new0(wmem_file_scope(), oxc_rpc_connection_t);
        conversation_add_proto_data(conversation, proto_emsmdb, connection);
        oxc_postdissector_expect(OXC_FRAME_RPC);
    }
    return connection;
}

/* ---- the first visit ---- */

static finding_t *
add_finding(uint64_t key, finding_kind_t kind, oxc_rpc_interface_t interface)
{
    finding_t *finding = wmem_new0(wmem_file_scope(), finding_t);

    finding->key = key;
    finding->kind = kind;
    finding->interface = interface;
    wmem_map_insert(findings, &finding->key, finding);
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

/* The stub is whole now. */
static bool
gather(oxc_rpc_connection_t *connection, oxc_rpc_pdu_t *pdu, oxc_rpc_interface_t interface)
{
    return oxc_rpc_is_whole(pdu) ||
           oxc_rpc_fragments_gather(&connection->fragments, pdu,
                                    interface != OXC_RPC_NEITHER || oxc_rpc_may_carry_rops(pdu));
}

static void
add_stub(uint64_t key, const oxc_rpc_pdu_t *pdu, oxc_rpc_interface_t interface, dcerpc_call_value *value)
{
    finding_t *finding = add_finding(key, STUB, interface);

    finding->value = value;
    if (pdu->assembled) {
        finding->length = tvb_captured_length(pdu->assembled);
        finding->bytes = tvb_get_ptr(pdu->assembled, 0, (int)finding->length);
    }
}

static void
note_sealed(oxc_rpc_connection_t *connection, uint64_t key, oxc_rpc_interface_t interface, const oxc_rpc_encrypted_t *sealed)
{
    finding_t *finding;

    if (interface == OXC_RPC_NEITHER || (!sealed && connection->sealed))
        return;
    finding = add_finding(key, SEALED, interface);
    finding->sealed = sealed;
    finding->first = !connection->sealed;
    connection->sealed = true;
}

static void
learn_request(packet_info *pinfo, conversation_t *conversation, oxc_rpc_connection_t *connection, uint64_t key,
              oxc_rpc_pdu_t *pdu, oxc_rpc_state_t *state)
{
    bool ndr64 = false;
    oxc_rpc_interface_t interface = oxc_rpc_interface_of(connection, pdu->context_id, &ndr64);
    oxc_rpc_asked_t *asked = oxc_rpc_asks(connection, pdu);

    if (state) {
        asked->state = state;
        if (interface == OXC_RPC_NEITHER)
            oxc_rpc_set_context(connection, pdu->context_id, (oxc_rpc_interface_t)state->interface, ndr64);
        return;
    }
    if (oxc_rpc_is_sealed(pdu)) {
        if (interface != OXC_RPC_NEITHER && pdu->flags & RPC_FLAG_LAST) {
            asked->sealed = oxc_rpc_encrypted_request(pinfo, conversation, interface, pdu);
            note_sealed(connection, key, interface, asked->sealed);
        }
        return;
    }
    if (connection->bound || !gather(connection, pdu, interface))
        return;
    if (interface == OXC_RPC_NEITHER) {
        interface = oxc_rpc_infer_request(pinfo, pdu, &ndr64);
        if (interface == OXC_RPC_NEITHER)
            return;
        oxc_rpc_set_context(connection, pdu->context_id, interface, ndr64);
    }
    asked->value = new_value(pinfo, pdu->opnum, ndr64, true);
    add_stub(key, pdu, interface, asked->value);
}

static void
learn_response(packet_info *pinfo, oxc_rpc_connection_t *connection, uint64_t key, oxc_rpc_pdu_t *pdu,
               const oxc_rpc_state_t *state)
{
    bool ndr64 = false;
    oxc_rpc_interface_t interface = oxc_rpc_interface_of(connection, pdu->context_id, &ndr64);
    oxc_rpc_interface_t inferred = interface;
    oxc_rpc_asked_t asked;
    bool was_asked = oxc_rpc_answers(connection, pdu, &asked);
    int opnum;

    if (state)
        return;
    if (oxc_rpc_is_sealed(pdu)) {
        if (pdu->flags & RPC_FLAG_LAST)
            note_sealed(connection, key, interface,
                        asked.sealed ? oxc_rpc_encrypted_response(pinfo, asked.sealed) : NULL);
        return;
    }
    if ((was_asked && !asked.value) || !gather(connection, pdu, interface))
        return;
    if (was_asked) {
        add_stub(key, pdu, interface, asked.value);
        return;
    }
    opnum = oxc_rpc_infer_response(pinfo, pdu, &inferred, &ndr64);
    if (opnum == OXC_RPC_NO_OPNUM) {
        if (interface != OXC_RPC_NEITHER)
            add_finding(key, UNKNOWN_CALL, interface);
        return;
    }
    if (interface == OXC_RPC_NEITHER)
        oxc_rpc_set_context(connection, pdu->context_id, inferred, ndr64);
    add_stub(key, pdu, inferred, new_value(pinfo, (uint16_t)opnum, ndr64, false));
}

static void
learn_fault(oxc_rpc_connection_t *connection, uint64_t key, const oxc_rpc_pdu_t *pdu)
{
    oxc_rpc_asked_t asked;
    oxc_rpc_state_t *state;

    oxc_rpc_answers(connection, pdu, &asked);
    state = asked.state;
    if (!state && asked.value)
        state = (oxc_rpc_state_t *)asked.value->se_data;
    if (state)
        add_finding(key, FAULT, (oxc_rpc_interface_t)state->interface)->state = state;
}

static void
learn(packet_info *pinfo, conversation_t *conversation, uint64_t key, oxc_rpc_pdu_t *pdu, const handed_t *calls)
{
    oxc_rpc_connection_t *connection = get_connection(conversation);
    oxc_rpc_state_t *state = find_handed(calls, pdu->call_id);

    if (pdu->ptype == PDU_BIND || pdu->ptype == PDU_ALTER) {
        connection->bound = connection->bound || pdu->ptype == PDU_BIND;
        oxc_rpc_read_bind(pdu, oxc_rpc_set_context, connection);
        return;
    }
    if (pdu->ptype == PDU_BIND_ACK || pdu->ptype == PDU_ALTER_ACK) {
        if (connection->ours)
            oxc_rpc_encrypted_bound(pinfo, conversation, pdu);
        return;
    }
    if (pdu->length < RPC_BODY_SIZE || (connection->bound && !connection->ours && !state))
        return;
    if (pdu->ptype == PDU_REQ)
        learn_request(pinfo, conversation, connection, key, pdu, state);
    else if (pdu->ptype == PDU_RESP)
        learn_response(pinfo, connection, key, pdu, state);
    else if (pdu->ptype == PDU_FAULT)
        learn_fault(connection, key, pdu);
}

/* ---- every visit ---- */

static const char *
interface_name(oxc_rpc_interface_t interface)
{
    return interface == OXC_RPC_EMSMDB ? "EMSMDB" : "AsyncMDB";
}

static void
show_stub(packet_info *pinfo, proto_tree *tree, conversation_t *conversation, const oxc_rpc_pdu_t *pdu,
          const finding_t *finding)
{
    dcerpc_info *di = wmem_new0(pinfo->pool, dcerpc_info);
    tvbuff_t *stub = oxc_rpc_stub(pdu);
    uint8_t drep[4];
    const char *name = "EcDoAsyncWaitEx";
    bool known;

    if (finding->bytes) {
        stub = tvb_new_child_real_data(pdu->tvb, finding->bytes, finding->length, (int)finding->length);
        add_new_data_source(pinfo, stub, "Reassembled DCE/RPC");
    }
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
        return "the user's password in the preference NTLMSSP > NT Password (ntlmssp.nt_password) if NTLM was "
               "negotiated, or a keytab in KRB5 > Kerberos keytab file (kerberos.file, with kerberos.decrypt on) if Kerberos was";
    default:
        return "nothing that Wireshark knows of for this kind of authentication";
    }
}

static void
show_finding(packet_info *pinfo, proto_tree *tree, conversation_t *conversation, const oxc_rpc_pdu_t *pdu,
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
        if (finding->sealed)
            oxc_rpc_encrypted_show(pinfo, tree, pdu, finding->sealed);
        if (finding->first)
            proto_tree_add_expert_format(
                tree, pinfo, &ei_sealed, pdu->tvb, pdu->stub, pdu->stub_end - pdu->stub,
                "The stubs of this connection are encrypted. Needed to decrypt them: %s, and the connection's bind in the "
                "capture",
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
look_at_pdu(packet_info *pinfo, proto_tree *tree, oxc_rpc_pdu_t *pdu, const handed_t *calls)
{
    conversation_t *conversation = oxc_segment_conversation(pinfo);
    const finding_t *finding;
    uint32_t discriminator;
    uint64_t key;

    if (!conversation)
        return;
    discriminator = oxc_rpc_discriminator(conversation, pdu->call_id);
    key = oxc_rpc_pdu_key(pinfo, discriminator, pdu->ptype);
    if (!PINFO_FD_VISITED(pinfo) && !pinfo->flags.in_error_pkt)
        learn(pinfo, conversation, key, pdu, calls);
    finding = wmem_map_size(findings) > 0 ? (const finding_t *)wmem_map_lookup(findings, &key) : NULL;
    if (!finding || !(finding->interface == OXC_RPC_EMSMDB ? oxc_emsmdb_is_ours() : oxc_asyncemsmdb_is_ours()))
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

static void
note_padding(packet_info *pinfo, conversation_t *conversation, const oxc_rpc_pdu_t *pdu)
{
    oxc_rpc_connection_t *connection = get_connection(conversation);

    if (!connection->bound || connection->ours)
        oxc_rpc_fragments_note_padding(pinfo, &connection->fragments,
                                       oxc_rpc_discriminator(conversation, pdu->call_id), pdu);
}

/* Before DCE/RPC puts them together. */
static void
note_fragments(packet_info *pinfo, tvbuff_t *tvb)
{
    int end = (int)tvb_captured_length(tvb);
    conversation_t *conversation = NULL;
    oxc_rpc_pdu_t pdu;

    for (int offset = 0; offset < end && oxc_rpc_read_header(tvb, offset, &pdu); offset += pdu.length) {
        if ((pdu.ptype != PDU_REQ && pdu.ptype != PDU_RESP) || pdu.length < RPC_BODY_SIZE || oxc_rpc_is_whole(&pdu))
            continue;
        if (!oxc_rpc_read_pdu(tvb, offset, &pdu))
            return;
        if (!conversation)
            conversation = find_conversation_pinfo(pinfo, 0);
        if (!conversation)
            return;
        note_padding(pinfo, conversation, &pdu);
    }
}

/*
 * Dissects DCE/RPC PDUs of a byte stream: by Wireshark's own dissector, then what that leaves out. It tells interfaces
 * neither of faults nor of stubs it cannot decrypt, nor of calls whose bind or request was not captured. Returns
 * whether these are PDUs. For use on streams that are no TCP connections too (RPC over HTTP), with the conversation
 * that pinfo then names.
 */
static bool
dissect_stream(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    handed_t *volatile outer = handed;
    handed_t calls = { .scope = pinfo->pool };
    volatile bool accepted = false;
    int end = (int)tvb_captured_length(tvb);
    oxc_rpc_pdu_t pdu;

    if (!PINFO_FD_VISITED(pinfo))
        note_fragments(pinfo, tvb);
    handed = &calls;
    TRY {
        accepted = dcerpc_over_tcp->dissector(tvb, pinfo, tree, data) != 0;
    }
    FINALLY {
        handed = outer;
    }
    ENDTRY;
    if (!accepted)
        return false;
    for (int offset = 0; offset < end && oxc_rpc_read_pdu(tvb, offset, &pdu); offset += pdu.length)
        look_at_pdu(pinfo, tree, &pdu, &calls);
    return true;
}

void
oxc_rpc_dissect_pdus(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    pinfo->can_desegment = 0;
    if (dcerpc_over_tcp && dcerpc_over_tcp->enabled)
        dissect_stream(tvb, pinfo, tree, NULL);
}

/* PDUs in the data of a TCP connection. */
static int
dissect_connection(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *tcpinfo)
{
    bool copy = oxc_segment_is_copy(pinfo, tcpinfo), accepted = copy || dissect_stream(tvb, pinfo, tree, tcpinfo);

    if (accepted && !copy)
        oxc_segment_dissected(pinfo, tcpinfo);
    return accepted;
}

static oxc_heuristic_t heuristic = { .dissect = dissect_connection };

static ws_bool
dissect_rpc_heur(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    oxc_rpc_pdu_t pdu;

    /* Cheap for everything that is none, and for those who disabled DCE/RPC's heuristic. */
    if (tvb_captured_length(tvb) < RPC_HEADER_SIZE || tvb_get_uint8(tvb, 0) != 5)
        return false;
    return heuristic.enabled && dcerpc_over_tcp->enabled && oxc_rpc_read_header(tvb, 0, &pdu) &&
           oxc_heuristic_dissect(&heuristic, tvb, pinfo, tree, data);
}

/* A connection that was claimed: whatever is no PDU in it is at least not another protocol's. */
static int
dissect_rpc_connection(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (!dissect_connection(tvb, pinfo, tree, data))
        call_data_dissector(tvb, pinfo, tree);
    return (int)tvb_captured_length(tvb);
}

dissector_handle_t
oxc_rpc_connection_handle(void)
{
    return rpc_connection_handle;
}

void
proto_reg_handoff_oxc_rpc_fallback(void)
{
    int proto_dcerpc = proto_get_id_by_filter_name("dcerpc");

    dcerpc_over_tcp = find_heur_dissector_by_unique_short_name("dcerpc_tcp");
    if (!dcerpc_over_tcp)
        return;
    oxc_heuristic_add(&heuristic, "tcp", dissect_rpc_heur, "Exchange RPC in DCE/RPC over TCP", "emsmdb_tcp", proto_dcerpc);
    rpc_connection_handle = register_dissector("emsmdb-connection", dissect_rpc_connection, proto_dcerpc);
}

void
proto_register_oxc_rpc_fallback(void)
{
    static ei_register_info ei[] = {
        { &ei_inferred,
          { "emsmdb.inferred", PI_ASSUMPTION, PI_NOTE, "Inferred from the stub: bind or request not captured", EXPFILL } },
        { &ei_sealed, { "emsmdb.sealed", PI_DECRYPTION, PI_NOTE, "Stub is encrypted", EXPFILL } },
        { &ei_unknown_call, { "emsmdb.unknown_call", PI_UNDECODED, PI_NOTE, "Operation of this stub unknown", EXPFILL } },
    };

    proto_emsmdb = proto_get_id_by_filter_name("emsmdb");
    findings = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), oxc_uint64_hash, g_int64_equal);
    oxc_rpc_encrypted_register();
    oxc_rpc_watch_stubs(note_handed);
    expert_register_field_array(expert_register_protocol(proto_emsmdb), ei, array_length(ei));
}
