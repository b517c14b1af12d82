/* notify.c
 * Wake-ups, follow-ups and what they tell
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/notify.h"

#include "foreign_text.h"
#include "oxcnotif_item.h"
#include "notify/abandoned.h"
#include "notify/missing_packets.h"
#include "notify/notification_check.h"
#include "notify/polling.h"
#include "notify/push_inference.h"
#include "notify/session_item.h"
#include "notify/session_index.h"
#include "notify/session_inference.h"
#include "notify/wakeup_outcome.h"
#include "notify/matcher.h"
#include "notify/subscription.h"
#include "notify/tables.h"
#include "notify/tap.h"
#include "session/rop_state.h"
#include "registration.h"

#include <epan/expert.h>
#include <epan/prefs.h>
#include <epan/to_str.h>

static int proto_oxcnotif = -1;

static int hf_wakeup = -1;
static int hf_method = -1;
static int hf_outcome = -1;
static int hf_closed_by = -1;
static int hf_wait_in = -1;
static int hf_waited = -1;
static int hf_followup_in = -1;
static int hf_followup_time = -1;
static int hf_attempts = -1;
static int hf_superseded_in = -1;
static int hf_wakeup_in = -1;
static int hf_match = -1;
static int hf_confidence = -1;
static int hf_repeats = -1;
static int hf_other_leg = -1;
static int hf_leg_delay = -1;
static int ett_wakeup = -1;

static expert_field ei_never_followed;
static expert_field ei_slow;
static expert_field ei_empty;
static expert_field ei_polling;
static expert_field ei_repeated;
static expert_field ei_cut_off;
static expert_field ei_abandoned;
static expert_field ei_rejected;
static expert_field ei_session_before;
static expert_field ei_other_session;

static unsigned pref_window = 60;
static unsigned pref_slow = 1000;

static const value_string method_vals[] = {
    { OXC_WAKEUP_PUSH, "Push datagram" },
    { OXC_WAKEUP_ASYNC_WAIT, "EcDoAsyncWaitEx" },
    { OXC_WAKEUP_HTTP_WAIT, "NotificationWait" },
    { OXC_WAKEUP_ROP_PENDING, "RopPending" },
    { 0, NULL }
};

static const value_string outcome_vals[] = {
    { OXC_OUTCOME_PENDING, "Pending notifications" },
    { OXC_OUTCOME_TIMEOUT, "Timeout" },
    { OXC_OUTCOME_REJECTED, "Refused" },
    { OXC_OUTCOME_CUT_OFF, "Cut off before the answer" },
    { OXC_OUTCOME_ABANDONED, "Abandoned by the client" },
    { 0, NULL }
};

static const value_string closed_by_vals[] = {
    { OXC_CLOSED_BY_CLIENT, "Client" },
    { OXC_CLOSED_BY_SERVER, "Server" },
    { OXC_CLOSED_BY_DEVICE, "Device between client and server" },
    { 0, NULL }
};

static const value_string match_vals[] = {
    { OXC_MATCH_SESSION, "Same session context" },
    { OXC_MATCH_CONTEXT, "Registered context bytes" },
    { OXC_MATCH_ORDER, "Addresses and order" },
    { 0, NULL }
};

static proto_item *
add_generated_uint(proto_tree *tree, int hf, tvbuff_t *tvb, uint32_t value)
{
    proto_item *item = proto_tree_add_uint(tree, hf, tvb, 0, 0, value);

    proto_item_set_generated(item);
    return item;
}

static void
show_link(tvbuff_t *tvb, proto_tree *tree, const oxc_wakeup_t *wakeup)
{
    unsigned attempts = oxc_matcher_attempts(wakeup);
    nstime_t took;

    nstime_delta(&took, &wakeup->fetch->time, &wakeup->time);
    proto_item_set_generated(proto_tree_add_time(tree, hf_followup_time, tvb, 0, 0, &took));
    if (attempts > 0)
        add_generated_uint(tree, hf_attempts, tvb, attempts);
    add_generated_uint(tree, hf_match, tvb, wakeup->match);
    add_generated_uint(tree, hf_confidence, tvb, wakeup->confidence);
}

/* ---- wake-ups ---- */

