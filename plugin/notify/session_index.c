/* session_index.c
 * Which session the SessionIndex of a RopPending names (MS-OXCNOTIF 2.2.1.3.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/session_index.h"

#include <epan/epan.h>
#include <epan/to_str.h>

/* What the answers of a session carried; the Connect that gives its index out was not captured. */
typedef struct {
    bool known;           /* an index was carried */
    uint16_t index;
    bool several;         /* and another one, too */
    bool alone;           /* in an answer without RopNotify */
} carried_t;

/* A server, or several behind one address. */
typedef struct {
    unsigned answers; /* with RopNotify */
    unsigned pending; /* of those, with a RopPending */
} server_t;

/* Who carried an index. */
typedef struct {
    const oxc_session_t *session;
    bool several;
} carrier_t;

static wmem_map_t *carried_by; /* oxc_session_t -> carried_t */
static wmem_map_t *servers;    /* address, as text -> server_t */
static wmem_map_t *carriers;   /* index and address of the server, as text -> carrier_t */

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

static carrier_t *
carrier_of(packet_info *pinfo, uint16_t index)
{
    char *key = wmem_strdup_printf(pinfo->pool, "%u %s", index, address_to_str(pinfo->pool, &pinfo->src));
    carrier_t *carrier = (carrier_t *)wmem_map_lookup(carriers, key);

    if (!carrier) {
        carrier = wmem_new0(wmem_file_scope(), carrier_t);
        wmem_map_insert(carriers, wmem_strdup(wmem_file_scope(), key), carrier);
    }
    return carrier;
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

/* Is it the session's own, as far as its answers show? */
static bool
learn_own(packet_info *pinfo, const oxc_session_t *session, uint16_t index, bool with_notifications)
{
    carried_t *carried = carried_of(session);
    carrier_t *carrier = carrier_of(pinfo, index);
    server_t *server = server_of(pinfo);
    bool always = server->answers == server->pending;

    server->pending += with_notifications;
    carried->several = carried->several || (carried->known && carried->index != index);
    carried->known = true;
    carried->index = index;
    carried->alone = carried->alone || !with_notifications;
    carrier->several = carrier->several || (carrier->session && carrier->session != session);
    if (!carrier->session)
        carrier->session = session;
    /* A server that does so ends all answers that have RopNotify like this. */
    return always && !carried->several && !carrier->several && !carried->alone;
}

/* RPC_HEADER_EXT and the payload behind it (MS-OXCRPC 2.2.2.1): RopNotify goes into one of them. */
#define EXT_HEADER_SIZE 8
#define EXT_PAYLOAD_MAX 32767

/* Is the room left in the answer smaller than its largest RopNotify? Not if the request was not captured. */
static bool
was_full(const oxc_pdu_t *response)
{
    const oxc_pdu_t *request = response->call->request;
    uint64_t most;

    if (!request || request->max_out == 0)
        return false;
    most = MIN(request->max_out, (uint64_t)response->rop_bytes_before + EXT_HEADER_SIZE + EXT_PAYLOAD_MAX);
    return most < (uint64_t)response->rop_bytes_before + EXT_HEADER_SIZE + response->rop_bytes +
                      response->largest_notification;
}

oxc_index_meaning_t
oxc_index_meaning(packet_info *pinfo, const oxc_pdu_t *response, uint16_t index, oxc_session_t **linked)
{
    oxc_session_t *own = response->call->session, *named;
    uint8_t key[OXC_INDEX_KEY_SIZE];
    size_t len = oxc_session_index_key(index, &pinfo->src, key);
    bool is_own, with_notifications = oxc_matcher_brought(response) > 0;

    named = oxc_session_find(pinfo, OXC_KEY_INDEX, key, len, false);
    if (named && !named->index_known)
        named = NULL;
    if (!own || !own->inference) /* MAPI/HTTP gives no indexes out */
        is_own = true;
    else if (!named && !own->index_known)
        is_own = learn_own(pinfo, own, index, with_notifications);
    else
        is_own = named == own;
    if (named || (own && own->index_known))
        server_of(pinfo)->pending += is_own && with_notifications;
    if (is_own)
        return was_full(response) ? OXC_INDEX_OWN_FULL : OXC_INDEX_OWN;
    *linked = named;
    return named ? OXC_INDEX_LINKED : OXC_INDEX_UNKNOWN;
}

void
oxc_index_answer(packet_info *pinfo, const oxc_session_t *session, unsigned notifications)
{
    if (notifications > 0 && session->inference)
        server_of(pinfo)->answers++;
}

void
oxc_index_register(void)
{
    carried_by = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    servers = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_str_hash, g_str_equal);
    carriers = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_str_hash, g_str_equal);
}
