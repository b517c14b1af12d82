/* session_inference.c
 * Whose wake-ups come through a channel that nothing in the capture ties to a session
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/session_inference.h"

#include <epan/epan.h>

#include "notify/channel.h"
#include "notify/matcher.h"
#include "session/rop_state.h"

#define NEAR 64      /* wake-ups of a client and server whose follow-up may still come */
#define FETCHERS 6   /* sessions that fetched after one of them */
#define NEARBY 2.0   /* seconds: a later fetch says next to nothing */

#define BELIEVED 0.90   /* share from which on a channel is a session's for good, until others get ahead */
#define IDLE_TRUST 0.95 /* that the end of a wait is the idle session's, if there is one */
#define SHOWN 0.70      /* share from which on a fetch is shown as a follow-up */
#define UNSEEN 0.5           /* weight of the sessions that were not seen yet, when the first one was */
#define UNSEEN_LATE 0.02     /* ... and after a long time */
#define UNSEEN_TIME 60.0     /* seconds until half of it is gone */

/*
 * Two to five fetches of ten are empty after a wake-up, next to none else; most follow-ups bring something, few others
 * do.
 */
#define EMPTY_REQUEST 3.0
#define FULL_REQUEST 0.4
#define BROUGHT 3.0
#define BROUGHT_NOTHING 0.15

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

/* ---- shares ---- */

/* How much a near wake-up says so far: for a session that has fetched, and for one that has not. */
static double
ratio_of(const near_t *near, const oxc_session_t *session, double now)
{
    for (unsigned i = 0; near && i < near->count; i++)
        if (near->fetchers[i].session == session)
            return near->fetchers[i].ratio;
    return near ? oxc_latency_later(&near->channel->peers->habits.followups, now - near->when) : 1.0;
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
        add_share(&shares, peers->few[i], oxc_channel_weight(channel, peers->few[i], now) * ratio_of(near, peers->few[i], now),
                  wanted);
    for (unsigned i = 0; i < channel->count; i++) {
        oxc_session_t *session = channel->candidates[i].session;

        if (is_few(peers, session))
            continue;
        known++;
        add_share(&shares, session, oxc_channel_weight(channel, session, now) * ratio_of(near, session, now), wanted);
    }
    /* Sessions that nothing is known of, and those that have not been seen yet: they will be, within a minute or so. */
    others = peers->sessions > known ? peers->sessions - known : 0;
    if (!oxc_channel_is_connection(channel) || channel->is_old)
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
    if (channel->shared > 1 || *share < BELIEVED || channel->is_old)
        shares.best = NULL;
    if (channel->believed != shares.best && !oxc_channel_is_connection(channel)) {
        if (channel->believed && oxc_inference_of(channel->believed)->channels[channel->kind] == channel)
            oxc_channel_take(channel->believed, channel->kind, NULL);
        channel->believed = shares.best;
        if (shares.best && !oxc_inference_is_by_key(shares.best, channel->kind))
            oxc_channel_take(shares.best, channel->kind, channel);
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
        oxc_channel_vote(near->channel, near->fetchers[i].session, near->fetchers[i].ratio / oxc_latency_later(&peers->habits.followups, NEARBY));
    if (count_sharers(near->channel) > 1) {
        peers->habits.woken_shared++;
        peers->habits.woke_several += near->count > 1;
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
    if (channel->idle[0] && !channel->idle[1] && !channel->is_old) {
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

/* How often a session of these fetches, a second. */
static double
background_of(const peers_t *peers, double now)
{
    double elapsed = now - peers->began + 60.0;

    return MAX(peers->fetches / elapsed / MAX(peers->sessions, 1), 0.005);
}

/*
 * What is left of what a fetch says if the session has a wake-up of its own that it may follow as well. A session that has
 * registered for datagrams may be woken by one and by its wait at once. own is NULL for none.
 */
static double
unexplained_by(const near_t *near, const oxc_wakeup_t *own, double now)
{
    const peers_t *peers = near->channel->peers;
    double background = background_of(peers, now);

    if (!own || near->channel->kind == OXC_CHANNEL_PUSH)
        return 1;
    return background / (background + oxc_latency_density(&peers->habits.followups, now - nstime_to_sec(&own->time)));
}

/* How much a fetch of a session says for it being a follow-up. */
static double
ratio_at(const peers_t *peers, const near_t *near, const oxc_pdu_t *request, double now)
{
    double ratio = oxc_latency_density(&peers->habits.followups, now - near->when) / background_of(peers, now);

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
    const oxc_habits_t *habits = &channel->peers->habits;
    double all = (habits->woke_several + 1.0) / (habits->woken_shared + 2.0);

    return (1 - all) + all / count_sharers(channel);
}

/*
 * The share of the session in what a wake-up may mean, now that it fetches. own: the latest wake-up that is known to be the
 * session's and was not followed; NULL for none.
 */
static double
share_now(near_t *near, const oxc_session_t *session, const oxc_wakeup_t *own, double now)
{
    shares_t shares = weigh(near->channel, near, session, now);
    double others = shares.total - shares.wanted, wanted = shares.wanted * unexplained_by(near, own, now);

    if (wanted + others <= 0)
        return 0;
    return sober(wanted / (wanted + others)) * share_of_first(near->channel);
}

/* The session fetches for the first time after the wake-up; false if it did before, or too many others did. */
static bool
add_fetcher(near_t *near, const oxc_pdu_t *request, double ratio)
{
    for (unsigned i = 0; i < near->count; i++)
        if (near->fetchers[i].session == request->call->session)
            return false;
    if (near->count == FETCHERS)
        return false;
    near->fetchers[near->count].session = request->call->session;
    near->fetchers[near->count].call = request->call;
    near->fetchers[near->count].ratio = ratio;
    near->count++;
    return true;
}

/* Is it the latest one of its channel, and open whose it is? */
static bool
is_unexplained(const near_t *near)
{
    return !near->wakeup->session && !near->wakeup->fetch && near->channel->near == near;
}

static double
odds(double share)
{
    return share / (1.001 - share);
}

oxc_wakeup_t *
oxc_inference_fetch(const oxc_pdu_t *request, const oxc_wakeup_t *own, uint8_t *confidence, uint8_t *doubt)
{
    oxc_session_t *session = request->call->session;
    peers_t *peers = session->inference ? session->inference->peers : NULL;
    double now = nstime_to_sec(&request->time), best = 0, all = 1, later = 0;
    oxc_wakeup_t *followed = NULL;

    *doubt = 0;
    if (!peers)
        return NULL;
    retire(peers, now);
    /* A fetch follows one wake-up: their shares are those that each would have alone. */
    for (near_t *near = peers->oldest; near; near = near->next) {
        double share;

        if (!add_fetcher(near, request, ratio_at(peers, near, request, now)) || !is_unexplained(near))
            continue;
        share = odds(share_now(near, session, own, now));
        all += share;
        if (own && near->wakeup->frame > own->frame)
            later += share;
        if (share > best) {
            best = share;
            followed = near->wakeup;
        }
    }
    peers->fetches++;
    *confidence = per_cent(best / all);
    *doubt = per_cent(later / all);
    return best / all >= SHOWN ? followed : NULL;
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
                count_sharers(near->channel) > 1 && oxc_channel_candidate(near->channel, session))
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
    oxc_channel_register();
}
