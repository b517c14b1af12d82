/* rpch_connection.c
 * What a connection with RPC over HTTP is used for, and the virtual connections [MS-RPCH 3.2]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpch/rpch_connection.h"

#include <string.h>

#include "tcp/postdissector.h"
#include "tcp/segment.h"
#include "tcp/connection.h"
#include "rpc/rpc_pdu.h"
#include "session/hash.h"
#include "session/links.h"

/* [MS-RPCH] 2.2.3.5, 2.2.3.6 */
#define RTS_FLAG_RECYCLE_CHANNEL 0x0004
#define RTS_COOKIE 3
#define RTS_VERSION 6
#define NAME_BASE 0x52504348            /* "RPCH": nobody else numbers what has no addresses from there on */
#define RTS_PREFIX_SIZE (4 + 8 + 20)    /* flags and number of commands, Version, Cookie */

static int proto_rpch = -1;

/*
 * Virtual connections that a new channel may belong to: those of one cookie, and those of one cookie at one server. A peer
 * can open any number of them, so none of these is walked.
 */
typedef enum { HERE, ANYWHERE } search_t;       /* at a server; at any one */

typedef struct {
    const e_guid_t *cookie;
    const address *server;      /* NULL: of any */
    uint32_t port;
} candidates_key_t;

typedef struct {
    candidates_key_t key;
    rpch_virtual_t *newest;
    rpch_virtual_t *without[RPCH_CHANNEL_OUT + 1];  /* each channel; some may have it by now; the newest, others are below */
} candidates_t;

static wmem_map_t *candidates;              /* candidates_key_t -> candidates_t that it is in */
static uint32_t virtual_connection_count;

static unsigned
candidates_hash(const void *key)
{
    const candidates_key_t *k = (const candidates_key_t *)key;
    unsigned hash = wmem_strong_hash((const uint8_t *)k->cookie, sizeof *k->cookie) ^ k->port;

    return k->server ? oxc_address_hash(hash, k->server, NULL) : hash;
}

static gboolean
candidates_equal(const void *a, const void *b)
{
    const candidates_key_t *x = (const candidates_key_t *)a, *y = (const candidates_key_t *)b;

    return guid_cmp(x->cookie, y->cookie) == 0 && x->port == y->port && !x->server == !y->server &&
           (!x->server || addresses_equal(x->server, y->server));
}

/*
 * Connections within the tunnel of a CONNECT request: there the http dissector calls others with the port that the request
 * names, so that they have another conversation than TCP has, which ends.
 */
static wmem_map_t *tunnels;                 /* conversation_t of TCP -> rpch_connection_t */
static struct {
    uint32_t frame;                         /* 0: none */
    rpch_connection_t *connection;
} carried;

static void
rpch_init(void)
{
    carried.frame = 0;
    virtual_connection_count = 0;
}

rpch_use_t
rpch_current_use(const rpch_connection_t *connection, uint32_t frame)
{
    const rpch_use_t none = { NULL, 0, RPCH_CHANNEL_UNKNOWN };
    const rpch_use_t *later = connection->later_uses ? (const rpch_use_t *)wmem_array_get_raw(connection->later_uses) : NULL;
    unsigned from = 0, to = later ? wmem_array_get_count(connection->later_uses) : 0;

    while (from < to) {
        unsigned middle = from + (to - from) / 2;

        if (later[middle].frame <= frame)
            from = middle + 1;
        else
            to = middle;
    }
    if (from > 0)
        return later[from - 1];
    return connection->first_use.frame <= frame ? connection->first_use : none;
}

/* Of what is known of the connection; frame 0: nothing. */
static rpch_use_t *
latest_use(rpch_connection_t *connection)
{
    return connection->later_uses ? (rpch_use_t *)wmem_array_index(connection->later_uses,
                                                                   wmem_array_get_count(connection->later_uses) - 1)
                                  : &connection->first_use;
}

void
rpch_set_use(rpch_connection_t *connection, uint32_t frame, rpch_channel_t channel, rpch_virtual_t *virtual_connection)
{
    const rpch_use_t use = { virtual_connection, frame, channel };
    rpch_use_t *latest = latest_use(connection);

    if (latest->frame == frame || latest->frame == 0) {
        *latest = use;
    } else {
        if (!connection->later_uses)
            connection->later_uses = wmem_array_sized_new(wmem_file_scope(), sizeof use, 1);
        wmem_array_append_one(connection->later_uses, use);
    }
    oxc_postdissector_expect(OXC_FRAME_RPCH);
}