/* What became of the wake-up: later frames decide it, so it is seen on a second pass. */
static void
show_fate(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, proto_item *item, const oxc_wakeup_t *wakeup)
{
    if (wakeup->fetch) {
        add_generated_uint(tree, hf_followup_in, tvb, wakeup->fetch->frame);
        show_link(tvb, tree, wakeup);
    } else if (oxc_superseded_in(wakeup)) {
        add_generated_uint(tree, hf_superseded_in, tvb, oxc_superseded_in(wakeup));
    } else if (wakeup->late_fetch && !wakeup->call_missing) {
        oxc_explain(
            tvb, pinfo, item, &ei_never_followed,
            "No call of the session fetched the notifications within %u s; the next one is in frame %u",
            oxc_matcher_window(), wakeup->late_fetch->frame);
    } else if (PINFO_FD_VISITED(pinfo) && wakeup->outcome == OXC_OUTCOME_PENDING &&
               oxc_matcher_followup(wakeup) == OXC_FOLLOWUP_MISSED) {
        oxc_explain(
            tvb, pinfo, item, &ei_never_followed,
            "No call of the session fetched the notifications; the capture goes on for more than %u s",
            oxc_matcher_window());
    }
}

static void
show_outcome(tvbuff_t *tvb, packet_info *pinfo, proto_item *item, const oxc_wakeup_t *wakeup)
{
    nstime_t since = oxc_wakeup_waited(wakeup);
    const char *waited = wakeup->request ? rel_time_to_secs_str(pinfo->pool, &since) : NULL;

    if (wakeup->outcome == OXC_OUTCOME_CUT_OFF)
        oxc_explain(
            tvb, pinfo, item, &ei_cut_off,
            "%s the connection %s%s%sbefore the wait was answered. Servers answer a wait; load balancers and proxies "
            "often end connections after 60 or 120 s without traffic",
            wakeup->closed_by == OXC_CLOSED_BY_CLIENT   ? "The client ended"
            : wakeup->closed_by == OXC_CLOSED_BY_SERVER ? "The server's side ended"
            : wakeup->closed_by == OXC_CLOSED_BY_DEVICE ? "A device between client and server ended"
                                                        : "An unknown side ended",
            waited ? waited : "", waited ? " s after the request, " : "", "");
    if (wakeup->outcome == OXC_OUTCOME_REJECTED && !wakeup->given_up)
        oxc_explain(tvb, pinfo, item, &ei_rejected, "%s",
                    "The wait was refused or failed: no long poll until the client retries");
    if (wakeup->repeats > 0) {
        nstime_delta(&since, &wakeup->time, &wakeup->first->time);
        oxc_explain(
            tvb, pinfo, item, &ei_repeated,
            "The datagram was sent %u times since frame %u, %s s ago, and nothing was fetched: it does not reach the "
            "client, or the client does not act on it",
            wakeup->repeats + 1, wakeup->first->frame, rel_time_to_secs_str(pinfo->pool, &since));
    }
}

static const char *
wakeup_summary(packet_info *pinfo, const proto_tree *tree, unsigned method, unsigned outcome)
{
    if (!oxc_item_text_is_wanted(tree))
        return "";
    return wmem_strdup_printf(pinfo->pool, "%s: %s", val_to_str_const(outcome, outcome_vals, "?"),
                              val_to_str_const(method, method_vals, "?"));
}

/* The Info column says first that a wait failed, which TCP's own text would hide, and last how long a healthy one took. */
static void
show_in_column(packet_info *pinfo, const oxc_wakeup_t *wakeup)
{
    static const char *const closers[] = { "", " by the client", " by the server", " by a device between" };
    const char *wait = wakeup->method == OXC_WAKEUP_HTTP_WAIT ? "Long poll" : "Asynchronous wait";
    nstime_t waited = oxc_wakeup_waited(wakeup);
    unsigned times = wakeup->repeats + 1;

    if (wakeup->outcome == OXC_OUTCOME_CUT_OFF && wakeup->request)
        col_prepend_fence_fstr(pinfo->cinfo, COL_INFO, "%s cut off after %.1f s%s, ", wait, nstime_to_sec(&waited),
                               wakeup->closed_by < G_N_ELEMENTS(closers) ? closers[wakeup->closed_by] : "");
    else if (wakeup->outcome == OXC_OUTCOME_CUT_OFF)
        col_prepend_fence_fstr(pinfo->cinfo, COL_INFO, "%s cut off, ", wait);
    else if (wakeup->outcome == OXC_OUTCOME_REJECTED && !wakeup->given_up)
        col_prepend_fence_fstr(pinfo->cinfo, COL_INFO, "%s refused, ", wait);
    else if (wakeup->request)
        col_append_fstr(pinfo->cinfo, COL_INFO, ", after %.1f s", nstime_to_sec(&waited));
    if (wakeup->repeats)
        col_append_fstr(pinfo->cinfo, COL_INFO, ", %u%s time, not fetched", times,
                        times % 100 / 10 == 1 ? "th" : times % 10 == 1 ? "st" : times % 10 == 2 ? "nd"
                                                    : times % 10 == 3 ? "rd" : "th");
}

