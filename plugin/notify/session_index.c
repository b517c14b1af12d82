/* session_index.c
 * Which session the SessionIndex of a RopPending names (MS-OXCNOTIF 2.2.1.3.4)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/session_index.h"

#include "notify/habits.h"
#include "notify/session_inference.h"
#include "session/rop_state.h"

#include <string.h>

#include <epan/epan.h>

/* An index, and how many answers of a session carried it. */
typedef struct {
    uint16_t index;
    unsigned answers;
    bool alone; /* one of them had no RopNotify, and room for some: it is that of a linked session */
} count_t;

#define SILENT 4 /* RopPendings of a session, and calls after each, that are kept */
#define CALLS 4

/* A RopPending of the session's own index in an answer with room left: no wake-up, as far as is known. */
typedef struct {
    const oxc_pdu_t *answer;
    unsigned count;
    const oxc_pdu_t *calls[CALLS]; /* requests of the session after it */
} silent_t;

/* What the answers of a session carried; own and other where the Connect that gives its index out was not captured. */
typedef struct {
    count_t own;   /* what seems to be the session's own, if any is */
    count_t other; /* of a linked session */
    bool more;     /* a third one: nobody knows */
    const oxc_pdu_t *pending_in; /* the latest answer with a RopPending */
    unsigned silent_count;
    silent_t silent[SILENT];     /* the latest ones, in their order */
} carried_t;

static wmem_map_t *carried_by; /* oxc_session_t -> carried_t */

static carried_t *
carried_of(const oxc_session_t *session)
{
    carried_t *carried = (carried_t *)wmem_map_lookup(carried_by, session);

    if (!carried) {
        carried = wmem_new0(wmem_file_scope(), carried_t);
        wmem_map_insert(carried_by, session, carried);
    }
    return carried;
}

static void
count_index(carried_t *carried, uint16_t index, bool alone)
{
    count_t *count = carried->own.answers == 0 || carried->own.index == index       ? &carried->own
                     : carried->other.answers == 0 || carried->other.index == index ? &carried->other
                                                                                    : NULL;

    if (!count) {
        carried->more = true;
        return;
    }
    count->index = index;
    count->answers++;
    count->alone = count->alone || alone;
    if (carried->own.alone == carried->other.alone ? carried->other.answers > carried->own.answers
                                                   : carried->own.alone && carried->other.answers > 0) {
        count_t other = carried->other;

        carried->other = carried->own;
        carried->own = other;
    }
}

/* Does it seem to be the own one of another session of this client, too? Linked sessions have one client. */
static bool
is_claimed(oxc_session_t *session, uint16_t index)
{
    oxc_habits_t *habits = oxc_inference_habits(session);
    const oxc_session_t *owner;

    if (!habits->own_indexes)
        habits->own_indexes = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
    owner = (const oxc_session_t *)wmem_map_lookup(habits->own_indexes, GUINT_TO_POINTER(index));
    if (owner && owner != session) {
        const carried_t *theirs = carried_of(owner);

        if (theirs->own.index == index && !theirs->own.alone)
            return true;
    }
    wmem_map_insert(habits->own_indexes, GUINT_TO_POINTER(index), session);
    return false;
}

/* RPC_HEADER_EXT and the payload behind it (MS-OXCRPC 2.2.2.1): RopNotify goes into one of them. */
#define EXT_HEADER_SIZE 8
#define EXT_PAYLOAD_MAX 32767

/* Bytes left in the answer; UINT32_MAX if the request was not captured. */
static uint32_t
room_left(const oxc_pdu_t *response)
{
    const oxc_pdu_t *request = response->call->request;
    uint64_t before = (uint64_t)response->rop_bytes_before + EXT_HEADER_SIZE, most;

    if (!request || request->max_out == 0)
        return UINT32_MAX;
    most = MIN(request->max_out, before + EXT_PAYLOAD_MAX);
    return most > before + response->rop_bytes ? (uint32_t)(most - before - response->rop_bytes) : 0;
}

#define ROP_PENDING_SIZE 3
#define OFTEN 4 /* so many answers for one without RopPending: that one was not read as it was sent */

/* Does the server end every answer that has RopNotify with a RopPending, as far as is known? */
static bool
ends_every_answer(const oxc_habits_t *habits)
{
    return OFTEN * habits->plain <= habits->pending;
}

/*
 * Is more waiting than the answer has room for? Servers that end every answer with RopNotify like this say nothing with
 * it unless there is no room left; of the others it means just that (MS-OXCNOTIF 3.1.5.7), whatever size comes next.
 */
static bool
is_full(const oxc_pdu_t *response)
{
    oxc_session_t *session = response->call->session;
    const oxc_habits_t *habits = session ? oxc_inference_habits(session) : NULL;

    return room_left(response) < response->largest_notification || (habits && !ends_every_answer(habits));
}

