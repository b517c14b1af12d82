/* stats.c
 * The tree of counters: subscriptions, notifications, wake-ups and what became of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/wakeup_outcome.h"
#include "notify/names.h"
#include "session/rop_state.h"
#include "registration.h"

#include <epan/stats_tree.h>

/* One node a folder; a mailbox with more makes a tree nobody reads, and finding the end of a long list takes time. */
#define MAX_FOLDERS 500

static const char *const SUBSCRIPTIONS = "Subscriptions";
static const char *const NOTIFICATIONS = "Notifications";
static const char *const BY_TYPE = "By type";
static const char *const BY_FOLDER = "By folder";
static const char *const ARRIVALS = "Responses with notifications";
static const char *const WAKEUPS = "Wake-ups and ends of waits";
static const char *const TLS = "TLS connections not decrypted";
static const char *const OUTCOMES = "Wake-up outcomes";

static const char *const fate_names[] = {
    [OXC_FOLLOWUP_OPEN] = "Undecided",
    [OXC_FOLLOWUP_FOLLOWED] = "Followed up",
    [OXC_FOLLOWUP_SUPERSEDED] = "Superseded by a later wake-up",
    [OXC_FOLLOWUP_MISSED] = "Never followed",
};

/* One tree, of which a person may open several. */
typedef struct {
    stats_tree *tree;
    oxc_outcomes_t *outcomes;
    GHashTable *folders;        /* texts of the folders that have a node */
    unsigned open;
    int subscriptions, notifications, by_type, by_folder, arrivals, wakeups, outcome_node;
} tree_t;

static GHashTable *trees;       /* stats_tree -> tree_t */

static void
tick(tree_t *t, const char *name, int parent)
{
    tick_stat_node(t->tree, name, parent, FALSE);
}

static void
show_open(tree_t *t)
{
    set_stat_node(t->tree, fate_names[OXC_FOLLOWUP_OPEN], t->outcome_node, FALSE, (int)t->open);
}

static void
decided(const oxc_wakeup_t *wakeup _U_, oxc_followup_t followup, const oxc_session_t *counted_as _U_, void *user)
{
    tree_t *t = (tree_t *)user;

    tick(t, fate_names[followup], t->outcome_node);
    t->open--;
    show_open(t);
}

static void
free_tree(void *data)
{
    tree_t *t = (tree_t *)data;

    oxc_outcomes_free(t->outcomes);
    g_hash_table_destroy(t->folders);
    g_free(t);
}

/* Wireshark calls this for a new tree, and again before an old one is filled from the start. */
static void
tree_init(stats_tree *st)
{
    tree_t *t = g_new0(tree_t, 1);

    t->tree = st;
    t->outcomes = oxc_outcomes_new(decided, t);
    t->folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    t->subscriptions = stats_tree_create_node(st, SUBSCRIPTIONS, 0, STAT_DT_INT, TRUE);
    t->notifications = stats_tree_create_node(st, NOTIFICATIONS, 0, STAT_DT_INT, TRUE);
    t->by_type = stats_tree_create_node(st, BY_TYPE, t->notifications, STAT_DT_INT, TRUE);
    t->by_folder = stats_tree_create_node(st, BY_FOLDER, t->notifications, STAT_DT_INT, TRUE);
    t->arrivals = stats_tree_create_node(st, ARRIVALS, 0, STAT_DT_INT, TRUE);
    t->wakeups = stats_tree_create_node(st, WAKEUPS, 0, STAT_DT_INT, TRUE);
    t->outcome_node = stats_tree_create_node(st, OUTCOMES, 0, STAT_DT_INT, TRUE);
    g_hash_table_insert(trees, st, t);
}

static void
tree_cleanup(stats_tree *st)
{
    g_hash_table_remove(trees, st);
}

static void
count_subscription(tree_t *t, const oxc_object_t *object)
{
    tick(t, SUBSCRIPTIONS, 0);
    tick(t, object->whole_store ? "To a whole store" : object->message_id ? "To a message" : "To a folder",
         t->subscriptions);
}

