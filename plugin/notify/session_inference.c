/* session_inference.c
 * Whose wake-ups come through a channel that nothing in the capture ties to a session
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/session_inference.h"

#include <string.h>

#include <epan/epan.h>

#include "notify/matcher.h"

#define CANDIDATES 8 /* sessions that a channel remembers having been followed by */
#define FEW 8        /* sessions of a client and server that are known one by one: those met last */
#define NEAR 64      /* wake-ups of a client and server whose follow-up may still come */
#define IDLE 4       /* sessions of a connection that have no wait open */
#define FETCHERS 6   /* sessions that fetched after one of them */
#define NEARBY 2.0   /* seconds: a later fetch says next to nothing */

#define BELIEVED 0.90   /* share from which on a channel is a session's for good, until others get ahead */
#define IDLE_TRUST 0.95 /* that the end of a wait is the idle session's, if there is one */
#define SHOWN 0.70      /* share from which on a fetch is shown as a follow-up */
#define ELSEWHERE 0.03  /* weight of a session that has another channel of the kind */
#define SILENT 0.2      /* weight of a session that has done nothing for SILENCE seconds */
#define SILENCE 600.0
#define UNSEEN 0.5           /* weight of the sessions that were not seen yet, when the first one was */
#define UNSEEN_LATE 0.02     /* ... and after a long time */
#define UNSEEN_TIME 60.0     /* seconds until half of it is gone */
#define STRONGEST_VOTE 400.0 /* one wake-up makes a session so many times more likely at most, and this much less */
#define WEAKEST_VOTE 0.05
#define STRONGEST_WEIGHT 1e6 /* all of them together */

/*
 * Two to five fetches of ten are empty after a wake-up, next to none else; most follow-ups bring something, few others
 * do.
 */
#define EMPTY_REQUEST 3.0
#define FULL_REQUEST 0.4
#define BROUGHT 3.0
#define BROUGHT_NOTHING 0.15

typedef struct near near_t;

/* A client and a server. */
typedef struct {
    double began; /* seconds; the first session was met */
    unsigned fetches;
    unsigned sessions;                 /* met */
    unsigned taken[OXC_CHANNEL_KINDS]; /* of those, with a channel of the kind */
    oxc_session_t *few[FEW];           /* the latest first */
    near_t *oldest, *newest;           /* wake-ups of the last seconds */
    unsigned near_count;
    bool expects_push; /* a registration was not captured, or is encrypted */
} peers_t;

/* What is known of a session. */
typedef struct oxc_inference {
    peers_t *peers;
    double seen;                             /* its latest call, seconds */
    uint32_t frame;                          /* of that */
    const void *channels[OXC_CHANNEL_KINDS]; /* the channel that is believed to be its own, or BY_KEY */
} inference_t;

static const char BY_KEY[] = "shown by a key";

typedef struct {
    oxc_session_t *session;
    double weight;  /* that of a session without evidence is 1 */
} candidate_t;

struct oxc_channel {
    oxc_channel_kind_t kind;
    peers_t *peers;
    candidate_t candidates[CANDIDATES];
    unsigned count;
    unsigned shared; /* sessions that told this channel */
    oxc_session_t *believed;
    oxc_session_t *idle[IDLE]; /* of a connection: sessions whose wait has ended, the latest first */
    near_t *near;              /* its latest wake-up, while that is near */
};

/* A session that fetched after a wake-up. */
typedef struct {
    oxc_session_t *session;
    const oxc_call_t *call;
    double ratio; /* how much more likely if it is a follow-up */
} fetcher_t;

struct near {
    near_t *next;
    oxc_wakeup_t *wakeup;
    double when;
    oxc_channel_t *channel;
    unsigned count;
    fetcher_t fetchers[FETCHERS];
};

typedef struct {
    uint8_t kind;
    uint32_t len;
    const uint8_t *bytes;
} bytes_t;

static wmem_map_t *channels;  /* bytes_t -> oxc_channel_t */
static unsigned shared_woken, shared_woke_several; /* wake-ups through channels that several sessions share */
static wmem_map_t *servers;   /* bytes_t of an address -> peers_t: of one of its clients */
static wmem_map_t *peers_map; /* bytes_t -> peers_t */

/* ---- how long follow-ups take ---- */

