/* push.c
 * Wake-ups by UDP datagram and the registrations they answer (MS-OXCRPC 3.1.4.5, MS-OXCNOTIF 3.1.5.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "transport/push.h"

#include "registration.h"

#include <epan/expert.h>
#include <epan/proto_data.h>
#include <epan/to_str.h>

#include "notify/notify.h"
#include "transport/oxcrpc.h"

/*
 * A datagram consists of the client's own context bytes and nothing else, so only a registration tells that it is one. The
 * registration claims its address and port as a conversation, which comes before the owners of ports: the server may
 * send from any port. What reaches another address of the client (address translation, several interfaces) is
 * recognized by port and bytes together.
 */

struct oxc_push {
    oxc_push_t *older;          /* next registration of the same port */
    oxc_session_t *session;     /* NULL: not known */
    address callback;
    const uint8_t *context;
    uint32_t len;
    uint32_t asked_in;
    uint32_t replaced_in;       /* 0: not replaced and not withdrawn */
    bool refused;
    bool came;                  /* a datagram did */
    oxc_push_t *replaces;
};

/* What the first visit found a datagram to be. */
typedef enum {
    OTHER_TRAFFIC,
    REGISTERED,                 /* address, port and bytes are those of a registration */
    OTHER_ADDRESS,              /* port and bytes */
    OUTDATED,                   /* of a registration that was replaced, or whose session has ended */
    FOREIGN_BYTES,              /* address and port, but other bytes: to be ignored (MS-OXCNOTIF 3.2.5.5.2) */
    UNREGISTERED                /* somebody said that this port is for such datagrams */
} verdict_kind_t;

typedef struct {
    verdict_kind_t kind;
    oxc_push_t *push;
    oxc_session_t *session;
    oxc_bound_t bound;
} verdict_t;

static wmem_map_t *by_port;     /* port -> newest registration */
static wmem_map_t *by_session;  /* session -> newest registration */
static unsigned empty_contexts; /* registrations with no bytes at all */

static int proto_oxcnotif = -1;
static int proto_udp = -1;
static int hf_rgb_context = -1;
static int hf_registered_in = -1;
static int ett_push = -1;

static expert_field ei_other_address = EI_INIT;
static expert_field ei_outdated = EI_INIT;
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

