/* emsmdb_call.c
 * What the calls of EMSMDB have in common (MS-OXCRPC 3.1.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/emsmdb_call.h"

#include <epan/expert.h>

#include "ropdefs.h"
#include "session/event.h"

static int hf_cxh = -1;
static int hf_return_value = -1;

static expert_field ei_session_lost = EI_INIT;

bool
oxc_emsmdb_read_cxh(oxc_rpc_t *rpc, oxc_ndr_handle_t *cxh)
{
    return oxc_ndr_handle(&rpc->ndr, hf_cxh, cxh);
}

void
oxc_emsmdb_request_cxh(oxc_rpc_t *rpc)
{
    oxc_ndr_handle_t cxh;

    if (oxc_emsmdb_read_cxh(rpc, &cxh))
        oxc_rpc_session(rpc, OXC_KEY_CXH, &cxh);
}

static void
end_session(oxc_rpc_t *rpc)
{
    oxc_call_t *call = rpc->pdu->call;

    if (call->session)
        oxc_session_end(rpc->pinfo, call->session,
                        call->kind == OXC_CALL_DISCONNECT ? OXC_END_DISCONNECTED : OXC_END_LOST);
}

bool
oxc_emsmdb_response_cxh(oxc_rpc_t *rpc)
{
    oxc_ndr_handle_t cxh;

    if (!oxc_emsmdb_read_cxh(rpc, &cxh))
        return false;
    oxc_rpc_session(rpc, OXC_KEY_CXH, &cxh);
    /* At once: whatever shows the session in this frame then says so. */
    if (cxh.is_null)
        end_session(rpc);
    return cxh.is_null;
}

uint32_t
oxc_emsmdb_return_value(oxc_rpc_t *rpc)
{
    uint32_t value = oxc_rpc_return_value(rpc, hf_return_value);

    if (value != 0 && !rpc->ndr.broken && rpc->pdu->call->kind == OXC_CALL_FETCH)
        oxc_listener->call_failed(rpc->pinfo, rpc->pdu->call, OXC_FAILURE_REFUSED);
    return value;
}

void
oxc_emsmdb_check_lost(oxc_rpc_t *rpc, bool lost)
{
    if (!lost)
        return;
    proto_tree_add_expert(rpc->tree, rpc->pinfo, &ei_session_lost, rpc->ndr.tvb, 0,
                          MIN(OXC_NDR_HANDLE_SIZE, (int)tvb_reported_length(rpc->ndr.tvb)));
}

void
oxc_emsmdb_length16(oxc_rpc_t *rpc, int hf, const tvbuff_t *array)
{
    proto_item *item;
    uint16_t length = oxc_ndr_u16(&rpc->ndr, hf, &item);

    oxc_ndr_check_length(&rpc->ndr, item, length, array);
}

void
oxc_emsmdb_call_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_cxh,
          { "CXH", "emsmdb.cxh", FT_BYTES, BASE_NONE, NULL, 0, "Session context handle, little-endian", HFILL } },
        { &hf_return_value,
          { "Return value", "emsmdb.return_value", FT_UINT32, BASE_HEX | BASE_EXT_STRING, &ropdef_error_vals_ext, 0,
            NULL, HFILL } },
    };
    static ei_register_info ei[] = {
        { &ei_session_lost,
          { "emsmdb.session_lost", PI_RESPONSE_CODE, PI_WARN,
            "The server took the session away: null context handle", EXPFILL } },
    };

    proto_register_field_array(proto, hf, array_length(hf));
    expert_register_field_array(expert_register_protocol(proto), ei, array_length(ei));
}
