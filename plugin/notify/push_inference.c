/* push_inference.c
 * Which datagrams wake a client whose registration was not captured
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/push_inference.h"

#include <string.h>

#include <epan/epan.h>

#include "notify/followup.h"
#include "notify/push_port.h"
#include "notify/session_inference.h"
#include "session/rop_state.h"

/* So often a port of a client may look like one for push datagrams by chance. */
#define EXPECTED_BY_CHANCE 0.002
#define LEAST_CHANCE 1e-6 /* of one call: clocks and queues of captures are not better */
#define RATE_PRIOR 10.0 /* seconds with one such call, before anything is known of the client; less with each call */

#define NO_HIT 0.1      /* doubt about a datagram that no call of its session came after at once */
#define SAME_SOURCE 10.0 /* so much less is needed of what comes from where push datagrams of that length come from */
#define BELIEVED 0.7    /* share from which on a session is the one that some bytes wake */

/* How often a session makes calls of the kind that follow datagrams. */
typedef struct {
    double began;
    unsigned calls;
    unsigned fetching;
    const oxc_push_port_t *woken_at; /* the port that was believed to wake it; NULL for none */
} habit_t;

static wmem_map_t *habits;  /* oxc_session_t -> habit_t */

void
oxc_push_inference_sent(packet_info *pinfo)
{
    oxc_push_port_sent(&pinfo->src, (uint16_t)pinfo->srcport);
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
    oxc_push_datagram_t *datagram;
    oxc_push_port_t *port;

    if (len == 0 || len > OXC_PUSH_CONTEXT_MAX || is_multicast(&pinfo->dst))
        return false;
    port = oxc_push_port(&pinfo->dst, (uint16_t)pinfo->destport, OXC_PUSH_PORT_OPEN);
    if (port->kind != OXC_PUSH_PORT_OPEN)
        return port->kind == OXC_PUSH_PORT_PUSH;
    if (port->kept == OXC_PUSH_KEPT && !port->hit && port->first->calls) {
        oxc_push_settle(port, OXC_PUSH_PORT_OTHER);
        return false;
    }
    if (port->kept == OXC_PUSH_KEPT)
        oxc_push_forget_oldest(port);
    datagram = wmem_new0(wmem_file_scope(), oxc_push_datagram_t);
    datagram->port = port;
    datagram->frame = pinfo->num;
    datagram->time = pinfo->abs_ts;
    copy_address_wmem(wmem_file_scope(), &datagram->source, &pinfo->src);
    datagram->len = (uint8_t)len;
    memcpy(datagram->bytes, bytes, len);
    oxc_push_append(port, datagram);
    return false;
}

/* ---- evidence ---- */

static habit_t *
habit_of(const oxc_session_t *session, oxc_push_client_t *client, double now)
{
    habit_t *habit = (habit_t *)wmem_map_lookup(habits, session);

    if (!habit) {
        habit = wmem_new0(wmem_file_scope(), habit_t);
        habit->began = now;
        wmem_map_insert(habits, session, habit);
        client->sessions++;
    }
    return habit;
}

/*
 * Can datagrams to the port, of which no registration is known, wake the session? A session has one registration in force
 * (MS-OXCRPC 3.1.4.5).
 */
static bool
may_wake(const oxc_push_port_t *port, const oxc_session_t *session)
{
    const habit_t *habit = (const habit_t *)wmem_map_lookup(habits, session);

    return !oxc_inference_is_by_key(session, OXC_CHANNEL_PUSH) &&
           (!habit || !habit->woken_at || habit->woken_at == port);
}

/* That the session makes a call that fetches within that time by chance. */
static double
probability(const oxc_session_t *session, double elapsed, double now)
{
    const habit_t *habit = (const habit_t *)wmem_map_lookup(habits, session);
    double rate = (habit->fetching + 1) / (now - habit->began + RATE_PRIOR / (1 + habit->calls));

    return MIN(1.0, rate * elapsed);
}

/* Did it ask for nothing but notifications, or bring some? */
static bool
is_fetching(const oxc_pdu_t *request)
{
    const oxc_call_t *call = request->call;

    return !call->failure &&
           (oxc_followup_is_bare(request) || (call->response && oxc_pdu_notifications(call->response) > 0));
}