static void
show_wakeup(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_wakeup_t *wakeup)
{
    proto_item *item;
    proto_tree *sub;
    oxc_tap_t event = { .kind = OXC_TAP_WAKEUP, .wakeup = wakeup };

    if (!wakeup)
        return;
    event.session = wakeup->session;
    tree = oxc_item_tree(tvb, pinfo, tree, wakeup_summary(pinfo, tree, wakeup->method, wakeup->outcome));
    item = proto_tree_add_item(tree, hf_wakeup, tvb, 0, 0, ENC_NA);
    proto_item_set_generated(item);
    proto_item_append_text(item, ": %s, %s", val_to_str_const(wakeup->method, method_vals, "?"),
                           val_to_str_const(wakeup->outcome, outcome_vals, "?"));
    sub = proto_item_add_subtree(item, ett_wakeup);
    add_generated_uint(sub, hf_method, tvb, wakeup->method);
    add_generated_uint(sub, hf_outcome, tvb, wakeup->outcome);
    if (wakeup->closed_by)
        add_generated_uint(sub, hf_closed_by, tvb, wakeup->closed_by);
    oxc_notify_session(tvb, pinfo, sub, wakeup->session);
    if (wakeup->request) {
        nstime_t waited = oxc_wakeup_waited(wakeup);

        add_generated_uint(sub, hf_wait_in, tvb, wakeup->request->frame);
        proto_item_set_generated(proto_tree_add_time(sub, hf_waited, tvb, 0, 0, &waited));
    }
    if (wakeup->repeats)
        add_generated_uint(sub, hf_repeats, tvb, wakeup->repeats);
    show_fate(tvb, pinfo, sub, item, wakeup);
    show_outcome(tvb, pinfo, item, wakeup);
    show_in_column(pinfo, wakeup);
    oxc_tap_tell(pinfo, &event);
    oxc_abandoned_tell(pinfo, wakeup->session);
}

void
oxc_notify_wakeup(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t which, oxc_wakeup_method_t method,
                  oxc_wakeup_outcome_t outcome, oxc_session_t *session, oxc_bound_t bound, const oxc_pdu_t *request)
{
    show_wakeup(tvb, pinfo, tree, oxc_matcher_wakeup(pinfo, which, method, outcome, session, bound, request));
}

void
oxc_notify_wakeup_through(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t which,
                          oxc_wakeup_method_t method, oxc_wakeup_outcome_t outcome, oxc_channel_t *channel,
                          const oxc_pdu_t *request)
{
    show_wakeup(tvb, pinfo, tree, oxc_matcher_wakeup_through(pinfo, which, method, outcome, channel, request));
}

/* Linked sessions have one client. */
static oxc_channel_t *
pending_channel(packet_info *pinfo, const oxc_rop_t *rop)
{
    uint8_t index[OXC_INDEX_KEY_SIZE];
    wmem_array_t *key = wmem_array_new(pinfo->pool, 1);

    wmem_array_append(key, index, (unsigned)oxc_session_index_key(rop->session_index, &pinfo->src, index));
    wmem_array_append(key, pinfo->dst.data, (unsigned)pinfo->dst.len);
    return oxc_channel_find(OXC_CHANNEL_INDEX, wmem_array_get_raw(key), wmem_array_get_count(key), &pinfo->dst, &pinfo->src);
}

