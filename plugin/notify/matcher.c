/* matcher.c
 * Links wake-ups to the calls that fetched what they announced
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/matcher.h"

#include <epan/epan.h>

#include "notify/followup.h"
#include "notify/habits.h"
#include "notify/link_trust.h"
#include "notify/missing_packets.h"
#include "notify/polling.h"
#include "notify/session_inference.h"
#include "session/clock.h"
#include "session/rop_state.h"

/* What the matcher knows of a session; bounded, one for each session. */
typedef struct oxc_notify_state {
    oxc_wakeup_t *open;      /* the latest wake-up: calls may be its follow-up */
    oxc_wakeup_t *last_push; /* the latest datagram with no fetch after it */
    oxc_wakeup_t *told_push; /* the same as it was before the latest fetch, in case that fails */
    oxc_call_t *wait;        /* the latest wait that began */
    oxc_call_t *wait_before; /* the one before it */
    bool wait_ended;         /* with an event, and no fetch after it */
    bool pushes;             /* datagrams come for it */
} state_t;

static wmem_map_t *wakeups;  /* frame and which -> oxc_wakeup_t */
static wmem_list_t *late;    /* wake-ups of earlier frames that the frame seen now has shown */
static nstime_t end_of_capture; /* of which the file is a part; zero if it is all */
static unsigned window_seconds = 60;
static bool complete;        /* the first pass is over */
static bool ended;           /* so is the last one */

void
oxc_matcher_set_window(unsigned seconds)
{
    window_seconds = seconds;
}

unsigned
oxc_matcher_window(void)
{
    return window_seconds;
}

static state_t *
state_of(oxc_session_t *session)
{
    if (!session->notify)
        session->notify = wmem_new0(wmem_file_scope(), state_t);
    return session->notify;
}

static bool
within_window(const nstime_t *from, const nstime_t *to)
{
    nstime_t passed;

    nstime_delta(&passed, to, from);
    return nstime_to_sec(&passed) <= window_seconds;
}

/* An equal datagram without a fetch between is the same wake-up told again (MS-OXCNOTIF 3.1.5.4). */
static void
count_repeats(state_t *state, oxc_wakeup_t *wakeup)
{
    const oxc_wakeup_t *before = state->last_push;

    if (before) {
        wakeup->repeats = before->repeats + 1;
        wakeup->first = before->first;
    }
    state->last_push = wakeup;
}

/* Superseded, unless there was a call that did not fail: which may turn out later. */
static void
close_wakeup(oxc_wakeup_t *wakeup, const oxc_wakeup_t *next)
{
    if (!within_window(&wakeup->time, &next->time))
        return;
    wakeup->next = next;
    if (!oxc_followup_is_called(wakeup))
        wakeup->superseded = true;
}

static void
open_wakeup(oxc_wakeup_t *wakeup)
{
    state_t *state = state_of(wakeup->session);
    oxc_wakeup_t *earlier = state->open;

    if (wakeup->method == OXC_WAKEUP_PUSH) {
        count_repeats(state, wakeup);
        state->pushes = true;
    }
    if (wakeup->method == OXC_WAKEUP_ASYNC_WAIT)
        state->wait_ended = true;
    if (earlier)
        close_wakeup(earlier, wakeup);
    state->open = wakeup;
    oxc_missing_wakeup(wakeup);
    oxc_polling_wakeup(wakeup);
}

const oxc_wakeup_t *
oxc_matcher_known(const packet_info *pinfo, uint32_t which)
{
    uint64_t key = oxc_frame_key(pinfo->num, which);

    return (const oxc_wakeup_t *)wmem_map_lookup(wakeups, &key);
}

static oxc_wakeup_t *
make_wakeup(uint32_t frame, const nstime_t *when, uint32_t which, oxc_wakeup_method_t method,
            oxc_wakeup_outcome_t outcome)
{
    oxc_wakeup_t *wakeup = wmem_new0(wmem_file_scope(), oxc_wakeup_t);

    wakeup->key = oxc_frame_key(frame, which);
    wakeup->frame = frame;
    wakeup->time = *when;
    wakeup->first = wakeup;
    wakeup->method = (uint8_t)method;
    wakeup->outcome = (uint8_t)outcome;
    wmem_map_insert(wakeups, &wakeup->key, wakeup);
    return wakeup;
}

