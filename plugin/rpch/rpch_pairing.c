/* rpch_pairing.c
 * Channels that were opened before the capture: which belong to one virtual connection [MS-RPCH 3.2]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpch/rpch_pairing.h"

#include <string.h>

#include "rpc/rpc_pdu.h"
#include "session/hash.h"

/* A context handle as a client uses it. */
typedef struct {
    address client;
    uint8_t handle[OXC_NDR_HANDLE_SIZE];
} user_t;

/* A wait of a client at a server that is not answered. */
typedef struct {
    address client;
    address server;
    uint32_t call_id;
} wait_t;

/* The latest request with it. */
typedef struct {
    rpch_connection_t *connection;      /* NULL: of a wait, several have it */
    rpch_virtual_t *virtual_connection;
    uint32_t call_id;
} asked_t;

static wmem_map_t *users;       /* user_t -> asked_t */
static wmem_map_t *waits;       /* wait_t -> asked_t */

static unsigned
user_hash(const void *key)
{
    const user_t *user = (const user_t *)key;

    return oxc_address_hash(oxc_hash(user->handle, sizeof user->handle), &user->client, NULL);
}

static gboolean
user_equal(const void *a, const void *b)
{
    const user_t *x = (const user_t *)a, *y = (const user_t *)b;

    return memcmp(x->handle, y->handle, sizeof x->handle) == 0 && addresses_equal(&x->client, &y->client);
}

static unsigned
wait_hash(const void *key)
{
    const wait_t *wait = (const wait_t *)key;

    return oxc_address_hash(wait->call_id, &wait->client, &wait->server);
}

static gboolean
wait_equal(const void *a, const void *b)
{
    const wait_t *x = (const wait_t *)a, *y = (const wait_t *)b;

    return x->call_id == y->call_id && addresses_equal(&x->client, &y->client) && addresses_equal(&x->server, &y->server);
}

/* EcDoAsyncWaitEx: a handle and flags ask, flags and a result answer (MS-OXCRPC 3.3.4.1). */
#define WAIT_OPNUM 0
#define WAIT_REQUEST_SIZE (OXC_NDR_HANDLE_SIZE + 4)
#define WAIT_RESPONSE_SIZE 8

static bool
has_stub_of(const oxc_rpc_pdu_t *pdu, int size)
{
    return oxc_rpc_is_whole(pdu) && !oxc_rpc_is_sealed(pdu) && pdu->stub_end - pdu->stub == size;
}

static void
note_wait(rpch_connection_t *connection, const packet_info *pinfo, rpch_virtual_t *virtual_connection, uint32_t call_id)
{
    wait_t wait = { pinfo->src, pinfo->dst, call_id };
    asked_t *asked = (asked_t *)wmem_map_lookup(waits, &wait);

    if (asked) {
        asked->connection = asked->connection == connection ? connection : NULL;
        return;
    }
    copy_address_wmem(wmem_file_scope(), &wait.client, &pinfo->src);
    copy_address_wmem(wmem_file_scope(), &wait.server, &pinfo->dst);
    asked = wmem_new(wmem_file_scope(), asked_t);
    asked->connection = connection;
    asked->virtual_connection = virtual_connection;
    asked->call_id = call_id;
    wmem_map_insert(waits, wmem_memdup(wmem_file_scope(), &wait, sizeof wait), asked);
}

/* NULL if it is not known. */
static const asked_t *
answered_wait(const packet_info *pinfo, uint32_t call_id)
{
    const wait_t wait = { pinfo->dst, pinfo->src, call_id };
    const asked_t *asked = (const asked_t *)wmem_map_remove(waits, &wait);

    return asked && asked->connection ? asked : NULL;
}

