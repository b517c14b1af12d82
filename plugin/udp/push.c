/* push.c
 * Wake-ups by UDP datagram and the registrations they answer (MS-OXCRPC 3.1.4.5, MS-OXCNOTIF 3.1.5.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/heuristic.h"
#include "tcp/postdissector.h"
#include "udp/datagram_copy.h"
#include "udp/push.h"

#include "registration.h"

#include <string.h>

#include <epan/expert.h>
#include <epan/proto_data.h>
#include <epan/to_str.h>

#include "oxcnotif_item.h"
#include "session/event.h"
#include "session/links.h"

/*
 * A datagram consists of the client's own context bytes and nothing else, so only a registration tells that it is one.
 * The registration claims its address and port as a conversation, which comes before the owners of ports: the server
 * may send from any port. What reaches another address of the client (address translation, several interfaces) is
 * recognized by port and bytes together.
 */

/* What registrations are found by. A kind that two fit is the earlier one's. */
typedef enum {
    BY_CALLBACK,                /* the address that was registered, port and bytes */
    BY_CLIENT,                  /* the address that the client has in this capture, port and bytes */
    BY_BYTES,                   /* port and bytes */
    BY_ADDRESS,                 /* the address that was registered, and port */
    PLACES
} place_t;

/* Of registrations with one key so many of the latest are looked at. */
#define LATEST 8

/* What the first visit found a datagram to be. */
typedef enum {
    OTHER_TRAFFIC,
    REGISTERED,                 /* address, port and bytes are those of a registration */
    OTHER_ADDRESS,              /* port and bytes */
    OUTDATED,                   /* of a registration that was replaced, or whose session has ended */
    FOREIGN_BYTES,              /* address and port, but other bytes: to be ignored (MS-OXCNOTIF 3.2.5.5.2) */
    COPY,                       /* the same packet is in the capture twice */
    UNREGISTERED,               /* somebody said that this port is for such datagrams */
    LIKELY                      /* from a server to its client, who acts on it */
} verdict_kind_t;

typedef struct {
    verdict_kind_t kind;
    oxc_push_t *push;           /* registration; NULL when it was not captured */
    oxc_channel_t *channel;     /* NULL if the registration tells the session */
    uint32_t copy_of;           /* frame of the first copy */
} verdict_t;

/* A registration as it is looked up: by that of what it has which the place is about. */
typedef struct {
    const oxc_push_t *push;
    place_t place;
} push_key_t;

struct oxc_push {
    oxc_push_t *older[PLACES];  /* the registration before with the same key */
    push_key_t keys[PLACES];
    oxc_session_t *session;     /* NULL: not known */
    address callback;
    address client;             /* as it is in this capture: another one behind address translation */
    const uint8_t *context;
    uint32_t len;
    uint32_t asked_in;
    nstime_t asked;
    uint32_t replaced_in;       /* 0: not replaced and not withdrawn */
    uint16_t port;
    bool refused;
    bool came;                  /* a datagram did */
    oxc_push_t *replaces;
    const verdict_t *latest;    /* of the latest datagram that it explains; NULL for none */
};

static wmem_map_t *by_key;      /* push_key_t of one -> newest registration */
static wmem_map_t *by_session;  /* session -> newest registration */
static unsigned verdicts;       /* that are remembered of frames */

static int proto_oxcnotif = -1;
static int proto_udp = -1;
static int hf_rgb_context = -1;
static int hf_registered_in = -1;
static int ett_push = -1;

static expert_field ei_other_address = EI_INIT;
static expert_field ei_outdated = EI_INIT;
static expert_field ei_copy = EI_INIT;
static expert_field ei_foreign = EI_INIT;
static expert_field ei_unregistered = EI_INIT;
static expert_field ei_undelivered = EI_INIT;

static dissector_handle_t registered_handle;

/* ---- registrations ---- */

static void
claim(packet_info *pinfo, const address *callback, uint16_t port)
{
    address any = ADDRESS_INIT_NONE;
    conversation_t *conversation =
        find_conversation(pinfo->num, callback, &any, CONVERSATION_UDP, port, 0, NO_ADDR_B | NO_PORT_B);

    if (!conversation || !(conversation->options & NO_ADDR2) || !(conversation->options & NO_PORT2))
        conversation = conversation_new(pinfo->num, callback, &any, CONVERSATION_UDP, port, 0, NO_ADDR2 | NO_PORT2);
    conversation_set_dissector_from_frame_number(conversation, pinfo->num, registered_handle);
}