static oxc_wakeup_t *
new_wakeup(packet_info *pinfo, uint32_t which, oxc_wakeup_method_t method, oxc_wakeup_outcome_t outcome,
           const oxc_pdu_t *request)
{
    oxc_wakeup_t *wakeup = make_wakeup(pinfo->num, &pinfo->abs_ts, which, method, outcome);

    oxc_note_time(pinfo);
    if (request) {
        wakeup->request = request;
        request->call->outcome = outcome;
        wakeup->given_up = request->call->given_up;
    }
    return wakeup;
}

oxc_wakeup_t *
oxc_matcher_wakeup(packet_info *pinfo, uint32_t which, oxc_wakeup_method_t method, oxc_wakeup_outcome_t outcome,
                   oxc_session_t *session, oxc_bound_t bound, const oxc_pdu_t *request)
{
    oxc_wakeup_t *wakeup = (oxc_wakeup_t *)oxc_matcher_known(pinfo, which);

    if (wakeup || PINFO_FD_VISITED(pinfo))
        return wakeup;
    wakeup = new_wakeup(pinfo, which, method, outcome, request);
    wakeup->session = session;
    wakeup->bound = (uint8_t)bound;
    wakeup->confidence = bound == OXC_BOUND_BY_CONTEXT ? 97 : 100;
    if (session && outcome == OXC_OUTCOME_PENDING)
        open_wakeup(wakeup);
    return wakeup;
}

oxc_wakeup_t *
oxc_matcher_wakeup_through(packet_info *pinfo, uint32_t which, oxc_wakeup_method_t method, oxc_wakeup_outcome_t outcome,
                           oxc_channel_t *channel, const oxc_pdu_t *request)
{
    oxc_wakeup_t *wakeup = (oxc_wakeup_t *)oxc_matcher_known(pinfo, which);

    if (wakeup || PINFO_FD_VISITED(pinfo))
        return wakeup;
    wakeup = new_wakeup(pinfo, which, method, outcome, request);
    wakeup->bound = OXC_BOUND_BY_ORDER;
    if (outcome != OXC_OUTCOME_PENDING) {
        wakeup->session = oxc_channel_session(channel);
    } else {
        wakeup->session = oxc_inference_woken(channel, wakeup, &wakeup->confidence);
        if (wakeup->session)
            open_wakeup(wakeup);
    }
    return wakeup;
}

/* Links whose time teaches how long follow-ups take. */
#define LITTLE_DOUBT 90

static void
learn(const oxc_attempt_t *attempt)
{
    const oxc_wakeup_t *wakeup = attempt->wakeup;
    nstime_t took;

    if (wakeup->fetch != attempt->request || wakeup->confidence < LITTLE_DOUBT)
        return;
    nstime_delta(&took, &wakeup->fetch->time, &wakeup->time);
    oxc_latency_learn(&oxc_inference_habits(attempt->request->call->session)->followups, nstime_to_sec(&took));
}

static void
count_order(oxc_session_t *session, const state_t *state)
{
    if (!state->wait_ended || !state->last_push || state->last_push->repeats)
        return;
    oxc_trust_woken_twice(session, state->open == state->last_push);
}

/* A wait that was refused leaves the one before it as it is: that is the one which the next wait comes after. */
static void
follow_wait(state_t *state, oxc_call_t *wait)
{
    if (state->wait == wait)
        return;
    if (state->wait && state->wait->outcome == OXC_OUTCOME_REJECTED && state->wait_before)
        state->wait = state->wait_before;
    if (state->wait)
        oxc_call_change_wait(state->wait)->next = wait;
    state->wait_before = state->wait;
    state->wait = wait;
}

