/* polling.c
 * Clients that poll although they registered for push datagrams (MS-OXCNOTIF 3.2.5.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/polling.h"

#include <epan/epan.h>

#include "notify/followup.h"
#include "notify/session_inference.h"

#define DEFAULT_PERIOD 60.0 /* seconds: PollsMax of most servers, where it was not captured */
#define TOLERANCE 0.1       /* share of the period: so soon after a wake-up a call fetches what that announced */
#define INTERVALS 2         /* so many in a row are a rhythm */

typedef struct {
    double bare;      /* the latest call that asked for nothing but notifications, seconds; 0 for none */
    double poll;      /* the latest of those that no wake-up calls for */
    unsigned intervals; /* of the period, between the latest ones */
    double woken;     /* the first wake-up after the latest call; 0 for none */
    double datagram;  /* the first one after the latest call; 0 for none */
    const oxc_pdu_t *request; /* the latest call if it is a poll, else NULL */
    bool unheard;     /* a datagram came long before it */
    unsigned alone;   /* polls that brought notifications for which no datagram had come */
    double alone_at;  /* the latest of these */
    bool deaf;        /* a poll brought those of a datagram that had come long before */
    const oxc_pdu_t *shown_by;
} polling_t;

static wmem_map_t *pollings; /* oxc_session_t -> polling_t */

static polling_t *
polling_of(const oxc_session_t *session)
{
    return (polling_t *)wmem_map_lookup(pollings, session);
}

/* Seconds between two polls. */
static double
period_of(const oxc_session_t *session)
{
    return session->polls_max ? session->polls_max / 1000.0 : DEFAULT_PERIOD;
}

/* The datagram reached the client, which need not poll any more. */
static void
forget_polls(polling_t *polling)
{
    polling->poll = 0;
    polling->intervals = polling->alone = 0;
    polling->deaf = false;
}

/* A call asked for nothing but notifications, and none had done so shortly before. */
static void
note_poll(polling_t *polling, const oxc_pdu_t *request, double now, double due)
{
    double period = now - polling->poll;

    if (period >= due * (1 - TOLERANCE) && period <= due * (1 + TOLERANCE))
        polling->intervals++;
    else
        polling->intervals = 0;
    polling->poll = now;
    polling->request = request;
    polling->unheard = polling->datagram > 0;
}

void
oxc_polling_request(const oxc_pdu_t *request)
{
    const oxc_session_t *session = request->call->session;
    double now = nstime_to_sec(&request->time), soon = period_of(session) * TOLERANCE;
    polling_t *polling;

    if (!oxc_inference_is_by_key(session, OXC_CHANNEL_PUSH))
        return;
    polling = polling_of(session);
    if (!polling) {
        polling = wmem_new0(wmem_file_scope(), polling_t);
        wmem_map_insert(pollings, session, polling);
    }
    polling->request = NULL;
    if (polling->datagram > 0 && now - polling->datagram <= soon)
        forget_polls(polling);
    if (oxc_followup_is_bare(request)) {
        if (now - polling->bare > soon && (polling->woken <= 0 || now - polling->woken > soon))
            note_poll(polling, request, now, period_of(session));
        polling->bare = now;
    }
    polling->woken = polling->datagram = 0;
}

void
oxc_polling_response(const oxc_pdu_t *response, unsigned notifications)
{
    polling_t *polling = polling_of(response->call->session);

    if (!polling || polling->shown_by || !polling->request || response->call->request != polling->request)
        return;
    if (notifications > 0 && polling->unheard) {
        polling->deaf = true;
    } else if (notifications > 0 && polling->datagram <= 0) {
        polling->alone++;
        polling->alone_at = nstime_to_sec(&polling->request->time);
    }
    if (polling->intervals >= INTERVALS && (polling->deaf || polling->alone > 0))
        polling->shown_by = response;
    polling->request = NULL;
}

void
oxc_polling_wakeup(const oxc_wakeup_t *wakeup)
{
    polling_t *polling = polling_of(wakeup->session);
    double now = nstime_to_sec(&wakeup->time);

    if (!polling)
        return;
    if (polling->woken <= 0)
        polling->woken = now;
    if (wakeup->method != OXC_WAKEUP_PUSH)
        return;
    if (polling->datagram <= 0)
        polling->datagram = now;
    if (polling->alone > 0 && now - polling->alone_at <= period_of(wakeup->session) * TOLERANCE) {
        polling->alone--;
        polling->alone_at = 0;
    }
}

bool
oxc_polling_is_shown_by(const oxc_pdu_t *response, double *period)
{
    const polling_t *polling = response->call->session ? polling_of(response->call->session) : NULL;

    if (!polling || polling->shown_by != response)
        return false;
    *period = period_of(response->call->session);
    return true;
}

void
oxc_polling_register(void)
{
    pollings = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