/* Is it the session's own, as far as its answers show? A server that does so ends all that have RopNotify like this. */
static bool
learn_own(const oxc_pdu_t *response, uint16_t index)
{
    oxc_session_t *session = response->call->session;
    bool with_notifications = oxc_pdu_notifications(response) > 0;
    carried_t *carried = carried_of(session);
    oxc_habits_t *habits = oxc_inference_habits(session);
    bool always = ends_every_answer(habits);

    habits->pending += with_notifications;
    /* An answer without RopNotify may have been too full for any. */
    count_index(carried, index, !with_notifications && room_left(response) > response->rop_bytes);
    return always && !carried->more && carried->own.index == index && !carried->own.alone &&
           !is_claimed(session, index);
}

/* The oldest one is forgotten if there are too many. */
static void
add_silent(carried_t *carried, const oxc_pdu_t *answer)
{
    if (carried->silent_count == SILENT) {
        carried->silent_count--;
        memmove(&carried->silent[0], &carried->silent[1], carried->silent_count * sizeof carried->silent[0]);
    }
    carried->silent[carried->silent_count].answer = answer;
    carried->silent[carried->silent_count++].count = 0;
}

/* The server does not end every answer so: they were wake-ups. */
static void
tell_silent(packet_info *pinfo, carried_t *carried)
{
    for (unsigned i = 0; i < carried->silent_count; i++) {
        const silent_t *silent = &carried->silent[i];
        const oxc_call_t *call = silent->answer->call;
        wmem_array_t *calls = wmem_array_new(pinfo->pool, sizeof silent->calls[0]);
        oxc_late_wakeup_t found = { .frame = silent->answer->frame, .time = silent->answer->time,
                                    .which = oxc_pdu_which(silent->answer), .method = OXC_WAKEUP_ROP_PENDING,
                                    .session = call->session, .bound = call->bound ? call->bound : OXC_BOUND_BY_KEY,
                                    .confidence = 100, .calls = calls, .more = silent->count == CALLS };

        if (silent->count)
            wmem_array_append(calls, silent->calls, silent->count);
        oxc_matcher_late(&found);
    }
    carried->silent_count = 0;
}

oxc_index_meaning_t
oxc_index_meaning(packet_info *pinfo, const oxc_pdu_t *response, uint16_t index, oxc_session_t **linked)
{
    oxc_session_t *own = response->call->session, *named;
    uint8_t key[OXC_INDEX_KEY_SIZE];
    size_t len = oxc_session_index_key(index, &pinfo->src, key);
    bool is_own, with_notifications = oxc_pdu_notifications(response) > 0;

    named = oxc_session_find(pinfo, OXC_KEY_INDEX, key, len, false);
    if (named && !named->index_known)
        named = NULL;
    if (!own || !oxc_inference_is_rpc(own))
        is_own = true;
    else if (!named && !own->index_known)
        is_own = learn_own(response, index);
    else
        is_own = named == own;
    if (own && (!oxc_inference_is_rpc(own) || named || own->index_known))
        oxc_inference_habits(own)->pending += with_notifications;
    if (own)
        carried_of(own)->pending_in = response;
    if (is_own && is_full(response))
        return OXC_INDEX_OWN_FULL;
    /* An index that was learnt may turn out to be that of a linked session. */
    if (is_own && own && with_notifications && (named || !oxc_inference_is_rpc(own)))
        add_silent(carried_of(own), response);
    if (is_own)
        return OXC_INDEX_OWN;
    *linked = named;
    return named ? OXC_INDEX_LINKED : OXC_INDEX_UNKNOWN;
}

void
oxc_index_request(packet_info *pinfo, const oxc_pdu_t *request)
{
    oxc_session_t *session = request->call->session;
    carried_t *carried = PINFO_FD_VISITED(pinfo) || !session ? NULL : (carried_t *)wmem_map_lookup(carried_by, session);
    silent_t *silent = carried && carried->silent_count > 0 ? &carried->silent[carried->silent_count - 1] : NULL;

    if (silent && !request->call->failure && silent->count < CALLS)
        silent->calls[silent->count++] = request;
}

void
oxc_index_answer(packet_info *pinfo, const oxc_pdu_t *response)
{
    const oxc_call_t *call = response->call;
    carried_t *carried;
    oxc_habits_t *habits;

    if (PINFO_FD_VISITED(pinfo) || call->failure || !call->request || !call->session)
        return;
    carried = (carried_t *)wmem_map_lookup(carried_by, call->session);
    if (oxc_pdu_notifications(response) == 0 || (carried && carried->pending_in == response) ||
        room_left(response) < ROP_PENDING_SIZE)
        return;
    habits = oxc_inference_habits(call->session);
    habits->plain++;
    if (carried && !ends_every_answer(habits))
        tell_silent(pinfo, carried);
}

void
oxc_index_register(void)
{
    carried_by = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
}
