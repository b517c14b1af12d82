/* push_port.c
 * Ports of clients that receive small datagrams, and these
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/push_port.h"

#include <string.h>

#include <epan/epan.h>

#include "session/hash.h"

static wmem_map_t *clients; /* address -> oxc_push_client_t */
static wmem_map_t *ports;   /* address and port -> oxc_push_port_t */

static unsigned
address_hash(const void *key)
{
    return oxc_address_hash(0, (const address *)key, NULL);
}

static gboolean
address_same(const void *a, const void *b)
{
    return addresses_equal((const address *)a, (const address *)b);
}

/*
 * Ports that sent, the latest at each place: nearly all datagrams are between ports that sent before, and those have nothing
 * to be settled. 16 bytes are an IPv6 address.
 */
#define SENDERS 256             /* a power of two */

typedef struct {
    uint32_t port;
    int type;                   /* of the address, and how many bytes it has; 0: nothing is here */
    int size;
    uint8_t addr[16];
} sender_t;

static sender_t senders[SENDERS];

void
oxc_push_port_sent(const address *addr, uint16_t number)
{
    size_t size = addr->len > 0 ? (size_t)addr->len : 0;
    const uint8_t *bytes = (const uint8_t *)addr->data;
    bool fits = size > 0 && size <= sizeof senders[0].addr;
    sender_t *sender = &senders[fits ? (number ^ bytes[size - 1] * 7U) % SENDERS : 0];

    if (fits && sender->port == number && sender->type == addr->type && sender->size == addr->len &&
        memcmp(sender->addr, bytes, size) == 0)
        return;
    oxc_push_settle(oxc_push_port(addr, number, OXC_PUSH_PORT_OTHER), OXC_PUSH_PORT_OTHER);
    if (!fits)
        return;
    sender->port = number;
    sender->type = addr->type;
    sender->size = addr->len;
    memcpy(sender->addr, bytes, size);
}

oxc_push_client_t *
oxc_push_client(const address *addr)
{
    oxc_push_client_t *client = (oxc_push_client_t *)wmem_map_lookup(clients, addr);

    if (!client) {
        address *key = wmem_new(wmem_file_scope(), address);

        copy_address_wmem(wmem_file_scope(), key, addr);
        client = wmem_new0(wmem_file_scope(), oxc_push_client_t);
        wmem_map_insert(clients, key, client);
    }
    return client;
}

oxc_push_port_t *
oxc_push_port(const address *addr, uint16_t number, oxc_push_port_kind_t kind)
{
    oxc_address_key_t key = {ADDRESS_INIT_NONE, number};
    oxc_push_port_t *port;

    copy_address_shallow(&key.addr, addr);
    port = (oxc_push_port_t *)wmem_map_lookup(ports, &key);
    if (!port) {
        oxc_address_key_t *kept = wmem_new(wmem_file_scope(), oxc_address_key_t);

        kept->number = number;
        copy_address_wmem(wmem_file_scope(), &kept->addr, addr);
        port = wmem_new0(wmem_file_scope(), oxc_push_port_t);
        port->number = number;
        port->kind = (uint8_t)kind;
        wmem_map_insert(ports, kept, port);
    }
    if (kind == OXC_PUSH_PORT_OPEN && !port->client)
        port->client = oxc_push_client(addr);
    return port;
}

void
oxc_push_forget_oldest(oxc_push_port_t *port)
{
    oxc_push_datagram_t *oldest = port->first;
    oxc_push_client_t *client = port->client;
    unsigned kept = 0;

    for (unsigned i = 0; i < client->recent_count; i++)
        if (client->recent[i] != oldest)
            client->recent[kept++] = client->recent[i];
    client->recent_count = kept;
    port->first = oldest->next;
    if (!port->first)
        port->last = NULL;
    port->kept--;
    free_address_wmem(wmem_file_scope(), &oldest->source);
    wmem_free(wmem_file_scope(), oldest->calls);
    wmem_free(wmem_file_scope(), oldest);
}

void
oxc_push_settle(oxc_push_port_t *port, oxc_push_port_kind_t kind)
{
    if (port->kind != OXC_PUSH_PORT_OPEN)
        return;
    port->kind = (uint8_t)kind;
    while (port->first)
        oxc_push_forget_oldest(port);
}

void
oxc_push_append(oxc_push_port_t *port, oxc_push_datagram_t *datagram)
{
    oxc_push_client_t *client = port->client;

    if (port->last)
        port->last->next = datagram;
    else
        port->first = datagram;
    port->last = datagram;
    port->kept++;
    if (client->recent_count == OXC_PUSH_RECENT) {
        client->recent_count--;
        memmove(&client->recent[0], &client->recent[1], client->recent_count * sizeof client->recent[0]);
    }
    client->recent[client->recent_count++] = datagram;
}

const oxc_push_client_t *
oxc_push_known_client(const address *addr)
{
    return (const oxc_push_client_t *)wmem_map_lookup(clients, addr);
}

static void
forget_senders(void)
{
    memset(senders, 0, sizeof senders);
}

void
oxc_push_ports_register(void)
{
    register_init_routine(forget_senders);
    clients = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), address_hash, address_same);
    ports = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), oxc_address_key_hash, oxc_address_key_equal);
}