void
oxc_matcher_wait(packet_info *pinfo, const oxc_pdu_t *request)
{
    oxc_session_t *session = request->call->session;
    oxc_channel_t *channel = oxc_call_wait(request->call)->channel;

    if (PINFO_FD_VISITED(pinfo))
        return;
    if (!session && channel)
        session = oxc_channel_session(channel);
    if (!session)
        return;
    follow_wait(state_of(session), request->call);
    oxc_inference_waits(session);
}

const oxc_call_t *
oxc_matcher_latest_wait(const oxc_session_t *session)
{
    return session && session->notify ? session->notify->wait : NULL;
}

const oxc_call_t *
oxc_matcher_wait_before(const oxc_session_t *session)
{
    return session && session->notify ? session->notify->wait_before : NULL;
}

static void
add_attempt(oxc_wakeup_t *wakeup, const oxc_pdu_t *request, uint8_t trust)
{
    request->call->attempt = oxc_followup_call(wakeup, request, trust);
}

/* The wake-up of the session that the call may follow up, and how sure that is; NULL for none. */
static oxc_wakeup_t *
find_wakeup(state_t *state, const oxc_pdu_t *pdu, uint8_t *trust)
{
    oxc_wakeup_t *wakeup = state->open, *guessed;
    const oxc_wakeup_t *own = wakeup && wakeup->session && !oxc_followup_is_called(wakeup) ? wakeup : NULL;
    uint8_t confidence, doubt;

    guessed = oxc_inference_fetch(pdu, own, &confidence, &doubt);
    if (guessed && (!wakeup || guessed->frame > wakeup->frame || !within_window(&wakeup->time, &pdu->time))) {
        if (wakeup && guessed->frame > wakeup->frame)
            close_wakeup(wakeup, guessed);
        *trust = confidence;
        state->open = guessed;
        return guessed;
    }
    if (!wakeup || wakeup->undecided)
        return NULL;
    if (!within_window(&wakeup->time, &pdu->time)) {
        if (!oxc_followup_is_called(wakeup) && !wakeup->late_fetch)
            wakeup->late_fetch = pdu;
        return NULL;
    }
    *trust = wakeup->session ? oxc_trust(wakeup, pdu, state->wait, state->pushes && !state->last_push) : wakeup->confidence;
    *trust = (uint8_t)(*trust * (100 - doubt) / 100);
    return wakeup;
}

static void
fetch_asked(oxc_pdu_t *pdu)
{
    state_t *state = state_of(pdu->call->session);
    oxc_wakeup_t *wakeup;
    uint8_t trust = 0;

    count_order(pdu->call->session, state);
    oxc_missing_asked(pdu);
    wakeup = find_wakeup(state, pdu, &trust);
    if (state->last_push)
        state->told_push = state->last_push;
    state->last_push = NULL;
    state->wait_ended = false;
    if (wakeup)
        add_attempt(wakeup, pdu, trust);
}

/* The answer to a call is known. */
static void
fetch_decided(const oxc_call_t *call)
{
    oxc_attempt_t *attempt = call->attempt;

    if (!attempt)
        return;
    if (call->failure)
        oxc_followup_failure(attempt);
    else
        oxc_followup_answer(attempt, oxc_pdu_notifications(call->response), oxc_trust_packets_lost(call->session));
    learn(attempt);
}

/*
 * A session with both a wait and a registration is woken in both ways at once. If the call went to the end of the wait
 * before anybody knew of the datagram, that superseded the end of the wait. So does a RopPending what was before it.
 */
static bool
supersede_late(oxc_wakeup_t *found, const oxc_pdu_t *call)
{
    const oxc_attempt_t *attempt = call ? call->call->attempt : NULL;
    oxc_wakeup_t *before = attempt ? attempt->wakeup : NULL;
    state_t *state;

    /* Whose wait ended may be known by the call alone. */
    if (!before || call->call->session != found->session || before->frame >= found->frame || before->undecided ||
        (before->method == OXC_WAKEUP_PUSH && found->method == OXC_WAKEUP_PUSH))
        return false;
    oxc_followup_split(before, found, found->confidence);
    found->next = before->next;
    before->next = found;
    before->superseded = !oxc_followup_is_called(before);
    state = state_of(found->session);
    if (state->open == before)
        state->open = found;
    return true;
}