void
oxc_notify_rop_pending(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, const oxc_rop_t *rop)
{
    oxc_session_t *own = pdu->call->session, *woken = own;
    oxc_index_meaning_t meaning = OXC_INDEX_LINKED;
    const oxc_wakeup_t *wakeup;

    if (!rop)
        return;
    if (!PINFO_FD_VISITED(pinfo))
        meaning = oxc_index_meaning(pinfo, pdu, rop->session_index, &woken);
    if (meaning == OXC_INDEX_OWN)
        return;
    if (meaning == OXC_INDEX_UNKNOWN)
        oxc_notify_wakeup_through(tvb, pinfo, tree, oxc_pdu_which(pdu), OXC_WAKEUP_ROP_PENDING, OXC_OUTCOME_PENDING,
                                  pending_channel(pinfo, rop), NULL);
    else
        oxc_notify_wakeup(tvb, pinfo, tree, oxc_pdu_which(pdu), OXC_WAKEUP_ROP_PENDING, OXC_OUTCOME_PENDING, woken,
                          pdu->call->bound ? pdu->call->bound : OXC_BOUND_BY_KEY, NULL);
    wakeup = oxc_matcher_known(pinfo, oxc_pdu_which(pdu));
    if (wakeup && wakeup->session && wakeup->session != own)
        oxc_explain_in(tvb, pinfo, tree, &ei_other_session,
                       "The notifications wait for session %u, which is linked to this one", wakeup->session->number);
}

void
oxc_notify_wait_cut_off(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, uint32_t which,
                        oxc_wakeup_method_t method, const oxc_call_t *wait, oxc_closed_by_t closed_by)
{
    oxc_channel_t *channel = oxc_call_wait(wait)->channel;
    oxc_wakeup_t *wakeup =
        channel ? oxc_matcher_wakeup_through(pinfo, which, method, OXC_OUTCOME_CUT_OFF, channel, wait->request)
                : oxc_matcher_wakeup(pinfo, which, method, OXC_OUTCOME_CUT_OFF, wait->session, wait->bound, wait->request);

    if (wakeup && !PINFO_FD_VISITED(pinfo))
        wakeup->closed_by = closed_by;
    show_wakeup(tvb, pinfo, tree, wakeup);
}

void
oxc_notify_wait(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_wakeup_method_t method,
                const oxc_pdu_t *request)
{
    const oxc_call_t *wait = request->call, *next = oxc_call_wait(wait)->next;
    oxc_tap_t event = { .kind = OXC_TAP_ABANDONED, .session = wait->session, .change = 1 };
    proto_item *item;
    proto_tree *sub;

    request->call->method = (uint8_t)method;
    if (!PINFO_FD_VISITED(pinfo) || !oxc_wait_is_abandoned(wait))
        return;
    event.wakeup = oxc_abandoned_wakeup(wait);
    oxc_tap_tell(pinfo, &event);
    col_prepend_fence_fstr(pinfo->cinfo, COL_INFO, "%s abandoned, ", method == OXC_WAKEUP_HTTP_WAIT ? "Long poll" : "Wait");
    tree = oxc_item_tree(tvb, pinfo, tree, wakeup_summary(pinfo, tree, method, OXC_OUTCOME_ABANDONED));
    item = proto_tree_add_item(tree, hf_wakeup, tvb, 0, 0, ENC_NA);
    proto_item_set_generated(item);
    proto_item_append_text(item, ": %s, %s", val_to_str_const(method, method_vals, "?"),
                           val_to_str_const(OXC_OUTCOME_ABANDONED, outcome_vals, "?"));
    sub = proto_item_add_subtree(item, ett_wakeup);
    add_generated_uint(sub, hf_method, tvb, method);
    add_generated_uint(sub, hf_outcome, tvb, OXC_OUTCOME_ABANDONED);
    if (next && next->request)
        oxc_explain(tvb, pinfo, item, &ei_abandoned,
                               "No answer and no end of the connection was seen; the client waits again in frame %u. "
                               "Devices that drop idle connections silently cause this",
                               next->request->frame);
    else
        oxc_explain(tvb, pinfo, item, &ei_abandoned, "%s",
                    wait->session->end == OXC_END_REPLACED
                        ? "No answer and no end of the connection was seen; the client connected again"
                    : wait->forgotten ? "No answer and no end of the connection was seen; another connection has its ports"
                        : "The session went on while the server sent nothing more");
}

/* ---- fetches ---- */

/* Wake-ups whose frames are past: statistics of the first pass learn of them now. */
static void
tell_late_wakeups(packet_info *pinfo, const oxc_pdu_t *request)
{
    const oxc_wakeup_t *wakeup;

    while (!PINFO_FD_VISITED(pinfo) && (wakeup = oxc_matcher_next_late()) != NULL) {
        oxc_tap_t event = { .kind = OXC_TAP_WAKEUP, .session = wakeup->session, .pdu = request, .wakeup = wakeup };

        oxc_tap_tell(pinfo, &event);
    }
}

