/* rpc_call.c
 * What EMSMDB and AsyncEMSMDB share: calls, sessions (MS-OXCRPC)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/rpc_call.h"

#include <string.h>

#include <epan/address.h>
#include <epan/expert.h>

#include "oxcnotif_item.h"
#include "rpc/rpc_fragments.h"
#include "session/event.h"
#include "session/hash.h"
#include "rop/buffer.h"
#include "ropdefs.h"
#include "session/links.h"

static expert_field ei_return_value = EI_INIT;

static int proto_emsmdb = -1;
static int proto_asyncemsmdb = -1;
static int proto_rop = -1;

static void (*watch_stub)(uint32_t call_id, oxc_rpc_state_t *state);

static wmem_map_t *servers;             /* address with port -> itself */
static const oxc_address_key_t *latest_server;  /* in it; NULL for none */
static wmem_map_t *sessions_by_uuid;    /* UUID of a CXH, with the server -> oxc_session_t */
static wmem_map_t *connections;         /* conversation -> calls_t */
static wmem_map_t *births;              /* session -> conversation of its connect call */

/* ---- maps ---- */

static oxc_address_key_t *
endpoint_copy(const address *addr, uint32_t port)
{
    oxc_address_key_t *copy = wmem_new0(wmem_file_scope(), oxc_address_key_t);

    copy_address_wmem(wmem_file_scope(), &copy->addr, addr);
    copy->number = port;
    return copy;
}

/*
 * A handle means something at the server that gave it out only, and some count them up: another server gives out the
 * same ones.
 */
#define SERVER_SIZE 16
#define UUID_SIZE   16

typedef struct {
    uint8_t handle[OXC_NDR_HANDLE_SIZE];
    uint8_t server[SERVER_SIZE];
} handle_key_t;

typedef struct {
    uint8_t uuid[UUID_SIZE];
    uint8_t server[SERVER_SIZE];
} uuid_key_t;

/* The calls of a connection; first pass. */
typedef struct oxc_rpc_calls {
    uint8_t server[SERVER_SIZE];        /* its address, cut off or filled up with zeros */
    bool has_server;                    /* that is known */
    bool has_request;                   /* so is the id of the first call whose request was captured */
    uint32_t first_call;
} calls_t;

static unsigned
uuid_hash(const void *key)
{
    return oxc_hash(key, sizeof(uuid_key_t));
}

static gboolean
uuid_equal(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(uuid_key_t)) == 0;
}

static void
forget(void)
{
    latest_server = NULL;
}

void
oxc_rpc_register(int parent)
{
    static ei_register_info ei[] = {
        { &ei_return_value,
          { "emsmdb.return_value_failure", PI_RESPONSE_CODE, PI_NOTE, "Return value is not 0", EXPFILL } },
    };

    servers = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), oxc_address_key_hash, oxc_address_key_equal);
    sessions_by_uuid = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), uuid_hash, uuid_equal);
    connections = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    births = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    register_init_routine(forget);
    proto_emsmdb = parent;
    oxc_ndr_register(parent);
    oxc_rpc_fragments_register();
    expert_register_field_array(expert_register_protocol(parent), ei, array_length(ei));
}

void
oxc_rpc_handoff(void)
{
    proto_asyncemsmdb = proto_get_id_by_filter_name("asyncemsmdb");
    proto_rop = proto_get_id_by_filter_name("rop");
}

/* ---- who talks to whom ---- */

static void
remember_ends(packet_info *pinfo, bool is_response, oxc_session_t *session)
{
    const address *client = is_response ? &pinfo->dst : &pinfo->src;
    oxc_address_key_t probe = { is_response ? pinfo->src : pinfo->dst, is_response ? pinfo->srcport : pinfo->destport };

    if (PINFO_FD_VISITED(pinfo))
        return;
    if (session)
        oxc_listener->session_met(pinfo, session, false, client, &probe.addr);
    if (latest_server && oxc_address_key_equal(latest_server, &probe))
        return;
    latest_server = (const oxc_address_key_t *)wmem_map_lookup(servers, &probe);
    if (!latest_server) {
        oxc_address_key_t *server = endpoint_copy(&probe.addr, probe.number);

        wmem_map_insert(servers, server, server);
        oxc_link_endpoint(pinfo, "server", &probe.addr, probe.number, true);
        latest_server = server;
    }
}

