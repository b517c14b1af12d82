/* boundary.c
 * Where a ROP can begin, or the list of ROPs ends
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/boundary.h"

#include "rop/engine.h"
#include "ropdefs.h"

/*
 * Can requests be read from here on? One byte alone would often look like a RopId, so a few ROPs are read; inside of
 * that the byte has to do, or this would never end.
 */
#define REQUESTS_AHEAD 8

static bool
requests_follow(oxc_read_t *r, int offset)
{
    oxc_read_t ahead = *r;

    ahead.measure = true;
    ahead.trial = oxc_budget_of_trial(r->pdu, OXC_TRIAL_AHEAD);
    ahead.rop = NULL;
    ahead.info = NULL;
    for (unsigned i = 0; i < REQUESTS_AHEAD && offset >= 0 && offset < r->end; i++) {
        const ropdef_rop_t *def =
            tvb_bytes_exist(r->tvb, offset, 1) ? ropdef_rops[tvb_get_uint8(r->tvb, offset)] : NULL;

        if (!def || def->request < 0)
            return false;
        if (r->measure)
            return true;
        offset = oxc_engine_form(&ahead, NULL, offset + 1, (unsigned)def->request);
        r->asked_deviations |= ahead.asked_deviations;
    }
    return offset >= 0;
}

bool
oxc_boundary_at(oxc_read_t *r, int offset, uint64_t n)
{
    const ropdef_rop_t *def;
    int at;

    if (n > (uint64_t)(r->end - offset))
        return false;
    at = offset + (int)n;
    if (at == r->end)
        return true;
    if (!r->is_response)
        return requests_follow(r, at);
    if (!tvb_bytes_exist(r->tvb, at, 1))
        return false;
    def = ropdef_rops[tvb_get_uint8(r->tvb, at)];
    if (!def)
        return false;
    if (def->trailer)
        return true;
    if (r->rop && r->pdu && r->pdu->call->request)
        return def->id == r->rop->next_expected;
    return def->response >= 0;
}
