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
#define TOLERANCE 0.1       /* share of the period */
#define INTERVALS 2         /* so many in a row are a rhythm */

typedef struct {
    double latest; /* call that asked for nothing but notifications, seconds */
    double period; /* of the latest two */
    unsigned intervals;
    const oxc_pdu_t *shown_by;
} polling_t;

static wmem_map_t *pollings; /* oxc_session_t -> polling_t */

static polling_t *
polling_of(const oxc_session_t *session)
{
    return (polling_t *)wmem_map_lookup(pollings, session);
}

void
oxc_polling_request(const oxc_pdu_t *request)
{
    oxc_session_t *session = request->call->session;
    double now = nstime_to_sec(&request->time), due;
    polling_t *polling;

    if (!oxc_inference_is_by_key(session, OXC_CHANNEL_PUSH) || !oxc_followup_is_bare(request))
        return;
    polling = polling_of(session);
    if (!polling) {
        polling = wmem_new0(wmem_file_scope(), polling_t);
        wmem_map_insert(pollings, session, polling);
    }
    due = session->polls_max ? session->polls_max / 1000.0 : DEFAULT_PERIOD;
    polling->period = now - polling->latest;
    polling->latest = now;
    if (polling->period >= due * (1 - TOLERANCE) && polling->period <= due * (1 + TOLERANCE))
        polling->intervals++;
    else
        polling->intervals = 0;
}

void
oxc_polling_response(const oxc_pdu_t *response, unsigned notifications)
{
    polling_t *polling = polling_of(response->call->session);

    if (polling && !polling->shown_by && notifications > 0 && polling->intervals >= INTERVALS &&
        response->call->request && oxc_followup_is_bare(response->call->request))
        polling->shown_by = response;
}

bool
oxc_polling_is_shown_by(const oxc_pdu_t *response, double *period)
{
    const polling_t *polling = response->call->session ? polling_of(response->call->session) : NULL;

    if (!polling || polling->shown_by != response)
        return false;
    *period = response->call->session->polls_max ? response->call->session->polls_max / 1000.0 : DEFAULT_PERIOD;
    return true;
}

void
oxc_polling_register(void)
{
    pollings = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