/* The handle at the beginning of the first fragment's stub; false if there is none to be seen. */
static bool
read_user(const oxc_rpc_pdu_t *pdu, const address *client, user_t *user)
{
    oxc_ndr_handle_t handle;

    if ((pdu->flags & RPC_FLAG_FIRST) == 0 || oxc_rpc_is_sealed(pdu) || pdu->stub_end - pdu->stub < OXC_NDR_HANDLE_SIZE ||
        !oxc_ndr_read_handle(pdu->tvb, pdu->stub, pdu->encoding, &handle) || handle.is_null)
        return false;
    memcpy(user->handle, handle.bytes, sizeof user->handle);
    copy_address_shallow(&user->client, client);
    return true;
}

/* Only those that lack a channel are looked for. */
static void
note_request(rpch_connection_t *connection, const packet_info *pinfo, const oxc_rpc_pdu_t *pdu, const rpch_use_t *use)
{
    rpch_virtual_t *virtual_connection = use->virtual_connection;
    asked_t *asked;
    user_t user;

    if (!virtual_connection) {
        virtual_connection = rpch_new_virtual(pinfo, NULL);
        rpch_set_use(connection, pinfo->num, use->channel, virtual_connection);
    }
    if (virtual_connection->has[RPCH_CHANNEL_OUT] && virtual_connection->has_cookie)
        return;
    if (pdu->opnum == WAIT_OPNUM && has_stub_of(pdu, WAIT_REQUEST_SIZE)) {
        note_wait(connection, pinfo, virtual_connection, pdu->call_id);
        return;
    }
    if (!read_user(pdu, &pinfo->src, &user))
        return;
    asked = (asked_t *)wmem_map_lookup(users, &user);
    if (!asked) {
        copy_address_wmem(wmem_file_scope(), &user.client, &pinfo->src);
        asked = wmem_new(wmem_file_scope(), asked_t);
        wmem_map_insert(users, wmem_memdup(wmem_file_scope(), &user, sizeof user), asked);
    }
    asked->connection = connection;
    asked->virtual_connection = virtual_connection;
    asked->call_id = pdu->call_id;
}

static void
note_response(rpch_connection_t *connection, const packet_info *pinfo, const oxc_rpc_pdu_t *pdu, const rpch_use_t *use)
{
    const rpch_virtual_t *known = use->virtual_connection;
    const asked_t *asked;
    user_t user;

    /* A cookie that named a channel which replaces one of before the capture names the virtual connection of that. */
    if (known && known->has[RPCH_CHANNEL_IN])
        return;
    if (has_stub_of(pdu, WAIT_RESPONSE_SIZE))
        asked = answered_wait(pinfo, pdu->call_id);
    else
        asked = read_user(pdu, &pinfo->dst, &user) ? (const asked_t *)wmem_map_lookup(users, &user) : NULL;
    if (!asked || asked->call_id != pdu->call_id || asked->connection == connection || asked->virtual_connection == known ||
        (asked->virtual_connection->has[RPCH_CHANNEL_OUT] && !known))
        return;
    rpch_join(asked->virtual_connection, known);
    rpch_take_channel(asked->connection, pinfo, RPCH_CHANNEL_IN, asked->virtual_connection);
    rpch_take_channel(connection, pinfo, RPCH_CHANNEL_OUT, asked->virtual_connection);
}

void
rpch_pair(rpch_connection_t *connection, const packet_info *pinfo, tvbuff_t *pdu)
{
    const rpch_use_t use = rpch_current_use(connection, pinfo->num);
    oxc_rpc_pdu_t read;

    if (use.virtual_connection && use.virtual_connection->has_cookie && use.virtual_connection->has[RPCH_CHANNEL_IN] &&
        use.virtual_connection->has[RPCH_CHANNEL_OUT])
        return;
    if (!oxc_rpc_read_pdu(pdu, 0, &read))
        return;
    if (read.ptype == PDU_REQ && use.channel != RPCH_CHANNEL_OUT)
        note_request(connection, pinfo, &read, &use);
    else if (read.ptype == PDU_RESP && use.channel != RPCH_CHANNEL_IN)
        note_response(connection, pinfo, &read, &use);
}

void
rpch_register_pairing(void)
{
    users = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), user_hash, user_equal);
    waits = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), wait_hash, wait_equal);
}
