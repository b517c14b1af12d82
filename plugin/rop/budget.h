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

/* Lives in the pool of the frame: the PDU forgets it when the next visit begins. */
struct oxc_budget {
    unsigned left;
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

/* Has the visit asked for more than there was? To be set by whoever has said so. */
bool oxc_budget_is_exhausted(const oxc_pdu_t *pdu);
void oxc_budget_set_exhausted(oxc_pdu_t *pdu);

#endif /* OXCNOTIF_BUDGET_H */
