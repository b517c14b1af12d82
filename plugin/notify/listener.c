/* listener.c
 * Hears what transports and the reader of ROPs have seen
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/missing_packets.h"
#include "notify/abandoned.h"
#include "notify/notify.h"
#include "notify/push_inference.h"
#include "notify/session_inference.h"
#include "notify/tap.h"
#include "notify/tls_note.h"
#include "registration.h"
#include "session/event.h"

static protocol_t *oxcnotif;

/* Who disables the protocol wants none of its items, and nobody else asks for what leads to them. */
static bool
is_silent(void)
{
    return !proto_is_protocol_enabled(oxcnotif);
}

/* ---- on every visit ---- */

static void
on_session(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_session_t *session)
{
    if (!is_silent())
        oxc_notify_session(tvb, pinfo, tree, session);
}

static void
on_call(packet_info *pinfo, const oxc_pdu_t *pdu)
{
    if (!is_silent())
        oxc_notify_call(pinfo, pdu);
}

static void
on_fetch(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu)
{
    if (!is_silent())
        oxc_notify_fetch(tvb, pinfo, tree, pdu);
}

static void
on_wait(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_wakeup_method_t method, const oxc_pdu_t *request)
{
    if (!is_silent())
        oxc_notify_wait(tvb, pinfo, tree, method, request);
}

static void
on_wakeup(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t which, oxc_wakeup_method_t method,
          oxc_wakeup_outcome_t outcome, oxc_session_t *session, oxc_bound_t bound, const oxc_pdu_t *request)
{
    if (!is_silent())
        oxc_notify_wakeup(tvb, pinfo, tree, which, method, outcome, session, bound, request);
}

static void
on_wakeup_through(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t which, oxc_wakeup_method_t method,
                  oxc_wakeup_outcome_t outcome, oxc_channel_t *channel, const oxc_pdu_t *request)
{
    if (!is_silent())
        oxc_notify_wakeup_through(tvb, pinfo, tree, which, method, outcome, channel, request);
}

static void
on_wait_cut_off(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t which, oxc_wakeup_method_t method,
                const oxc_call_t *wait, oxc_closed_by_t closed_by)
{
    if (!is_silent())
        oxc_notify_wait_cut_off(tvb, pinfo, tree, which, method, wait, closed_by);
}

static void
on_other_leg(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_pdu_t *pdu, uint32_t frame,
             const nstime_t *delay)
{
    if (!is_silent())
        oxc_notify_other_leg(tvb, pinfo, tree, pdu, frame, delay);
}

static void
on_subscription(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, const oxc_object_t *object)
{
    if (!is_silent())
        oxc_notify_subscription(tvb, pinfo, tree, pdu, object);
}

static void
on_table(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_session_t *session, const oxc_object_t *object)
{
    if (!is_silent())
        oxc_notify_table(tvb, pinfo, tree, session, object);
}

static void
on_notification(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, const oxc_rop_t *rop,
                const char *folder)
{
    if (!is_silent())
        oxc_notify_notification(tvb, pinfo, tree, pdu, rop, folder);
}

static void
on_tls_undecrypted(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree, const oxc_tls_note_t *note)
{
    if (!is_silent())
        oxc_notify_tls(frame, pinfo, tree, note);
}

static void
on_rop_pending(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, const oxc_rop_t *rop)
{
    if (!is_silent())
        oxc_notify_rop_pending(tvb, pinfo, tree, pdu, rop);
}

/* ---- on the first visit ---- */

static void
on_call_forgotten(packet_info *pinfo, oxc_call_t *call)
{
    if (PINFO_FD_VISITED(pinfo) || call->response || call->outcome)
        return;
    if (call->kind == OXC_CALL_WAIT)
        oxc_wait_is_forgotten(pinfo, call);
    else
        oxc_notify_call_failed(pinfo, call, OXC_FAILURE_CUT_OFF);
}

static void
on_async_handle(oxc_session_t *session)
{
    oxc_inference_taken(session, OXC_CHANNEL_WAIT);
}

static void
on_wait_by_unknown_handle(oxc_call_t *wait, const uint8_t *handle, size_t len, const address *client,
                          const address *server)
{
    oxc_call_change_wait(wait)->channel = oxc_channel_find(OXC_CHANNEL_WAIT, handle, len, client, server);
}