static void
note_call(const packet_info *pinfo, const oxc_pdu_t *pdu)
{
    if (PINFO_FD_VISITED(pinfo) || !pdu->call->session || pdu->is_response)
        return;
    pdu->call->session->latest_call = pinfo->abs_ts;
    pdu->call->session->left_in = pdu->call->kind == OXC_CALL_DISCONNECT && !pdu->call->session->sealed ? pinfo->num : 0;
}

/* A server that answers ROPs knows the session; a client may also ask for one that never was. */
static void
note_late_start(const packet_info *pinfo, const oxc_pdu_t *pdu)
{
    oxc_session_t *session = pdu->call->session;

    if (!PINFO_FD_VISITED(pinfo) && session && !session->user && !session->answered_in && pdu->is_response && pdu->rop_count > 0)
        session->answered_in = pinfo->num;
}

void
oxc_notify_fetch(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu)
{
    const oxc_wakeup_t *wakeup;
    double period = 0;
    nstime_t took;
    proto_item *item;
    oxc_tap_t event = { .kind = pdu->is_response ? OXC_TAP_FETCH_RESPONSE : OXC_TAP_FETCH_REQUEST,
                        .session = pdu->call->session, .pdu = pdu };

    note_call(pinfo, pdu);
    /* Before the matcher: datagrams that the call shows to be wake-ups are older than it. */
    if (!pdu->is_response)
        oxc_push_inference_call(pinfo, pdu);
    else
        oxc_push_inference_answer(pinfo, pdu);
    oxc_matcher_fetch(pinfo, pdu);
    if (pdu->is_response)
        oxc_index_answer(pinfo, pdu);
    else
        oxc_index_request(pinfo, pdu);
    tell_late_wakeups(pinfo, pdu);
    if (pdu->is_response && (pdu->rop_count > 0 || pdu->rop_bytes > 0))
        oxc_check_answer(pinfo, pdu->call->session);
    note_late_start(pinfo, pdu);
    oxc_notify_session(tvb, pinfo, tree, pdu->call->session);
    if (pdu->call->session && pdu->is_response && pdu->call->session->answered_in == pinfo->num)
        proto_tree_add_expert(oxc_item_tree(tvb, pinfo, tree, "Session began before the capture"), pinfo,
                              &ei_session_before, tvb, 0, 0);
    if (pdu->is_response && oxc_polling_is_shown_by(pdu, &period))
        oxc_explain_in(tvb, pinfo, oxc_item_tree(tvb, pinfo, tree, "Client polls"), &ei_polling,
                                     "The client polls every %.0f s, and a poll brings notifications: no push datagram "
                                     "reaches it, or it does not act on them", period);
    wakeup = oxc_matcher_answered(pdu);
    if (pdu->is_response)
        event.notifications = oxc_pdu_notifications(pdu);
    if (wakeup) {
        event.wakeup = !pdu->is_response || oxc_matcher_announced(wakeup) ? wakeup : NULL;
        tree = oxc_item_tree(tvb, pinfo, tree,
                             oxc_item_text_is_wanted(tree) ?
                             wmem_strdup_printf(pinfo->pool, "Fetch for the wake-up of frame %u", wakeup->frame) : "");
        if (!pdu->is_response)
            col_append_fstr(pinfo->cinfo, COL_INFO, ", fetch for the wake-up of frame %u", wakeup->frame);
        item = add_generated_uint(tree, hf_wakeup_in, tvb, wakeup->frame);
        show_link(tvb, tree, wakeup);
        nstime_delta(&took, &wakeup->fetch->time, &wakeup->time);
        if (!pdu->is_response && nstime_to_msec(&took) > pref_slow)
            oxc_explain(tvb, pinfo, item, &ei_slow, "The client fetched %s s after it was woken",
                                   rel_time_to_secs_str(pinfo->pool, &took));
        /* A later call may turn out to be the follow-up. */
        if (pdu->is_response && event.notifications == 0 && !pdu->call->session->sealed && PINFO_FD_VISITED(pinfo))
            oxc_explain(tvb, pinfo, item, &ei_empty, "%s", "Another call had fetched them, or there were none");
    }
    oxc_tap_tell(pinfo, &event);
    oxc_abandoned_tell(pinfo, pdu->call->session);
}