/* The newest candidate that lacks the channel, or the newest of all if the channel replaces one; NULL for none. */
static rpch_virtual_t *
newest_candidate(const candidates_key_t *key, search_t search, rpch_channel_t channel, bool recycled)
{
    candidates_t *of = (candidates_t *)wmem_map_lookup(candidates, key);

    if (!of || recycled)
        return of ? of->newest : NULL;
    while (of->without[channel] && of->without[channel]->has[channel])
        of->without[channel] = of->without[channel]->below[search][channel];
    return of->without[channel];
}

static void
add_candidate(const candidates_key_t *key, search_t search, rpch_virtual_t *virtual_connection)
{
    candidates_t *of = (candidates_t *)wmem_map_lookup(candidates, key);

    if (!of) {
        of = wmem_new0(wmem_file_scope(), candidates_t);
        of->key = *key;
        wmem_map_insert(candidates, &of->key, of);
    }
    of->newest = virtual_connection;
    for (int channel = 0; channel <= RPCH_CHANNEL_OUT; channel++) {
        if (virtual_connection->has[channel])
            continue;
        virtual_connection->below[search][channel] = of->without[channel];
        of->without[channel] = virtual_connection;
    }
}

/* It may be looked for by its cookie from now on. Once for each. */
static void
add_candidates(rpch_virtual_t *virtual_connection)
{
    const candidates_key_t here = { &virtual_connection->cookie, &virtual_connection->server, virtual_connection->port };
    const candidates_key_t anywhere = { &virtual_connection->cookie, NULL, 0 };

    add_candidate(&here, HERE, virtual_connection);
    add_candidate(&anywhere, ANYWHERE, virtual_connection);
}

rpch_virtual_t *
rpch_new_virtual(const packet_info *pinfo, const e_guid_t *cookie)
{
    rpch_virtual_t *made = wmem_new0(wmem_file_scope(), rpch_virtual_t);

    made->number = ++virtual_connection_count;
    made->has_cookie = cookie != NULL;
    if (cookie)
        made->cookie = *cookie;
    copy_address_wmem(wmem_file_scope(), &made->server, &pinfo->dst);
    made->port = pinfo->destport;
    return made;
}

void
rpch_take_channel(rpch_connection_t *connection, const packet_info *pinfo, rpch_channel_t channel,
                  rpch_virtual_t *virtual_connection)
{
    rpch_set_use(connection, pinfo->num, channel, virtual_connection);
    virtual_connection->has[channel] = true;
    virtual_connection->current[channel] = connection;
}

void
rpch_join(rpch_virtual_t *virtual_connection, const rpch_virtual_t *other)
{
    if (virtual_connection->has_cookie || !other || !other->has_cookie)
        return;
    virtual_connection->has_cookie = true;
    virtual_connection->cookie = other->cookie;
    add_candidates(virtual_connection);
}

/*
 * The virtual connection of a cookie. A cookie is seen again on the second channel, on the channels that replace one,
 * and on the far side of a proxy, with another server address. A second first channel of a kind is another virtual
 * connection.
 */
static rpch_virtual_t *
find_virtual(const packet_info *pinfo, const e_guid_t *cookie, rpch_channel_t channel, bool recycled)
{
    candidates_key_t here = { cookie, &pinfo->dst, pinfo->destport }, anywhere = { cookie, NULL, 0 };
    rpch_virtual_t *found = newest_candidate(&here, HERE, channel, recycled);

    oxc_link(pinfo, "virtual_connection", cookie, sizeof *cookie, true);
    if (!found)
        found = newest_candidate(&anywhere, ANYWHERE, channel, recycled);
    if (found) {
        found->has[channel] = true;
        return found;
    }
    found = rpch_new_virtual(pinfo, cookie);
    found->has[channel] = true;
    add_candidates(found);
    return found;
}