static const address *
address_of(const push_key_t *key)
{
    return key->place == BY_CLIENT ? &key->push->client : &key->push->callback;
}

static unsigned
push_key_hash(const void *key)
{
    const push_key_t *k = (const push_key_t *)key;
    unsigned hash = k->push->port * 8u + k->place;

    if (k->place != BY_ADDRESS && k->push->len)
        hash ^= wmem_strong_hash(k->push->context, k->push->len);
    return k->place == BY_BYTES ? hash : oxc_address_hash(hash, address_of(k), NULL);
}

static gboolean
push_key_equal(const void *a, const void *b)
{
    const push_key_t *x = (const push_key_t *)a, *y = (const push_key_t *)b;

    return x->place == y->place && x->push->port == y->push->port &&
           (x->place == BY_BYTES || addresses_equal(address_of(x), address_of(y))) &&
           (x->place == BY_ADDRESS || (x->push->len == y->push->len &&
                                       (x->push->len == 0 || memcmp(x->push->context, y->push->context, x->push->len) == 0)));
}

static void
add_place(oxc_push_t *push, place_t place)
{
    push->keys[place] = (push_key_t){ push, place };
    push->older[place] = (oxc_push_t *)wmem_map_lookup(by_key, &push->keys[place]);
    wmem_map_insert(by_key, &push->keys[place], push);
}

/* A datagram to an address that nobody registered is known by its port and bytes. */
static void
link_context(const packet_info *pinfo, uint16_t port, const uint8_t *context, size_t len, bool defines)
{
    uint8_t key[2 + OXC_MAX_PUSH_CONTEXT] = { (uint8_t)(port >> 8), (uint8_t)port };

    len = MIN(len, OXC_MAX_PUSH_CONTEXT);
    if (len)
        memcpy(key + 2, context, len);
    oxc_link(pinfo, "context", key, 2 + len, defines);
}

oxc_push_t *
oxc_push_ask(packet_info *pinfo, oxc_session_t *session, const address *callback, uint16_t port, const uint8_t *context,
             size_t len)
{
    oxc_push_t *push;

    if (PINFO_FD_VISITED(pinfo) || port == 0)
        return NULL;
    push = wmem_new0(wmem_file_scope(), oxc_push_t);
    push->session = session;
    push->port = port;
    copy_address_wmem(wmem_file_scope(), &push->callback, callback);
    copy_address_wmem(wmem_file_scope(), &push->client, &pinfo->src);
    push->context = (const uint8_t *)wmem_memdup(wmem_file_scope(), context, len);
    push->len = (uint32_t)len;
    push->asked_in = pinfo->num;
    push->asked = pinfo->abs_ts;
    if (session) {
        push->replaces = (oxc_push_t *)wmem_map_lookup(by_session, session);
        if (push->replaces)
            push->replaces->replaced_in = pinfo->num;
        wmem_map_insert(by_session, session, push);
    }
    add_place(push, BY_CALLBACK);
    add_place(push, BY_CLIENT);
    add_place(push, BY_ADDRESS);
    /* Who registered the address that it has in this capture is reached there; others may have the same port and bytes. */
    if (!addresses_equal(callback, &pinfo->src))
        add_place(push, BY_BYTES);
    if (session)
        oxc_listener->push_registered(session);
    if (len == 0)
        oxc_postdissector_expect(OXC_FRAME_EMPTY_DATAGRAM);
    oxc_link(pinfo, "callback", callback->data, (size_t)MAX(callback->len, 0), true);
    link_context(pinfo, port, context, len, true);
    claim(pinfo, callback, port);
    /* The address that the client has in this capture: where datagrams go behind address translation. */
    if (!addresses_equal(callback, &pinfo->src) && callback->type == pinfo->src.type)
        claim(pinfo, &pinfo->src, port);
    return push;
}

void
oxc_push_answer(packet_info *pinfo, oxc_push_t *push, bool accepted)
{
    if (!push || accepted || PINFO_FD_VISITED(pinfo))
        return;
    push->refused = true;
    /* The server keeps what it had. */
    if (push->replaces && push->replaces->replaced_in == push->asked_in) {
        push->replaces->replaced_in = 0;
        wmem_map_insert(by_session, push->session, push->replaces);
    }
}