/* The probability that what the session did after the datagram is chance; 1 if it did nothing that speaks for it. */
static double
chance_after(const oxc_push_datagram_t *datagram, const oxc_session_t *session, double now)
{
    for (unsigned i = 0; i < datagram->call_count; i++) {
        const oxc_push_later_call_t *call = &datagram->calls[i];
        double chance;

        if (!call->counts || call->request->call->session != session || !is_fetching(call->request))
            continue;
        chance = probability(session, call->elapsed, now);
        return chance < 0.5 ? chance : 1.0;
    }
    return 1.0;
}

static bool
same_bytes(const oxc_push_datagram_t *a, const oxc_push_datagram_t *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* A server of the client sent it, or the same bytes came twice with the same effect. */
static bool
is_from_server(const oxc_push_port_t *port, const oxc_push_datagram_t *datagram, const address *client,
               const oxc_session_t *session, double now)
{
    if (oxc_inference_are_peers(client, &datagram->source))
        return true;
    for (const oxc_push_datagram_t *other = port->first; other; other = other->next)
        if (other != datagram && same_bytes(other, datagram) && chance_after(other, session, now) < 1.0)
            return true;
    return false;
}

/* Another port of the client gets push datagrams from there, as long as this one. */
static bool
is_from_same_source(const oxc_push_client_t *client, const oxc_push_datagram_t *datagram)
{
    return datagram->len == client->source_len && addresses_equal(&datagram->source, &client->source);
}

/*
 * The probability that the product of so many numbers from 0 to 1, all of them by chance, is not larger (Fisher). Its
 * logarithm is rounded up to whole bits.
 */
static double
chance_of_product(double product, unsigned count)
{
    double term = product, sum = 0, logarithm = 0;

    for (double whole = 1; whole > product; whole /= 2)
        logarithm += G_LN2;
    for (unsigned i = 0; i < count; i++) {
        sum += term;
        term *= logarithm / (i + 1);
    }
    return sum;
}

/*
 * How often what the session did is expected to look as good as this by chance, in all looks at ports of the client so far.
 */
static double
expected_by_chance(const oxc_push_port_t *port, const address *client, const oxc_session_t *session, double now)
{
    double product = 1, choices = 1;
    unsigned hit = 0;
    bool from_server = false, from_same_source = true;

    for (const oxc_push_datagram_t *datagram = port->first; datagram; datagram = datagram->next) {
        double chance = chance_after(datagram, session, now);

        if (chance >= 1.0)
            continue;
        hit++;
        product *= MAX(chance, LEAST_CHANCE);
        /* Which of all datagrams it came after does not matter: binomial coefficient, factor by factor. */
        choices *= (double)(port->kept - hit + 1) / hit;
        from_server = from_server || is_from_server(port, datagram, client, session, now);
        from_same_source = from_same_source && is_from_same_source(port->client, datagram);
    }
    if (!from_server)
        return 1.0;
    return chance_of_product(product, hit) * choices * port->client->looks * port->client->sessions /
           (from_same_source ? SAME_SOURCE : 1.0);
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
weight_for(const oxc_push_port_t *port, const oxc_push_datagram_t *datagram, const oxc_session_t *session, double now)
{
    double weight = 1.0;

    for (const oxc_push_datagram_t *other = port->first; other; other = other->next)
        if (same_bytes(other, datagram))
            weight /= chance_after(other, session, now);
    return weight;
}

/* The session that datagrams with these bytes wake, by what came after them. NULL: not known. */
static oxc_session_t *
find_session(const oxc_push_port_t *port, const oxc_push_datagram_t *datagram, double now)
{
    oxc_session_t *found = NULL;
    double most = 0, total = port->client->sessions;

    for (const oxc_push_datagram_t *other = port->first; other; other = other->next)
        for (unsigned i = 0; i < other->call_count && same_bytes(other, datagram); i++) {
            oxc_session_t *session = other->calls[i].request->call->session;
            double weight;

            if (session == found || !other->calls[i].counts || !may_wake(port, session))
                continue;
            weight = weight_for(port, datagram, session, now);
            if (weight > most) {
                total += weight - most;
                most = weight;
                found = session;
            }
        }
    return most >= BELIEVED * total ? found : NULL;
}

/* The calls of the session between the datagram and the next one that wakes it, which the matcher has seen. */
static wmem_array_t *
calls_of(packet_info *pinfo, const oxc_push_datagram_t *datagram, oxc_session_t *const sessions[], const oxc_pdu_t *now)
{
    wmem_array_t *calls = wmem_array_new(pinfo->pool, sizeof(const oxc_pdu_t *));
    uint32_t end = UINT32_MAX;
    unsigned n = 1;

    for (const oxc_push_datagram_t *later = datagram->next; later && end == UINT32_MAX; later = later->next, n++)
        if (sessions[n] == sessions[0])
            end = later->frame;
    for (unsigned i = 0; sessions[0] && i < datagram->call_count; i++) {
        const oxc_pdu_t *request = datagram->calls[i].request;

        if (request->call->session == sessions[0] && request != now && request->frame < end)
            wmem_array_append_one(calls, request);
    }
    return calls;
}

/* now: the request that is seen now; NULL for none. */
static void
believe_port(packet_info *pinfo, oxc_push_port_t *port, const address *client, const oxc_pdu_t *now, double by_chance)
{
    double when = nstime_to_sec(&pinfo->abs_ts);
    oxc_session_t *sessions[OXC_PUSH_KEPT];
    unsigned n = 0;

    for (const oxc_push_datagram_t *datagram = port->first; datagram; datagram = datagram->next)
        sessions[n++] = find_session(port, datagram, when);
    n = 0;
    for (const oxc_push_datagram_t *datagram = port->first; datagram; datagram = datagram->next, n++) {
        double chance = sessions[n] ? chance_after(datagram, sessions[n], when) : 1.0;
        wmem_array_t *key = oxc_push_channel_key(pinfo->pool, client, port->number, datagram->bytes, datagram->len);
        oxc_channel_t *channel = oxc_channel_find(OXC_CHANNEL_PUSH, wmem_array_get_raw(key),
                                                  wmem_array_get_count(key), client, &datagram->source);
        oxc_late_wakeup_t found = { .frame = datagram->frame, .time = datagram->time, .which = port->number,
                                    .method = OXC_WAKEUP_PUSH, .session = sessions[n], .bound = OXC_BOUND_BY_ORDER,
                                    .calls = calls_of(pinfo, datagram, &sessions[n], now),
                                    .more = datagram->call_count == OXC_PUSH_CALLS };

        if (chance < 1.0) {
            habit_t *habit = (habit_t *)wmem_map_lookup(habits, sessions[n]);

            oxc_channel_learn(channel, sessions[n]);
            habit->woken_at = port;
            if (port->client->source_len)
                free_address_wmem(wmem_file_scope(), &port->client->source);
            copy_address_wmem(wmem_file_scope(), &port->client->source, &datagram->source);
            port->client->source_len = datagram->len;
        } else {
            chance = NO_HIT;
        }
        found.confidence = (uint8_t)CLAMP(100 * (1 - MAX(by_chance, chance)), 0, 99);
        oxc_matcher_late(&found);
    }
    oxc_push_settle(port, OXC_PUSH_PORT_PUSH);
}

/* Is it enough, by what the session did? */
static bool
is_believed(packet_info *pinfo, oxc_push_port_t *port, const oxc_session_t *session, const address *client,
            const oxc_pdu_t *now)
{
    double by_chance;

    if (!may_wake(port, session))
        return false;
    by_chance = expected_by_chance(port, client, session, nstime_to_sec(&pinfo->abs_ts));
    if (by_chance >= EXPECTED_BY_CHANCE)
        return false;
    believe_port(pinfo, port, client, now, by_chance);
    return true;
}

/* A port of the client that is believed now that it is known from where push datagrams come; false for none. */
static bool
believe_another(packet_info *pinfo, const oxc_push_client_t *of, const address *client, const oxc_pdu_t *now)
{
    for (unsigned i = 0; i < of->recent_count; i++) {
        const oxc_push_datagram_t *datagram = of->recent[i];

        for (unsigned n = 0; n < datagram->call_count && is_from_same_source(of, datagram); n++)
            if (datagram->calls[n].counts && is_fetching(datagram->calls[n].request) &&
                is_believed(pinfo, datagram->port, datagram->calls[n].request->call->session, client, now))
                return true;
    }
    return false;
}

/* A call that fetches came after a datagram to the port. */
static void
weigh_port(packet_info *pinfo, oxc_push_port_t *port, const address *client, const oxc_pdu_t *request,
           const oxc_pdu_t *now)
{
    const oxc_session_t *session = request->call->session;

    port->hit = true;
    port->client->looks += may_wake(port, session);
    if (!is_believed(pinfo, port, session, client, now))
        return;
    /* Each time the client has a port less that is in doubt. */
    while (believe_another(pinfo, port->client, client, now))
        ;
}

/* Keeps the call with the datagram, unless there are too many; counts: no later one to the port is between. */
static void
add_call(oxc_push_datagram_t *datagram, const oxc_pdu_t *request)
{
    oxc_push_later_call_t *call;
    nstime_t elapsed;

    if (datagram->call_count == OXC_PUSH_CALLS)
        return;
    if (!datagram->calls)
        datagram->calls = wmem_alloc_array(wmem_file_scope(), oxc_push_later_call_t, OXC_PUSH_CALLS);
    nstime_delta(&elapsed, &request->time, &datagram->time);
    call = &datagram->calls[datagram->call_count++];
    call->request = request;
    call->elapsed = nstime_to_sec(&elapsed);
    call->counts = datagram->next == NULL;
}

/* The ports whose datagrams the call came after, each once; the latest first. */
static unsigned
ports_before(const oxc_push_client_t *client, const oxc_call_t *call, oxc_push_port_t *ports_hit[OXC_PUSH_RECENT])
{
    unsigned count = 0;

    for (unsigned i = 0; i < client->recent_count; i++) {
        const oxc_push_datagram_t *datagram = client->recent[i];

        for (unsigned n = 0; n < datagram->call_count; n++)
            if (datagram->calls[n].request->call == call && datagram->calls[n].counts)
                ports_hit[count++] = datagram->port;
    }
    return count;
}

static void
weigh_ports(packet_info *pinfo, const oxc_push_client_t *client, const address *addr, const oxc_pdu_t *request,
            const oxc_pdu_t *now)
{
    oxc_push_port_t *hit[OXC_PUSH_RECENT];
    unsigned count = ports_before(client, request->call, hit);

    for (unsigned i = 0; i < count; i++)
        if (hit[i]->kind == OXC_PUSH_PORT_OPEN)
            weigh_port(pinfo, hit[i], addr, request, now);
}

void
oxc_push_inference_call(packet_info *pinfo, const oxc_pdu_t *request)
{
    bool bare = oxc_followup_is_bare(request);
    oxc_push_client_t *client;
    habit_t *habit;

    if (PINFO_FD_VISITED(pinfo) || request->call->failure || !request->call->session ||
        !oxc_inference_is_rpc(request->call->session))
        return;
    client = oxc_push_client(&pinfo->src);
    for (unsigned i = 0; i < client->recent_count; i++)
        add_call(client->recent[i], request);
    habit = habit_of(request->call->session, client, nstime_to_sec(&pinfo->abs_ts));
    habit->calls++;
    habit->fetching += bare;
    if (bare)
        weigh_ports(pinfo, client, &pinfo->src, request, request);
}

void
oxc_push_inference_answer(packet_info *pinfo, const oxc_pdu_t *response)
{
    const oxc_pdu_t *request = response->call->request;
    const oxc_push_client_t *client;
    habit_t *habit;

    if (PINFO_FD_VISITED(pinfo) || !request || !request->call->session || response->call->failure ||
        oxc_followup_is_bare(request) || oxc_pdu_notifications(response) == 0)
        return;
    client = oxc_push_known_client(&pinfo->dst);
    habit = (habit_t *)wmem_map_lookup(habits, request->call->session);
    if (!client || !habit)
        return;
    habit->fetching++;
    weigh_ports(pinfo, client, &pinfo->dst, request, NULL);
}

void
oxc_push_inference_register(void)
{
    oxc_push_ports_register();
    habits = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
