/* abandoned.c
 * Waits that nothing ended while the client went on without them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/abandoned.h"

#include <epan/epan.h>

#include "notify/tap.h"

#define LONGEST_WAIT 330.0      /* seconds: a wait over HTTP lasts 300 (MS-OXCMAPIHTTP 3.2.5.5), a little late is fine */
#define PENDING_MISSED 3        /* times X-PendingPeriod, of a server that keeps it */

typedef struct {
    oxc_wakeup_t wakeup;
    bool told;
} abandoned_t;

static wmem_map_t *waits;       /* oxc_call_t -> abandoned_t */

/*
 * Did the client go on without an answer? A newer wait of its session says so, unless the server refused that because the
 * earlier one was open (MS-OXCRPC 3.3.4.1), and so does a new session context in place of this one. So does a session that
 * goes on while the server sends no PENDING any more. Over RPC a wait sends nothing meanwhile, and each other call of the
 * session gives it five minutes more: its silence proves nothing. After a Disconnect nobody waits for an answer, but the
 * silence before that counts. Nothing comes on a connection whose ports another one has.
 */
bool
oxc_wait_is_abandoned(const oxc_call_t *wait)
{
    const oxc_session_t *session = wait->session;
    const oxc_wait_t *known = oxc_call_wait(wait);
    nstime_t silent;
    double limit = LONGEST_WAIT;

    if (wait->response || wait->outcome || oxc_call_misses_answer(wait) || !session || session->sealed)
        return false;
    if (session->end == OXC_END_REPLACED || (known->next && known->next->outcome != OXC_OUTCOME_REJECTED))
        return true;
    if (wait->forgotten)
        return true;
    if (nstime_is_zero(&known->heard))
        return false;
    nstime_delta(&silent, &session->latest_call, &known->heard);
    if (session->pending_period)
        limit = MIN(limit, PENDING_MISSED * session->pending_period / 1000.0 + 1);
    return nstime_to_sec(&silent) > limit;
}

static abandoned_t *
find(const oxc_call_t *wait)
{
    abandoned_t *found = (abandoned_t *)wmem_map_lookup(waits, wait);

    if (found)
        return found;
    found = wmem_new0(wmem_file_scope(), abandoned_t);
    found->wakeup.frame = wait->request->frame;
    found->wakeup.key = oxc_pdu_key(wait->request);
    found->wakeup.time = wait->request->time;
    found->wakeup.first = &found->wakeup;
    found->wakeup.method = wait->method;
    found->wakeup.outcome = OXC_OUTCOME_ABANDONED;
    found->wakeup.session = wait->session;
    found->wakeup.bound = (uint8_t)wait->bound;
    wmem_map_insert(waits, wait, found);
    return found;
}

const oxc_wakeup_t *
oxc_abandoned_wakeup(const oxc_call_t *wait)
{
    return &find(wait)->wakeup;
}

/* Has the last event changed whether the wait is abandoned? 1: it is now, -1: not any more, 0: as before. */
static int
change(const oxc_call_t *wait)
{
    abandoned_t *found = wait ? (abandoned_t *)wmem_map_lookup(waits, wait) : NULL;
    bool is_now;

    if (!wait || !wait->request)
        return 0;
    is_now = oxc_wait_is_abandoned(wait);
    if (is_now == (found && found->told))
        return 0;
    find(wait)->told = is_now;
    return is_now ? 1 : -1;
}

void
oxc_abandoned_tell(packet_info *pinfo, const oxc_session_t *session)
{
    const oxc_call_t *const of_session[] = { oxc_matcher_latest_wait(session), oxc_matcher_wait_before(session) };

    if (PINFO_FD_VISITED(pinfo))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(of_session); i++) {
        oxc_tap_t event = { .kind = OXC_TAP_ABANDONED, .session = session };

        event.change = change(of_session[i]);
        if (event.change == 0)
            continue;
        event.wakeup = oxc_abandoned_wakeup(of_session[i]);
        oxc_tap_tell(pinfo, &event);
    }
}

void
oxc_wait_is_forgotten(packet_info *pinfo, oxc_call_t *wait)
{
    wait->forgotten = true;
    if (wait->session)
        oxc_abandoned_tell(pinfo, wait->session);
}

void
oxc_abandoned_register(void)
{
    waits = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
