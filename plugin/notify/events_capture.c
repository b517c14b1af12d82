/* events_capture.c
 * What a capture as a whole can and cannot tell
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/events_capture.h"

#include <string.h>

#include <epan/conversation.h>
#include <epan/proto.h>
#include <epan/tap.h>

/* What was seen of a TCP connection. */
enum {
    SEEN_UP = 1 << 0,           /* from the lower port and address to the higher */
    SEEN_DOWN = 1 << 1,
    SEEN_TLS = 1 << 2,
    SEEN_INSIDE_TLS = 1 << 3,
    SEEN_EXCHANGE = 1 << 4
};

struct oxc_capture_counter {
    oxc_capture_facts_t facts;
    GHashTable *connections;    /* index of a conversation -> connection_t */
};

typedef struct {
    unsigned seen;              /* SEEN_… */
    uint32_t frame;             /* the first one */
} connection_t;

static bool
is_exchange(const char *layer)
{
    return strcmp(layer, "mapihttp") == 0 || strcmp(layer, "rpch") == 0 || strcmp(layer, "emsmdb") == 0 ||
           strcmp(layer, "asyncemsmdb") == 0;
}

/* What the layers of a frame tell of its connection. Behind TLS stand post-dissectors, too, whatever was decrypted. */
static unsigned
seen_in(const packet_info *pinfo)
{
    unsigned seen = 0;

    for (wmem_list_frame_t *at = wmem_list_head(pinfo->layers); at; at = wmem_list_frame_next(at)) {
        const char *layer = proto_get_protocol_filter_name(GPOINTER_TO_INT(wmem_list_frame_data(at)));

        if (strcmp(layer, "tls") == 0)
            seen |= SEEN_TLS;
        else if ((seen & SEEN_TLS) && (strcmp(layer, "http") == 0 || strcmp(layer, "http2") == 0))
            seen |= SEEN_INSIDE_TLS;
        if (is_exchange(layer))
            seen |= SEEN_EXCHANGE;
    }
    return seen;
}

static unsigned
direction_of(const packet_info *pinfo)
{
    if (pinfo->srcport != pinfo->destport)
        return pinfo->srcport < pinfo->destport ? SEEN_UP : SEEN_DOWN;
    return cmp_address(&pinfo->src, &pinfo->dst) < 0 ? SEEN_UP : SEEN_DOWN;
}

static void
count_connection(oxc_capture_counter_t *counter, packet_info *pinfo)
{
    conversation_t *conversation = pinfo->ptype == PT_TCP ? find_conversation_pinfo(pinfo, 0) : NULL;
    connection_t *connection;
    void *key;

    if (!conversation)
        return;
    key = GUINT_TO_POINTER(conversation->conv_index);
    connection = (connection_t *)g_hash_table_lookup(counter->connections, key);
    if (!connection) {
        connection = g_new0(connection_t, 1);
        connection->frame = pinfo->num;
        g_hash_table_insert(counter->connections, key, connection);
    }
    connection->seen |= direction_of(pinfo) | seen_in(pinfo);
}

static tap_packet_status
count_frame(void *tapdata, packet_info *pinfo, epan_dissect_t *edt _U_, const void *data _U_, tap_flags_t flags _U_)
{
    oxc_capture_counter_t *counter = (oxc_capture_counter_t *)tapdata;
    oxc_capture_facts_t *facts = &counter->facts;

    if (facts->frames++ == 0 || nstime_cmp(&pinfo->abs_ts, &facts->first) < 0)
        facts->first = pinfo->abs_ts;
    if (facts->frames == 1 || nstime_cmp(&pinfo->abs_ts, &facts->last) > 0)
        facts->last = pinfo->abs_ts;
    if (pinfo->fd->cap_len < pinfo->fd->pkt_len)
        facts->cut_short++;
    count_connection(counter, pinfo);
    return TAP_PACKET_DONT_REDRAW;
}

static void
reset(void *tapdata)
{
    oxc_capture_counter_t *counter = (oxc_capture_counter_t *)tapdata;

    memset(&counter->facts, 0, sizeof counter->facts);
    g_hash_table_remove_all(counter->connections);
}

static void
finish(void *tapdata)
{
    oxc_capture_counter_t *counter = (oxc_capture_counter_t *)tapdata;

    g_hash_table_destroy(counter->connections);
    g_free(counter);
}

oxc_capture_counter_t *
oxc_capture_counter_new(GString **error)
{
    oxc_capture_counter_t *counter = g_new0(oxc_capture_counter_t, 1);

    counter->connections = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    *error = register_tap_listener("frame", counter, NULL, TL_REQUIRES_NOTHING, reset, count_frame, NULL, finish);
    if (*error) {
        finish(counter);
        return NULL;
    }
    return counter;
}

void
oxc_capture_counter_forget(oxc_capture_counter_t *counter)
{
    reset(counter);
}

static void
add_connection(oxc_capture_facts_t *facts, unsigned seen)
{
    facts->tls_connections += (seen & SEEN_TLS) != 0;
    facts->tls_undecrypted += (seen & (SEEN_TLS | SEEN_INSIDE_TLS)) == SEEN_TLS;
    facts->exchange_connections += (seen & SEEN_EXCHANGE) != 0;
    facts->one_direction += (seen & SEEN_EXCHANGE) && (seen & (SEEN_UP | SEEN_DOWN)) != (SEEN_UP | SEEN_DOWN);
}

void
oxc_capture_counter_read(const oxc_capture_counter_t *counter, oxc_capture_facts_t *facts)
{
    GHashTableIter iter;
    void *value;

    *facts = counter->facts;
    g_hash_table_iter_init(&iter, counter->connections);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        add_connection(facts, ((const connection_t *)value)->seen);
}

void
oxc_capture_counter_each(const oxc_capture_counter_t *counter,
                         void (*function)(const oxc_capture_facts_t *facts, uint32_t frame, void *user), void *user)
{
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, counter->connections);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const connection_t *connection = (const connection_t *)value;
        oxc_capture_facts_t facts = { 0 };

        add_connection(&facts, connection->seen);
        function(&facts, connection->frame, user);
    }
}
