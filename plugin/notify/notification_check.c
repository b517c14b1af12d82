/* notification_check.c
 * Notifications that the server got wrong: exchanged ids, and subscriptions that were passed over
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/notification_check.h"

#include "oxcnotif_item.h"
#include "session/folder.h"
#include "session/hash.h"
#include "session/rop_state.h"

#include <string.h>

#include <epan/expert.h>

/*
 * Every subscription whose scope and types cover an event gets a RopNotify of its own (MS-OXCNOTIF 3.1.4.3), so one
 * that came for one subscription shows that it is due to the others. It may come before or after, in another answer;
 * an event is therefore known by its message. Only new mail is compared: there is one such event for each message and
 * folder.
 */

enum {
    TYPE_NEW_MAIL = 0x0002,
    TYPE_MASK = 0x0FFF,
    FLAG_SEARCH = 0x4000,
    FLAG_MESSAGE = 0x8000
};

/* Subscriptions of one scope that are compared with one notification: the latest. Clients make one or two. */
#define SUBSCRIPTIONS_MAX 16
#define DUE_MAX (2 * SUBSCRIPTIONS_MAX)         /* of the folder, and of the whole store */

/* A folder of a logon, or with folder 0 the whole store. */
typedef struct {
    uint64_t session;           /* its number */
    uint64_t folder_id;
    uint64_t logon;             /* see oxc_session_logon() */
} scope_key_t;

typedef struct {
    uint64_t subscription;      /* its address */
    uint64_t folder_id;
    uint64_t message_id;
    uint64_t type;
} event_key_t;

typedef struct {
    scope_key_t key;
    uint32_t last_answer;       /* of the session; only in its entry without a scope */
    wmem_list_t *subscriptions; /* subscription_t, latest first */
} scope_t;

typedef struct {
    const oxc_object_t *object;
    uint32_t made_in;           /* frame of the response */
} subscription_t;

/* What is wrong with one RopNotify. */
typedef struct {
    bool exchanged;
    event_key_t event;          /* with the ids in their places; type 0: not compared */
    unsigned due_count;         /* no more than DUE_MAX */
    const oxc_object_t **due;
} check_t;

static wmem_map_t *scopes;      /* scope_key_t -> scope_t */
static wmem_map_t *delivered;   /* event_key_t -> itself */
static wmem_map_t *checks;      /* oxc_rop_t -> check_t */

static int hf_passed_over = -1;

static expert_field ei_exchanged = EI_INIT;
static expert_field ei_passed_over = EI_INIT;

static unsigned
scope_hash(const void *key)
{
    return oxc_hash(key, sizeof(scope_key_t));
}

static gboolean
scope_equal(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(scope_key_t)) == 0;
}

static unsigned
event_hash(const void *key)
{
    return oxc_hash(key, sizeof(event_key_t));
}

static gboolean
event_equal(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(event_key_t)) == 0;
}

static scope_t *
find_scope(const oxc_session_t *session, uint32_t logon, uint64_t folder_id, bool create)
{
    scope_key_t key = { session->number, folder_id, logon };
    scope_t *scope = (scope_t *)wmem_map_lookup(scopes, &key);

    if (!scope && create) {
        scope = wmem_new0(wmem_file_scope(), scope_t);
        scope->key = key;
        scope->subscriptions = wmem_list_new(wmem_file_scope());
        wmem_map_insert(scopes, &scope->key, scope);
    }
    return scope;
}

/* The entry of the session itself has a logon that none has. */
static scope_t *
find_session(const oxc_session_t *session, bool create)
{
    return find_scope(session, UINT32_MAX, 0, create);
}

void
oxc_check_subscription(const packet_info *pinfo, const oxc_session_t *session, const oxc_object_t *object)
{
    subscription_t *subscription;

    if (PINFO_FD_VISITED(pinfo) || !session || (!object->whole_store && object->folder_id == 0))
        return;
    subscription = wmem_new(wmem_file_scope(), subscription_t);
    subscription->object = object;
    subscription->made_in = pinfo->num;
    wmem_list_prepend(find_scope(session, object->logon, object->whole_store ? 0 : object->folder_id, true)
                          ->subscriptions, subscription);
}

void
oxc_check_answer(packet_info *pinfo, oxc_session_t *session)
{
    if (PINFO_FD_VISITED(pinfo) || !session)
        return;
    find_session(session, true)->last_answer = pinfo->num;
    oxc_folder_answered(pinfo, session);
}

/* Folders and messages have ids from one space (MS-OXCDATA 2.2.1): what is a folder is no message. */
static bool
is_folder(const packet_info *pinfo, const oxc_session_t *session, uint32_t logon, uint64_t id)
{
    return id && (oxc_session_folder_name(pinfo, session, logon, id) || find_scope(session, logon, id, false));
}

/* Adds the subscriptions of a scope to those that the event is due to. */
static void
add_due(const packet_info *pinfo, check_t *check, const oxc_session_t *session, const oxc_object_t *own,
        const scope_t *scope)
{
    unsigned count = 0;

    if (!scope)
        return;
    for (wmem_list_frame_t *f = wmem_list_head(scope->subscriptions); f && count < SUBSCRIPTIONS_MAX;
         f = wmem_list_frame_next(f), count++) {
        const subscription_t *subscription = (const subscription_t *)wmem_list_frame_data(f);
        const oxc_object_t *object = subscription->object;

        /* What was waiting when it was made came with the answer that made it. */
        if (object == own || subscription->made_in >= pinfo->num || !(object->notification_types & check->event.type) ||
            (object->message_id && object->message_id != check->event.message_id) ||
            oxc_object_find(session, object->logon_id, object->handle) != object)
            continue;
        check->due[check->due_count++] = object;
    }
}

