/* missing_packets.c
 * What nobody can say of a wake-up because the capture lacks packets
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/missing_packets.h"

#include <epan/epan.h>

#include "notify/habits.h"
#include "notify/session_inference.h"

/* Datagrams are repeated at an interval of the server's (MS-OXCNOTIF 3.1.5.4), and come a little late. */
#define SAME_INTERVAL 1.1
#define ONE_INTERVAL 1.5

/* What is kept of a session. */
typedef struct {
    oxc_wakeup_t *latest;       /* wake-up */
    oxc_wakeup_t *before;       /* the one before it */
    nstime_t asked;             /* the latest call */
    double apart;               /* the latest two datagrams with no fetch between, seconds; 0 for none */
    double interval;            /* the same of more than two; 0 for none */
} state_t;

static wmem_map_t *states; /* oxc_session_t -> state_t */

static state_t *
find(const oxc_session_t *session)
{
    return session ? (state_t *)wmem_map_lookup(states, session) : NULL;
}

static state_t *
get(const oxc_session_t *session)
{
    state_t *state = find(session);

    if (!state) {
        state = wmem_new0(wmem_file_scope(), state_t);
        wmem_map_insert(states, session, state);
    }
    return state;
}

static double
seconds_between(const oxc_wakeup_t *wakeup, const oxc_wakeup_t *later)
{
    nstime_t passed;

    nstime_delta(&passed, &later->time, &wakeup->time);
    return nstime_to_sec(&passed);
}

static void
learn_interval(state_t *state, const oxc_wakeup_t *wakeup)
{
    double apart;

    if (wakeup->repeats == 0 || !state->latest || state->latest->method != OXC_WAKEUP_PUSH)
        return;
    apart = seconds_between(state->latest, wakeup);
    if (apart < SAME_INTERVAL * state->apart && state->apart < SAME_INTERVAL * apart)
        state->interval = apart;
    state->apart = apart;
}

void
oxc_missing_wakeup(oxc_wakeup_t *wakeup)
{
    state_t *state = get(wakeup->session);

    learn_interval(state, wakeup);
    state->before = state->latest;
    state->latest = wakeup;
}

void
oxc_missing_asked(const oxc_pdu_t *request)
{
    get(request->call->session)->asked = request->time;
}

void
oxc_missing_question(const oxc_pdu_t *answer)
{
    state_t *state = find(answer->call->session);

    if (!state || !state->latest)
        return;
    /* A wake-up that comes with the answer, a RopPending, is later than the question. */
    if (state->latest->frame < answer->frame)
        state->latest->call_missing = true;
    else if (state->before)
        state->before->call_missing = true;
}

/* since is an nstime_t. */
static void
note_missing_call(const oxc_session_t *session, const void *since)
{
    state_t *state = find(session);

    if (!state || !state->latest)
        return;
    state->latest->call_missing = true;
    if (state->before && nstime_cmp((const nstime_t *)since, &state->latest->time) < 0)
        state->before->call_missing = true;
}

void
oxc_missing_call(packet_info *pinfo, const address *client, const address *server, const nstime_t *since)
{
    if (!PINFO_FD_VISITED(pinfo))
        oxc_inference_each_met(client, server, note_missing_call, since);
}

/* May a datagram between the two be missing, which superseded the first? */
static bool
repeat_is_due(const oxc_wakeup_t *wakeup, const oxc_wakeup_t *next)
{
    const state_t *state = find(wakeup->session);

    return wakeup->method == OXC_WAKEUP_PUSH && next->method == OXC_WAKEUP_PUSH && state && state->interval > 0 &&
           seconds_between(wakeup, next) > ONE_INTERVAL * state->interval;
}

/* Who was woken and does not fetch, whatever comes, may not be there any more: another session has its port and bytes. */
static bool
fetches_later(const oxc_wakeup_t *wakeup)
{
    const state_t *state = find(wakeup->session);

    return state && nstime_cmp(&state->asked, &wakeup->time) > 0;
}

static bool
bytes_missing(oxc_session_t *session)
{
    return session && oxc_inference_habits(session)->gaps > 0;
}

uint32_t
oxc_superseded_in(const oxc_wakeup_t *wakeup)
{
    const oxc_wakeup_t *next = wakeup->superseded ? wakeup->next : NULL;

    if (!next || wakeup->call_missing)
        return 0;
    if (bytes_missing(wakeup->session) &&
        (!fetches_later(wakeup) || repeat_is_due(wakeup, next)))
        return 0;
    return next->frame;
}

void
oxc_missing_register(void)
{
    states = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