void
oxc_notify_call_failed(packet_info *pinfo, oxc_call_t *call, oxc_failure_t how)
{
    if (PINFO_FD_VISITED(pinfo) || call->failure)
        return;
    call->failure = (uint8_t)how;
    oxc_matcher_failed(pinfo, call);
}

void
oxc_notify_call(packet_info *pinfo, const oxc_pdu_t *pdu)
{
    oxc_tap_t event = { .kind = OXC_TAP_CALL, .session = pdu->call->session, .pdu = pdu };

    note_call(pinfo, pdu);
    if (pdu->call->kind == OXC_CALL_WAIT && !pdu->is_response)
        oxc_matcher_wait(pinfo, pdu);
    oxc_tap_tell(pinfo, &event);
    oxc_abandoned_tell(pinfo, pdu->call->session);
}

/* ---- legs ---- */

void
oxc_notify_other_leg(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_pdu_t *pdu, uint32_t frame,
                     const nstime_t *delay)
{
    oxc_tap_t event = { .kind = OXC_TAP_OTHER_LEG, .session = pdu->call->session, .pdu = pdu };
    proto_item *item;

    tree = oxc_item_tree(tvb, pinfo, tree, delay ? "Seen before, on the other side of a proxy"
                                                 : "Seen again, on the other side of a proxy");
    item = add_generated_uint(tree, hf_other_leg, tvb, frame);
    if (!delay)
        return;
    proto_item_append_text(item, ", where this message was seen first and counts");
    proto_item_set_generated(proto_tree_add_time(tree, hf_leg_delay, tvb, 0, 0, delay));
    event.delay = *delay;
    oxc_tap_tell(pinfo, &event);
}

/* ---- registration ---- */

static void
apply_preferences(void)
{
    oxc_matcher_set_window(pref_window);
}

