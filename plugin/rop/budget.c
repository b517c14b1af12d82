/* budget.c
 * How many fields the ROPs of one PDU may become
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/budget.h"

static struct oxc_budget *
budget_of(const packet_info *pinfo, oxc_pdu_t *pdu)
{
    if (!pdu->budget) {
        pdu->budget = wmem_new0(pinfo->pool, struct oxc_budget);
        pdu->budget->left = OXC_WORK_BASE;
        for (unsigned i = 0; i < OXC_TRIALS; i++)
            pdu->budget->trials[i] = OXC_WORK_BASE;
    }
    return pdu->budget;
}

void
oxc_budget_allow(const packet_info *pinfo, oxc_pdu_t *pdu, unsigned bytes)
{
    struct oxc_budget *budget = budget_of(pinfo, pdu);

    budget->left += bytes / 8;
    for (unsigned i = 0; i < OXC_TRIALS; i++)
        budget->trials[i] += bytes / 8;
}

bool
oxc_budget_spend(const packet_info *pinfo, oxc_pdu_t *pdu, unsigned fields)
{
    struct oxc_budget *budget = budget_of(pinfo, pdu);

    if (budget->left < fields) {
        budget->left = 0;
        return false;
    }
    budget->left -= fields;
    return true;
}

bool
oxc_budget_is_exhausted(const oxc_pdu_t *pdu)
{
    return pdu->budget && pdu->budget->exhausted;
}

void
oxc_budget_set_exhausted(oxc_pdu_t *pdu)
{
    if (pdu->budget)
        pdu->budget->exhausted = true;
}