static oxc_channel_t *
channel_of(const conversation_t *connection, oxc_channel_kind_t kind, const address *client, const address *server)
{
    return oxc_channel_find(kind, &connection, sizeof connection, client, server);
}

static void
on_wait_began_on(const conversation_t *connection, const oxc_call_t *wait, const address *client, const address *server)
{
    if (wait->session)
        oxc_channel_wait_begins(channel_of(connection, OXC_CHANNEL_CONNECTION, client, server), wait->session);
}

static void
on_wait_ended_on(const conversation_t *connection, oxc_call_t *wait, bool refused, const address *client,
                 const address *server)
{
    oxc_channel_t *known;

    if (wait->session && !refused)
        oxc_channel_wait_ended(channel_of(connection, OXC_CHANNEL_CONNECTION, client, server), wait->session);
    /* The response has no handle: without its request only the connection tells whose wait this was. */
    if (!wait->session && !oxc_call_wait(wait)->channel)
        oxc_call_change_wait(wait)->channel = channel_of(connection, OXC_CHANNEL_CONNECTION, client, server);
    known = oxc_call_wait(wait)->channel;
    if (known)
        oxc_channel_wait_is_old(known, false);
}

static void
on_old_wait_ended_on(const conversation_t *connection, oxc_call_t *wait, bool over_http, const address *client,
                     const address *server)
{
    oxc_channel_t *channel =
        channel_of(connection, over_http ? OXC_CHANNEL_HTTP : OXC_CHANNEL_CONNECTION, client, server);

    oxc_call_change_wait(wait)->channel = channel;
    oxc_channel_wait_is_old(channel, true);
}

static void
on_push_registered(oxc_session_t *session)
{
    oxc_inference_taken(session, OXC_CHANNEL_PUSH);
}

/* ---- questions ---- */

static oxc_channel_t *
push_channel(packet_info *pinfo, const uint8_t *bytes, size_t len)
{
    wmem_array_t *key = oxc_push_channel_key(pinfo->pool, &pinfo->dst, (uint16_t)pinfo->destport, bytes, len);

    return oxc_channel_find(OXC_CHANNEL_PUSH, wmem_array_get_raw(key), wmem_array_get_count(key), &pinfo->dst,
                            &pinfo->src);
}

static bool
is_push(packet_info *pinfo, const uint8_t *bytes, size_t len)
{
    if (oxc_push_inference_received(pinfo, bytes, len))
        return true;
    return oxc_inference_are_peers(&pinfo->dst, &pinfo->src) && oxc_inference_is_push(push_channel(pinfo, bytes, len));
}

static bool
is_wakeup(const packet_info *pinfo, uint32_t which)
{
    return oxc_matcher_known(pinfo, which) != NULL;
}

void
proto_register_oxc_listener(void)
{
    static const oxc_listener_t listener = {
        .session = on_session,
        .call = on_call,
        .fetch = on_fetch,
        .wait = on_wait,
        .wakeup = on_wakeup,
        .wakeup_through = on_wakeup_through,
        .wait_cut_off = on_wait_cut_off,
        .other_leg = on_other_leg,
        .subscription = on_subscription,
        .table = on_table,
        .notification = on_notification,
        .tls_undecrypted = on_tls_undecrypted,
        .rop_pending = on_rop_pending,
        .call_failed = oxc_notify_call_failed,
        .call_missing = oxc_missing_call,
        .bytes_missing = oxc_inference_bytes_missing,
        .call_forgotten = on_call_forgotten,
        .session_met = oxc_inference_meet,
        .has_async_handle = on_async_handle,
        .wait_by_unknown_handle = on_wait_by_unknown_handle,
        .wait_began_on = on_wait_began_on,
        .wait_ended_on = on_wait_ended_on,
        .old_wait_ended_on = on_old_wait_ended_on,
        .push_registered = on_push_registered,
        .push_expected = oxc_inference_expect_push,
        .push_shared = oxc_channel_share,
        .datagram_sent = oxc_push_inference_sent,
        .has_statistics = oxc_tap_has_listeners,
        .is_push = is_push,
        .push_channel = push_channel,
        .are_peers = oxc_inference_are_peers,
        .is_wakeup = is_wakeup,
        .is_past = oxc_matcher_is_past,
    };

    oxcnotif = find_protocol_by_id(proto_get_id_by_filter_name("oxcnotif"));
    oxc_tls_note_register(proto_get_id(oxcnotif));
    oxc_listen(&listener);
}