static const oxc_pdu_t *
call_at(const wmem_array_t *calls, unsigned n)
{
    return n < wmem_array_get_count((wmem_array_t *)calls)
               ? *(const oxc_pdu_t *const *)wmem_array_index((wmem_array_t *)calls, n)
               : NULL;
}

/* The calls between the wake-up and the next one; false if one of them belongs to another wake-up. */
static bool
replay_calls(oxc_wakeup_t *wakeup, const wmem_array_t *calls, uint32_t end)
{
    state_t *state = state_of(wakeup->session);
    const oxc_pdu_t *call;

    for (unsigned n = 0; (call = call_at(calls, n)) != NULL && call->frame < end; n++) {
        if (call->call->attempt)
            return false;
        if (state->last_push == wakeup)
            state->last_push = NULL;
        if (!within_window(&wakeup->time, &call->time)) {
            if (!oxc_followup_is_called(wakeup) && !wakeup->late_fetch)
                wakeup->late_fetch = call;
            return true;
        }
        add_attempt(wakeup, call, wakeup->confidence);
        if (call->call->response || call->call->failure)
            fetch_decided(call->call);
    }
    return true;
}

void
oxc_matcher_late(const oxc_late_wakeup_t *found)
{
    uint64_t key = oxc_frame_key(found->frame, found->which);
    oxc_wakeup_t *wakeup, *open;
    bool is_latest;

    if (wmem_map_contains(wakeups, &key))
        return;
    wakeup = make_wakeup(found->frame, &found->time, found->which, found->method, OXC_OUTCOME_PENDING);
    wakeup->session = found->session;
    wakeup->bound = (uint8_t)found->bound;
    wakeup->confidence = found->confidence;
    wmem_list_append(late, wakeup);
    if (!found->session || supersede_late(wakeup, call_at(found->calls, 0)))
        return;
    open = state_of(found->session)->open;
    is_latest = !open || open->frame < found->frame;
    if (is_latest)
        open_wakeup(wakeup);
    if (!replay_calls(wakeup, found->calls, is_latest ? UINT32_MAX : open->frame)) {
        wakeup->undecided = !oxc_followup_is_called(wakeup);
        return;
    }
    if (!is_latest)
        close_wakeup(wakeup, open);
    else if (found->more && !oxc_followup_is_called(wakeup))
        wakeup->undecided = true;
}

const oxc_wakeup_t *
oxc_matcher_next_late(void)
{
    wmem_list_frame_t *first = late ? wmem_list_head(late) : NULL;
    const oxc_wakeup_t *wakeup = first ? (const oxc_wakeup_t *)wmem_list_frame_data(first) : NULL;

    if (first)
        wmem_list_remove_frame(late, first);
    return wakeup;
}

/* Somebody did fetch; without the request there is nothing to link to, but the wake-up is not open any more. */
static void
fetch_answered_only(const oxc_pdu_t *pdu)
{
    state_t *state = state_of(pdu->call->session);

    state->last_push = NULL;
    oxc_missing_question(pdu);
    if (!state->open || state->open->frame >= pdu->frame || oxc_followup_is_called(state->open))
        return;
    state->open = NULL;
}

static void
fetch_answered(const oxc_pdu_t *pdu)
{
    unsigned notifications = oxc_pdu_notifications(pdu);
    oxc_wakeup_t *wakeup;
    uint8_t confidence;

    wakeup = oxc_inference_answer(pdu, notifications, &confidence);
    if (wakeup && !pdu->call->attempt && !oxc_followup_is_certain(wakeup))
        add_attempt(wakeup, pdu->call->request, confidence);
    oxc_polling_response(pdu, notifications);
    fetch_decided(pdu->call);
}

