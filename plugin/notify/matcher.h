/* matcher.h
 * Links wake-ups to the calls that fetched what they announced
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MATCHER_H
#define OXCNOTIF_MATCHER_H

#include "notify/notify.h"

/*
 * The rule: the follow-up of a wake-up is one of the calls that its session sends after it and before its next wake-up,
 * within the window: notify/followup.h says which. Without such a call the wake-up is superseded by the next one, or it
 * was never followed. Events are taken in the order of frames, on the first pass only. A link stands from the frame of
 * the request on, but an answer, a failure or a later call may still move it: later passes show the final one.
 *
 * Kept of a session are the wake-up that is open, the latest datagram and the latest wait: constant time and memory for
 * each event, whatever the session has behind it. session_inference.h says what is kept where no key shows the session.
 *
 * Confidence is measured, not felt (docs/matching.md has the tables and how they are made): 100 for keys of the
 * session, 97 for registered bytes at another address, the share of the session among all that may be meant where it
 * was learnt (0 to 99), less 5 for each further session in a sealed association. Where packets are known to be missing
 * and a wait of the session should have ended, the link is as sure as it is likely that the server took the events
 * back.
 */

/* oxcnotif.match */
typedef enum {
    OXC_MATCH_SESSION = 1, /* both carry a key of the same session context */
    OXC_MATCH_CONTEXT = 2, /* the datagram has the context bytes of a registration */
    OXC_MATCH_ORDER = 3    /* addresses, order, timing and shape */
} oxc_match_t;

typedef struct oxc_wakeup {
    uint64_t key; /* frame, and which of several in it */
    nstime_t time;
    oxc_session_t *session; /* NULL when not known */
    const oxc_pdu_t *request;    /* of the wait; NULL when there is none or it was not captured */
    const oxc_pdu_t *fetch;      /* request that followed it up; NULL when there was none (yet) */
    const oxc_pdu_t *late_fetch; /* the first one after the window had passed */
    const struct oxc_wakeup *first; /* of equal datagrams with no fetch between; itself when there was none before */
    const struct oxc_wakeup *next; /* of the session, within the window; NULL for none */
    struct oxc_calls *calls;     /* of the session after it; see notify/followup.h */
    uint32_t frame;
    unsigned repeats;            /* equal datagrams before this one with no fetch between */
    uint8_t method;     /* oxc_wakeup_method_t */
    uint8_t outcome;    /* oxc_wakeup_outcome_t */
    uint8_t bound;      /* oxc_bound_t */
    uint8_t closed_by;  /* oxc_closed_by_t, of a wait that was cut off */
    uint8_t match;      /* oxc_match_t of the link */
    uint8_t confidence; /* 0 to 100: of links shown with c, about c % are right */
    bool superseded : 1;         /* by the next one; but see oxc_superseded_in() */
    bool call_missing : 1;  /* of the session, which may be its follow-up, in the capture: nobody can say that there is none */
    bool undecided : 1; /* something of what followed is missing in the capture: nobody can say what became of it */
    bool given_up : 1;  /* of a wait: see oxc_call_is_given_up() */
} oxc_wakeup_t;

/* Since the request of the wait; zero if there is none. */
static inline nstime_t
oxc_wakeup_waited(const oxc_wakeup_t *wakeup)
{
    nstime_t waited = NSTIME_INIT_ZERO;

    if (wakeup->request)
        nstime_delta(&waited, &wakeup->time, &wakeup->request->time);
    return waited;
}

/* Seconds after which a wake-up counts as never followed. */
void oxc_matcher_set_window(unsigned seconds);
unsigned oxc_matcher_window(void);

/* The wake-up of this frame: made on the first visit, found on later ones (NULL if it was not there then). */
oxc_wakeup_t *oxc_matcher_wakeup(packet_info *pinfo, uint32_t which, oxc_wakeup_method_t method,
                                 oxc_wakeup_outcome_t outcome, oxc_session_t *session, oxc_bound_t bound,
                                 const oxc_pdu_t *request);

