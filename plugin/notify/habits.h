/* habits.h
 * How a client and a server behave, as the capture shows
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_HABITS_H
#define OXCNOTIF_HABITS_H

#include "notify/latency.h"
#include "session/session.h"

/*
 * Learnt of one client and one server, over MAPI/HTTP or over RPC: what other clients do changes no verdict of this one's
 * sessions, so that a capture may be taken apart by clients (docs/fleet.md). The rate of lost packets is the exception
 * (link_trust.c). First pass only; all zero at first.
 */
typedef struct oxc_habits {
    oxc_latencies_t followups;
    int gaps;                   /* connections that lack bytes which may hold messages */
    unsigned fetches_answered;  /* responses of fetches, and those of them whose request was not captured */
    unsigned fetches_orphaned;
    unsigned woken_twice;       /* fetches after the end of a wait and a datagram, and those of them before which the */
    unsigned push_last;         /* datagram came last */
    unsigned woken_shared;      /* wake-ups through channels that several sessions share, and those of them after which */
    unsigned woke_several;      /* several fetched */
    unsigned pending;           /* answers that have RopNotify and end with a RopPending, */
    unsigned plain;             /* and those without one, though it had fitted */
    wmem_map_t *own_indexes;    /* SessionIndex of a RopPending -> session that it seems to be the own one of; NULL for none */
} oxc_habits_t;

#endif /* OXCNOTIF_HABITS_H */
