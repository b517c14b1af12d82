/* rpc_encrypted.c
 * Calls whose stubs are encrypted: what can be told without them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/rpc_encrypted.h"

#include <string.h>

#include <epan/conversation.h>

#include "session/event.h"
#include "rop/buffer.h"
#include "rpc/async_wait.h"

/* A wait ends without an event when nothing was fetched for five minutes (MS-OXCRPC 3.3.4.1). */
#define WAIT_LIMIT 299.0 /* seconds, with some slack */
/* A second wait is refused at once, and so is one of a session that has just been given up. */
#define AT_ONCE 1.0

/* The connections of a client process to a server. */
typedef struct {
    oxc_session_t *session;
    unsigned channels;   /* EcDoAsyncConnectEx that succeeded, as far as is known */
    unsigned waits;      /* outstanding */
    double latest_fetch; /* seconds */
    double latest_disconnect;
} association_t;

struct oxc_rpc_encrypted {
    association_t *association;
    oxc_rpc_interface_t interface;
    uint16_t opnum;
    uint32_t discriminator;
    oxc_pdu_t *pdu;
    oxc_wakeup_outcome_t outcome; /* of the response to a wait */
};

static wmem_map_t *associations; /* session -> association_t */
static wmem_map_t *connections;  /* conversation -> association_t */
static int ett_sealed = -1;

/* ---- the first visit ---- */

#define GROUP_KEY_SIZE 40

/* group 0: the association of this connection alone. */
static association_t *
get_association(packet_info *pinfo, conversation_t *conversation, uint32_t group, const address *client,
                const address *server)
{
    uint8_t key[GROUP_KEY_SIZE] = {0};
    association_t *association;
    oxc_session_t *session;

    if (group) {
        memcpy(key, &group, sizeof group);
        if (client->len)
            memcpy(key + 8, client->data, MIN((size_t)client->len, 16));
        if (server->len)
            memcpy(key + 24, server->data, MIN((size_t)server->len, 16));
    } else {
        memcpy(key + 4, &conversation->conv_index, 4);
    }
    session = oxc_session_find(pinfo, OXC_KEY_ASSOCIATION, key, sizeof key, true);
    session->sealed = true;
    association = (association_t *)wmem_map_lookup(associations, session);
    if (!association) {
        association = wmem_new0(wmem_file_scope(), association_t);
        association->session = session;
        wmem_map_insert(associations, session, association);
    }
    wmem_map_insert(connections, conversation, association);
    return association;
}

void
oxc_rpc_encrypted_bound(packet_info *pinfo, conversation_t *conversation, const oxc_rpc_pdu_t *pdu)
{
    if (pdu->length >= RPC_BODY_SIZE && pdu->auth_level == DCE_C_AUTHN_LEVEL_PKT_PRIVACY)
        get_association(pinfo, conversation, tvb_get_uint32(pdu->tvb, 20, pdu->encoding), &pinfo->dst, &pinfo->src);
}

static oxc_call_kind_t
kind_of(oxc_rpc_interface_t interface, uint16_t opnum)
{
    if (interface == OXC_RPC_ASYNCEMSMDB)
        return opnum == 0 ? OXC_CALL_WAIT : OXC_CALL_OTHER;
    return oxc_emsmdb_call_kind(opnum);
}

oxc_rpc_encrypted_t *
oxc_rpc_encrypted_request(packet_info *pinfo, conversation_t *conversation, oxc_rpc_interface_t interface,
                       const oxc_rpc_pdu_t *pdu)
{
    association_t *association = (association_t *)wmem_map_lookup(connections, conversation);
    oxc_rpc_encrypted_t *sealed = wmem_new0(wmem_file_scope(), oxc_rpc_encrypted_t);
    oxc_call_t *call;

    if (!association)
        association = get_association(pinfo, conversation, 0, &pinfo->src, &pinfo->dst);
    sealed->association = association;
    sealed->interface = interface;
    sealed->opnum = pdu->opnum;
    sealed->discriminator = oxc_rpc_discriminator(conversation, pdu->call_id);
    sealed->pdu = oxc_pdu_request(pinfo, sealed->discriminator, kind_of(interface, pdu->opnum), NULL);
    call = sealed->pdu->call;
    call->name = interface == OXC_RPC_EMSMDB ? oxc_emsmdb_call_name(pdu->opnum) : "EcDoAsyncWaitEx";
    oxc_call_bind(pinfo, call, association->session, OXC_BOUND_BY_ORDER);
    oxc_listener->session_met(pinfo, association->session, false, &pinfo->src, &pinfo->dst);
    if (call->kind == OXC_CALL_FETCH)
        association->latest_fetch = nstime_to_sec(&pinfo->abs_ts);
    if (call->kind == OXC_CALL_DISCONNECT)
        association->latest_disconnect = nstime_to_sec(&pinfo->abs_ts);
    if (call->kind == OXC_CALL_WAIT) {
        association->waits++;
        oxc_async_wait_begins(pinfo, call);
    }
    return sealed;
}