bool
oxc_rpc_is_server(const packet_info *pinfo, const address *server, uint32_t port)
{
    oxc_address_key_t probe = { *server, port };
    bool known = wmem_map_contains(servers, &probe);

    if (!known)
        oxc_link_endpoint(pinfo, "server", server, port, false);
    return known;
}

/* ---- calls ---- */

const address *
oxc_rpc_client(const oxc_rpc_t *rpc)
{
    return rpc->is_response ? &rpc->pinfo->dst : &rpc->pinfo->src;
}

const address *
oxc_rpc_server(const oxc_rpc_t *rpc)
{
    return rpc->is_response ? &rpc->pinfo->src : &rpc->pinfo->dst;
}

uint32_t
oxc_rpc_discriminator(const conversation_t *conversation, uint32_t call_id)
{
    /* Call ids count up from a small number on each connection: a multiplier keeps those of two connections apart. */
    return call_id + (conversation ? conversation->conv_index : 0) * UINT32_C(2654435761);
}

static calls_t *
calls_of(const conversation_t *conversation)
{
    calls_t *calls = (calls_t *)wmem_map_lookup(connections, conversation);

    if (!calls) {
        calls = wmem_new0(wmem_file_scope(), calls_t);
        wmem_map_insert(connections, conversation, calls);
    }
    return calls;
}

/*
 * Clients count the calls of a connection up (C706 12.6.3.1): a response without its request is of a time before the
 * capture if its call id is smaller than all that were captured; otherwise its request was lost.
 */
static bool
began_before(calls_t *calls, bool is_response, uint32_t call_id)
{
    if (calls->has_request)
        return is_response && call_id < calls->first_call;
    if (!is_response) {
        calls->has_request = true;
        calls->first_call = call_id;
    }
    return is_response;
}

void
oxc_rpc_watch_stubs(void (*fn)(uint32_t call_id, oxc_rpc_state_t *state))
{
    watch_stub = fn;
}

/* The tree if anybody looks at parameters in it or, which belong to rop, at the links of a call; else NULL. */
static proto_tree *
for_fields(proto_tree *tree)
{
    return oxc_is_looked_at(tree, proto_emsmdb) || proto_field_is_referenced(tree, proto_asyncemsmdb) ||
           proto_field_is_referenced(tree, proto_rop) ? tree : NULL;
}

/* Most calls are a request and one answer, all of them in one piece of memory; more answers are kept elsewhere. */
typedef struct {
    oxc_rpc_state_t state;      /* leads to the rest */
    oxc_call_t call;
    oxc_pdu_t request;
    oxc_pdu_t response;         /* free while state.has_place */
} whole_call_t;

static oxc_rpc_state_t *
new_request(const oxc_rpc_t *rpc, oxc_call_kind_t kind)
{
    whole_call_t *whole = wmem_new0(wmem_file_scope(), whole_call_t);

    oxc_pdu_begin_request(&whole->request, &whole->call, rpc->pinfo, rpc->discriminator, kind);
    whole->state.call = &whole->call;
    whole->state.has_place = true;
    return &whole->state;
}

/* The answer takes its place. */
static void
begin_response(const oxc_rpc_t *rpc, oxc_call_kind_t kind)
{
    whole_call_t *whole = (whole_call_t *)rpc->state;

    whole->state.has_place = false;
    if (!whole->call.response)
        oxc_pdu_begin_response(&whole->response, rpc->pinfo, rpc->discriminator, kind, &whole->call);
}