/*
 * The PDUs by which a client opens a channel (CONN/A1, CONN/B1, IN_R1/A1, IN_R2/A1, OUT_R1/A3, OUT_R2/A3, [MS-RPCH]
 * 2.2.4) are the only ones that begin with Version and Cookie, and that cookie names the virtual connection.
 */
void
rpch_learn(rpch_connection_t *connection, const packet_info *pinfo, tvbuff_t *pdu)
{
    const rpch_use_t use = rpch_current_use(connection, pinfo->num);
    oxc_rpc_pdu_t header;
    unsigned flags;
    e_guid_t cookie;

    if (!oxc_rpc_read_header(pdu, 0, &header) || header.ptype != PDU_RTS
        || !tvb_bytes_exist(pdu, RPC_HEADER_SIZE, RTS_PREFIX_SIZE)
        || tvb_get_uint16(pdu, RPC_HEADER_SIZE + 2, header.encoding) < 2
        || tvb_get_uint32(pdu, RPC_HEADER_SIZE + 4, header.encoding) != RTS_VERSION
        || tvb_get_uint32(pdu, RPC_HEADER_SIZE + 12, header.encoding) != RTS_COOKIE)
        return;
    flags = tvb_get_uint16(pdu, RPC_HEADER_SIZE, header.encoding);
    tvb_get_guid(pdu, RPC_HEADER_SIZE + 16, &cookie, header.encoding);
    if (use.virtual_connection && use.virtual_connection->has_cookie &&
        guid_cmp(&use.virtual_connection->cookie, &cookie) == 0)
        return;
    rpch_take_channel(connection, pinfo, use.channel,
                      find_virtual(pinfo, &cookie, use.channel, flags & RTS_FLAG_RECYCLE_CHANNEL));
}

rpch_virtual_t *
rpch_ended(packet_info *pinfo)
{
    rpch_connection_t *connection = rpch_connection_around(pinfo);
    rpch_virtual_t *ended;
    rpch_use_t use;

    if (!connection || !oxc_connection_ends_now(pinfo))
        return NULL;
    use = rpch_current_use(connection, pinfo->num);
    ended = use.virtual_connection;
    if (!ended || ended->current[use.channel] != connection)
        return NULL;
    memset(ended->current, 0, sizeof ended->current);
    return ended;
}

void
rpch_name_conversation(packet_info *pinfo, const rpch_virtual_t *virtual_connection)
{
    conversation_element_t *names = wmem_alloc0_array(pinfo->pool, conversation_element_t, 2);

    /* Each look-up makes a text of the kinds of elements, so there are no more than it takes. */
    names[0].type = CE_UINT;
    names[0].uint_val = NAME_BASE + virtual_connection->number;
    names[1].type = CE_CONVERSATION_TYPE;
    names[1].conversation_type_val = CONVERSATION_LOG;      /* for what has no addresses */
    pinfo->conv_elements = names;
}

rpch_connection_t *
rpch_connection_of(const conversation_t *conversation)
{
    return conversation ? (rpch_connection_t *)conversation_get_proto_data(conversation, proto_rpch) : NULL;
}

void
rpch_is_read(const packet_info *pinfo, rpch_connection_t *connection)
{
    carried.frame = pinfo->num;
    carried.connection = connection;
}

rpch_connection_t *
rpch_connection_around(packet_info *pinfo)
{
    conversation_t *conversation = oxc_segment_conversation(pinfo);
    rpch_connection_t *connection = rpch_connection_of(conversation);

    if (connection || !conversation)
        return connection;
    if (carried.frame == pinfo->num && !PINFO_FD_VISITED(pinfo))
        wmem_map_insert(tunnels, conversation, carried.connection);
    return (rpch_connection_t *)wmem_map_lookup(tunnels, conversation);
}

rpch_connection_t *
rpch_get_connection(conversation_t *conversation)
{
    rpch_connection_t *connection = rpch_connection_of(conversation);

    if (!connection) {
        connection = wmem_new0(wmem_file_scope(), rpch_connection_t);
        connection->position[0].mode = connection->position[1].mode = RPCH_LOST;
        conversation_add_proto_data(conversation, proto_rpch, connection);
    }
    return connection;
}

void
rpch_register_connections(int proto)
{
    proto_rpch = proto;
    tunnels = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    candidates = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), candidates_hash, candidates_equal);
    register_init_routine(rpch_init);
}
