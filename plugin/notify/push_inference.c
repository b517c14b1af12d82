/* push_inference.c
 * Which datagrams wake a client whose registration was not captured
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/push_inference.h"

#include <string.h>

#include <epan/epan.h>

#include "notify/followup.h"
#include "notify/session_inference.h"
#include "session/rop_state.h"

/* So many chance ports a client may have that look like one for push datagrams. */
#define EXPECTED_BY_CHANCE 0.002
#define RATE_PRIOR 10.0 /* seconds with one such call, before anything is known of the client; less with each call */

#define NO_HIT 0.1      /* doubt about a call that asks for something else, too */

#define CONTEXT_MAX 16 /* bytes (MS-OXCRPC 3.1.4.5) */
#define KEPT 16        /* datagrams to a port that may become wake-ups */
#define WAITING 16     /* datagrams to a client since its last call */
#define UNPROVEN 8     /* ports of a client with evidence that is not enough yet */

typedef struct port port_t;

/* A datagram that may be one. */
typedef struct datagram {
    struct datagram *next; /* to the same port, later */
    port_t *port;
    uint32_t frame;
    nstime_t time;
    address source;
    const oxc_pdu_t *call; /* the next call of the client; NULL before it */
    double elapsed;        /* until that, seconds */
    bool hit;              /* it asks for nothing but notifications */
    uint8_t len;
    uint8_t bytes[CONTEXT_MAX];
} datagram_t;

/* A client, by its address. */
typedef struct {
    double began;
    unsigned calls;
    unsigned bare_calls; /* that ask for nothing but notifications */
    unsigned ports; /* that received such datagrams, and are not known to be something else */
    datagram_t *waiting[WAITING];
    unsigned waiting_count;
    port_t *unproven[UNPROVEN];
} client_t;

typedef enum { PORT_OPEN, PORT_PUSH, PORT_OTHER } port_kind_t;

struct port {
    client_t *client;
    uint16_t number;
    uint8_t kind;  /* port_kind_t */
    unsigned seen; /* datagrams that a call came after */
    unsigned hits;
    datagram_t *first, *last;
    unsigned kept;
};

static wmem_map_t *clients; /* address -> client_t */
static wmem_map_t *ports;   /* address and port -> port_t */

static unsigned
address_hash(const void *key)
{
    return add_address_to_hash(0, (const address *)key);
}

static gboolean
address_same(const void *a, const void *b)
{
    return addresses_equal((const address *)a, (const address *)b);
}

typedef struct {
    address addr;
    uint16_t port;
} port_key_t;

static unsigned
port_hash(const void *key)
{
    const port_key_t *k = (const port_key_t *)key;

    return add_address_to_hash(k->port, &k->addr);
}

static gboolean
port_same(const void *a, const void *b)
{
    const port_key_t *x = (const port_key_t *)a;
    const port_key_t *y = (const port_key_t *)b;

    return x->port == y->port && addresses_equal(&x->addr, &y->addr);
}

static client_t *
get_client(packet_info *pinfo, const address *addr)
{
    client_t *client = (client_t *)wmem_map_lookup(clients, addr);

    if (!client) {
        address *key = wmem_new(wmem_file_scope(), address);

        copy_address_wmem(wmem_file_scope(), key, addr);
        client = wmem_new0(wmem_file_scope(), client_t);
        client->began = nstime_to_sec(&pinfo->abs_ts);
        wmem_map_insert(clients, key, client);
    }
    return client;
}

static port_t *
get_port(packet_info *pinfo, const address *addr, uint16_t number, port_kind_t kind)
{
    port_key_t key = {ADDRESS_INIT_NONE, number};
    port_t *port;

    copy_address_shallow(&key.addr, addr);
    port = (port_t *)wmem_map_lookup(ports, &key);
    if (!port) {
        port_key_t *kept = wmem_new(wmem_file_scope(), port_key_t);

        kept->port = number;
        copy_address_wmem(wmem_file_scope(), &kept->addr, addr);
        port = wmem_new0(wmem_file_scope(), port_t);
        port->number = number;
        port->kind = (uint8_t)kind;
        wmem_map_insert(ports, kept, port);
    }
    if (kind == PORT_OPEN && !port->client) {
        port->client = get_client(pinfo, addr);
        port->client->ports += port->kind == PORT_OPEN;
    }
    return port;
}

static void
forget_datagrams(port_t *port)
{
    port->first = port->last = NULL;
    port->kept = 0;
}

static void
give_up(port_t *port)
{
    client_t *client = port->client;

    if (port->kind != PORT_OPEN)
        return;
    port->kind = PORT_OTHER;
    forget_datagrams(port);
    if (!client)
        return;
    client->ports--;
    for (unsigned i = 0; i < UNPROVEN; i++)
        if (client->unproven[i] == port)
            client->unproven[i] = NULL;
}