/* How a wait ended, which its answer hides. */
static oxc_wakeup_outcome_t
wait_outcome(const association_t *association, const oxc_pdu_t *request, double now)
{
    double began = nstime_to_sec(&request->time);

    if (now - began < AT_ONCE && association->waits >= MAX(association->channels, 1))
        return OXC_OUTCOME_REJECTED;
    if (association->latest_disconnect > 0 && now - association->latest_disconnect < AT_ONCE)
        return OXC_OUTCOME_REJECTED;
    if (now - MAX(began, association->latest_fetch) >= WAIT_LIMIT)
        return OXC_OUTCOME_TIMEOUT;
    return OXC_OUTCOME_PENDING;
}

oxc_rpc_encrypted_t *
oxc_rpc_encrypted_response(packet_info *pinfo, const oxc_rpc_encrypted_t *request)
{
    association_t *association = request->association;
    oxc_rpc_encrypted_t *sealed = (oxc_rpc_encrypted_t *)wmem_memdup(wmem_file_scope(), request, sizeof *request);
    oxc_call_t *call = request->pdu->call;

    sealed->pdu = oxc_pdu_response(pinfo, sealed->discriminator, call->kind, call);
    switch (call->kind) {
    case OXC_CALL_CONNECT:
        association->session->sharers++;
        break;
    case OXC_CALL_DISCONNECT:
        if (association->session->sharers > 0)
            association->session->sharers--;
        if (association->channels > association->session->sharers)
            association->channels = association->session->sharers;
        break;
    case OXC_CALL_ASYNC_CONNECT:
        association->channels++;
        break;
    case OXC_CALL_REGISTER_PUSH:
        oxc_listener->push_expected(association->session);
        break;
    case OXC_CALL_WAIT:
        if (association->waits > 0)
            association->waits--;
        oxc_async_wait_ends(pinfo, call);
        sealed->outcome = wait_outcome(association, request->pdu, nstime_to_sec(&pinfo->abs_ts));
        break;
    default:
        break;
    }
    return sealed;
}

/* ---- every visit ---- */

static proto_tree *
add_tree(tvbuff_t *tvb, proto_tree *tree, const oxc_rpc_encrypted_t *sealed, const char *what)
{
    const char *filter = sealed->interface == OXC_RPC_EMSMDB ? "emsmdb" : "asyncemsmdb";
    proto_item *item = proto_tree_add_item(tree, proto_get_id_by_filter_name(filter), tvb, 0, -1, ENC_NA);
    int hf = proto_registrar_get_id_byname(sealed->interface == OXC_RPC_EMSMDB ? "emsmdb.opnum" : "asyncemsmdb.opnum");

    proto_item_append_text(item, ", %s %s, encrypted", sealed->pdu->call->name, what);
    tree = proto_item_add_subtree(item, ett_sealed);
    proto_item_set_generated(proto_tree_add_uint(tree, hf, tvb, 0, 0, sealed->opnum));
    return tree;
}

void
oxc_rpc_encrypted_show(packet_info *pinfo, proto_tree *tree, const oxc_rpc_pdu_t *pdu,
                       const oxc_rpc_encrypted_t *sealed)
{
    oxc_call_t *call = sealed->pdu->call;
    const char *what = sealed->pdu->is_response ? "response" : "request";
    tvbuff_t *stub = oxc_rpc_stub(pdu);

    col_set_str(pinfo->cinfo, COL_PROTOCOL, sealed->interface == OXC_RPC_EMSMDB ? "EMSMDB" : "AsyncMDB");
    col_add_fstr(pinfo->cinfo, COL_INFO, "%s %s, encrypted", call->name, what);
    tree = add_tree(stub, tree, sealed, what);
    oxc_show_call_links(stub, pinfo, tree, sealed->pdu);
    if (call->kind == OXC_CALL_FETCH) {
        if (!sealed->pdu->is_response)
            oxc_async_other_call_begins(pinfo, call);
        oxc_listener->fetch(stub, pinfo, tree, sealed->pdu);
    } else if (call->kind == OXC_CALL_WAIT && sealed->pdu->is_response) {
        oxc_listener->wakeup(stub, pinfo, tree, sealed->discriminator, OXC_WAKEUP_ASYNC_WAIT, sealed->outcome,
                          call->session, call->bound, call->request);
    } else {
        oxc_rpc_show_session(stub, pinfo, tree, call);
        oxc_listener->call(pinfo, sealed->pdu);
    }
}

void
oxc_rpc_encrypted_register(void)
{
    static int *ett[] = {&ett_sealed};

    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
    associations = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    connections = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