bool
oxc_push_is_silent(const packet_info *pinfo, const oxc_push_t *push)
{
    return PINFO_FD_VISITED(pinfo) && push && !push->refused && !push->came && oxc_listener->is_past(&push->asked);
}

void
oxc_push_withdraw(packet_info *pinfo, const oxc_session_t *session)
{
    oxc_push_t *push = (oxc_push_t *)wmem_map_lookup(by_session, session);

    if (push && push->replaced_in == 0 && !PINFO_FD_VISITED(pinfo))
        push->replaced_in = pinfo->num;
}

/* ---- datagrams ---- */

static bool
is_over(const oxc_push_t *push)
{
    return push->replaced_in || (push->session && push->session->ended_in);
}

/* A snapshot length may have cut some of the datagram off. */
static bool
bytes_fit(tvbuff_t *tvb, const oxc_push_t *push)
{
    unsigned there = tvb_captured_length(tvb);

    return tvb_reported_length(tvb) == push->len && (there == 0 || tvb_memeql(tvb, 0, push->context, there) == 0);
}

/*
 * Two sessions of a client may register the same: of two users, or both are heard of later. Else the older one is
 * mostly that of a session which ended unseen, with its connection.
 */
static bool
is_used_besides(const oxc_push_t *older, const oxc_push_t *newer)
{
    const char *user = older->session ? older->session->user : NULL;

    if (!older->session || older->session == newer->session)
        return false;
    if (user && newer->session && newer->session->user && strcmp(user, newer->session->user) != 0)
        return true;
    return older->session->latest_frame > newer->asked_in;
}

/*
 * The newest registration in force of those that the datagram fits, and how many of the latest ones in force there are;
 * over becomes one that is in force no more.
 */
static oxc_push_t *
find_in_force(packet_info *pinfo, tvbuff_t *tvb, place_t place, unsigned *count, oxc_push_t **over)
{
    unsigned len = tvb_captured_length(tvb);
    oxc_push_t wanted = { .port = (uint16_t)pinfo->destport, .len = len }, *push, *found = NULL;
    const push_key_t key = { &wanted, place };

    *count = 0;
    copy_address_shallow(&wanted.callback, &pinfo->dst);
    copy_address_shallow(&wanted.client, &pinfo->dst);
    wanted.context = len ? tvb_get_ptr(tvb, 0, (int)len) : NULL;
    push = (oxc_push_t *)wmem_map_lookup(by_key, &key);
    for (unsigned i = 0; push && i < LATEST; i++, push = push->older[place]) {
        if (push->refused || (place == BY_ADDRESS && len < tvb_reported_length(tvb) && !bytes_fit(tvb, push)))
            continue;
        if (is_over(push)) {
            if (!*over)
                *over = push;
            continue;
        }
        if (!found)
            found = push;
        else if (!is_used_besides(push, found))
            continue;
        ++*count;
    }
    return found;
}

/* Several sessions of a client may have registered the same: which of them is woken is open. */
static void
share_channel(verdict_t *verdict, packet_info *pinfo, place_t place)
{
    const oxc_push_t *push = verdict->push;

    verdict->channel = oxc_listener->push_channel(pinfo, push->context, push->len);
    for (unsigned i = 0; push && i < LATEST; i++, push = push->older[place])
        if (!push->refused && !is_over(push) && push->session &&
            (push == verdict->push || is_used_besides(push, verdict->push)))
            oxc_listener->push_shared(verdict->channel, push->session);
}

/* The registration that explains a datagram best. */
static void
find_registration(packet_info *pinfo, tvbuff_t *tvb, verdict_t *verdict)
{
    oxc_push_t *over = NULL, *ignored = NULL;
    bool cut = tvb_captured_length(tvb) < tvb_reported_length(tvb);
    unsigned count;

    if (wmem_map_size(by_key) == 0 && !oxc_links_recorded())
        return;
    for (place_t place = BY_CALLBACK; place < BY_ADDRESS && !cut; place++) {
        if (place == BY_BYTES && (tvb_reported_length(tvb) == 0 || oxc_listener->are_peers(&pinfo->dst, &pinfo->src)))
            continue;           /* a client that has its own */
        if (place == BY_BYTES)
            link_context(pinfo, (uint16_t)pinfo->destport, tvb_get_ptr(tvb, 0, -1), tvb_captured_length(tvb), false);
        verdict->push = find_in_force(pinfo, tvb, place, &count, place == BY_CALLBACK ? &over : &ignored);
        if (!verdict->push)
            continue;
        verdict->kind = place == BY_CALLBACK ? REGISTERED : OTHER_ADDRESS;
        if (count > 1)
            share_channel(verdict, pinfo, place);
        return;
    }
    if (over) {
        verdict->kind = OUTDATED;
        verdict->push = over;
        return;
    }
    verdict->push = find_in_force(pinfo, tvb, BY_ADDRESS, &count, &ignored);
    if (verdict->push)
        verdict->kind = cut ? REGISTERED : FOREIGN_BYTES;
}