oxc_rpc_t
oxc_rpc_begin(tvbuff_t *tvb, int offset, packet_info *pinfo, proto_tree *tree, dcerpc_info *di, const uint8_t *drep,
              oxc_rpc_interface_t interface, oxc_call_kind_t kind)
{
    oxc_rpc_t rpc = { 0 };

    rpc.pinfo = pinfo;
    rpc.tree = tree;
    rpc.is_response = di->ptype == PDU_RESP;
    rpc.conversation = di->conv;
    rpc.discriminator = oxc_rpc_discriminator(di->conv, di->call_id);
    tvb = oxc_rpc_without_padding(pinfo, tvb, rpc.discriminator, di->ptype);
    rpc.ndr = oxc_ndr_begin(tvb, offset, pinfo, for_fields(tree), di, drep);
    /* The call's own place for such things: DCE/RPC keeps it from the request's first visit on. */
    rpc.state = (oxc_rpc_state_t *)di->call_data->se_data;
    if (!rpc.state) {
        rpc.state = rpc.is_response ? wmem_new0(wmem_file_scope(), oxc_rpc_state_t) : new_request(&rpc, kind);
        rpc.state->interface = (uint8_t)interface;
        rpc.state->opnum = di->call_data->opnum;
        di->call_data->se_data = rpc.state;
    } else if (rpc.is_response && rpc.state->has_place) {
        begin_response(&rpc, kind);
    }
    rpc.pdu = rpc.is_response ? oxc_pdu_response(pinfo, rpc.discriminator, kind, rpc.state->call)
                              : oxc_pdu_request(pinfo, rpc.discriminator, kind, rpc.state->call);
    if (!rpc.state->call)
        rpc.state->call = rpc.pdu->call;
    if (!PINFO_FD_VISITED(pinfo)) {
        rpc.calls = calls_of(di->conv);
        rpc.began_before = di->conv && began_before(rpc.calls, rpc.is_response, di->call_id) && !rpc.pdu->call->request;
    }
    if (watch_stub)
        watch_stub(di->call_id, rpc.state);
    oxc_show_call_links(tvb, pinfo, rpc.ndr.tree, rpc.pdu);
    if (!rpc.pdu->call->session)
        remember_ends(pinfo, rpc.is_response, NULL);
    return rpc;
}

const oxc_rpc_setup_t *
oxc_rpc_setup(const oxc_rpc_t *rpc)
{
    static const oxc_rpc_setup_t none = { NULL, NULL, NULL, 0 };

    return rpc->state->setup ? rpc->state->setup : &none;
}

oxc_rpc_setup_t *
oxc_rpc_change_setup(oxc_rpc_t *rpc)
{
    if (!rpc->state->setup)
        rpc->state->setup = wmem_new0(wmem_file_scope(), oxc_rpc_setup_t);
    return rpc->state->setup;
}

int
oxc_rpc_end(const oxc_rpc_t *rpc, tvbuff_t *tvb)
{
    int length = (int)tvb_reported_length(tvb);

    /* What follows a parameter that did not fit cannot be told apart; an expert item has said so. */
    if (rpc->ndr.broken)
        return length;
    return rpc->ndr.offset + length - (int)tvb_reported_length(rpc->ndr.tvb);
}

/* ---- sessions ---- */

/* One address for all frames of a connection: the channels of RPC over HTTP may go to different proxies. */
static void
put_server(const oxc_rpc_t *rpc, uint8_t place[SERVER_SIZE])
{
    const address *server = oxc_rpc_server(rpc);
    calls_t *calls = rpc->calls;

    if (!calls->has_server) {
        calls->has_server = true;
        if (server->len > 0)
            memcpy(calls->server, server->data, MIN((size_t)server->len, SERVER_SIZE));
    }
    memcpy(place, calls->server, SERVER_SIZE);
}

static handle_key_t
handle_key(const oxc_rpc_t *rpc, const oxc_ndr_handle_t *handle)
{
    handle_key_t key = { { 0 }, { 0 } };

    memcpy(key.handle, handle->bytes, sizeof key.handle);
    put_server(rpc, key.server);
    return key;
}

