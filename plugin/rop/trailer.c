/* trailer.c
 * Deviations of servers, and trailing ROPs behind a chain that was lost
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/trailer.h"

#include "rop/boundary.h"
#include "rop/budget.h"
#include "rop/engine.h"
#include "ropdefs.h"

/*
 * Do the bytes from offset on read as trailing ROPs exactly to the end of the list? Starts that were found to fail are
 * marked in failed (a bit for every offset), so that a list of them is not read again from its middle. trial: see
 * oxc_read_t.
 */
static bool
trailers_fit(oxc_rop_list_t *l, int offset, unsigned deviations, uint8_t *failed, unsigned *trial)
{
    oxc_read_t r;

    oxc_rop_list_read(&r, l, true);
    r.deviations = deviations;
    r.trial = trial;
    while (offset < l->end) {
        const ropdef_rop_t *def;
        int next = -1;

        if (failed) {
            if (failed[offset / 8] & (1 << offset % 8))
                break;
            failed[offset / 8] |= (uint8_t)(1 << offset % 8);   /* unless the list fits, and then nobody asks again */
        }
        def = tvb_bytes_exist(l->tvb, offset, 1) ? ropdef_rops[tvb_get_uint8(l->tvb, offset)] : NULL;
        if (def && def->trailer)
            next = oxc_engine_form(&r, NULL, offset + 1, (unsigned)def->response);
        if (next < 0)
            break;
        offset = next;
    }
    return offset == l->end;
}

/*
 * Correct bytes always fit without a deviation, so that is tried first; a deviation is believed only when it alone
 * makes the rest of the list fit to the byte.
 */
static void
find_deviations(oxc_rop_list_t *l, int offset)
{
    l->deviations_known = true;
    if (trailers_fit(l, offset, 0, NULL, NULL))
        return;
    for (unsigned i = 0; i < ROPDEF_DEVIATION_COUNT; i++) {
        if (trailers_fit(l, offset, 1U << i, NULL, NULL)) {
            l->deviations = 1U << i;
            return;
        }
    }
}

/* Can what follows a ROP of the response be read, too? One byte alone would often look like a RopId. */
static bool
response_follows(oxc_rop_list_t *l, const oxc_read_t *r, int offset)
{
    const ropdef_rop_t *def;
    oxc_read_t ahead = *r;

    ahead.trial = oxc_budget_of_trial(l->pdu, OXC_TRIAL_FIRST);
    if (offset == l->end)
        return true;
    def = tvb_bytes_exist(l->tvb, offset, 1) ? ropdef_rops[tvb_get_uint8(l->tvb, offset)] : NULL;
    if (!def || def->response < 0)
        return false;
    if (def->trailer)
        return trailers_fit(l, offset, 0, NULL, ahead.trial);
    ahead.rop = NULL;
    ahead.deviations = 0;
    ahead.return_value = 0;
    offset = oxc_engine_form(&ahead, NULL, offset + 1, (unsigned)def->response);
    return offset >= 0 && oxc_boundary_at(&ahead, offset, 0);
}

static void
found_deviations(oxc_rop_t *rop, unsigned deviations)
{
    if (oxc_rop_more(rop)->deviations != deviations)
        oxc_rop_change_more(rop)->deviations = deviations;
}

/*
 * The same for one ROP: what does not read as the specification has it, up to where a ROP can end, but does so with one
 * deviation of a server. If several readings fit, what follows decides. Decided on the first pass, as the columns that
 * are known change.
 */
static void
find_rop_deviation(oxc_rop_list_t *l, oxc_rop_t *rop, const ropdef_rop_t *def, int offset)
{
    bool fits = false;
    unsigned asked = 0;
    oxc_read_t r;

    oxc_rop_list_read(&r, l, true);
    r.rop = rop;
    r.def = def;
    for (unsigned i = 0; i <= ROPDEF_DEVIATION_COUNT; i++) {
        int next;
        bool ends;

        r.deviations = i == 0 ? 0 : 1U << (i - 1);
        if (i > 0 && !(asked & r.deviations))
            continue;
        next = oxc_engine_form(&r, NULL, offset + 1, (unsigned)(r.is_response ? def->response : def->request));
        ends = next >= 0 && oxc_boundary_at(&r, next, 0);
        if (i == 0)
            asked = r.asked_deviations;
        if (asked == 0)
            return;             /* no deviation changes the regular reading */
        if (!ends)
            continue;
        if (!fits)
            found_deviations(rop, r.deviations);
        fits = true;
        if (!r.is_response || response_follows(l, &r, next)) {
            found_deviations(rop, r.deviations);
            return;
        }
    }
}

static void
settle(oxc_read_t *r)
{
    r->settle = NULL;
    if (r->def->trailer) {
        find_deviations(r->list, r->rop_start);
        r->deviations = r->list->deviations;
    } else {
        find_rop_deviation(r->list, r->rop, r->def, r->rop_start);
        r->deviations = oxc_rop_more(r->rop)->deviations;
    }
}

void
oxc_trailer_begin(oxc_read_t *r)
{
    if (r->def->trailer) {
        r->deviations = r->list->deviations;
        r->settle = r->list->deviations_known ? NULL : settle;
    } else if (r->rop) {
        r->deviations = oxc_rop_more(r->rop)->deviations;
        r->settle = PINFO_FD_VISITED(r->pinfo) ? NULL : settle;
    }
}

/*
 * Behind the place where the chain was lost, notifications can still be found: they fit to the end of the list exactly.
 */
static int
search_trailers(oxc_rop_list_t *l, int offset)
{
    size_t size = (size_t)l->end / 8 + 1;
    uint8_t *failed = (uint8_t *)wmem_alloc0(l->pinfo->pool, size * (ROPDEF_DEVIATION_COUNT + 1));
    const oxc_session_t *session = l->pdu->call->session;
    unsigned *trial = oxc_budget_of_trial(l->pdu, OXC_TRIAL_FIRST);

    for (; offset < l->end && (!trial || *trial > 0); offset++) {
        const ropdef_rop_t *def = ropdef_rops[tvb_get_uint8(l->tvb, offset)];

        if (!def || !(def->does & ROPDEF_DOES_NOTIFY) || l->end - offset < 8)
            continue;
        /* RopNotify: handle, LogonId. One that this session opened, unless it may have done so before the capture. */
        if (session && session->user && session->objects &&
            !oxc_object_latest(session, tvb_get_uint8(l->tvb, offset + 5), tvb_get_letohl(l->tvb, offset + 1)))
            continue;
        for (unsigned i = 0; i <= ROPDEF_DEVIATION_COUNT; i++) {
            if (trailers_fit(l, offset, i == 0 ? 0 : 1U << (i - 1), failed + i * size, trial))
                return offset;
        }
    }
    return -1;
}

/* What the session knows grows with the capture, so the first visit decides for all. */
int
oxc_trailer_find(oxc_rop_list_t *l, int offset)
{
    void *key = GUINT_TO_POINTER(l->payload);
    int found;

    if (PINFO_FD_VISITED(l->pinfo))
        return l->pdu->recovered ? GPOINTER_TO_INT(wmem_map_lookup(l->pdu->recovered, key)) - 1 : -1;
    found = search_trailers(l, offset);
    if (found >= 0) {
        if (!l->pdu->recovered)
            l->pdu->recovered = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
        wmem_map_insert(l->pdu->recovered, key, GINT_TO_POINTER(found + 1));
    }
    return found;
}