/* The same for one that came through a channel of which no key shows the session. */
oxc_wakeup_t *oxc_matcher_wakeup_through(packet_info *pinfo, uint32_t which, oxc_wakeup_method_t method,
                                         oxc_wakeup_outcome_t outcome, oxc_channel_t *channel,
                                         const oxc_pdu_t *request);

/* What a frame before this one turns out to hold: a wake-up. */
typedef struct {
    uint32_t frame;
    nstime_t time;
    uint32_t which;             /* of a datagram: its destination port */
    oxc_wakeup_method_t method;
    oxc_session_t *session;     /* NULL when not known */
    oxc_bound_t bound;
    uint8_t confidence;
    const wmem_array_t *calls;  /* const oxc_pdu_t *: requests of the session after it that the matcher has seen, in order */
    bool more;                  /* there may be further ones */
} oxc_late_wakeup_t;

/* First visit only. Of a datagram: before oxc_matcher_fetch() of the call that shows it. */
void oxc_matcher_late(const oxc_late_wakeup_t *found);

/* The next wake-up that the frame seen now has shown to be one, which its own frame did not tell; NULL for no more. */
const oxc_wakeup_t *oxc_matcher_next_late(void);

/* The wake-up of this frame if there is one; NULL otherwise. */
const oxc_wakeup_t *oxc_matcher_known(const packet_info *pinfo, uint32_t which);

/* A fetch was seen: its request closes the open wake-up of the session, its response counts what it brought. */
void oxc_matcher_fetch(packet_info *pinfo, oxc_pdu_t *pdu);

/* A wait began, in a session that is known or believed to be its own. First visit only. */
void oxc_matcher_wait(packet_info *pinfo, const oxc_pdu_t *request);

/* The wait of the session that began last, and the one before it; NULL for none. session may be NULL. First visit only. */
const oxc_call_t *oxc_matcher_latest_wait(const oxc_session_t *session);
const oxc_call_t *oxc_matcher_wait_before(const oxc_session_t *session);

/* The wake-up that the call of this PDU followed up; NULL for none. */
const oxc_wakeup_t *oxc_matcher_answered(const oxc_pdu_t *pdu);

/*
 * A call was refused, failed or was cut off: it is an attempt, and no follow-up. First visit only; every kind of call
 * may be given.
 */
void oxc_matcher_failed(packet_info *pinfo, const oxc_call_t *call);

/* Number of calls that failed between the wake-up and its follow-up. */
unsigned oxc_matcher_attempts(const oxc_wakeup_t *wakeup);

/* Can no later event change what became of the wake-up, and which call followed it up? */
bool oxc_matcher_settled(const oxc_wakeup_t *wakeup);

/* May statistics of the first pass count the follow-up? Only seldom does a later event change it. */
bool oxc_matcher_announced(const oxc_wakeup_t *wakeup);

/* What became of a wake-up that announced notifications, as far as the capture was read. */
typedef enum {
    OXC_FOLLOWUP_OPEN, /* not decided: another event may come, or the session is not known */
    OXC_FOLLOWUP_FOLLOWED,
    OXC_FOLLOWUP_SUPERSEDED,
    OXC_FOLLOWUP_MISSED /* no call of the session fetched before the window passed */
} oxc_followup_t;

oxc_followup_t oxc_matcher_followup(const oxc_wakeup_t *wakeup);

/* Has the window of the wake-up passed within what was seen of the capture? */
bool oxc_matcher_expired(const oxc_wakeup_t *wakeup);

/* The same for a moment: does the capture go on for longer than the window? */
bool oxc_matcher_is_past(const nstime_t *when);

/*
 * The file is a part of a capture that goes on until then: what is still open at its end is decided by that. NULL: all
 * frames were seen.
 */
void oxc_matcher_set_end(const nstime_t *when);

/* Registers what lives from file to file. */
void oxc_matcher_register(void);

#endif /* OXCNOTIF_MATCHER_H */