/* For as long as the file is open. */
static check_t *
keep_check(const check_t *check)
{
    check_t *kept = (check_t *)wmem_memdup(wmem_file_scope(), check, sizeof *check);

    kept->due = NULL;
    if (check->due_count > 0)
        kept->due = (const oxc_object_t **)wmem_memdup(wmem_file_scope(), check->due, check->due_count * sizeof *check->due);
    return kept;
}

/* NULL if nothing can be wrong with the notification, as of most. */
static check_t *
make_check(const packet_info *pinfo, const oxc_session_t *session, const oxc_rop_t *rop)
{
    uint64_t type = rop->notification_flags & TYPE_MASK;
    bool is_message = (rop->notification_flags & (FLAG_MESSAGE | FLAG_SEARCH)) == FLAG_MESSAGE;
    const oxc_object_t *object = rop->object;
    const oxc_object_t *due[DUE_MAX];
    check_t check = { 0 };
    event_key_t *event;

    if (!is_message || type != TYPE_NEW_MAIL)
        return NULL;
    check.due = due;
    check.exchanged = is_folder(pinfo, session, rop->logon, rop->message_id) &&
                      !is_folder(pinfo, session, rop->logon, rop->folder_id);
    if (object && object->is_subscription && object->logon == rop->logon) {
        check.event.type = type;
        check.event.folder_id = check.exchanged ? rop->message_id : rop->folder_id;
        check.event.message_id = check.exchanged ? rop->folder_id : rop->message_id;
        check.event.subscription = (uintptr_t)object;
        event = (event_key_t *)wmem_memdup(wmem_file_scope(), &check.event, sizeof *event);
        wmem_map_insert(delivered, event, event);
        add_due(pinfo, &check, session, object, find_scope(session, rop->logon, 0, false));
        if (check.event.folder_id)
            add_due(pinfo, &check, session, object, find_scope(session, rop->logon, check.event.folder_id, false));
    }
    return check.exchanged || check.due_count > 0 ? keep_check(&check) : NULL;
}

static void
show_passed_over(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_session_t *session,
                 const check_t *check)
{
    const scope_t *state = find_session(session, false);

    if (!PINFO_FD_VISITED(pinfo) || !state || state->last_answer <= pinfo->num)
        return;
    for (unsigned i = 0; i < check->due_count; i++) {
        event_key_t key = check->event;
        proto_item *item;

        key.subscription = (uintptr_t)check->due[i];
        if (wmem_map_lookup(delivered, &key))
            continue;
        item = proto_tree_add_uint(tree, hf_passed_over, tvb, 0, 0, check->due[i]->opened_in);
        proto_item_set_generated(item);
        oxc_explain(tvb, pinfo, item, &ei_passed_over,
                               "The subscription of frame %u (handle 0x%08x) covers this event, too, but the server "
                               "sent no notification to it", check->due[i]->opened_in, check->due[i]->handle);
    }
}

void
oxc_check_notification(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_session_t *session,
                       const oxc_rop_t *rop)
{
    check_t *check;

    if (!session || !rop)
        return;
    check = (check_t *)wmem_map_lookup(checks, rop);
    if (!check && !PINFO_FD_VISITED(pinfo)) {
        check = make_check(pinfo, session, rop);
        if (check)
            wmem_map_insert(checks, rop, check);
    }
    if (!check)
        return;
    if (check->exchanged)
        oxc_explain_in(tvb, pinfo, tree, &ei_exchanged,
                                     "MessageId is the id of a folder, and FolderId is of no known folder: the server "
                                     "exchanged them. Message 0x%016" PRIx64 " is in folder 0x%016" PRIx64,
                                     rop->folder_id, rop->message_id);
    show_passed_over(tvb, pinfo, tree, session, check);
}

void
oxc_check_register(int proto)
{
    static hf_register_info hf[] = {
        { &hf_passed_over,
          { "Not sent to the subscription in", "oxcnotif.passed_over_in", FT_FRAMENUM, BASE_NONE, NULL, 0,
            "RopRegisterNotification that covers the event, but got no notification of it", HFILL } },
    };
    static ei_register_info ei[] = {
        { &ei_exchanged,
          { "oxcnotif.notification.exchanged_ids", PI_PROTOCOL, PI_WARN, "FolderId and MessageId exchanged",
            EXPFILL } },
        { &ei_passed_over,
          { "oxcnotif.notification.passed_over", PI_SEQUENCE, PI_WARN, "Subscription got no notification of the event",
            EXPFILL } },
    };

    scopes = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), scope_hash, scope_equal);
    delivered = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), event_hash, event_equal);
    checks = wmem_map_new_autoreset(wmem_epan_scope(), wmem_file_scope(), g_direct_hash, g_direct_equal);
    proto_register_field_array(proto, hf, G_N_ELEMENTS(hf));
    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}