oxc_push_t *
oxc_push_ask(packet_info *pinfo, oxc_session_t *session, const address *callback, uint16_t port, const uint8_t *context,
             size_t len)
{
    oxc_push_t *push;

    if (PINFO_FD_VISITED(pinfo) || port == 0)
        return NULL;
    push = wmem_new0(wmem_file_scope(), oxc_push_t);
    push->older = (oxc_push_t *)wmem_map_lookup(by_port, GUINT_TO_POINTER(port));
    push->session = session;
    copy_address_wmem(wmem_file_scope(), &push->callback, callback);
    push->context = (const uint8_t *)wmem_memdup(wmem_file_scope(), context, len);
    push->len = (uint32_t)len;
    push->asked_in = pinfo->num;
    if (session) {
        push->replaces = (oxc_push_t *)wmem_map_lookup(by_session, session);
        if (push->replaces)
            push->replaces->replaced_in = pinfo->num;
        wmem_map_insert(by_session, session, push);
    }
    wmem_map_insert(by_port, GUINT_TO_POINTER(port), push);
    if (len == 0)
        empty_contexts++;
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
    return PINFO_FD_VISITED(pinfo) && push && !push->refused && !push->came;
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
same_bytes(tvbuff_t *tvb, const oxc_push_t *push)
{
    unsigned there = tvb_captured_length(tvb);

    /* A snapshot length may have cut some off. */
    return tvb_reported_length(tvb) == push->len && (there == 0 || tvb_memeql(tvb, 0, push->context, there) == 0);
}

static bool
is_over(const oxc_push_t *push)
{
    return push->replaced_in || (push->session && push->session->ended_in);
}

static verdict_kind_t
judge(packet_info *pinfo, tvbuff_t *tvb, const oxc_push_t *push)
{
    bool address_fits = addresses_equal(&pinfo->dst, &push->callback);

    if (push->refused)
        return OTHER_TRAFFIC;
    if (same_bytes(tvb, push)) {
        if (address_fits)
            return is_over(push) ? OUTDATED : REGISTERED;
        return push->len > 0 && !is_over(push) ? OTHER_ADDRESS : OTHER_TRAFFIC;
    }
    return address_fits && !is_over(push) ? FOREIGN_BYTES : OTHER_TRAFFIC;
}

/* The registration that explains a datagram best: verdicts are in the order of preference. */
static void
find_registration(packet_info *pinfo, tvbuff_t *tvb, verdict_t *verdict)
{
    oxc_push_t *push = (oxc_push_t *)wmem_map_lookup(by_port, GUINT_TO_POINTER(pinfo->destport));

    for (; push; push = push->older) {
        verdict_kind_t kind = judge(pinfo, tvb, push);

        if (kind != OTHER_TRAFFIC && (verdict->kind == OTHER_TRAFFIC || kind < verdict->kind)) {
            verdict->kind = kind;
            verdict->push = push;
        }
        if (kind == REGISTERED)
            break;
    }
}

/* by_user: the port is known for such datagrams because the user said so. */
static const verdict_t *
get_verdict(packet_info *pinfo, tvbuff_t *tvb, bool by_user)
{
    uint32_t key = pinfo->destport << 1 | pinfo->flags.in_error_pkt;
    verdict_t *verdict = (verdict_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_oxcnotif, key);

    if (verdict || PINFO_FD_VISITED(pinfo))
        return verdict;
    verdict = wmem_new0(wmem_file_scope(), verdict_t);
    find_registration(pinfo, tvb, verdict);
    if (verdict->push) {
        verdict->push->came = true;
        verdict->session = verdict->push->session;
        verdict->bound = verdict->kind == REGISTERED ? OXC_BOUND_BY_KEY : OXC_BOUND_BY_CONTEXT;
    } else if (by_user) {
        verdict->kind = UNREGISTERED;
        verdict->session = oxc_rpc_only_session(&pinfo->dst);
        verdict->bound = OXC_BOUND_BY_ORDER;
    }
    if (verdict->kind == OTHER_TRAFFIC)
        return NULL;
    p_add_proto_data(wmem_file_scope(), pinfo, proto_oxcnotif, key, verdict);
    return verdict;
}

static void
explain(packet_info *pinfo, proto_item *item, const verdict_t *verdict)
{
    const oxc_push_t *push = verdict->push;

    switch (verdict->kind) {
    case OTHER_ADDRESS:
        expert_add_info_format(pinfo, item, &ei_other_address,
                               "Port and context are those of frame %u, but the address registered there is %s",
                               push->asked_in, address_to_str(pinfo->pool, &push->callback));
        break;
    case OUTDATED:
        if (push->replaced_in)
            expert_add_info_format(pinfo, item, &ei_outdated,
                                   "The registration of frame %u was given up or replaced in frame %u", push->asked_in,
                                   push->replaced_in);
        else
            expert_add_info_format(pinfo, item, &ei_outdated, "The session of the registration of frame %u has ended",
                                   push->asked_in);
        break;
    case FOREIGN_BYTES:
        expert_add_info_format(pinfo, item, &ei_foreign,
                               "To the address registered in frame %u, but not with its context: the client ignores it",
                               push->asked_in);
        break;
    case UNREGISTERED:
        expert_add_info(pinfo, item, &ei_unregistered);
        break;
    default:
        break;
    }
}

static int
dissect_datagram(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const verdict_t *verdict)
{
    bool wakes = verdict->kind == REGISTERED || verdict->kind == OTHER_ADDRESS || verdict->kind == UNREGISTERED;
    proto_item *item = proto_tree_add_item(tree, proto_oxcnotif, tvb, 0, -1, ENC_NA);
    proto_tree *push_tree = proto_item_add_subtree(item, ett_push);
    const char *what = wakes ? "Push notification" : "Datagram to a push notification port, ignored";

    proto_item_append_text(item, ", %s", what);
    if (!pinfo->flags.in_error_pkt) {
        col_set_str(pinfo->cinfo, COL_PROTOCOL, proto_get_protocol_short_name(find_protocol_by_id(proto_oxcnotif)));
        col_set_str(pinfo->cinfo, COL_INFO, what);
    }
    proto_tree_add_item(push_tree, hf_rgb_context, tvb, 0, -1, ENC_NA);
    if (verdict->push)
        proto_item_set_generated(proto_tree_add_uint(push_tree, hf_registered_in, tvb, 0, 0, verdict->push->asked_in));
    explain(pinfo, item, verdict);
    if (pinfo->flags.in_error_pkt) {
        if (wakes)
            expert_add_info(pinfo, item, &ei_undelivered);
    } else if (wakes) {
        oxc_notify_wakeup(tvb, pinfo, push_tree, pinfo->destport, OXC_WAKEUP_PUSH, OXC_OUTCOME_PENDING, verdict->session,
                          verdict->bound, NULL);
    }
    return MAX(1, (int)tvb_captured_length(tvb));       /* 0 would mean that it is none of ours */
}

/* The conversation of a registration; also met by what goes the other way, from that address and port. */
static int
dissect_registered(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    const verdict_t *verdict = get_verdict(pinfo, tvb, false);

    return verdict ? dissect_datagram(tvb, pinfo, tree, verdict) : 0;
}

/* Decode As, or the preference for ports. */
static int
dissect_by_user(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    const verdict_t *verdict = get_verdict(pinfo, tvb, true);

    return verdict ? dissect_datagram(tvb, pinfo, tree, verdict) : 0;
}

/* Any other address of a client: only with the bytes of a registration. */
static ws_bool
dissect_heur(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    const verdict_t *verdict;

    if (tvb_captured_length(tvb) == 0 || wmem_map_size(by_port) == 0)
        return false;
    verdict = get_verdict(pinfo, tvb, false);
    if (!verdict)
        return false;
    dissect_datagram(tvb, pinfo, tree, verdict);
    return true;
}

/*
 * A registration may have no context bytes (MS-OXCRPC 3.1.4.5: cbContext has no lower limit), and then its datagrams are
 * empty. Wireshark's UDP dissector calls nobody for those, so this looks at every frame that ends in UDP, once such a
 * registration was seen.
 */
static int
dissect_empty(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    wmem_list_frame_t *last;
    const verdict_t *verdict;

    if (empty_contexts == 0 || pinfo->ptype != PT_UDP)
        return 0;
    last = wmem_list_tail(pinfo->layers);       /* which is this dissector's own */
    last = last ? wmem_list_frame_prev(last) : NULL;
    if (!last || GPOINTER_TO_INT(wmem_list_frame_data(last)) != proto_udp ||
        proto_is_frame_protocol(pinfo->layers, "icmp") || proto_is_frame_protocol(pinfo->layers, "icmpv6"))
        return 0;
    tvb = tvb_new_subset_length(tvb, (int)tvb_captured_length(tvb), 0);
    verdict = get_verdict(pinfo, tvb, false);
    return verdict ? dissect_datagram(tvb, pinfo, tree, verdict) : 0;
}

static void
forget(void)
{
    empty_contexts = 0;
}

void
proto_reg_handoff_oxc_push(void)
{
    registered_handle = create_dissector_handle(dissect_registered, proto_oxcnotif);
    dissector_add_for_decode_as_with_preference("udp.port", create_dissector_handle(dissect_by_user, proto_oxcnotif));
    heur_dissector_add("udp", dissect_heur, "Exchange push notification over UDP", "oxcnotif_push_udp", proto_oxcnotif,
                       HEURISTIC_ENABLE);
    register_postdissector(create_dissector_handle(dissect_empty, proto_oxcnotif));
    proto_udp = proto_get_id_by_filter_name("udp");
}

void
proto_register_oxc_push(void)
{
    static hf_register_info hf[] = {
        { &hf_rgb_context,
          { "rgbContext", "oxcnotif.push.rgb_context", FT_BYTES, BASE_NONE, NULL, 0, "Context bytes of the registration",
            HFILL } },
        { &hf_registered_in,
          { "Registered in", "oxcnotif.push.registered_in", FT_FRAMENUM, BASE_NONE, NULL, 0,
            "Frame of the EcRRegisterPushNotification", HFILL } },
    };
    static int *ett[] = { &ett_push };
    static ei_register_info ei[] = {
        { &ei_other_address,
          { "oxcnotif.push.other_address", PI_ASSUMPTION, PI_NOTE, "Not the address that was registered", EXPFILL } },
        { &ei_outdated,
          { "oxcnotif.push.outdated", PI_SEQUENCE, PI_NOTE, "The registration is not in force any more", EXPFILL } },
        { &ei_foreign, { "oxcnotif.push.ignored", PI_SEQUENCE, PI_NOTE, "Not the context that was registered", EXPFILL } },
        { &ei_unregistered,
          { "oxcnotif.push.unregistered", PI_ASSUMPTION, PI_NOTE,
            "The registration was not captured: a push notification because the port is said to be for them", EXPFILL } },
        { &ei_undelivered,
          { "oxcnotif.push.undelivered", PI_RESPONSE_CODE, PI_WARN, "The datagram did not reach the client: ICMP quotes it",
            EXPFILL } },
    };

    proto_oxcnotif = proto_get_id_by_filter_name("oxcnotif");
    proto_register_field_array(proto_oxcnotif, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto_oxcnotif), ei, array_length(ei));
    by_port = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    by_session = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    register_init_routine(forget);
}