void
oxc_push_inference_sent(packet_info *pinfo)
{
    give_up(get_port(pinfo, &pinfo->src, (uint16_t)pinfo->srcport, PORT_OTHER));
}

static bool
is_multicast(const address *addr)
{
    const uint8_t *bytes = (const uint8_t *)addr->data;

    if (addr->type == AT_IPv4)
        return bytes[0] >= 224;
    return addr->type != AT_IPv6 || bytes[0] == 0xFF;
}

bool
oxc_push_inference_received(packet_info *pinfo, const uint8_t *bytes, size_t len)
{
    datagram_t *datagram;
    client_t *client;
    port_t *port;

    if (len == 0 || len > CONTEXT_MAX || is_multicast(&pinfo->dst))
        return false;
    port = get_port(pinfo, &pinfo->dst, (uint16_t)pinfo->destport, PORT_OPEN);
    if (port->kind != PORT_OPEN)
        return port->kind == PORT_PUSH;
    client = port->client;
    if (client->waiting_count == WAITING) {
        client->waiting_count--;
        client->waiting[0]->port->seen++; /* no call came after it */
        memmove(&client->waiting[0], &client->waiting[1], client->waiting_count * sizeof client->waiting[0]);
    }
    datagram = wmem_new0(wmem_file_scope(), datagram_t);
    datagram->port = port;
    datagram->frame = pinfo->num;
    datagram->time = pinfo->abs_ts;
    copy_address_wmem(wmem_file_scope(), &datagram->source, &pinfo->src);
    datagram->len = (uint8_t)len;
    memcpy(datagram->bytes, bytes, len);
    client->waiting[client->waiting_count++] = datagram;
    return false;
}

/* ---- evidence ---- */

static double
probability(const client_t *client, double elapsed, double now)
{
    double rate = (client->bare_calls + 1) / (now - client->began + RATE_PRIOR / (1 + client->calls));

    return MIN(1.0, rate * elapsed);
}

