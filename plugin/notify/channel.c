/* channel.c
 * Channels of wake-ups, clients and servers, as session inference keeps them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/channel.h"

#include <string.h>

#include <epan/epan.h>

#include "session/hash.h"

#define ELSEWHERE 0.03  /* weight of a session that has another channel of the kind */
#define SILENT 0.2      /* weight of a session that has done nothing for SILENCE seconds */
#define SILENCE 600.0
#define WEAKEST_VOTE 0.05
#define STRONGEST_WEIGHT 1e6 /* all of them together */

static const char BY_KEY[] = "shown by a key";
static const char WAITS[] = "of a connection: waits of the session begin in the capture";

typedef struct {
    uint8_t kind;
    uint32_t len;
    const uint8_t *bytes;
} bytes_t;

static wmem_map_t *channels;  /* bytes_t -> oxc_channel_t */
static wmem_map_t *peers_map; /* bytes_t -> peers_t */

/* ---- keys ---- */

static unsigned
key_hash(const void *key)
{
    const bytes_t *k = (const bytes_t *)key;

    return oxc_hash(k->bytes, k->len) ^ k->kind;
}

static gboolean
key_equal(const void *a, const void *b)
{
    const bytes_t *x = (const bytes_t *)a;
    const bytes_t *y = (const bytes_t *)b;

    return x->kind == y->kind && x->len == y->len && memcmp(x->bytes, y->bytes, x->len) == 0;
}

static bytes_t *
key_keep(const bytes_t *key)
{
    bytes_t *kept = (bytes_t *)wmem_alloc(wmem_file_scope(), sizeof *kept + key->len);

    *kept = *key;
    kept->bytes = (uint8_t *)(kept + 1);
    if (key->len)
        memcpy(kept + 1, key->bytes, key->len);
    return kept;
}

/* ---- clients and servers ---- */

#define PEERS_KEY_SIZE 34

static size_t
add_address(uint8_t *to, const address *from)
{
    size_t len = MIN((size_t)from->len, (PEERS_KEY_SIZE - 2) / 2);

    to[0] = (uint8_t)len;
    if (len)
        memcpy(to + 1, from->data, len);
    return 1 + len;
}

peers_t *
oxc_peers_find(const address *client, const address *server, bool over_http, bool create)
{
    uint8_t bytes[PEERS_KEY_SIZE];
    bytes_t key = {over_http, 0, bytes};
    peers_t *peers;

    key.len = (uint32_t)add_address(bytes, client);
    key.len += (uint32_t)add_address(bytes + key.len, server);
    peers = (peers_t *)wmem_map_lookup(peers_map, &key);
    if (!peers && create) {
        peers = wmem_new0(wmem_file_scope(), peers_t);
        peers->over_http = over_http;
        wmem_map_insert(peers_map, key_keep(&key), peers);
    }
    return peers;
}

bool
oxc_inference_are_peers(const address *client, const address *server)
{
    const peers_t *peers = oxc_peers_find(client, server, false, false);

    return peers && peers->sessions > 0;
}

void
oxc_inference_each_met(const address *client, const address *server,
                       void (*fn)(const oxc_session_t *session, const void *user), const void *user)
{
    for (int over_http = 0; over_http <= 1; over_http++) {
        const peers_t *peers = oxc_peers_find(client, server, over_http, false);

        for (unsigned i = 0; peers && i < FEW && peers->few[i]; i++)
            fn(peers->few[i], user);
    }
}

inference_t *
oxc_inference_of(oxc_session_t *session)
{
    if (!session->inference)
        session->inference = wmem_new0(wmem_file_scope(), inference_t);
    return session->inference;
}

static void
to_front(peers_t *peers, oxc_session_t *session)
{
    unsigned at = 0;

    while (at < FEW - 1 && peers->few[at] != session)
        at++;
    memmove(&peers->few[1], &peers->few[0], at * sizeof peers->few[0]);
    peers->few[0] = session;
}

void
oxc_inference_meet(packet_info *pinfo, oxc_session_t *session, bool over_http, const address *client,
                   const address *server)
{
    inference_t *inference;
    peers_t *peers;

    if (PINFO_FD_VISITED(pinfo) || session->ended_in)
        return;
    inference = oxc_inference_of(session);
    inference->seen = nstime_to_sec(&pinfo->abs_ts);
    session->latest_frame = pinfo->num;
    peers = oxc_peers_find(client, server, over_http, true);
    if (peers->sessions == 0)
        peers->began = inference->seen;
    if (!inference->peers) {
        inference->peers = peers;
        inference->habits = &peers->habits;
        peers->sessions++;
        for (int kind = 0; kind < OXC_CHANNEL_KINDS; kind++)
            peers->taken[kind] += inference->channels[kind] != NULL;
    }
    if (inference->peers == peers && peers->few[0] != session)
        to_front(peers, session);
}

void
oxc_channel_take(oxc_session_t *session, oxc_channel_kind_t kind, const void *channel)
{
    inference_t *inference = oxc_inference_of(session);

    if (inference->peers && (inference->channels[kind] != NULL) != (channel != NULL))
        inference->peers->taken[kind] += channel ? 1 : -1;
    inference->channels[kind] = channel;
}

void
oxc_inference_taken(oxc_session_t *session, oxc_channel_kind_t kind)
{
    oxc_channel_take(session, kind, BY_KEY);
}

bool
oxc_inference_is_by_key(const oxc_session_t *session, oxc_channel_kind_t kind)
{
    return session->inference && session->inference->channels[kind] == BY_KEY;
}

/* ---- channels ---- */

