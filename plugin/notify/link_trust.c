/* link_trust.c
 * How sure the link of a wake-up with a call of its session is
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/link_trust.h"

#include <epan/epan.h>

#define SHARER_DOUBT 0.05 /* for each other session of a sealed association */

static unsigned fetches_answered; /* responses of fetches, and those of them whose request was not captured */
static unsigned fetches_orphaned;
static unsigned woken_twice; /* fetches after the end of a wait and a datagram, and those of them before which the */
static unsigned push_last;   /* datagram came last */

/*
 * While events are queued a server ends a wait at once (MS-OXCRPC 3.3.4.1). So if a wait of the session is still open
 * after the wake-up, the events are gone: either the server took them back, or the capture lacks the end of that wait,
 * which superseded this wake-up, or the call that fetched them. How much it lacks is known from answers without their
 * questions.
 */
#define AT_ONCE 0.02    /* seconds */
#define TAKEN_BACK 0.03 /* share of wake-ups whose events are gone before anybody fetches them */

static uint8_t
trust_with_open_wait(const oxc_wakeup_t *wakeup, const oxc_call_t *wait, const oxc_pdu_t *fetch)
{
    nstime_t open_for;
    double lost;

    if (!wait || wait->response || !wait->request || fetches_orphaned == 0)
        return wakeup->confidence;
    nstime_delta(&open_for, &fetch->time,
                 nstime_cmp(&wait->request->time, &wakeup->time) < 0 ? &wakeup->time : &wait->request->time);
    if (nstime_to_sec(&open_for) < AT_ONCE)
        return wakeup->confidence;
    lost = (double)fetches_orphaned / fetches_answered;
    return (uint8_t)(wakeup->confidence * TAKEN_BACK / (TAKEN_BACK + lost));
}

/*
 * A session with both a wait and a registration is woken in both ways at once. If the datagram is missing in a capture
 * that lacks packets, it may have superseded the end of the wait: as often as it comes last elsewhere.
 */
static double
share_without_datagram(const oxc_wakeup_t *wakeup, bool no_datagram)
{
    if (wakeup->method != OXC_WAKEUP_ASYNC_WAIT || !no_datagram || fetches_orphaned == 0 || woken_twice == 0)
        return 1.0;
    return 1.0 - (double)push_last / woken_twice;
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
    uint8_t trust = trust_among_sharers(trust_with_open_wait(wakeup, wait, fetch), wakeup->session);

    return (uint8_t)(share_without_datagram(wakeup, no_datagram) * trust);
}

void
oxc_trust_answer(const oxc_pdu_t *response)
{
    fetches_answered++;
    fetches_orphaned += response->call->request == NULL;
}

bool
oxc_trust_packets_lost(void)
{
    return fetches_orphaned > 0;
}

void
oxc_trust_woken_twice(bool datagram_last)
{
    woken_twice++;
    push_last += datagram_last;
}

static void
forget(void)
{
    fetches_answered = fetches_orphaned = woken_twice = push_last = 0;
}

void
oxc_trust_register(void)
{
    register_init_routine(forget);
}