static void
count_notification(tree_t *t, packet_info *pinfo, const oxc_tap_t *event)
{
    const oxc_rop_t *rop = event->rop;
    const char *folder = "Folder not told";
    const char *name;
    int type;

    tick(t, NOTIFICATIONS, 0);
    tick(t, BY_TYPE, t->notifications);
    tick(t, BY_FOLDER, t->notifications);
    name = rop ? oxc_notification_name(pinfo->pool, rop) : "Unreadable";
    if (rop && rop->table_event) {
        const char *table_event = oxc_value_name("oxcnotif.table_event_type", rop->table_event);

        type = tick_stat_node(t->tree, name, t->by_type, TRUE);
        tick(t, table_event ? table_event : wmem_strdup_printf(pinfo->pool, "TableEventType %u", rop->table_event),
             type);
    } else {
        tick(t, name, t->by_type);
    }
    if (rop && rop->folder_id && event->folder)
        folder = event->folder;
    if (!g_hash_table_contains(t->folders, folder)) {
        if (g_hash_table_size(t->folders) < MAX_FOLDERS)
            g_hash_table_add(t->folders, g_strdup(folder));
        else
            folder = "Further folders";
    }
    tick(t, folder, t->by_folder);
}

static void
count_wakeup(tree_t *t, const oxc_wakeup_t *wakeup)
{
    int method;

    tick(t, WAKEUPS, 0);
    method = tick_stat_node(t->tree, oxc_method_name(wakeup->method), t->wakeups, TRUE);
    tick(t, oxc_outcome_name(wakeup->outcome), method);
    if (wakeup->outcome != OXC_OUTCOME_PENDING)
        return;
    tick(t, OUTCOMES, 0);
    t->open++;
    show_open(t);
}

static void
count_abandoned(tree_t *t, const oxc_tap_t *event)
{
    const char *outcome = oxc_outcome_name(OXC_OUTCOME_ABANDONED);
    int method;

    increase_stat_node(t->tree, WAKEUPS, 0, TRUE, event->change);
    method = increase_stat_node(t->tree, oxc_method_name(event->wakeup->method), t->wakeups, TRUE, event->change);
    increase_stat_node(t->tree, outcome, method, FALSE, event->change);
}

static void
count_response(tree_t *t, const oxc_tap_t *event)
{
    if (event->notifications == 0) {
        if (event->wakeup)
            tick(t, "Follow-ups that brought none", t->arrivals);
        return;
    }
    tick(t, ARRIVALS, 0);
    tick(t, event->wakeup ? "To the follow-up of a wake-up" : "To another call (piggy-backed)", t->arrivals);
}

static tap_packet_status
tree_packet(stats_tree *st, packet_info *pinfo, epan_dissect_t *edt _U_, const void *data, tap_flags_t flags _U_)
{
    const oxc_tap_t *event = (const oxc_tap_t *)data;
    tree_t *t = (tree_t *)g_hash_table_lookup(trees, st);

    if (!t)
        return TAP_PACKET_DONT_REDRAW;
    switch (event->kind) {
    case OXC_TAP_SUBSCRIPTION:
        count_subscription(t, event->object);
        break;
    case OXC_TAP_NOTIFICATION:
        count_notification(t, pinfo, event);
        break;
    case OXC_TAP_WAKEUP:
        count_wakeup(t, event->wakeup);
        break;
    case OXC_TAP_ABANDONED:
        count_abandoned(t, event);
        break;
    case OXC_TAP_TLS:
        tick(t, TLS, 0);
        break;
    case OXC_TAP_FETCH_RESPONSE:
        count_response(t, event);
        break;
    default:
        break;
    }
    oxc_outcomes_event(t->outcomes, event);
    return TAP_PACKET_REDRAW;
}

void
proto_reg_handoff_oxc_stats(void)
{
    trees = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, free_tree);
    stats_tree_register_plugin("oxcnotif", "oxcnotif", "Exchange Notifications", 0, tree_packet, tree_init,
                               tree_cleanup);
}
