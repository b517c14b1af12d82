/* fate.c
 * What becomes of wake-ups, told to statistics as soon as it is decided
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/fate.h"

struct oxc_fates {
    oxc_fate_cb decided;
    void *user;
    GHashTable *undecided;      /* const oxc_wakeup_t * -> its session when its event came */
    GQueue *in_order;           /* const oxc_wakeup_t *: the oldest at the head, those that are settled too */
    GHashTable *latest;         /* session -> its latest wake-up */
};

static GHashTable *all;         /* of oxc_fates_t *: a set */

oxc_fates_t *
oxc_fates_new(oxc_fate_cb decided, void *user)
{
    oxc_fates_t *fates = g_new0(oxc_fates_t, 1);

    fates->decided = decided;
    fates->user = user;
    fates->undecided = g_hash_table_new(g_direct_hash, g_direct_equal);
    fates->in_order = g_queue_new();
    fates->latest = g_hash_table_new(g_direct_hash, g_direct_equal);
    g_hash_table_add(all, fates);
    return fates;
}

void
oxc_fates_free(oxc_fates_t *fates)
{
    g_hash_table_remove(all, fates);
    g_hash_table_destroy(fates->undecided);
    g_queue_free(fates->in_order);
    g_hash_table_destroy(fates->latest);
    g_free(fates);
}

void
oxc_fates_reset(oxc_fates_t *fates)
{
    g_hash_table_remove_all(fates->undecided);
    g_queue_clear(fates->in_order);
    g_hash_table_remove_all(fates->latest);
}

const oxc_session_t *
oxc_wakeup_session(const oxc_wakeup_t *wakeup)
{
    if (wakeup->session || !wakeup->fetch)
        return wakeup->session;
    return wakeup->fetch->call->session;
}

/* True if it is decided, now or before. */
static bool
settle(oxc_fates_t *fates, const oxc_wakeup_t *wakeup)
{
    void *counted_as;
    oxc_fate_t fate;

    if (!g_hash_table_lookup_extended(fates->undecided, wakeup, NULL, &counted_as))
        return true;
    fate = oxc_matcher_fate(wakeup);
    if (fate == OXC_FATE_OPEN)
        return false;
    g_hash_table_remove(fates->undecided, wakeup);
    fates->decided(wakeup, fate, (const oxc_session_t *)counted_as, fates->user);
    return true;
}

void
oxc_fates_event(oxc_fates_t *fates, const oxc_tap_t *event)
{
    const oxc_wakeup_t *wakeup = event->wakeup, *earlier;
    const oxc_session_t *session = event->session;

    /* A fetch, or a later wake-up, decides about the wake-up before it. */
    if (session && (earlier = (const oxc_wakeup_t *)g_hash_table_lookup(fates->latest, session)) != NULL)
        settle(fates, earlier);
    if (wakeup && event->kind == OXC_TAP_WAKEUP && wakeup->outcome == OXC_OUTCOME_PENDING) {
        g_hash_table_insert(fates->undecided, (void *)wakeup, (void *)oxc_wakeup_session(wakeup));
        if (!settle(fates, wakeup)) {
            g_queue_push_tail(fates->in_order, (void *)wakeup);
            if (session)
                g_hash_table_insert(fates->latest, (void *)session, (void *)wakeup);
        }
    } else if (wakeup) {
        settle(fates, wakeup);
    }
    /* The window passes for the oldest first. That alone decides nothing where the session is not known. */
    while ((earlier = (const oxc_wakeup_t *)g_queue_peek_head(fates->in_order)) != NULL &&
           (settle(fates, earlier) || oxc_matcher_expired(earlier)))
        g_queue_pop_head(fates->in_order);
}

/* tshark -M ends a session of dissection while its statistics go on, and takes the wake-ups along. */
static void
forget_all(void)
{
    GHashTableIter iter;
    void *fates;

    g_hash_table_iter_init(&iter, all);
    while (g_hash_table_iter_next(&iter, &fates, NULL))
        oxc_fates_reset((oxc_fates_t *)fates);
}

void
oxc_fates_register(void)
{
    all = g_hash_table_new(g_direct_hash, g_direct_equal);
    register_cleanup_routine(forget_all);
}
