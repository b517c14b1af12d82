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
 * Tells statistics if the last event has changed whether a wait of the session is abandoned. First visit only; session may
 * be NULL.
 */
void oxc_abandoned_tell(packet_info *pinfo, const oxc_session_t *session);

/* Nothing comes on the connection of a wait without an answer any more. First visit only. */
void oxc_wait_is_forgotten(packet_info *pinfo, oxc_call_t *wait);

/* Registers what lives from file to file. */
void oxc_abandoned_register(void);

#endif /* OXCNOTIF_ABANDONED_H */
