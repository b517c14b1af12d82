/* mapihttp_leg.c
 * Exchanges that were captured on both sides of a proxy
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_leg.h"

#include <string.h>

#include <epan/epan.h>

#include "session/hash.h"
#include "session/links.h"

/*
 * A client may repeat a request elsewhere that nobody answered, with the same X-RequestId, but not at once. A proxy sends
 * it on at once; if it is both server and client, so that no address is the same, it may take its time.
 */
#define AT_ONCE 0.5     /* seconds */

static wmem_map_t *ends;        /* end_t -> itself */
static wmem_map_t *exchanges;   /* X-RequestId -> the latest mapihttp_exchange_t with it, as it was seen first; if it is open */

static bool
same_bytes(const mapihttp_exchange_t *a, const mapihttp_exchange_t *b)
{
    return a->body_length == b->body_length && a->body_hash == b->body_hash &&
           g_strcmp0(a->request->type_name, b->request->type_name) == 0;
}

/* Is the frame's message so little behind the one that was seen first that it may be the same, sent on? */
static bool
is_at_once(const packet_info *pinfo, const oxc_pdu_t *first)
{
    nstime_t passed;

    nstime_delta(&passed, &pinfo->abs_ts, &first->time);
    return nstime_to_sec(&passed) < AT_ONCE;
}

static bool
is_other_leg(const mapihttp_exchange_t *whole, const mapihttp_exchange_t *leg, const packet_info *pinfo)
{
    bool client_differs = !addresses_equal(&whole->ends->client, &leg->ends->client);
    bool server_differs = !addresses_equal(&whole->ends->server, &leg->ends->server);

    if (!same_bytes(whole, leg))
        return false;
    if (client_differs && server_differs)
        return true;
    return (client_differs || server_differs || whole->ends->server_port != leg->ends->server_port) &&
           is_at_once(pinfo, whole->request->pdu);
}

static void
note_body(mapihttp_exchange_t *exchange, tvbuff_t *body)
{
    unsigned length = body ? tvb_captured_length(body) : 0;

    exchange->body_length = length;
    if (length > 0)
        exchange->body_hash = wmem_strong_hash(tvb_get_ptr(body, 0, (int)length), length);
}

/* The record of a message that was seen before, which the first one's frame is linked with. */
static void
link_records(packet_info *pinfo, mapihttp_record_t *first, mapihttp_record_t *again)
{
    again->is_again = true;
    if (!first)
        return;
    again->other_leg = wmem_new0(wmem_file_scope(), mapihttp_other_leg_t);
    again->other_leg->frame = first->pdu->frame;
    nstime_delta(&again->other_leg->delay, &pinfo->abs_ts, &first->pdu->time);
    if (first->other_leg)
        return;
    first->other_leg = wmem_new0(wmem_file_scope(), mapihttp_other_leg_t);
    first->other_leg->frame = pinfo->num;
}

void
oxc_leg_request(packet_info *pinfo, mapihttp_exchange_t *exchange, mapihttp_record_t *record, tvbuff_t *body)
{
    mapihttp_exchange_t *whole = NULL;

    exchange->whole = exchange;
    if (!exchange->request_id)
        return;
    note_body(exchange, body);
    oxc_link(pinfo, "exchange", exchange->request_id, strcspn(exchange->request_id, ":"), true);
    whole = (mapihttp_exchange_t *)wmem_map_lookup(exchanges, exchange->request_id);
    if (!whole || !is_other_leg(whole, exchange, pinfo)) {
        /* With its own text as the key, which goes with it. */
        wmem_map_remove(exchanges, exchange->request_id);
        wmem_map_insert(exchanges, exchange->request_id, exchange);
        return;
    }
    exchange->whole = whole;
    whole->other = exchange;
    link_records(pinfo, whole->request, record);
}

/* What has ended has no other leg any more. */
static void
end_exchange(mapihttp_exchange_t *whole, mapihttp_exchange_t *leg)
{
    if (!whole->ended_on && whole->request_id && wmem_map_lookup(exchanges, whole->request_id) == whole)
        wmem_map_remove(exchanges, whole->request_id);
    whole->ended_on = leg;
}

bool
oxc_leg_response(packet_info *pinfo, mapihttp_exchange_t *leg, mapihttp_record_t *record)
{
    mapihttp_exchange_t *whole = leg->whole;

    if (!whole)
        return true;
    if (whole->ended_on && whole->ended_on != leg) {
        link_records(pinfo, whole->response, record);
        return false;
    }
    end_exchange(whole, leg);
    whole->response = record;
    return true;
}

/* The leg between the client and the device, which the device answers at the address that it asks from. */
static bool
is_front(const mapihttp_exchange_t *leg)
{
    const mapihttp_exchange_t *whole = leg->whole, *other = whole->other;

    if (!addresses_equal(&whole->ends->server, &other->ends->client) && addresses_equal(&other->ends->server, &whole->ends->client))
        return leg != whole;
    return leg == whole;
}

bool
oxc_leg_cut_off(mapihttp_exchange_t *leg, oxc_closed_by_t sender)
{
    mapihttp_exchange_t *whole = leg->whole;

    leg->closed_by = sender;
    if (!whole)
        return true;
    if (whole->ended_on && whole->ended_on != leg)
        return false;
    end_exchange(whole, leg);
    if (whole->other && sender != OXC_CLOSED_BY_DEVICE && sender == (is_front(leg) ? OXC_CLOSED_BY_SERVER : OXC_CLOSED_BY_CLIENT))
        leg->closed_by = OXC_CLOSED_BY_DEVICE;
    return true;
}

bool
oxc_leg_is_answered_by_device(const mapihttp_exchange_t *leg)
{
    const mapihttp_exchange_t *whole = leg->whole;

    return whole && whole->other && whole->ended_on && is_front(whole->ended_on);
}

/* What is left of a response that began before the capture, at the device that it came to. */
typedef struct {
    oxc_address_key_t key;      /* the device's, and the hash of the bytes */
    mapihttp_record_t *record;
} end_t;

bool
oxc_leg_old_response(packet_info *pinfo, mapihttp_record_t *record, tvbuff_t *body)
{
    unsigned length = tvb_captured_length(body);
    end_t probe = { { pinfo->src, wmem_strong_hash(tvb_get_ptr(body, 0, (int)length), length) }, record };
    end_t *first, *end;

    /* Inside one host every response comes to where others are sent from. */
    if (addresses_equal(&pinfo->src, &pinfo->dst))
        return true;
    oxc_link_endpoint(pinfo, "old_response", &pinfo->src, length, false);
    oxc_link_endpoint(pinfo, "old_response", &pinfo->dst, length, true);
    first = (end_t *)wmem_map_remove(ends, &probe);
    if (first && is_at_once(pinfo, first->record->pdu)) {
        link_records(pinfo, first->record, record);
        return false;
    }
    end = (end_t *)wmem_memdup(wmem_file_scope(), &probe, sizeof probe);
    copy_address_wmem(wmem_file_scope(), &end->key.addr, &pinfo->dst);
    wmem_map_insert(ends, end, end);
    return true;
}

void
oxc_register_mapihttp_leg(void)
{
    ends = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), oxc_address_key_hash,
                                  oxc_address_key_equal);
    exchanges = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), wmem_str_hash, g_str_equal);
}
