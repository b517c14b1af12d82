/* pairing.c
 * Which request a response ROP answers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/pairing.h"

#include "ropdefs.h"

/* Requests that get no answer are passed over; those that release what this very buffer opened are done now. */
static bool
pass_over_release(oxc_rop_list_t *l, const oxc_rop_t *request)
{
    const ropdef_rop_t *def = ropdef_rops[request->id];

    if (!def || def->response >= 0)
        return false;
    if (def->does & ROPDEF_DOES_RELEASE && request->handle == OXC_NO_HANDLE &&
        oxc_handle_opened_at(&l->handles, request->in_index) && l->pdu->call->session) {
        oxc_object_release(l->pinfo, l->pdu->call->session, l->handles.opened[request->in_index]);
        l->handles.opened[request->in_index] = NULL;
    }
    return true;
}

static bool
answers(uint8_t response_id, const oxc_rop_t *request)
{
    const ropdef_rop_t *request_def = ropdef_rops[request->id];
    const ropdef_rop_t *response_def = ropdef_rops[response_id];

    if (request->id == response_id)
        return true;
    if (request_def && request_def->answered_as == response_id)
        return true;
    /* RopProgress may answer, or be answered by, another ROP (MS-OXCPRPT 3.1.5). */
    return (request_def && request_def->does & ROPDEF_DOES_PROGRESS) ||
           (response_def && response_def->does & ROPDEF_DOES_PROGRESS);
}

/* Requests that are looked at for one answer: a server that leaves answers out stops, it does not skip. */
#define REQUESTS_SKIPPED 256

/* Which request does the next answer belong to? Answers come in the order of requests (MS-OXCROPS 3.2.5.1). */
void
oxc_pairing_find_request(oxc_rop_list_t *l, oxc_rop_t *rop)
{
    oxc_call_t *call = l->pdu->call;
    oxc_rop_t *request;
    unsigned n = call->next_answer;

    while ((request = oxc_pdu_rop(call->request, n)) != NULL && pass_over_release(l, request))
        n++;
    call->next_answer = n;
    for (; request && n < call->next_answer + REQUESTS_SKIPPED; request = oxc_pdu_rop(call->request, ++n)) {
        if (!answers(rop->id, request))
            continue;
        rop->peer = request;
        request->answered = true;
        rop->logon_id = request->logon_id;
        call->next_answer = call->last_answered = n + 1;
        break;
    }
    if (!rop->peer && l->payload > 0 && call->last_answered > 0) {
        /* A further payload holds one more answer of the last ROP (MS-OXCRPC 3.1.4.2.1.2). */
        request = oxc_pdu_rop(call->request, call->last_answered - 1);
        if (request && answers(rop->id, request)) {
            rop->peer = request;
            rop->logon_id = request->logon_id;
        }
    }
    for (n = call->next_answer;
         n < call->next_answer + REQUESTS_SKIPPED && (request = oxc_pdu_rop(call->request, n)) != NULL; n++) {
        if (ropdef_rops[request->id] && ropdef_rops[request->id]->response < 0)
            continue;
        rop->next_expected = ropdef_rops[request->id] && ropdef_rops[request->id]->answered_as >= 0
                                 ? (int16_t)ropdef_rops[request->id]->answered_as
                                 : request->id;
        break;
    }
    if (call->session)
        rop->logon = oxc_session_logon(call->session, rop->logon_id);
}

void
oxc_pairing_release_rest(oxc_rop_list_t *l)
{
    const oxc_rop_t *request;

    for (unsigned n = l->pdu->call->next_answer; (request = oxc_pdu_rop(l->pdu->call->request, n)) != NULL; n++)
        pass_over_release(l, request);
}
