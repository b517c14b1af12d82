/* session_index.c
 * Which session the SessionIndex of a RopPending names (MS-OXCNOTIF 2.2.1.3.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/session_index.h"

#include "notify/session_inference.h"
#include "session/rop_state.h"

#include <epan/epan.h>
#include <epan/to_str.h>

/* An index, and how many answers of a session carried it. */
typedef struct {
    uint16_t index;
    unsigned answers;
    bool alone; /* one of them had no RopNotify, and room for some: it is that of a linked session */
} count_t;

/* What the answers of a session carried; the Connect that gives its index out was not captured. */
typedef struct {
    count_t own;   /* what seems to be the session's own, if any is */
    count_t other; /* of a linked session */
    bool more;     /* a third one: nobody knows */
} carried_t;

/* A server, or several behind one address. */
typedef struct {
    unsigned answers; /* with RopNotify */
    unsigned pending; /* of those, with a RopPending */
} server_t;

/* Which session an index seems to be the own one of. */
typedef struct {
    const oxc_session_t *session;
} owner_t;

static wmem_map_t *carried_by; /* oxc_session_t -> carried_t */
static wmem_map_t *servers;    /* address, as text -> server_t */
static wmem_map_t *owners;     /* index and address of the server, as text -> owner_t */

static carried_t *
carried_of(const oxc_session_t *session)
{
    carried_t *carried = (carried_t *)wmem_map_lookup(carried_by, session);

    if (!carried) {
        carried = wmem_new0(wmem_file_scope(), carried_t);
        wmem_map_insert(carried_by, session, carried);
    }
    return carried;
}

static owner_t *
owner_of(packet_info *pinfo, uint16_t index)
{
    char *key = wmem_strdup_printf(pinfo->pool, "%u %s", index, address_to_str(pinfo->pool, &pinfo->src));
    owner_t *owner = (owner_t *)wmem_map_lookup(owners, key);

    if (!owner) {
        owner = wmem_new0(wmem_file_scope(), owner_t);
        wmem_map_insert(owners, wmem_strdup(wmem_file_scope(), key), owner);
    }
    return owner;
}

static void
count_index(carried_t *carried, uint16_t index, bool alone)
{
    count_t *count = carried->own.answers == 0 || carried->own.index == index       ? &carried->own
                     : carried->other.answers == 0 || carried->other.index == index ? &carried->other
                                                                                    : NULL;

    if (!count) {
        carried->more = true;
        return;
    }
    count->index = index;
    count->answers++;
    count->alone = count->alone || alone;
    if (carried->own.alone == carried->other.alone ? carried->other.answers > carried->own.answers
                                                   : carried->own.alone && carried->other.answers > 0) {
        count_t other = carried->other;

        carried->other = carried->own;
        carried->own = other;
    }
}

/* Does it seem to be another session's own, too? */
static bool
is_claimed(packet_info *pinfo, const oxc_session_t *session, uint16_t index)
{
    owner_t *owner = owner_of(pinfo, index);
    const carried_t *theirs =
        owner->session && owner->session != session ? carried_of(owner->session) : NULL;

    if (theirs && theirs->own.index == index && !theirs->own.alone)
        return true;
    owner->session = session;
    return false;
}

static server_t *
server_of(packet_info *pinfo)
{
    char *key = address_to_str(pinfo->pool, &pinfo->src);
    server_t *server = (server_t *)wmem_map_lookup(servers, key);

    if (!server) {
        server = wmem_new0(wmem_file_scope(), server_t);
        wmem_map_insert(servers, wmem_strdup(wmem_file_scope(), key), server);
    }
    return server;
}

/* RPC_HEADER_EXT and the payload behind it (MS-OXCRPC 2.2.2.1): RopNotify goes into one of them. */
#define EXT_HEADER_SIZE 8
#define EXT_PAYLOAD_MAX 32767

/* Bytes left in the answer; UINT32_MAX if the request was not captured. */
static uint32_t
room_left(const oxc_pdu_t *response)
{
    const oxc_pdu_t *request = response->call->request;
    uint64_t before = (uint64_t)response->rop_bytes_before + EXT_HEADER_SIZE, most;

    if (!request || request->max_out == 0)
        return UINT32_MAX;
    most = MIN(request->max_out, before + EXT_PAYLOAD_MAX);
    return most > before + response->rop_bytes ? (uint32_t)(most - before - response->rop_bytes) : 0;
}

#define ENOUGH_ANSWERS 16 /* with RopNotify: fewer say nothing of a server's habits */
#define SELDOM 4          /* one answer of so many */

/*
 * Is more waiting than the answer has room for? Servers that end every answer with RopNotify like this say nothing with
 * it unless there is no room left; of the others it means just that (MS-OXCNOTIF 3.1.5.7), whatever size comes next.
 */
static bool
is_full(packet_info *pinfo, const oxc_pdu_t *response)
{
    const server_t *server = server_of(pinfo);

    return room_left(response) < response->largest_notification ||
           (server->answers >= ENOUGH_ANSWERS && SELDOM * server->pending < server->answers);
}

/* Is it the session's own, as far as its answers show? A server that does so ends all that have RopNotify like this. */
static bool
learn_own(packet_info *pinfo, const oxc_pdu_t *response, uint16_t index)
{
    const oxc_session_t *session = response->call->session;
    bool with_notifications = oxc_pdu_notifications(response) > 0;
    carried_t *carried = carried_of(session);
    server_t *server = server_of(pinfo);
    bool always = server->pending >= server->answers;

    server->pending += with_notifications;
    /* An answer without RopNotify may have been too full for any. */
    count_index(carried, index, !with_notifications && room_left(response) > response->rop_bytes);
    return always && !carried->more && carried->own.index == index && !carried->own.alone &&
           !is_claimed(pinfo, session, index);
}

oxc_index_meaning_t
oxc_index_meaning(packet_info *pinfo, const oxc_pdu_t *response, uint16_t index, oxc_session_t **linked)
{
    oxc_session_t *own = response->call->session, *named;
    uint8_t key[OXC_INDEX_KEY_SIZE];
    size_t len = oxc_session_index_key(index, &pinfo->src, key);
    bool is_own, with_notifications = oxc_pdu_notifications(response) > 0;

    named = oxc_session_find(pinfo, OXC_KEY_INDEX, key, len, false);
    if (named && !named->index_known)
        named = NULL;
    if (!own || !oxc_inference_is_rpc(own))
        is_own = true;
    else if (!named && !own->index_known)
        is_own = learn_own(pinfo, response, index);
    else
        is_own = named == own;
    if (own && (!oxc_inference_is_rpc(own) || named || own->index_known))
        server_of(pinfo)->pending += with_notifications;
    if (is_own)
        return is_full(pinfo, response) ? OXC_INDEX_OWN_FULL : OXC_INDEX_OWN;
    *linked = named;
    return named ? OXC_INDEX_LINKED : OXC_INDEX_UNKNOWN;
}

void
oxc_index_answer(packet_info *pinfo, const oxc_pdu_t *response)
{
    const oxc_call_t *call = response->call;

    if (PINFO_FD_VISITED(pinfo) || call->failure || !call->request || !call->session)
        return;
    if (oxc_pdu_notifications(response) > 0)
        server_of(pinfo)->answers++;
}

void
oxc_index_register(void)
{
    carried_by = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    servers = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_str_hash, g_str_equal);
    owners = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_str_hash, g_str_equal);
}