/*
 * Without its registration a datagram is no more than a few bytes (at most 16, MS-OXCRPC 3.1.4.5) that nobody else has
 * an idea of.
 */
static bool
looks_like_push(packet_info *pinfo, tvbuff_t *tvb)
{
    unsigned len = tvb_reported_length(tvb);
    bool small = len > 0 && len <= OXC_MAX_PUSH_CONTEXT && len == tvb_captured_length(tvb);

    if (pinfo->flags.in_error_pkt)
        return false;
    oxc_listener->datagram_sent(pinfo);
    if (!small || pinfo->destport < 1024 || oxc_datagram_copy_of(pinfo, tvb))
        return false;
    return oxc_listener->is_push(pinfo, tvb_get_ptr(tvb, 0, (int)len), len);
}

/* The wake-up that a later frame has shown this one to be. */
static const verdict_t *
find_late_verdict(packet_info *pinfo, tvbuff_t *tvb)
{
    verdict_t *verdict;
    unsigned len = tvb_captured_length(tvb);

    if (pinfo->flags.in_error_pkt || !oxc_listener->is_wakeup(pinfo, pinfo->destport))
        return NULL;
    verdict = wmem_new0(pinfo->pool, verdict_t);
    verdict->kind = LIKELY;
    verdict->channel = oxc_listener->push_channel(pinfo, len ? tvb_get_ptr(tvb, 0, (int)len) : NULL, len);
    return verdict;
}

/* A copy for later visits: one for all datagrams of a registration for which it is the same. */
static const verdict_t *
keep_verdict(const verdict_t *verdict)
{
    const verdict_t *latest = verdict->push ? verdict->push->latest : NULL;

    if (!latest || latest->kind != verdict->kind || latest->channel != verdict->channel || latest->copy_of != verdict->copy_of)
        latest = (const verdict_t *)wmem_memdup(wmem_file_scope(), verdict, sizeof *verdict);
    if (verdict->push)
        verdict->push->latest = latest;
    return latest;
}

/* by_user: the port is known for such datagrams because the user said so. */
static const verdict_t *
get_verdict(packet_info *pinfo, tvbuff_t *tvb, bool by_user)
{
    uint32_t key = pinfo->destport << 1 | pinfo->flags.in_error_pkt;
    verdict_t verdict = { OTHER_TRAFFIC, NULL, NULL, 0 };
    const verdict_t *known = verdicts == 0 ? NULL : p_get_proto_data(wmem_file_scope(), pinfo, proto_oxcnotif, key);

    if (known)
        return known;
    if (PINFO_FD_VISITED(pinfo))
        return find_late_verdict(pinfo, tvb);
    find_registration(pinfo, tvb, &verdict);
    if (!verdict.push && by_user)
        verdict.kind = UNREGISTERED;
    else if (!verdict.push && looks_like_push(pinfo, tvb))
        verdict.kind = LIKELY;
    if (verdict.kind == OTHER_TRAFFIC)
        return NULL;
    verdict.copy_of = pinfo->flags.in_error_pkt ? 0 : oxc_datagram_copy_of(pinfo, tvb);
    if (verdict.copy_of)
        verdict.kind = COPY;
    else if (!verdict.channel && (!verdict.push || !verdict.push->session)) {
        unsigned len = tvb_captured_length(tvb);

        verdict.channel = oxc_listener->push_channel(pinfo, len ? tvb_get_ptr(tvb, 0, (int)len) : NULL, len);
    }
    if (verdict.push)
        verdict.push->came = true;
    known = keep_verdict(&verdict);
    p_add_proto_data(wmem_file_scope(), pinfo, proto_oxcnotif, key, (void *)known);
    verdicts++;
    return known;
}

