/* link_trust.c
 * How sure the link of a wake-up with a call of its session is
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/link_trust.h"

#include "notify/habits.h"
#include "notify/session_inference.h"

#include <epan/epan.h>

#define SHARER_DOUBT 0.05 /* for each other session of a sealed association */

static unsigned answered; /* fetches in the file, and those of them whose request was not captured */
static unsigned orphaned;

/*
 * While events are queued a server ends a wait at once (MS-OXCRPC 3.3.4.1). So if a wait of the session is still open
 * after the wake-up, the events are gone: either the server took them back, or the capture lacks the end of that wait,
 * which superseded this wake-up, or the call that fetched them. How much it lacks is known from answers without their
 * questions.
 */
#define LOST 0.05       /* share of what a capture lacks that lacks anything, before more is known */
#define AT_ONCE 0.02    /* seconds */
#define TAKEN_BACK 0.03 /* share of wake-ups whose events are gone before anybody fetches them */

/* A capture that lacks packets of one client will lack some of another, too, before that shows. */
static bool
lacks_packets(const oxc_habits_t *habits)
{
    return orphaned > 0 || habits->gaps > 0;
}

static uint8_t
trust_with_open_wait(const oxc_habits_t *habits, const oxc_wakeup_t *wakeup, const oxc_call_t *wait, const oxc_pdu_t *fetch)
{
    nstime_t open_for;
    double lost;

    if (!wait || wait->response || !wait->request || !lacks_packets(habits))
        return wakeup->confidence;
    nstime_delta(&open_for, &fetch->time,
                 nstime_cmp(&wait->request->time, &wakeup->time) < 0 ? &wakeup->time : &wait->request->time);
    if (nstime_to_sec(&open_for) < AT_ONCE)
        return wakeup->confidence;
    lost = MAX((habits->fetches_orphaned + LOST) / (habits->fetches_answered + 1.0), (double)orphaned / MAX(answered, 1));
    return (uint8_t)(wakeup->confidence * TAKEN_BACK / (TAKEN_BACK + lost));
}

/*
 * A session with both a wait and a registration is woken in both ways at once. If the datagram is missing in a capture
 * that lacks packets, it may have superseded the end of the wait: as often as it comes last elsewhere.
 */
static double
share_without_datagram(const oxc_habits_t *habits, const oxc_wakeup_t *wakeup, bool no_datagram)
{
    if (wakeup->method != OXC_WAKEUP_ASYNC_WAIT || !no_datagram || !lacks_packets(habits) ||
        habits->woken_twice == 0)
        return 1.0;
    return 1.0 - (double)habits->push_last / habits->woken_twice;
}

/* In a sealed association the fetch may be another session's. */
static uint8_t
trust_among_sharers(uint8_t confidence, const oxc_session_t *session)
{
    return session->sealed && session->sharers > 1 ? (uint8_t)(confidence * (1 - SHARER_DOUBT * (session->sharers - 1)))
                                                   : confidence;
}

uint8_t
oxc_trust(const oxc_wakeup_t *wakeup, const oxc_pdu_t *fetch, const oxc_call_t *wait, bool no_datagram)
{
    const oxc_habits_t *habits = oxc_inference_habits(wakeup->session);
    uint8_t trust = trust_among_sharers(trust_with_open_wait(habits, wakeup, wait, fetch), wakeup->session);

    return (uint8_t)(share_without_datagram(habits, wakeup, no_datagram) * trust);
}

void
oxc_trust_answer(const oxc_pdu_t *response)
{
    oxc_habits_t *habits = oxc_inference_habits(response->call->session);

    habits->fetches_answered++;
    habits->fetches_orphaned += response->call->request == NULL;
    answered++;
    orphaned += response->call->request == NULL;
}

bool
oxc_trust_packets_lost(oxc_session_t *session)
{
    return lacks_packets(oxc_inference_habits(session));
}

void
oxc_trust_woken_twice(oxc_session_t *session, bool datagram_last)
{
    oxc_habits_t *habits = oxc_inference_habits(session);

    habits->woken_twice++;
    habits->push_last += datagram_last;
}

static void
forget(void)
{
    answered = orphaned = 0;
}

void
oxc_trust_register(void)
{
    register_init_routine(forget);
}
