/* call.c
 * Calls of a session: requests, responses, what became of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "session/call.h"

#include "registration.h"

#include <epan/epan.h>

static wmem_map_t *requests;            /* frame and discriminator -> oxc_pdu_t */
static wmem_map_t *responses;

static oxc_call_t *
call_new(oxc_call_kind_t kind)
{
    oxc_call_t *call = wmem_new0(wmem_file_scope(), oxc_call_t);

    call->kind = kind;
    return call;
}

static oxc_pdu_t *
pdu_new(const packet_info *pinfo, uint32_t discriminator)
{
    oxc_pdu_t *pdu = wmem_new0(wmem_file_scope(), oxc_pdu_t);

    pdu->key = (uint64_t)pinfo->num << 32 | discriminator;
    pdu->frame = pinfo->num;
    pdu->time = pinfo->abs_ts;
    return pdu;
}

oxc_pdu_t *
oxc_pdu_new_request(const packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind)
{
    oxc_pdu_t *pdu = pdu_new(pinfo, discriminator);

    pdu->call = call_new(kind);
    pdu->call->request = pdu;
    return pdu;
}

oxc_pdu_t *
oxc_pdu_new_response(const packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind, oxc_call_t *call)
{
    oxc_pdu_t *pdu = pdu_new(pinfo, discriminator);

    /* A second answer to one request (a retransmission that TCP analysis let through) stands alone. */
    pdu->call = call && !call->response ? call : call_new(kind);
    pdu->is_response = true;
    pdu->call->response = pdu;
    return pdu;
}

void
oxc_pdu_visit(oxc_pdu_t *pdu)
{
    pdu->next_rop = 0;
    pdu->budget = NULL;
}

static oxc_pdu_t *
pdu_visited(const packet_info *pinfo, wmem_map_t *pdus, uint32_t discriminator)
{
    uint64_t key = (uint64_t)pinfo->num << 32 | discriminator;
    oxc_pdu_t *pdu = (oxc_pdu_t *)wmem_map_lookup(pdus, &key);

    if (pdu)
        oxc_pdu_visit(pdu);
    return pdu;
}

oxc_pdu_t *
oxc_pdu_request(packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind)
{
    oxc_pdu_t *pdu = pdu_visited(pinfo, requests, discriminator);

    if (!pdu) {
        pdu = oxc_pdu_new_request(pinfo, discriminator, kind);
        wmem_map_insert(requests, &pdu->key, pdu);
    }
    return pdu;
}

oxc_pdu_t *
oxc_pdu_response(packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind, oxc_call_t *call)
{
    oxc_pdu_t *pdu = pdu_visited(pinfo, responses, discriminator);

    if (!pdu) {
        pdu = oxc_pdu_new_response(pinfo, discriminator, kind, call);
        wmem_map_insert(responses, &pdu->key, pdu);
    }
    return pdu;
}

void
oxc_call_bind(packet_info *pinfo, oxc_call_t *call, oxc_session_t *session, oxc_bound_t how)
{
    if (PINFO_FD_VISITED(pinfo) || call->session || !session)
        return;
    call->session = session;
    call->bound = how;
}

void
proto_register_oxc_call(void)
{
    requests = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), oxc_uint64_hash, g_int64_equal);
    responses = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), oxc_uint64_hash, g_int64_equal);
}