static void
explain(tvbuff_t *tvb, packet_info *pinfo, proto_item *item, const verdict_t *verdict)
{
    const oxc_push_t *push = verdict->push;

    switch (verdict->kind) {
    case OTHER_ADDRESS:
        oxc_explain(tvb, pinfo, item, &ei_other_address,
                               "Port and context are those of frame %u, but the address registered there is %s",
                               push->asked_in, address_to_str(pinfo->pool, &push->callback));
        break;
    case OUTDATED:
        if (push->replaced_in)
            oxc_explain(tvb, pinfo, item, &ei_outdated, "The registration of frame %u was given up or replaced in frame %u",
                        push->asked_in, push->replaced_in);
        else
            oxc_explain(tvb, pinfo, item, &ei_outdated, "The session of the registration of frame %u has ended",
                        push->asked_in);
        break;
    case FOREIGN_BYTES:
        oxc_explain(tvb, pinfo, item, &ei_foreign,
                    "To the address registered in frame %u, but not with its context: the client ignores it", push->asked_in);
        break;
    case COPY:
        oxc_explain(tvb, pinfo, item, &ei_copy, "The same packet as frame %u, captured twice", verdict->copy_of);
        break;
    case UNREGISTERED:
        oxc_explain(tvb, pinfo, item, &ei_unregistered, "%s", "Port configured for push datagrams");
        break;
    case LIKELY:
        oxc_explain(tvb, pinfo, item, &ei_unregistered, "%s",
                    "Inferred: the client fetches at once when datagrams come to this port");
        break;
    default:
        break;
    }
}

static int
dissect_datagram(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    const verdict_t *verdict = (const verdict_t *)data;
    bool wakes = verdict->kind == REGISTERED || verdict->kind == OTHER_ADDRESS ||
                 verdict->kind == UNREGISTERED || verdict->kind == LIKELY;
    proto_item *item = proto_tree_add_item(tree, proto_oxcnotif, tvb, 0, -1, ENC_NA);
    proto_tree *push_tree = proto_item_add_subtree(item, ett_push);
    const char *what = wakes ? "Push datagram"
                       : verdict->kind == COPY ? "Push datagram, captured twice" : "Push port: datagram ignored";

    proto_item_append_text(item, ", %s", what);
    if (!pinfo->flags.in_error_pkt) {
        col_set_str(pinfo->cinfo, COL_PROTOCOL, proto_get_protocol_short_name(find_protocol_by_id(proto_oxcnotif)));
        col_set_str(pinfo->cinfo, COL_INFO, what);
    }
    proto_tree_add_item(push_tree, hf_rgb_context, tvb, 0, -1, ENC_NA);
    if (verdict->push)
        proto_item_set_generated(proto_tree_add_uint(push_tree, hf_registered_in, tvb, 0, 0, verdict->push->asked_in));
    explain(tvb, pinfo, item, verdict);
    if (pinfo->flags.in_error_pkt) {
        if (wakes)
            oxc_explain(tvb, pinfo, item, &ei_undelivered, "%s", "The datagram did not reach the client: ICMP quotes it");
    } else if (wakes && verdict->channel) {
        oxc_listener->wakeup_through(tvb, pinfo, push_tree, pinfo->destport, OXC_WAKEUP_PUSH, OXC_OUTCOME_PENDING, verdict->channel,
                                     NULL);
    } else if (wakes) {
        oxc_listener->wakeup(tvb, pinfo, push_tree, pinfo->destport, OXC_WAKEUP_PUSH, OXC_OUTCOME_PENDING, verdict->push->session,
                             verdict->kind == REGISTERED ? OXC_BOUND_BY_KEY : OXC_BOUND_BY_CONTEXT, NULL);
    }
    return MAX(1, (int)tvb_captured_length(tvb));       /* 0 would mean that it is none of ours */
}

/* The conversation of a registration; also met by what goes the other way, from that address and port. */
static int
dissect_registered(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    const verdict_t *verdict = get_verdict(pinfo, tvb, false);

    return verdict ? dissect_datagram(tvb, pinfo, tree, (void *)verdict) : 0;
}