/* Bin n holds latencies below 1 ms * 2^n; the first counts are what is expected of clients in a local network. */
#define BINS 18
static const double expected[BINS] = {1, 1, 3, 6, 9, 9, 7, 5, 3, 2, 1.5, 1, 1, 1, 1, 1, 1, 1};
static double latencies[BINS];
static double latency_total;

static void
forget_learned(void)
{
    shared_woken = shared_woke_several = 0;
    latency_total = 0;
    for (unsigned i = 0; i < BINS; i++) {
        latencies[i] = expected[i];
        latency_total += expected[i];
    }
}

static unsigned
latency_bin(double seconds)
{
    unsigned bin = 0;

    for (double end = 0.001; bin < BINS - 1 && seconds >= end; end *= 2)
        bin++;
    return bin;
}

void
oxc_inference_learn(double seconds)
{
    latencies[latency_bin(seconds)]++;
    latency_total++;
}

/* Density of follow-ups at this latency, per second. */
static double
follow_density(double seconds)
{
    unsigned bin = latency_bin(seconds);
    double begin = bin == 0 ? 0 : 0.001 * (1 << (bin - 1));
    double width = bin == 0 ? 0.001 : begin;

    return latencies[bin] / latency_total / width;
}

/* Share of follow-ups that come later. */
static double
later_share(double seconds)
{
    unsigned bin = latency_bin(seconds);
    double begin = bin == 0 ? 0 : 0.001 * (1 << (bin - 1));
    double width = bin == 0 ? 0.001 : begin;
    double later = latencies[bin] * MAX(0.0, 1.0 - (seconds - begin) / width);

    for (unsigned i = bin + 1; i < BINS; i++)
        later += latencies[i];
    return MAX(later / latency_total, 0.001);
}

/* ---- keys ---- */

static unsigned
key_hash(const void *key)
{
    const bytes_t *k = (const bytes_t *)key;

    return wmem_strong_hash(k->bytes, k->len) ^ k->kind;
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
    bytes_t *kept = wmem_new(wmem_file_scope(), bytes_t);

    *kept = *key;
    kept->bytes = (const uint8_t *)wmem_memdup(wmem_file_scope(), key->bytes, key->len);
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

static peers_t *
peers_find(const address *client, const address *server, bool create)
{
    uint8_t bytes[PEERS_KEY_SIZE];
    bytes_t key = {0, 0, bytes};
    peers_t *peers;

    key.len = (uint32_t)add_address(bytes, client);
    key.len += (uint32_t)add_address(bytes + key.len, server);
    peers = (peers_t *)wmem_map_lookup(peers_map, &key);
    if (!peers && create) {
        peers = wmem_new0(wmem_file_scope(), peers_t);
        wmem_map_insert(peers_map, key_keep(&key), peers);
    }
    return peers;
}

bool
oxc_inference_are_peers(const address *client, const address *server)
{
    const peers_t *peers = peers_find(client, server, false);

    return peers && peers->sessions > 0;
}

bool
oxc_inference_is_server(const address *server)
{
    uint8_t bytes[PEERS_KEY_SIZE];
    bytes_t key = {0, 0, bytes};

    key.len = (uint32_t)add_address(bytes, server);
    return wmem_map_contains(servers, &key);
}

static void
note_server(const address *server, peers_t *peers)
{
    uint8_t bytes[PEERS_KEY_SIZE];
    bytes_t key = {0, 0, bytes};

    key.len = (uint32_t)add_address(bytes, server);
    if (!wmem_map_contains(servers, &key))
        wmem_map_insert(servers, key_keep(&key), peers);
}

static inference_t *
inference_of(oxc_session_t *session)
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
oxc_inference_meet(packet_info *pinfo, oxc_session_t *session, const address *client, const address *server)
{
    inference_t *inference;
    peers_t *peers;

    if (PINFO_FD_VISITED(pinfo) || session->ended_in)
        return;
    inference = inference_of(session);
    inference->seen = nstime_to_sec(&pinfo->abs_ts);
    inference->frame = pinfo->num;
    peers = peers_find(client, server, true);
    if (peers->sessions == 0) {
        peers->began = inference->seen;
        note_server(server, peers);
    }
    if (!inference->peers) {
        inference->peers = peers;
        peers->sessions++;
        for (int kind = 0; kind < OXC_CHANNEL_KINDS; kind++)
            peers->taken[kind] += inference->channels[kind] != NULL;
    }
    if (inference->peers == peers && peers->few[0] != session)
        to_front(peers, session);
}

uint32_t
oxc_inference_latest_frame(const oxc_session_t *session)
{
    return session->inference ? session->inference->frame : 0;
}

static void
take(oxc_session_t *session, oxc_channel_kind_t kind, const void *channel)
{
    inference_t *inference = inference_of(session);

    if (inference->peers && (inference->channels[kind] != NULL) != (channel != NULL))
        inference->peers->taken[kind] += channel ? 1 : -1;
    inference->channels[kind] = channel;
}

void
oxc_inference_taken(oxc_session_t *session, oxc_channel_kind_t kind)
{
    take(session, kind, BY_KEY);
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
        channel->peers = peers_find(client, server, true);
        wmem_map_insert(channels, key_keep(&key), channel);
    }
    return channel;
}

