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

/* A call begins with one of its PDUs. */
typedef struct {
    oxc_pdu_t pdu;
    oxc_call_t call;
} beginning_t;

static uint64_t
key_of(const packet_info *pinfo, uint32_t discriminator)
{
    return (uint64_t)pinfo->num << 32 | discriminator;
}

static void
begin(oxc_pdu_t *pdu, const packet_info *pinfo, uint32_t discriminator, oxc_call_t *call)
{
    pdu->key = key_of(pinfo, discriminator);
    pdu->frame = pinfo->num;
    pdu->time = pinfo->abs_ts;
    pdu->call = call;
}

static oxc_pdu_t *
begin_call(const packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind)
{
    beginning_t *beginning = wmem_new0(wmem_file_scope(), beginning_t);

    beginning->call.kind = kind;
    begin(&beginning->pdu, pinfo, discriminator, &beginning->call);
    return &beginning->pdu;
}

oxc_pdu_t *
oxc_pdu_new_request(const packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind)
{
    oxc_pdu_t *pdu = begin_call(pinfo, discriminator, kind);

    pdu->call->request = pdu;
    return pdu;
}

oxc_pdu_t *
oxc_pdu_new_response(const packet_info *pinfo, uint32_t discriminator, oxc_call_kind_t kind, oxc_call_t *call)
{
    oxc_pdu_t *pdu;

    /* A second answer to one request (a retransmission that TCP analysis let through) stands alone. */
    if (call && !call->response) {
        pdu = wmem_new0(wmem_file_scope(), oxc_pdu_t);
        begin(pdu, pinfo, discriminator, call);
    } else {
        pdu = begin_call(pinfo, discriminator, kind);
    }
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
find_repeated(const packet_info *pinfo, uint32_t discriminator, bool is_response)
{
    uint64_t key = key_of(pinfo, discriminator);

    return (oxc_pdu_t *)wmem_map_lookup(repeated[is_response], &key);
}

static bool
is_key_of(const oxc_pdu_t *pdu, const packet_info *pinfo, uint32_t discriminator)
{
    return pdu && pdu->key == key_of(pinfo, discriminator);
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
        wmem_map_insert(repeated[false], &pdu->key, pdu);
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
        wmem_map_insert(repeated[true], &pdu->key, pdu);
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
    for (int i = 0; i < 2; i++)
        repeated[i] = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), oxc_uint64_hash, g_int64_equal);
}
