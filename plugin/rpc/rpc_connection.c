/* rpc_connection.c
 * What is remembered of a connection with DCE/RPC: what it was bound to, which requests are open
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/rpc_connection.h"

#include <string.h>

/* ---- presentation contexts ---- */

static oxc_rpc_context_t *
find_context(oxc_rpc_connection_t *connection, uint16_t id)
{
    for (unsigned i = 0; i < OXC_RPC_FEW_CONTEXTS; i++)
        if (connection->contexts[i].interface != OXC_RPC_NEITHER && connection->contexts[i].id == id)
            return &connection->contexts[i];
    return connection->more_contexts ? (oxc_rpc_context_t *)wmem_map_lookup(connection->more_contexts, GUINT_TO_POINTER(id))
                                     : NULL;
}

static oxc_rpc_context_t *
new_context(oxc_rpc_connection_t *connection, uint16_t id)
{
    oxc_rpc_context_t *context;

    for (unsigned i = 0; i < OXC_RPC_FEW_CONTEXTS; i++)
        if (connection->contexts[i].interface == OXC_RPC_NEITHER)
            return &connection->contexts[i];
    context = wmem_new(wmem_file_scope(), oxc_rpc_context_t);
    if (!connection->more_contexts)
        connection->more_contexts = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
    wmem_map_insert(connection->more_contexts, GUINT_TO_POINTER(id), context);
    return context;
}

void
oxc_rpc_set_context(void *data, uint16_t id, oxc_rpc_interface_t interface, bool ndr64)
{
    oxc_rpc_connection_t *connection = (oxc_rpc_connection_t *)data;
    oxc_rpc_context_t *context = find_context(connection, id);

    if (!context)
        context = new_context(connection, id);
    context->id = id;
    context->interface = (uint8_t)interface;
    context->ndr64 = ndr64;
    connection->ours = true;
}

oxc_rpc_interface_t
oxc_rpc_interface_of(oxc_rpc_connection_t *connection, uint16_t context_id, bool *ndr64)
{
    const oxc_rpc_context_t *context = find_context(connection, context_id);

    if (!context)
        return OXC_RPC_NEITHER;
    *ndr64 = context->ndr64;
    return (oxc_rpc_interface_t)context->interface;
}

/* ---- open requests ---- */

static oxc_rpc_asked_t *
find_asked(oxc_rpc_connection_t *connection, uint32_t call_id)
{
    if (connection->asked.is_open && connection->asked.call_id == call_id)
        return &connection->asked;
    return connection->more_asked ? (oxc_rpc_asked_t *)wmem_map_lookup(connection->more_asked, GUINT_TO_POINTER(call_id))
                                  : NULL;
}

static oxc_rpc_asked_t *
new_asked(oxc_rpc_connection_t *connection, uint32_t call_id)
{
    oxc_rpc_asked_t *asked;

    if (!connection->asked.is_open)
        return &connection->asked;
    asked = wmem_new(wmem_file_scope(), oxc_rpc_asked_t);
    if (!connection->more_asked)
        connection->more_asked = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
    wmem_map_insert(connection->more_asked, GUINT_TO_POINTER(call_id), asked);
    return asked;
}

oxc_rpc_asked_t *
oxc_rpc_asks(oxc_rpc_connection_t *connection, const oxc_rpc_pdu_t *request)
{
    oxc_rpc_asked_t *asked = find_asked(connection, request->call_id);

    if (asked && !(request->flags & RPC_FLAG_FIRST))
        return asked;
    if (!asked)
        asked = new_asked(connection, request->call_id);
    memset(asked, 0, sizeof *asked);
    asked->call_id = request->call_id;
    asked->is_open = true;
    return asked;
}

bool
oxc_rpc_answers(oxc_rpc_connection_t *connection, const oxc_rpc_pdu_t *response, oxc_rpc_asked_t *asked)
{
    oxc_rpc_asked_t *found = find_asked(connection, response->call_id);

    memset(asked, 0, sizeof *asked);
    if (!found)
        return false;
    *asked = *found;
    if (response->ptype != PDU_FAULT && !(response->flags & RPC_FLAG_LAST))
        return true;
    found->is_open = false;
    if (found != &connection->asked) {
        wmem_map_remove(connection->more_asked, GUINT_TO_POINTER(response->call_id));
        wmem_free(wmem_file_scope(), found);
    }
    return true;
}