static bool
same_bytes(const datagram_t *a, const datagram_t *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* A server of this capture sent one of those that count, or the same bytes came twice. */
static bool
is_from_server(const port_t *port, const datagram_t *datagram)
{
    if (oxc_inference_is_server(&datagram->source))
        return true;
    for (const datagram_t *other = port->first; other; other = other->next)
        if (other != datagram && other->hit && same_bytes(other, datagram))
            return true;
    return false;
}

/* How many ports of the client are expected to look as good as this by chance. */
static double
expected_by_chance(const port_t *port, double now)
{
    double expected = port->client->ports;
    unsigned hit = 0;
    bool from_server = false;

    for (const datagram_t *datagram = port->first; datagram; datagram = datagram->next) {
        if (!datagram->hit)
            continue;
        hit++;
        /* Which of all datagrams are hits does not matter: binomial coefficient, factor by factor. */
        expected *= probability(port->client, datagram->elapsed, now) * (port->seen - hit + 1) / hit;
        from_server = from_server || is_from_server(port, datagram);
    }
    return from_server ? expected : 1.0;
}

wmem_array_t *
oxc_push_channel_key(wmem_allocator_t *scope, const address *client, uint16_t port, const uint8_t *bytes, size_t len)
{
    wmem_array_t *key = wmem_array_new(scope, 1);
    uint8_t number[2] = {(uint8_t)(port >> 8), (uint8_t)port};

    wmem_array_append(key, number, sizeof number);
    wmem_array_append(key, client->data, (unsigned)client->len);
    if (len)
        wmem_array_append(key, bytes, (unsigned)len);
    return key;
}

/* How much speaks for the session being woken by datagrams with these bytes. */
static double
weight_for(const port_t *port, const datagram_t *datagram, const oxc_session_t *session, double now)
{
    double weight = 1.0;

    for (const datagram_t *other = port->first; other; other = other->next)
        if (other->hit && other->call->call->session == session && same_bytes(other, datagram))
            weight /= probability(port->client, other->elapsed, now);
    return weight;
}

/* The session that datagrams with these bytes wake: it makes the calls that ask for nothing else. NULL: not known. */
static oxc_session_t *
find_session(const port_t *port, const datagram_t *datagram, double now)
{
    oxc_session_t *found = NULL;
    double most = 0;

    for (const datagram_t *other = port->first; other; other = other->next) {
        double weight;

        if (!other->hit || !same_bytes(other, datagram))
            continue;
        weight = weight_for(port, datagram, other->call->call->session, now);
        if (weight > most) {
            most = weight;
            found = other->call->call->session;
        }
    }
    return found;
}

/* Is the next call the follow-up? One that asked for something else may come before that. */
static bool
is_followup(const datagram_t *datagram)
{
    const oxc_call_t *call = datagram->call->call;

    return !call->failure && (datagram->hit || (call->response && oxc_pdu_notifications(call->response) > 0));
}

static void
believe_port(packet_info *pinfo, port_t *port, double by_chance)
{
    const address *client = &pinfo->src;
    double now = nstime_to_sec(&pinfo->abs_ts);

    port->kind = PORT_PUSH;
    port->client->ports--;
    for (const datagram_t *datagram = port->first; datagram; datagram = datagram->next) {
        oxc_session_t *session = find_session(port, datagram, now);
        const oxc_pdu_t *call = datagram->call && datagram->call->call->session == session ? datagram->call : NULL;
        double chance = MAX(by_chance, datagram->hit ? probability(port->client, datagram->elapsed, now) : NO_HIT);
        wmem_array_t *key = oxc_push_channel_key(pinfo->pool, client, port->number, datagram->bytes, datagram->len);
        oxc_channel_t *channel = oxc_channel_find(OXC_CHANNEL_PUSH, wmem_array_get_raw(key),
                                                  wmem_array_get_count(key), client, &datagram->source);

        if (datagram->hit && call && is_followup(datagram))
            oxc_channel_learn(channel, session);
        oxc_matcher_late(datagram->frame, &datagram->time, port->number, session, call, call && is_followup(datagram),
                         (uint8_t)CLAMP(100 * (1 - chance), 0, 99));
    }
    forget_datagrams(port);
}

/* Forgets the port with the least evidence if there are too many. */
static void
keep_unproven(client_t *client, port_t *port)
{
    unsigned at = UNPROVEN;

    for (unsigned i = 0; i < UNPROVEN; i++)
        if (client->unproven[i] == port)
            return;
        else if (!client->unproven[i] || (at == UNPROVEN && client->unproven[i]->hits < port->hits))
            at = i;
    if (at < UNPROVEN)
        client->unproven[at] = port;
}

static void
weigh_ports(packet_info *pinfo, client_t *client)
{
    double now = nstime_to_sec(&pinfo->abs_ts);

    for (unsigned i = 0; i < UNPROVEN; i++) {
        port_t *port = client->unproven[i];
        double by_chance = port ? expected_by_chance(port, now) : 1.0;

        if (by_chance >= EXPECTED_BY_CHANCE)
            continue;
        client->unproven[i] = NULL;
        believe_port(pinfo, port, by_chance);
    }
}

/* A call is caused by one datagram at most, the last one before it: hit is false for the others. */
static void
take_datagram(client_t *client, datagram_t *datagram, const oxc_pdu_t *request, bool hit)
{
    port_t *port = datagram->port;
    nstime_t elapsed;

    if (port->kind != PORT_OPEN)
        return;
    nstime_delta(&elapsed, &request->time, &datagram->time);
    datagram->elapsed = nstime_to_sec(&elapsed);
    datagram->call = request;
    datagram->hit = hit && !oxc_inference_is_by_key(request->call->session, OXC_CHANNEL_PUSH) &&
                    probability(client, datagram->elapsed, nstime_to_sec(&request->time)) < 0.5;
    port->seen++;
    port->hits += datagram->hit;
    if (port->kept == KEPT) {
        if (port->hits == 0) {
            give_up(port);
            return;
        }
        port->hits -= port->first->hit;
        port->seen--;
        port->first = port->first->next;
        port->kept--;
    }
    if (port->last)
        port->last->next = datagram;
    else
        port->first = datagram;
    port->last = datagram;
    port->kept++;
    if (datagram->hit)
        keep_unproven(client, port);
}

void
oxc_push_inference_call(packet_info *pinfo, const oxc_pdu_t *request)
{
    client_t *client = (client_t *)wmem_map_lookup(clients, &pinfo->src);
    bool bare;

    if (PINFO_FD_VISITED(pinfo) || request->call->failure || !request->call->session ||
        !request->call->session->inference)
        return;
    if (!client)
        client = get_client(pinfo, &pinfo->src);
    bare = oxc_followup_is_bare(request);
    for (unsigned i = 0; i < client->waiting_count; i++)
        take_datagram(client, client->waiting[i], request, bare && i == client->waiting_count - 1);
    client->waiting_count = 0;
    client->calls++;
    client->bare_calls += bare;
    weigh_ports(pinfo, client);
}

void
oxc_push_inference_register(void)
{
    clients = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), address_hash, address_same);
    ports = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), port_hash, port_same);
}