static candidate_t *
find_candidate(oxc_channel_t *channel, const oxc_session_t *session)
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
    candidate_t *candidate = find_candidate(channel, session);

    if (candidate)
        return candidate;
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
    if (find_candidate(channel, session))
        return;
    get_candidate(channel, session)->weight = STRONGEST_WEIGHT;
    channel->shared++;
}

static void
vote(oxc_channel_t *channel, oxc_session_t *session, double how_much)
{
    candidate_t *candidate = get_candidate(channel, session);

    candidate->weight *= CLAMP(how_much, WEAKEST_VOTE, STRONGEST_VOTE);
    candidate->weight = CLAMP(candidate->weight, 1 / STRONGEST_WEIGHT, STRONGEST_WEIGHT);
}

void
oxc_channel_learn(oxc_channel_t *channel, oxc_session_t *session)
{
    vote(channel, session, STRONGEST_VOTE);
}

static bool
has_another(const oxc_session_t *session, const oxc_channel_t *channel)
{
    const void *own = session->inference->channels[channel->kind];

    if (channel->kind == OXC_CHANNEL_CONNECTION)
        return false;
    return (own && own != channel) || (channel->kind == OXC_CHANNEL_INDEX && session->index_known);
}

static double
weight_of(oxc_channel_t *channel, const oxc_session_t *session, double now)
{
    const candidate_t *candidate = find_candidate(channel, session);
    const inference_t *inference = session->inference;
    double weight = candidate ? candidate->weight : 1.0;

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

/* ---- shares ---- */

/* How much a near wake-up says so far: for a session that has fetched, and for one that has not. */
static double
ratio_of(const near_t *near, const oxc_session_t *session, double now)
{
    for (unsigned i = 0; near && i < near->count; i++)
        if (near->fetchers[i].session == session)
            return near->fetchers[i].ratio;
    return near ? later_share(now - near->when) : 1.0;
}

typedef struct {
    oxc_session_t *best;
    double weight; /* of the best */
    double total;
    double wanted; /* weight of the session that was asked for */
} shares_t;

static void
add_share(shares_t *shares, oxc_session_t *session, double weight, const oxc_session_t *wanted)
{
    shares->total += weight;
    if (session == wanted)
        shares->wanted = weight;
    if (weight > shares->weight) {
        shares->weight = weight;
        shares->best = session;
    }
}

static bool
is_few(const peers_t *peers, const oxc_session_t *session)
{
    for (unsigned i = 0; i < FEW; i++)
        if (peers->few[i] == session)
            return true;
    return false;
}

/* near: the wake-up that is asked about, NULL before it. */
static shares_t
weigh(oxc_channel_t *channel, const near_t *near, const oxc_session_t *wanted, double now)
{
    const peers_t *peers = channel->peers;
    shares_t shares = {NULL, 0, 0, 0};
    unsigned known = 0;
    double others;

    for (unsigned i = 0; i < FEW && peers->few[i]; i++, known++)
        add_share(&shares, peers->few[i], weight_of(channel, peers->few[i], now) * ratio_of(near, peers->few[i], now),
                  wanted);
    for (unsigned i = 0; i < channel->count; i++) {
        oxc_session_t *session = channel->candidates[i].session;

        if (is_few(peers, session))
            continue;
        known++;
        add_share(&shares, session, weight_of(channel, session, now) * ratio_of(near, session, now), wanted);
    }
    /* Sessions that nothing is known of, and those that have not been seen yet: they will be, within a minute or so. */
    others = peers->sessions > known ? peers->sessions - known : 0;
    if (channel->kind != OXC_CHANNEL_CONNECTION)
        others = MAX(0.0, others - peers->taken[channel->kind]);
    others += UNSEEN_LATE + UNSEEN / (1 + (now - peers->began) * (now - peers->began) / (UNSEEN_TIME * UNSEEN_TIME));
    shares.total += others * ratio_of(near, NULL, now);
    return shares;
}

/* Who has the channel, with the share; NULL if that is open. */
static oxc_session_t *
believe(oxc_channel_t *channel, double now, double *share)
{
    shares_t shares = weigh(channel, NULL, NULL, now);

    *share = shares.total > 0 ? shares.weight / shares.total : 0;
    if (channel->shared > 1 || *share < BELIEVED)
        shares.best = NULL;
    if (channel->believed != shares.best && channel->kind != OXC_CHANNEL_CONNECTION) {
        if (channel->believed && inference_of(channel->believed)->channels[channel->kind] == channel)
            take(channel->believed, channel->kind, NULL);
        channel->believed = shares.best;
        if (shares.best && inference_of(shares.best)->channels[channel->kind] != BY_KEY)
            take(shares.best, channel->kind, channel);
    }
    return shares.best;
}

/* ---- what happens ---- */

/* Sessions that told the channel, or that are believed to have it as much as the best one. */
static unsigned
count_sharers(const oxc_channel_t *channel)
{
    unsigned strong = 0;

    for (unsigned i = 0; i < channel->count; i++)
        strong += channel->candidates[i].weight >= STRONGEST_VOTE;
    return MAX(MAX(channel->shared, strong), 1);
}

/* Nothing more is learnt from the oldest wake-up. */
static void
retire_oldest(peers_t *peers)
{
    near_t *near = peers->oldest;

    for (unsigned i = 0; i < near->count; i++)
        vote(near->channel, near->fetchers[i].session, near->fetchers[i].ratio / later_share(NEARBY));
    if (count_sharers(near->channel) > 1) {
        shared_woken++;
        shared_woke_several += near->count > 1;
    }
    if (near->channel->near == near)
        near->channel->near = NULL;
    peers->oldest = near->next;
    if (!peers->oldest)
        peers->newest = NULL;
    peers->near_count--;
    wmem_free(wmem_file_scope(), near);
}

static void
retire(peers_t *peers, double now)
{
    while (peers->oldest && (peers->near_count >= NEAR || now - peers->oldest->when > NEARBY))
        retire_oldest(peers);
}

/*
 * Votes are multiplied as if they knew nothing of each other, but the sessions of a process do things together: what
 * speaks against a share counts more, by so much as measurement shows.
 */
#define DEPENDENCE 1.7

static double
sober(double share)
{
    return share / (share + DEPENDENCE * (1 - share));
}

static uint8_t
per_cent(double share)
{
    return (uint8_t)CLAMP((int)(100 * share), 0, 99);
}

static void
add_near(oxc_channel_t *channel, oxc_wakeup_t *wakeup, double now)
{
    peers_t *peers = channel->peers;
    near_t *near = wmem_new0(wmem_file_scope(), near_t);

    near->wakeup = wakeup;
    near->when = now;
    near->channel = channel;
    channel->near = near;
    if (peers->newest)
        peers->newest->next = near;
    else
        peers->oldest = near;
    peers->newest = near;
    peers->near_count++;
}

oxc_session_t *
oxc_inference_woken(oxc_channel_t *channel, oxc_wakeup_t *wakeup, uint8_t *confidence)
{
    double now = nstime_to_sec(&wakeup->time), share;
    oxc_session_t *session;

    retire(channel->peers, now);
    session = believe(channel, now, &share);
    share = sober(share);
    if (channel->idle[0] && !channel->idle[1]) {
        session = channel->idle[0];
        share = IDLE_TRUST;
    }
    add_near(channel, wakeup, now);
    *confidence = per_cent(share);
    return session;
}

void
oxc_inference_expect_push(oxc_session_t *session)
{
    if (session->inference && session->inference->peers)
        session->inference->peers->expects_push = true;
}

bool
oxc_inference_is_push(const oxc_channel_t *channel)
{
    return channel->peers->expects_push;
}

/* How much a fetch of a session says for it being a follow-up. */
static double
ratio_at(const peers_t *peers, const near_t *near, const oxc_pdu_t *request, double now)
{
    double elapsed = now - peers->began + 60.0;
    double background = MAX(peers->fetches / elapsed / MAX(peers->sessions, 1), 0.005);

    double ratio = follow_density(now - near->when) / background;

    if (request->call->session->sealed)
        return ratio;
    return ratio * (oxc_pdu_rop(request, 0) ? FULL_REQUEST : EMPTY_REQUEST);
}

/*
 * Of several sessions that share a channel either the one that is woken fetches, or all do, in any order. How often it is
 * all of them shows with time.
 */
static double
share_of_first(const oxc_channel_t *channel)
{
    double all = (shared_woke_several + 1.0) / (shared_woken + 2.0);

    return (1 - all) + all / count_sharers(channel);
}

/* The share of the session in what a wake-up may mean, now that it fetches. */
static double
share_now(near_t *near, const oxc_session_t *session, double now)
{
    shares_t shares = weigh(near->channel, near, session, now);

    if (shares.total <= 0)
        return 0;
    return sober(shares.wanted / shares.total) * share_of_first(near->channel);
}

oxc_wakeup_t *
oxc_inference_fetch(const oxc_pdu_t *request, uint8_t *confidence)
{
    oxc_session_t *session = request->call->session;
    peers_t *peers = session->inference ? session->inference->peers : NULL;
    double now = nstime_to_sec(&request->time), best = 0;
    oxc_wakeup_t *followed = NULL;

    if (!peers)
        return NULL;
    retire(peers, now);
    for (near_t *near = peers->oldest; near; near = near->next) {
        bool seen = false;

        for (unsigned i = 0; i < near->count; i++)
            seen = seen || near->fetchers[i].session == session;
        if (seen || near->count == FETCHERS)
            continue;
        near->fetchers[near->count].session = session;
        near->fetchers[near->count].call = request->call;
        near->fetchers[near->count].ratio = ratio_at(peers, near, request, now);
        near->count++;
        if (!near->wakeup->session && !near->wakeup->fetch && near->channel->near == near) {
            double share = share_now(near, session, now);

            if (share > best) {
                best = share;
                followed = near->wakeup;
            }
        }
    }
    peers->fetches++;
    *confidence = per_cent(best);
    return best >= SHOWN ? followed : NULL;
}

/* That the session which shares a channel and gets notifications was woken, and not another one. */
#define SHARER_BROUGHT 95

oxc_wakeup_t *
oxc_inference_answer(const oxc_pdu_t *response, unsigned notifications, uint8_t *confidence)
{
    oxc_session_t *session = response->call->session;
    peers_t *peers = session->inference ? session->inference->peers : NULL;
    oxc_wakeup_t *brought_for = NULL;

    if (!peers || session->sealed)
        return NULL;
    for (near_t *near = peers->oldest; near; near = near->next)
        for (unsigned i = 0; i < near->count; i++) {
            if (near->fetchers[i].call != response->call)
                continue;
            near->fetchers[i].ratio *= notifications ? BROUGHT : BROUGHT_NOTHING;
            if (notifications > 0 && !near->wakeup->session && near->channel->near == near &&
                count_sharers(near->channel) > 1 && find_candidate(near->channel, session))
                brought_for = near->wakeup;
        }
    *confidence = SHARER_BROUGHT;
    return brought_for;
}

void
oxc_inference_failed(const oxc_call_t *call)
{
    peers_t *peers = call->session && call->session->inference ? call->session->inference->peers : NULL;

    for (near_t *near = peers ? peers->oldest : NULL; near; near = near->next)
        for (unsigned i = 0; i < near->count; i++)
            if (near->fetchers[i].call == call)
                near->fetchers[i] = near->fetchers[--near->count];
}

void
oxc_inference_register(void)
{
    channels = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), key_hash, key_equal);
    servers = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), key_hash, key_equal);
    peers_map = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), key_hash, key_equal);
    register_init_routine(forget_learned);
}
