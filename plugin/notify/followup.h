/* followup.h
 * Which of the calls after a wake-up is its follow-up
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_FOLLOWUP_H
#define OXCNOTIF_FOLLOWUP_H

#include "notify/matcher.h"

/*
 * Of the calls of the session that were sent after the wake-up, before its next wake-up and within the window, and that
 * were answered: the first whose answer has RopNotify; if there is none, the first that asked for nothing else (no ROP,
 * or RopRelease only); if there is none, the first. A call that was refused, failed or was cut off is an attempt, and
 * is not chosen. A call whose answer is not known (yet) counts as answered.
 *
 * Everything here is for the first visit only, constant time for each call on average; the calls of a wake-up are kept
 * as long as the file is open.
 */
typedef struct oxc_attempt {
    const oxc_pdu_t *request;
    oxc_wakeup_t *wakeup;
    struct oxc_attempt *next;
    unsigned ordinal;  /* among the calls of the wake-up */
    uint8_t trust;     /* confidence in per cent if this is the follow-up */
    bool bare : 1;     /* asked for nothing else */
    bool answered : 1;
    bool brought : 1;  /* notifications */
    bool failed : 1;
} oxc_attempt_t;

/* A call was sent: it may be the follow-up, or an attempt of it. */
oxc_attempt_t *oxc_followup_call(oxc_wakeup_t *wakeup, const oxc_pdu_t *request, uint8_t trust);

/*
 * It was answered, with a number of notifications. With lost packets, an earlier call without an answer in the capture
 * may have brought notifications, too.
 */
void oxc_followup_answer(oxc_attempt_t *attempt, unsigned notifications, bool packets_lost);

/* It was refused, failed, or was cut off. */
void oxc_followup_failure(oxc_attempt_t *attempt);

/*
 * A wake-up turns out to have come after this one, and before some of its calls: those are its own, with that trust at
 * most.
 */
void oxc_followup_split(oxc_wakeup_t *wakeup, oxc_wakeup_t *later, uint8_t trust);

/* Is there a call that did not fail? */
bool oxc_followup_is_called(const oxc_wakeup_t *wakeup);

/* The request that the wake-up was followed up with, and how sure that is; NULL for none. */
void oxc_followup_choose(oxc_wakeup_t *wakeup);

/* Is one of its calls without an answer? */
bool oxc_followup_is_waiting(const oxc_wakeup_t *wakeup);

/* Number of calls that failed before the follow-up; without one, of all that failed. */
unsigned oxc_followup_attempts(const oxc_wakeup_t *wakeup);

/* Does the request ask for nothing but notifications: no ROP, or RopRelease only? Not known of encrypted ones: false. */
bool oxc_followup_is_bare(const oxc_pdu_t *request);

/* Was the follow-up answered, and did it bring notifications or ask for nothing else? A later one hardly replaces it. */
bool oxc_followup_is_likely(const oxc_wakeup_t *wakeup);

/* Was the follow-up chosen because its answer has RopNotify, and can no call before it take its place? */
bool oxc_followup_is_certain(const oxc_wakeup_t *wakeup);

#endif /* OXCNOTIF_FOLLOWUP_H */