void
oxc_matcher_fetch(packet_info *pinfo, oxc_pdu_t *pdu)
{
    if (PINFO_FD_VISITED(pinfo)) {
        complete = true;
        return;
    }
    oxc_note_time(pinfo);
    if (pdu->call->failure)
        return;
    if (!pdu->call->session)
        return;
    if (pdu->is_response)
        oxc_trust_answer(pdu);
    if (!pdu->is_response) {
        oxc_polling_request(pdu);
        fetch_asked(pdu);
    } else if (!pdu->call->request) {
        fetch_answered_only(pdu);
    } else {
        fetch_answered(pdu);
    }
}

void
oxc_matcher_failed(packet_info *pinfo, const oxc_call_t *call)
{
    oxc_attempt_t *attempt = call->attempt;
    oxc_wakeup_t *wakeup;
    state_t *state;

    if (PINFO_FD_VISITED(pinfo))
        return;
    oxc_note_time(pinfo);
    oxc_inference_failed(call);
    if (!attempt)
        return;
    wakeup = attempt->wakeup;
    oxc_followup_failure(attempt);
    if (oxc_followup_is_called(wakeup))
        return;
    wakeup->superseded = wakeup->next != NULL;
    state = state_of(call->session);
    if (state->open == wakeup && !state->last_push)
        state->last_push = state->told_push;
}

const oxc_wakeup_t *
oxc_matcher_answered(const oxc_pdu_t *pdu)
{
    const oxc_attempt_t *attempt = pdu->call->attempt;

    return attempt && attempt->wakeup->fetch == attempt->request ? attempt->wakeup : NULL;
}

unsigned
oxc_matcher_attempts(const oxc_wakeup_t *wakeup)
{
    return oxc_followup_attempts(wakeup);
}

static const nstime_t *
known_end(void)
{
    return (complete || ended) && nstime_cmp(&end_of_capture, &oxc_latest_time) > 0 ? &end_of_capture : &oxc_latest_time;
}

bool
oxc_matcher_is_past(const nstime_t *when)
{
    return !within_window(when, known_end());
}

bool
oxc_matcher_expired(const oxc_wakeup_t *wakeup)
{
    return !within_window(&wakeup->time, known_end());
}

bool
oxc_matcher_settled(const oxc_wakeup_t *wakeup)
{
    if (complete || oxc_followup_is_certain(wakeup))
        return true;
    if (oxc_followup_is_waiting(wakeup))
        return false;
    return wakeup->next || wakeup->late_fetch || oxc_matcher_expired(wakeup);
}

bool
oxc_matcher_announced(const oxc_wakeup_t *wakeup)
{
    return oxc_followup_is_likely(wakeup) || oxc_matcher_settled(wakeup);
}

/* A request alone decides nothing while its answer may come: it may be refused. */
oxc_followup_t
oxc_matcher_followup(const oxc_wakeup_t *wakeup)
{
    if (wakeup->fetch && (oxc_matcher_announced(wakeup) || oxc_matcher_expired(wakeup)))
        return OXC_FOLLOWUP_FOLLOWED;
    if (wakeup->fetch)
        return OXC_FOLLOWUP_OPEN;
    if (oxc_superseded_in(wakeup))
        return OXC_FOLLOWUP_SUPERSEDED;
    if (wakeup->session && !wakeup->superseded && !wakeup->undecided && !wakeup->call_missing && (wakeup->late_fetch || oxc_matcher_expired(wakeup)))
        return OXC_FOLLOWUP_MISSED;
    return OXC_FOLLOWUP_OPEN;
}

void
oxc_matcher_set_end(const nstime_t *when)
{
    ended = !when;
    end_of_capture = when ? *when : end_of_capture;
}

static void
matcher_forget(void)
{
    nstime_set_zero(&oxc_latest_time);
    late = wmem_list_new(wmem_file_scope());
    complete = ended = false;
}

void
oxc_matcher_register(void)
{
    wakeups = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), oxc_uint64_hash, g_int64_equal);
    oxc_missing_register();
    oxc_polling_register();
    oxc_trust_register();
    register_init_routine(matcher_forget);
}
