/* call.c
 * Calls of a session: requests, responses, what became of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "session/call.h"

#include "registration.h"

#include <epan/epan.h>

/* Requests and responses that repeat one of their call, which another PDU is: key -> oxc_pdu_t. */
static wmem_map_t *repeated[2];

/* A call begins with its request. */
typedef struct {
    oxc_pdu_t pdu;
    oxc_call_t call;
} beginning_t;

static void
begin(oxc_pdu_t *pdu, const packet_info *pinfo, uint32_t discriminator, oxc_call_t *call)
{
    pdu->frame = pinfo->num;
    pdu->which = discriminator;
    pdu->time = pinfo->abs_ts;
    pdu->call = call;
}

void
oxc_pdu_begin_request(oxc_pdu_t *pdu, oxc_call_t *call, const packet_info *pinfo, uint32_t discriminator,
                      oxc_call_kind_t kind)
{
    call->kind = (uint8_t)kind;
    call->request = pdu;
    begin(pdu, pinfo, discriminator, call);
}

void
oxc_pdu_begin_response(oxc_pdu_t *pdu, const packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind,
                       oxc_call_t *call)
{
    /* A second answer to one request (a retransmission that TCP analysis let through) stands alone. */
    if (!call || call->response) {
        call = wmem_new0(wmem_file_scope(), oxc_call_t);
        call->kind = (uint8_t)kind;
    }
    begin(pdu, pinfo, discriminator, call);
    pdu->is_response = true;
    call->response = pdu;
}

oxc_pdu_t *
oxc_pdu_new_request(const packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind)
{
    beginning_t *beginning = wmem_new0(wmem_file_scope(), beginning_t);

    oxc_pdu_begin_request(&beginning->pdu, &beginning->call, pinfo, discriminator, kind);
    return &beginning->pdu;
}

oxc_pdu_t *
oxc_pdu_new_response(const packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind, oxc_call_t *call)
{
    oxc_pdu_t *pdu = wmem_new0(wmem_file_scope(), oxc_pdu_t);

    oxc_pdu_begin_response(pdu, pinfo, discriminator, kind, call);
    return pdu;
}

const oxc_wait_t oxc_no_wait = { NULL, NULL, NSTIME_INIT_ZERO };

oxc_wait_t *
oxc_call_change_wait(oxc_call_t *call)
{
    if (!call->wait)
        call->wait = wmem_new0(wmem_file_scope(), oxc_wait_t);
    return call->wait;
}

void
oxc_pdu_visit(oxc_pdu_t *pdu)
{
    pdu->next_rop = 0;
    pdu->budget = NULL;
}

static void
keep_repeated(oxc_pdu_t *pdu)
{
    const uint64_t key = oxc_pdu_key(pdu);

    wmem_map_insert(repeated[pdu->is_response], wmem_memdup(wmem_file_scope(), &key, sizeof key), pdu);
}

static oxc_pdu_t *
find_repeated(const packet_info *pinfo, uint32_t discriminator, bool is_response)
{
    const uint64_t key = oxc_frame_key(pinfo->num, discriminator);

    return (oxc_pdu_t *)wmem_map_lookup(repeated[is_response], &key);
}

static bool
is_key_of(const oxc_pdu_t *pdu, const packet_info *pinfo, uint32_t discriminator)
{
    return pdu && pdu->frame == pinfo->num && pdu->which == discriminator;
}

oxc_pdu_t *
oxc_pdu_request(packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind, const oxc_call_t *call)
{
    oxc_pdu_t *pdu = NULL;

    if (call)
        pdu = is_key_of(call->request, pinfo, discriminator) ? call->request : find_repeated(pinfo, discriminator, false);
    if (pdu) {
        oxc_pdu_visit(pdu);
        return pdu;
    }
    pdu = oxc_pdu_new_request(pinfo, discriminator, kind);
    if (call)
        keep_repeated(pdu);
    return pdu;
}

oxc_pdu_t *
oxc_pdu_response(packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind, oxc_call_t *call)
{
    oxc_pdu_t *pdu = NULL;

    if (call && call->response)
        pdu = is_key_of(call->response, pinfo, discriminator) ? call->response : find_repeated(pinfo, discriminator, true);
    if (pdu) {
        oxc_pdu_visit(pdu);
        return pdu;
    }
    pdu = oxc_pdu_new_response(pinfo, discriminator, kind, call);
    if (call && pdu->call != call)
        keep_repeated(pdu);
    return pdu;
}

void
oxc_call_bind(packet_info *pinfo, oxc_call_t *call, oxc_session_t *session, oxc_bound_t how)
{
    if (PINFO_FD_VISITED(pinfo) || call->session || !session)
        return;
    call->session = session;
    call->bound = (uint8_t)how;
}

void
proto_register_oxc_call(void)
{
    for (int i = 0; i < 2; i++)
        repeated[i] = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), oxc_uint64_hash, g_int64_equal);
}
