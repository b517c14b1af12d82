/* abandoned.h
 * Waits that nothing ended while the client went on without them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_ABANDONED_H
#define OXCNOTIF_ABANDONED_H

#include "notify/matcher.h"

/*
 * Only later frames tell that a wait was abandoned, and still later ones may take that back: the wait is answered after
 * all, or the one that replaced it is refused. Statistics of the first pass are told both, as soon as it is known; on
 * later visits they are told in the frame of the request.
 */

/* As far as the capture was read. */
bool oxc_wait_is_abandoned(const oxc_call_t *wait);

/* The wait as a wake-up with outcome 5, in the frame of its request, which must have been captured. */
const oxc_wakeup_t *oxc_abandoned_wakeup(const oxc_call_t *wait);

/*
 * Has the last event changed whether the wait is abandoned? 1: it is now, -1: not any more, 0: as before. First visit
 * only; wait may be NULL.
 */
int oxc_abandoned_change(const oxc_call_t *wait);

/* Registers what lives from file to file. */
void oxc_abandoned_register(void);

#endif /* OXCNOTIF_ABANDONED_H */