/* Decode As, or the preference for ports. */
static int
dissect_by_user(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    const verdict_t *verdict = get_verdict(pinfo, tvb, true);

    return verdict ? dissect_datagram(tvb, pinfo, tree, (void *)verdict) : 0;
}

static oxc_heuristic_t heuristic = { .dissect = dissect_datagram };

/* Any other address of a client, or a client whose registration was not captured. */
static ws_bool
dissect_heur(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    const verdict_t *verdict = heuristic.enabled && tvb_captured_length(tvb) > 0 ? get_verdict(pinfo, tvb, false) : NULL;

    return verdict && oxc_heuristic_dissect(&heuristic, tvb, pinfo, tree, (void *)verdict);
}

/*
 * A registration may have no context bytes (MS-OXCRPC 3.1.4.5: cbContext has no lower limit), and then its datagrams
 * are empty. Wireshark's UDP dissector calls nobody for those, so this looks at every frame that ends in UDP, once such
 * a registration was seen.
 */
static void
look_at_empty(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    wmem_list_frame_t *own = wmem_list_tail(pinfo->layers), *last = own ? wmem_list_frame_prev(own) : NULL;
    const verdict_t *verdict;

    if (!last || GPOINTER_TO_INT(wmem_list_frame_data(last)) != proto_udp ||
        proto_is_frame_protocol(pinfo->layers, "icmp") || proto_is_frame_protocol(pinfo->layers, "icmpv6"))
        return;
    tvb = tvb_new_subset_length(tvb, (int)tvb_captured_length(tvb), 0);
    verdict = get_verdict(pinfo, tvb, false);
    if (verdict)
        dissect_datagram(tvb, pinfo, tree, (void *)verdict);
}

static void
forget(void)
{
    verdicts = 0;
}

void
proto_reg_handoff_oxc_push(void)
{
    static const oxc_watcher_t watcher = { PT_UDP, OXC_FRAME_EMPTY_DATAGRAM, NULL, NULL, look_at_empty };

    registered_handle = register_dissector("oxcnotif-registered", dissect_registered, proto_oxcnotif);
    dissector_add_for_decode_as_with_preference("udp.port", register_dissector("oxcnotif", dissect_by_user, proto_oxcnotif));
    oxc_heuristic_add(&heuristic, "udp", dissect_heur, "Exchange push notification over UDP", "oxcnotif_push_udp", proto_oxcnotif);
    oxc_postdissector_add(&watcher, proto_oxcnotif);
    proto_udp = proto_get_id_by_filter_name("udp");
}

void
proto_register_oxc_push(void)
{
    static hf_register_info hf[] = {
        { &hf_rgb_context,
          { "rgbContext", "oxcnotif.push.rgb_context", FT_BYTES, BASE_NONE, NULL, 0,
            "Context bytes of the registration", HFILL } },
        { &hf_registered_in,
          { "Registered in", "oxcnotif.push.registered_in", FT_FRAMENUM, BASE_NONE, NULL, 0,
            "Frame of the EcRRegisterPushNotification", HFILL } },
    };
    static int *ett[] = { &ett_push };
    static ei_register_info ei[] = {
        { &ei_other_address,
          { "oxcnotif.push.other_address", PI_ASSUMPTION, PI_NOTE, "Not the address that was registered", EXPFILL } },
        { &ei_outdated, { "oxcnotif.push.outdated", PI_SEQUENCE, PI_NOTE, "Registration no longer valid", EXPFILL } },
        { &ei_copy, { "oxcnotif.push.copy", PI_SEQUENCE, PI_CHAT, "Packet captured twice", EXPFILL } },
        { &ei_foreign, { "oxcnotif.push.ignored", PI_SEQUENCE, PI_NOTE, "Context mismatch", EXPFILL } },
        { &ei_unregistered,
          { "oxcnotif.push.unregistered", PI_ASSUMPTION, PI_NOTE, "Registration not captured", EXPFILL } },
        { &ei_undelivered,
          { "oxcnotif.push.undelivered", PI_RESPONSE_CODE, PI_WARN, "Push datagram not delivered", EXPFILL } },
    };

    proto_oxcnotif = proto_get_id_by_filter_name("oxcnotif");
    proto_register_field_array(proto_oxcnotif, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto_oxcnotif), ei, array_length(ei));
    by_key = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), push_key_hash, push_key_equal);
    by_session = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    oxc_datagram_copy_register();
    register_init_routine(forget);
}
