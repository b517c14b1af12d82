/* budget.h
 * How many fields the ROPs of one PDU may become
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_BUDGET_H
#define OXCNOTIF_BUDGET_H

#include "session/call.h"

/*
 * A few bytes can decompress to megabytes, and bytes can be ROPs that cost a thousand times their size, so a visit
 * shows so many fields of ROPs and not more: OXC_WORK_BASE, and one for every 8 bytes on the wire.
 */
#define OXC_WORK_BASE 32768
#define OXC_WORK_ROP 8          /* a ROP costs as much as so many fields */

/*
 * What may be there is read for trial at offsets that overlap, so that a list could be read as often as it has bytes. For
 * each kind of trial there is as much as for what is shown; one that goes beyond that fails.
 */
typedef enum {
    OXC_TRIAL_AHEAD,            /* of what follows a ROP; on every visit */
    OXC_TRIAL_FIRST,            /* for deviations, and behind a lost chain; on the first visit */
    OXC_TRIALS
} oxc_trial_t;

/* Lives in the pool of the frame: the PDU forgets it when the next visit begins. */
struct oxc_budget {
    unsigned left;
    unsigned trials[OXC_TRIALS];        /* fields that are left to be read for trial */
    bool exhausted;
};

/* So many bytes came over the wire for the PDU, to be said before they are read; on every visit. */
void oxc_budget_allow(const packet_info *pinfo, oxc_pdu_t *pdu, unsigned bytes);

/* Takes that many fields from what is left; false when there are not so many, and from then on. */
bool oxc_budget_spend(const packet_info *pinfo, oxc_pdu_t *pdu, unsigned fields);

/* The same if there are so many; otherwise nothing changes. */
static inline bool
oxc_budget_take(oxc_pdu_t *pdu, unsigned fields)
{
    if (!pdu->budget || pdu->budget->left < fields)
        return false;
    pdu->budget->left -= fields;
    return true;
}

/* The fields that are left for such trials, for oxc_read_t.trial; NULL if the PDU has no budget yet. */
static inline unsigned *
oxc_budget_of_trial(const oxc_pdu_t *pdu, oxc_trial_t trial)
{
    return pdu && pdu->budget ? &pdu->budget->trials[trial] : NULL;
}

/* Has the visit asked for more than there was? To be set by whoever has said so. */
bool oxc_budget_is_exhausted(const oxc_pdu_t *pdu);
void oxc_budget_set_exhausted(oxc_pdu_t *pdu);

#endif /* OXCNOTIF_BUDGET_H */