static void
register_fields(void)
{
    static hf_register_info hf[] = {
        { &hf_wakeup,
          { "Wake-up", "oxcnotif.wakeup", FT_NONE, BASE_NONE, NULL, 0,
            "The client is told that notifications are waiting, or its wait ends", HFILL } },
        { &hf_method, { "Method", "oxcnotif.wakeup.method", FT_UINT8, BASE_DEC, VALS(method_vals), 0, NULL, HFILL } },
        { &hf_outcome,
          { "Outcome", "oxcnotif.wakeup.outcome", FT_UINT8, BASE_DEC, VALS(outcome_vals), 0, NULL, HFILL } },
        { &hf_closed_by,
          { "Closed by", "oxcnotif.wakeup.closed_by", FT_UINT8, BASE_DEC, VALS(closed_by_vals), 0,
            "Which side ended the connection before the wait was answered", HFILL } },
        { &hf_wait_in,
          { "Wait began in", "oxcnotif.wakeup.wait_in", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_REQUEST), 0,
            NULL, HFILL } },
        { &hf_waited,
          { "Waited", "oxcnotif.wakeup.wait_time", FT_RELATIVE_TIME, BASE_NONE, NULL, 0,
            "Five minutes without an event are healthy", HFILL } },
        { &hf_repeats,
          { "Repeats", "oxcnotif.wakeup.repeats", FT_UINT32, BASE_DEC, NULL, 0,
            "Equal datagrams before this one, with no fetch between", HFILL } },
        { &hf_followup_in,
          { "Followed up in", "oxcnotif.followup_in", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_RESPONSE), 0,
            "Request of the call that fetched the notifications", HFILL } },
        { &hf_followup_time,
          { "Follow-up time", "oxcnotif.followup_time", FT_RELATIVE_TIME, BASE_NONE, NULL, 0,
            "From the wake-up to the request that fetched", HFILL } },
        { &hf_attempts,
          { "Failed attempts", "oxcnotif.followup_attempts", FT_UINT32, BASE_DEC, NULL, 0,
            "Calls that were refused or failed before the one that was answered", HFILL } },
        { &hf_superseded_in,
          { "Superseded in", "oxcnotif.superseded_in", FT_FRAMENUM, BASE_NONE, NULL, 0,
            "A later wake-up of the session that came before any fetch", HFILL } },
        { &hf_wakeup_in,
          { "Woken in", "oxcnotif.wakeup_in", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_REQUEST), 0,
            "Wake-up that this call follows up", HFILL } },
        { &hf_other_leg,
          { "Other leg", "oxcnotif.other_leg", FT_FRAMENUM, BASE_NONE, NULL, 0,
            "The same message on the other side of a proxy", HFILL } },
        { &hf_leg_delay,
          { "Added by the proxy", "oxcnotif.other_leg.time", FT_RELATIVE_TIME, BASE_NONE, NULL, 0,
            "Since the same message was seen on the other side", HFILL } },
        { &hf_match,
          { "Match", "oxcnotif.match", FT_UINT8, BASE_DEC, VALS(match_vals), 0,
            "Why wake-up and follow-up belong together", HFILL } },
        { &hf_confidence,
          { "Confidence", "oxcnotif.match.confidence", FT_UINT8, BASE_DEC, NULL, 0,
            "Of links shown with this number, about as many in 100 are right", HFILL } },
    };
    static int *ett[] = { &ett_wakeup };
    static ei_register_info ei[] = {
        { &ei_never_followed, { "oxcnotif.never_followed", PI_SEQUENCE, PI_WARN, "Wake-up never followed", EXPFILL } },
        { &ei_slow, { "oxcnotif.followup.slow", PI_SEQUENCE, PI_NOTE, "Slow follow-up", EXPFILL } },
        { &ei_empty,
          { "oxcnotif.followup.empty", PI_SEQUENCE, PI_NOTE,
            "Follow-up without a notification", EXPFILL } },
        { &ei_polling,
          { "oxcnotif.push.polling", PI_SEQUENCE, PI_WARN, "Client polls although it registered for datagrams",
            EXPFILL } },
        { &ei_repeated, { "oxcnotif.push.repeated", PI_SEQUENCE, PI_WARN, "Push datagram repeated", EXPFILL } },
        { &ei_abandoned,
          { "oxcnotif.wait.abandoned", PI_SEQUENCE, PI_WARN, "Wait abandoned by the client",
            EXPFILL } },
        { &ei_cut_off, { "oxcnotif.wait.cut_off", PI_SEQUENCE, PI_WARN, "Wait cut off", EXPFILL } },
        { &ei_rejected, { "oxcnotif.wait.rejected", PI_RESPONSE_CODE, PI_WARN, "Wait refused", EXPFILL } },
        { &ei_session_before,
          { "oxcnotif.session.before_capture", PI_SEQUENCE, PI_NOTE,
            "Session began before the capture", EXPFILL } },
        { &ei_other_session,
          { "oxcnotif.pending.other_session", PI_SEQUENCE, PI_CHAT, "RopPending for a linked session", EXPFILL } },
    };

    proto_register_field_array(proto_oxcnotif, hf, G_N_ELEMENTS(hf));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
    expert_register_field_array(expert_register_protocol(proto_oxcnotif), ei, G_N_ELEMENTS(ei));
}

void
proto_register_oxc_notify(void)
{
    module_t *module;

    proto_oxcnotif = proto_get_id_by_filter_name("oxcnotif");
    register_fields();
    oxc_matcher_register();
    oxc_index_register();
    oxc_push_inference_register();
    oxc_item_register(proto_oxcnotif);
    oxc_abandoned_register();
    oxc_check_register(proto_oxcnotif);
    oxc_session_item_register(proto_oxcnotif);
    oxc_subscription_register(proto_oxcnotif);
    oxc_inference_register();
    oxc_tap_register();
    module = prefs_register_protocol(proto_oxcnotif, apply_preferences);
    prefs_register_uint_preference(
        module, "window", "Follow-up window (s)",
        "A wake-up that no call of its session follows within this time counts as never followed", 10, &pref_window);
    prefs_register_uint_preference(module, "slow_followup", "Slow follow-up (ms)",
                                   "A follow-up that takes longer than this is marked", 10, &pref_slow);
}

void
proto_reg_handoff_oxc_notify(void)
{
    oxc_outcomes_register();
    oxc_tables_register();
    oxc_session_item_handoff();
    proto_reg_handoff_oxc_stats();
    proto_reg_handoff_oxc_table_wakeups();
    proto_reg_handoff_oxc_table_sessions();
    proto_reg_handoff_oxc_srt();
    proto_reg_handoff_oxc_events();
    proto_reg_handoff_oxc_link_lines();
    proto_reg_handoff_oxc_flow();
}
