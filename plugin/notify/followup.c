/* followup.c
 * Which of the calls after a wake-up is its follow-up
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/followup.h"
#include "session/rop_state.h"

#define ROP_RELEASE 0x01

/* A link that is less sure is not shown. */
#define LEAST_SHOWN 70

/* The calls after a wake-up, in the order of their requests. */
struct oxc_calls {
    wmem_array_t *attempts;  /* oxc_attempt_t * */
    unsigned first;          /* ordinal of the first call that has not failed */
    unsigned first_bare;     /* the same of those that ask for nothing else */
    unsigned first_open;     /* the same of those without an answer */
    unsigned failed;
    unsigned waiting;        /* without an answer */
    oxc_attempt_t *brought;  /* the first that brought notifications */
    bool packets_lost;
};

typedef struct oxc_calls calls_t;

static unsigned
count(const calls_t *calls)
{
    return wmem_array_get_count(calls->attempts);
}

static oxc_attempt_t *
at(const calls_t *calls, unsigned ordinal)
{
    return ordinal < count(calls) ? *(oxc_attempt_t **)wmem_array_index(calls->attempts, ordinal) : NULL;
}

bool
oxc_followup_is_bare(const oxc_pdu_t *request)
{
    const oxc_rop_t *rop;

    for (unsigned n = 0; (rop = oxc_pdu_rop(request, n)) != NULL; n++)
        if (rop->id != ROP_RELEASE)
            return false;
    return !request->call->session || !request->call->session->sealed;
}

/* Calls do not come back from failure, nor answers, so the ordinals only grow. */
static void
advance(calls_t *calls)
{
    oxc_attempt_t *attempt;

    while ((attempt = at(calls, calls->first)) != NULL && attempt->failed)
        calls->first++;
    while ((attempt = at(calls, calls->first_bare)) != NULL && (attempt->failed || !attempt->bare))
        calls->first_bare++;
    while ((attempt = at(calls, calls->first_open)) != NULL && (attempt->failed || attempt->answered))
        calls->first_open++;
}

static calls_t *
calls_new(bool packets_lost)
{
    calls_t *calls = wmem_new0(wmem_file_scope(), calls_t);

    calls->attempts = wmem_array_sized_new(wmem_file_scope(), sizeof(oxc_attempt_t *), 2);
    calls->packets_lost = packets_lost;
    return calls;
}

oxc_attempt_t *
oxc_followup_call(oxc_wakeup_t *wakeup, const oxc_pdu_t *request, uint8_t trust)
{
    oxc_attempt_t *attempt = wmem_new0(wmem_file_scope(), oxc_attempt_t);

    if (!wakeup->calls) {
        wakeup->calls = calls_new(false);
    }
    attempt->request = request;
    attempt->wakeup = wakeup;
    attempt->ordinal = count(wakeup->calls);
    attempt->trust = trust;
    attempt->bare = oxc_followup_is_bare(request);
    wmem_array_append_one(wakeup->calls->attempts, attempt);
    wakeup->calls->waiting++;
    oxc_followup_choose(wakeup);
    return attempt;
}

void
oxc_followup_answer(oxc_attempt_t *attempt, unsigned notifications, bool packets_lost)
{
    calls_t *calls = attempt->wakeup->calls;

    if (attempt->answered || attempt->failed)
        return;
    attempt->answered = true;
    calls->waiting--;
    calls->packets_lost = packets_lost;
    attempt->brought = notifications > 0;
    if (notifications > 0 && (!calls->brought || attempt->ordinal < calls->brought->ordinal))
        calls->brought = attempt;
    oxc_followup_choose(attempt->wakeup);
}

void
oxc_followup_failure(oxc_attempt_t *attempt)
{
    if (attempt->answered || attempt->failed)
        return;
    attempt->failed = true;
    attempt->wakeup->calls->waiting--;
    attempt->wakeup->calls->failed++;
    oxc_followup_choose(attempt->wakeup);
}

static void
append(calls_t *calls, oxc_attempt_t *attempt)
{
    attempt->ordinal = count(calls);
    calls->failed += attempt->failed;
    calls->waiting += !attempt->answered && !attempt->failed;
    if (attempt->brought && !calls->brought)
        calls->brought = attempt;
    wmem_array_append_one(calls->attempts, attempt);
}

void
oxc_followup_split(oxc_wakeup_t *wakeup, oxc_wakeup_t *later, uint8_t trust)
{
    calls_t *calls = wakeup->calls;

    wakeup->calls = calls_new(calls->packets_lost);
    later->calls = calls_new(calls->packets_lost);
    for (unsigned i = 0; i < count(calls); i++) {
        oxc_attempt_t *attempt = at(calls, i);

        if (attempt->request->frame > later->frame) {
            attempt->wakeup = later;
            attempt->trust = MIN(attempt->trust, trust);
        }
        append(attempt->wakeup->calls, attempt);
    }
    oxc_followup_choose(wakeup);
    oxc_followup_choose(later);
}

bool
oxc_followup_is_called(const oxc_wakeup_t *wakeup)
{
    return wakeup->calls && wakeup->calls->failed < count(wakeup->calls);
}

bool
oxc_followup_is_waiting(const oxc_wakeup_t *wakeup)
{
    return wakeup->calls && wakeup->calls->waiting > 0;
}

bool
oxc_followup_is_certain(const oxc_wakeup_t *wakeup)
{
    const calls_t *calls = wakeup->calls;

    return calls && calls->brought && calls->first_open > calls->brought->ordinal;
}

static const oxc_attempt_t *
best(const calls_t *calls)
{
    const oxc_attempt_t *open = at(calls, calls->first_open), *bare = at(calls, calls->first_bare);

    if (calls->brought && calls->packets_lost && open && open->ordinal < calls->brought->ordinal)
        return open;
    if (calls->brought)
        return calls->brought;
    return bare ? bare : at(calls, calls->first);
}

bool
oxc_followup_is_likely(const oxc_wakeup_t *wakeup)
{
    const oxc_attempt_t *chosen;

    if (!wakeup->fetch || !wakeup->calls)
        return false;
    chosen = best(wakeup->calls);
    return chosen && chosen->answered && (chosen->bare || chosen == wakeup->calls->brought);
}

unsigned
oxc_followup_attempts(const oxc_wakeup_t *wakeup)
{
    const calls_t *calls = wakeup->calls;
    unsigned failed = 0;

    if (!calls || calls->failed == 0 || !wakeup->fetch)
        return calls ? calls->failed : 0;
    for (unsigned i = 0; i < count(calls) && at(calls, i)->request != wakeup->fetch; i++)
        failed += at(calls, i)->failed;
    return failed;
}

void
oxc_followup_choose(oxc_wakeup_t *wakeup)
{
    const oxc_attempt_t *chosen;

    if (!wakeup->calls)
        return;
    advance(wakeup->calls);
    chosen = best(wakeup->calls);
    wakeup->undecided = chosen && chosen->trust < LEAST_SHOWN;
    if (!chosen || wakeup->undecided) {
        wakeup->fetch = NULL;
        return;
    }
    wakeup->fetch = chosen->request;
    wakeup->confidence = chosen->trust;
    if (wakeup->bound == OXC_BOUND_BY_ORDER || chosen->request->call->bound == OXC_BOUND_BY_ORDER)
        wakeup->match = OXC_MATCH_ORDER;
    else if (wakeup->method == OXC_WAKEUP_PUSH)
        wakeup->match = OXC_MATCH_CONTEXT;
    else
        wakeup->match = OXC_MATCH_SESSION;
}
