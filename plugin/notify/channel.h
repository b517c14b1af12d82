/* channel.h
 * Channels of wake-ups, clients and servers, as session inference keeps them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_CHANNEL_H
#define OXCNOTIF_CHANNEL_H

#include "notify/habits.h"
#include "notify/session_inference.h"

/*
 * Only for session_inference.c, which has the rules. What is kept of a channel, of a client and server, and of a session
 * is bounded.
 */

#define CANDIDATES 8 /* sessions that a channel remembers having been followed by */
#define FEW 8        /* sessions of a client and server that are known one by one: those met last */
#define IDLE 4       /* sessions of a connection that have no wait open */
#define STRONGEST_VOTE 400.0 /* one wake-up makes a session so many times more likely at most, and this much less */

typedef struct near near_t;

/* A client and a server; its sessions over MAPI/HTTP are apart from those over RPC. */
typedef struct {
    double began; /* seconds; the first session was met */
    unsigned fetches;
    unsigned sessions;                 /* met */
    unsigned taken[OXC_CHANNEL_KINDS]; /* of those, with a channel of the kind */
    oxc_session_t *few[FEW];           /* the latest first */
    near_t *oldest, *newest;           /* wake-ups of the last seconds */
    unsigned near_count;
    oxc_habits_t habits;
    bool expects_push; /* a registration was not captured, or is encrypted */
    bool over_http;
} peers_t;

/* What is known of a session. */
typedef struct oxc_inference {
    peers_t *peers;
    oxc_habits_t *habits;                    /* of the peers; its own before it was met; NULL for none yet */
    double seen;                             /* its latest call, seconds */
    const void *channels[OXC_CHANNEL_KINDS]; /* the channel that is believed to be its own, or BY_KEY */
} inference_t;

typedef struct {
    oxc_session_t *session;
    double weight;  /* that of a session without evidence is 1 */
} candidate_t;

struct oxc_channel {
    oxc_channel_kind_t kind;
    peers_t *peers;
    candidate_t *candidates;   /* CANDIDATES of them; NULL while count is 0 */
    unsigned count;
    unsigned shared; /* sessions that told this channel */
    oxc_session_t *believed;
    oxc_session_t *idle[IDLE]; /* of a connection: sessions whose wait has ended, the latest first */
    near_t *near;              /* its latest wake-up, while that is near */
    bool is_old;               /* of a connection: the wait that ended last began before the capture */
};

/* Does any session use it that waits on it? */
static inline bool
oxc_channel_is_connection(const oxc_channel_t *channel)
{
    return channel->kind == OXC_CHANNEL_CONNECTION || channel->kind == OXC_CHANNEL_HTTP;
}

/* The client and server; NULL if they are not known and are not to be created. */
peers_t *oxc_peers_find(const address *client, const address *server, bool over_http, bool create);

/* What is known of the session, made if there is nothing. */
inference_t *oxc_inference_of(oxc_session_t *session);

/* The session has this channel and no other of the kind; channel is NULL if it has none any more. */
void oxc_channel_take(oxc_session_t *session, oxc_channel_kind_t kind, const void *channel);

/* What speaks for the session; NULL if nothing is known. */
candidate_t *oxc_channel_candidate(oxc_channel_t *channel, const oxc_session_t *session);

/* A wake-up makes the session so many times more likely. */
void oxc_channel_vote(oxc_channel_t *channel, oxc_session_t *session, double how_much);

/* Weight of the session for the channel; that of one of which nothing is known is 1. now is in seconds. */
double oxc_channel_weight(oxc_channel_t *channel, const oxc_session_t *session, double now);

/* Registers what lives from file to file. */
void oxc_channel_register(void);

#endif /* OXCNOTIF_CHANNEL_H */