oxc_channel_t *
oxc_channel_find(oxc_channel_kind_t kind, const void *bytes, size_t len, const address *client, const address *server)
{
    bytes_t key = {(uint8_t)kind, (uint32_t)len, (const uint8_t *)bytes};
    oxc_channel_t *channel = (oxc_channel_t *)wmem_map_lookup(channels, &key);

    if (!channel) {
        channel = wmem_new0(wmem_file_scope(), oxc_channel_t);
        channel->kind = kind;
        channel->peers = oxc_peers_find(client, server, kind == OXC_CHANNEL_HTTP, true);
        wmem_map_insert(channels, key_keep(&key), channel);
    }
    return channel;
}

candidate_t *
oxc_channel_candidate(oxc_channel_t *channel, const oxc_session_t *session)
{
    for (unsigned i = 0; i < channel->count; i++)
        if (channel->candidates[i].session == session)
            return &channel->candidates[i];
    return NULL;
}

/* A new one takes the place of the weakest if there are too many. */
static candidate_t *
get_candidate(oxc_channel_t *channel, oxc_session_t *session)
{
    candidate_t *candidate = oxc_channel_candidate(channel, session);

    if (candidate)
        return candidate;
    if (!channel->candidates)
        channel->candidates = wmem_alloc0_array(wmem_file_scope(), candidate_t, CANDIDATES);
    if (channel->count < CANDIDATES) {
        candidate = &channel->candidates[channel->count++];
    } else {
        candidate = &channel->candidates[0];
        for (unsigned i = 1; i < CANDIDATES; i++)
            if (channel->candidates[i].weight < candidate->weight)
                candidate = &channel->candidates[i];
    }
    candidate->session = session;
    candidate->weight = 1;
    return candidate;
}

void
oxc_channel_share(oxc_channel_t *channel, oxc_session_t *session)
{
    if (oxc_channel_candidate(channel, session))
        return;
    get_candidate(channel, session)->weight = STRONGEST_WEIGHT;
    channel->shared++;
}

void
oxc_channel_vote(oxc_channel_t *channel, oxc_session_t *session, double how_much)
{
    candidate_t *candidate = get_candidate(channel, session);
    double excess;

    candidate->weight *= CLAMP(how_much, WEAKEST_VOTE, STRONGEST_VOTE);
    excess = MAX(1.0, candidate->weight / STRONGEST_WEIGHT);
    /* Of sessions that always fetch together, as linked ones do, one has the channel; several may register the same. */
    for (unsigned i = 0; i < channel->count && channel->kind != OXC_CHANNEL_PUSH; i++)
        channel->candidates[i].weight = MAX(channel->candidates[i].weight / excess, 1 / STRONGEST_WEIGHT);
    candidate->weight = CLAMP(candidate->weight, 1 / STRONGEST_WEIGHT, STRONGEST_WEIGHT);
}

void
oxc_channel_learn(oxc_channel_t *channel, oxc_session_t *session)
{
    oxc_channel_vote(channel, session, STRONGEST_VOTE);
}

static bool
has_another(const oxc_session_t *session, const oxc_channel_t *channel)
{
    const void *own = session->inference->channels[channel->kind];

    if (oxc_channel_is_connection(channel))
        return channel->is_old && own;
    return (own && own != channel) || (channel->kind == OXC_CHANNEL_INDEX && session->index_known);
}

double
oxc_channel_weight(oxc_channel_t *channel, const oxc_session_t *session, double now)
{
    const candidate_t *candidate = oxc_channel_candidate(channel, session);
    const inference_t *inference = session->inference;
    /* Each session has one wait that began before the capture: what is known of other ones says nothing. */
    double weight = candidate && !channel->is_old ? candidate->weight : 1.0;

    if (session->ended_in || !inference)
        return 0;
    if (has_another(session, channel))
        weight *= ELSEWHERE;
    if (now - inference->seen > SILENCE)
        weight *= SILENT;
    return weight;
}

oxc_session_t *
oxc_channel_session(const oxc_channel_t *channel)
{
    return channel->believed;
}

void
oxc_channel_wait_begins(oxc_channel_t *channel, const oxc_session_t *session)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < IDLE; i++)
        if (channel->idle[i] && channel->idle[i] != session)
            channel->idle[kept++] = channel->idle[i];
    while (kept < IDLE)
        channel->idle[kept++] = NULL;
}

void
oxc_channel_wait_ended(oxc_channel_t *channel, oxc_session_t *session)
{
    oxc_channel_wait_begins(channel, session);
    memmove(&channel->idle[1], &channel->idle[0], (IDLE - 1) * sizeof channel->idle[0]);
    channel->idle[0] = session;
}

void
oxc_channel_wait_is_old(oxc_channel_t *channel, bool is_old)
{
    channel->is_old = is_old;
}

void
oxc_inference_waits(oxc_session_t *session)
{
    oxc_channel_take(session, OXC_CHANNEL_CONNECTION, WAITS);
    oxc_channel_take(session, OXC_CHANNEL_HTTP, WAITS);
}

oxc_habits_t *
oxc_inference_habits(oxc_session_t *session)
{
    inference_t *inference = oxc_inference_of(session);

    if (!inference->habits)
        inference->habits = wmem_new0(wmem_file_scope(), oxc_habits_t);
    return inference->habits;
}

void
oxc_inference_bytes_missing(const address *client, const address *server, bool missing)
{
    for (int over_http = 0; over_http <= 1; over_http++)
        oxc_peers_find(client, server, over_http, true)->habits.gaps += missing ? 1 : -1;
}

bool
oxc_inference_is_rpc(const oxc_session_t *session)
{
    return session->inference && session->inference->peers && !session->inference->peers->over_http;
}

void
oxc_channel_register(void)
{
    channels = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), key_hash, key_equal);
    peers_map = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), key_hash, key_equal);
}