/* A client of RPC over HTTP may reach one server through several proxies. */
static oxc_session_t *
session_of_handle(const oxc_rpc_t *rpc, oxc_key_kind_t kind, const oxc_ndr_handle_t *handle)
{
    handle_key_t key = handle_key(rpc, handle);
    oxc_session_t *session = oxc_session_find(rpc->pinfo, kind, (const uint8_t *)&key, sizeof key, false);

    if (!session && proto_is_frame_protocol(rpc->pinfo->layers, "rpch"))
        session = oxc_session_find(rpc->pinfo, kind, handle->bytes, sizeof handle->bytes, false);
    return session;
}

/* The key at this server, and that by which a handle is recognized wherever it is seen. */
static void
add_handle(const oxc_rpc_t *rpc, oxc_session_t *session, oxc_key_kind_t kind, const oxc_ndr_handle_t *handle)
{
    handle_key_t key = handle_key(rpc, handle);

    oxc_session_add_key(rpc->pinfo, session, kind, (const uint8_t *)&key, sizeof key);
    oxc_session_add_key(rpc->pinfo, session, kind, handle->bytes, sizeof handle->bytes);
}

static uuid_key_t
uuid_key(const oxc_rpc_t *rpc, const oxc_ndr_handle_t *handle)
{
    uuid_key_t key = { { 0 }, { 0 } };

    memcpy(key.uuid, handle->bytes + 4, sizeof key.uuid);
    put_server(rpc, key.server);
    return key;
}

/*
 * The session of an asynchronous context handle whose EcDoAsyncConnectEx was not captured. How the server makes such
 * handles is its own affair; one kind (gromox) keeps the UUID of the CXH and changes the attributes.
 */
static oxc_session_t *
session_of_uuid(const oxc_rpc_t *rpc, const oxc_ndr_handle_t *handle)
{
    uuid_key_t key = uuid_key(rpc, handle);

    oxc_link(rpc->pinfo, "uuid", &key, sizeof key, false);
    return (oxc_session_t *)wmem_map_lookup(sessions_by_uuid, &key);
}

static void
add_uuid(const oxc_rpc_t *rpc, const oxc_ndr_handle_t *handle, oxc_session_t *session)
{
    uuid_key_t key = uuid_key(rpc, handle);

    oxc_link(rpc->pinfo, "uuid", &key, sizeof key, true);
    wmem_map_insert(sessions_by_uuid, wmem_memdup(wmem_file_scope(), &key, sizeof key), session);
}

oxc_session_t *
oxc_rpc_session(oxc_rpc_t *rpc, oxc_key_kind_t kind, const oxc_ndr_handle_t *handle)
{
    oxc_call_t *call = rpc->pdu->call;
    oxc_bound_t bound = OXC_BOUND_BY_KEY;
    oxc_session_t *session;

    if (handle->is_null || PINFO_FD_VISITED(rpc->pinfo))
        return call->session;
    session = session_of_handle(rpc, kind, handle);
    if (!session && kind == OXC_KEY_ACXH) {
        session = session_of_uuid(rpc, handle);
        bound = OXC_BOUND_BY_CONTEXT;
        if (!session) {
            oxc_listener->wait_by_unknown_handle(call, handle->bytes, sizeof handle->bytes, oxc_rpc_client(rpc),
                                                 oxc_rpc_server(rpc));
            return NULL;
        }
    }
    if (!session) {
        handle_key_t key = handle_key(rpc, handle);

        session = oxc_session_find(rpc->pinfo, kind, (const uint8_t *)&key, sizeof key, true);
        add_handle(rpc, session, kind, handle);
        bound = OXC_BOUND_BY_KEY;
    }
    if (kind == OXC_KEY_CXH && !session_of_uuid(rpc, handle))
        add_uuid(rpc, handle, session);
    oxc_call_bind(rpc->pinfo, call, session, bound);
    remember_ends(rpc->pinfo, rpc->is_response, kind == OXC_KEY_CXH ? session : NULL);
    return session;
}

