/* wakeup_outcome.h
 * What becomes of wake-ups, told to statistics as soon as it is decided
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_WAKEUP_OUTCOME_H
#define OXCNOTIF_WAKEUP_OUTCOME_H

#include "notify/tap.h"

/*
 * A statistic is told of a wake-up in the frame of the wake-up, when a single pass does not know yet what becomes of
 * it. Its tables are drawn by Wireshark, which asks nobody before it draws: so each later event settles what it
 * decides, and the numbers are right after the last event. In a second pass most wake-ups are settled at once, with the
 * same result.
 *
 * A display filter must let the later events through, too: else a single pass leaves wake-ups open that were followed.
 *
 * Time is constant for an event, on average. Memory is that of the wake-ups of one window.
 */
typedef struct oxc_outcomes oxc_outcomes_t;

/*
 * followup is never OXC_FOLLOWUP_OPEN; each wake-up that announced notifications is told at most once. counted_as is
 * its session as it was when its event came (NULL: not known).
 */
typedef void (*oxc_outcome_cb)(const oxc_wakeup_t *wakeup, oxc_followup_t followup, const oxc_session_t *counted_as,
                               void *user);

/*
 * The session of a wake-up: its own, else that of the call which is believed to have followed it; NULL while not known.
 */
const oxc_session_t *oxc_wakeup_session(const oxc_wakeup_t *wakeup);

/* Owned by the caller; NULL is never returned. */
oxc_outcomes_t *oxc_outcomes_new(oxc_outcome_cb decided, void *user);
void oxc_outcomes_free(oxc_outcomes_t *outcomes);

/* Forgets all wake-ups, before the packets are tapped again or another file is. */
void oxc_outcomes_reset(oxc_outcomes_t *outcomes);

/* Registers what forgets wake-ups when their file is closed. */
void oxc_outcomes_register(void);

/* To be called for every event of the tap, in the order of the events. */
void oxc_outcomes_event(oxc_outcomes_t *outcomes, const oxc_tap_t *event);

#endif /* OXCNOTIF_WAKEUP_OUTCOME_H */
