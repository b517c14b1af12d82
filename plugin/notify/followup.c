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
    oxc_attempt_t *head;
    oxc_attempt_t *tail;
    oxc_attempt_t *first;       /* call that has not failed; NULL while there is none */
    oxc_attempt_t *first_bare;  /* the same of those that ask for nothing else */
    oxc_attempt_t *first_open;  /* the same of those without an answer */
    oxc_attempt_t *brought;     /* the first that brought notifications */
    unsigned count;
    unsigned failed;
    unsigned waiting;           /* without an answer */
    bool packets_lost;
};

typedef struct oxc_calls calls_t;

bool
oxc_followup_is_bare(const oxc_pdu_t *request)
{
    const oxc_rop_t *rop;

    for (unsigned n = 0; (rop = oxc_pdu_rop(request, n)) != NULL; n++)
        if (rop->id != ROP_RELEASE)
            return false;
    return !request->call->session || !request->call->session->sealed;
}

/* Calls do not come back from failure, nor answers, so the first ones only move on. */
static void
advance(calls_t *calls)
{
    while (calls->first && calls->first->failed)
        calls->first = calls->first->next;
    while (calls->first_bare && (calls->first_bare->failed || !calls->first_bare->bare))
        calls->first_bare = calls->first_bare->next;
    while (calls->first_open && (calls->first_open->failed || calls->first_open->answered))
        calls->first_open = calls->first_open->next;
}

static calls_t *
calls_new(bool packets_lost)
{
    calls_t *calls = wmem_new0(wmem_file_scope(), calls_t);

    calls->packets_lost = packets_lost;
    return calls;
}

static void
append(calls_t *calls, oxc_attempt_t *attempt)
{
    attempt->ordinal = calls->count++;
    attempt->next = NULL;
    calls->failed += attempt->failed;
    calls->waiting += !attempt->answered && !attempt->failed;
    if (attempt->brought && !calls->brought)
        calls->brought = attempt;
    if (calls->tail)
        calls->tail->next = attempt;
    else
        calls->head = attempt;
    calls->tail = attempt;
    calls->first = calls->first ? calls->first : attempt;
    calls->first_bare = calls->first_bare ? calls->first_bare : attempt;
    calls->first_open = calls->first_open ? calls->first_open : attempt;
}

oxc_attempt_t *
oxc_followup_call(oxc_wakeup_t *wakeup, const oxc_pdu_t *request, uint8_t trust)
{
    oxc_attempt_t *attempt = wmem_new0(wmem_file_scope(), oxc_attempt_t);

    if (!wakeup->calls)
        wakeup->calls = calls_new(false);
    attempt->request = request;
    attempt->wakeup = wakeup;
    attempt->trust = trust;
    attempt->bare = oxc_followup_is_bare(request);
    append(wakeup->calls, attempt);
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

void
oxc_followup_split(oxc_wakeup_t *wakeup, oxc_wakeup_t *later, uint8_t trust)
{
    calls_t *calls = wakeup->calls;
    oxc_attempt_t *next;

    wakeup->calls = calls_new(calls->packets_lost);
    later->calls = calls_new(calls->packets_lost);
    for (oxc_attempt_t *attempt = calls->head; attempt; attempt = next) {
        next = attempt->next;
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
    return wakeup->calls && wakeup->calls->failed < wakeup->calls->count;
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

    return calls && calls->brought && (!calls->first_open || calls->first_open->ordinal > calls->brought->ordinal);
}

static const oxc_attempt_t *
best(const calls_t *calls)
{
    const oxc_attempt_t *open = calls->first_open;

    if (calls->brought && calls->packets_lost && open && open->ordinal < calls->brought->ordinal)
        return open;
    if (calls->brought)
        return calls->brought;
    return calls->first_bare ? calls->first_bare : calls->first;
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
    for (const oxc_attempt_t *attempt = calls->head; attempt && attempt->request != wakeup->fetch; attempt = attempt->next)
        failed += attempt->failed;
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