oxc_session_t *
oxc_rpc_new_session(oxc_rpc_t *rpc, const oxc_ndr_handle_t *handle)
{
    uint8_t key[OXC_NDR_HANDLE_SIZE + 8];       /* of another size than the keys of handles */
    oxc_session_t *session;

    if (PINFO_FD_VISITED(rpc->pinfo) || handle->is_null)
        return rpc->pdu->call->session;
    /* On the connection of its birth a live handle can only mean the same context. */
    session = session_of_handle(rpc, OXC_KEY_CXH, handle);
    if (session && session->ended_in == 0 && wmem_map_lookup(births, session) == rpc->conversation) {
        oxc_call_bind(rpc->pinfo, rpc->pdu->call, session, OXC_BOUND_BY_KEY);
        return session;
    }
    /*
     * A server may give out a handle again that it gave out before: the key of the birth is the handle with its call.
     */
    memcpy(key, handle->bytes, OXC_NDR_HANDLE_SIZE);
    memcpy(key + OXC_NDR_HANDLE_SIZE, &rpc->pinfo->num, 4);
    memcpy(key + OXC_NDR_HANDLE_SIZE + 4, &rpc->discriminator, 4);
    session = oxc_session_find(rpc->pinfo, OXC_KEY_CXH, key, sizeof key, true);
    add_handle(rpc, session, OXC_KEY_CXH, handle);
    wmem_map_insert(births, session, (void *)rpc->conversation);
    add_uuid(rpc, handle, session);
    oxc_call_bind(rpc->pinfo, rpc->pdu->call, session, OXC_BOUND_BY_KEY);
    remember_ends(rpc->pinfo, rpc->is_response, session);
    return session;
}

void
oxc_rpc_bind_acxh(oxc_rpc_t *rpc, const oxc_ndr_handle_t *acxh)
{
    oxc_session_t *session = rpc->pdu->call->session;

    if (acxh->is_null)
        return;
    if (!session || PINFO_FD_VISITED(rpc->pinfo))
        return;
    add_handle(rpc, session, OXC_KEY_ACXH, acxh);
    oxc_listener->has_async_handle(session);
}

void
oxc_rpc_show_session(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_call_t *call)
{
    oxc_listener->session(tvb, pinfo, tree, call->session);
}

/* ---- results ---- */

/* As the return value of a call; the same number is ecObjectLocked as the ReturnValue of a ROP (MS-OXCDATA 2.4). */
#define RPC_S_SERVER_TOO_BUSY 0x6BB

uint32_t
oxc_rpc_return_value(oxc_rpc_t *rpc, int hf)
{
    proto_item *item;
    uint32_t value = oxc_ndr_u32(&rpc->ndr, hf, &item);
    const char *name;

    if (value == 0 || oxc_call_is_given_up(rpc->pinfo, rpc->pdu->call, value))
        return value;
    name = value == RPC_S_SERVER_TOO_BUSY ? "RPC_S_SERVER_TOO_BUSY"
                                          : try_val_to_str_ext(value, &ropdef_error_vals_ext);
    if (value == RPC_S_SERVER_TOO_BUSY)
        proto_item_append_text(item, ", as a return value of RPC: %s", name);
    expert_add_info_format(rpc->pinfo, item, &ei_return_value, "The call failed: %s",
                           value == RPC_S_SERVER_TOO_BUSY ? "the server is too busy (ServerTooBusy), and the client tries again"
                           : name                         ? name
                                                          : "unknown error");
    if (name)
        col_append_fstr(rpc->pinfo->cinfo, COL_INFO, ", %s", name);
    else
        col_append_fstr(rpc->pinfo->cinfo, COL_INFO, ", error 0x%08x", value);
    return value;
}
