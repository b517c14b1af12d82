/* wakeup_outcome.c
 * What becomes of wake-ups, told to statistics as soon as it is decided
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/wakeup_outcome.h"

struct oxc_outcomes {
    oxc_outcome_cb decided;
    void *user;
    GHashTable *undecided;      /* const oxc_wakeup_t * -> its session when its event came */
    GQueue *in_order;           /* const oxc_wakeup_t *: the oldest at the head, those that are settled too */
    GHashTable *latest;         /* session -> its latest wake-up */
};

static GHashTable *all;         /* of oxc_outcomes_t *: a set */

oxc_outcomes_t *
oxc_outcomes_new(oxc_outcome_cb decided, void *user)
{
    oxc_outcomes_t *outcomes = g_new0(oxc_outcomes_t, 1);

    outcomes->decided = decided;
    outcomes->user = user;
    outcomes->undecided = g_hash_table_new(g_direct_hash, g_direct_equal);
    outcomes->in_order = g_queue_new();
    outcomes->latest = g_hash_table_new(g_direct_hash, g_direct_equal);
    g_hash_table_add(all, outcomes);
    return outcomes;
}

void
oxc_outcomes_free(oxc_outcomes_t *outcomes)
{
    g_hash_table_remove(all, outcomes);
    g_hash_table_destroy(outcomes->undecided);
    g_queue_free(outcomes->in_order);
    g_hash_table_destroy(outcomes->latest);
    g_free(outcomes);
}

void
oxc_outcomes_reset(oxc_outcomes_t *outcomes)
{
    g_hash_table_remove_all(outcomes->undecided);
    g_queue_clear(outcomes->in_order);
    g_hash_table_remove_all(outcomes->latest);
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
settle(oxc_outcomes_t *outcomes, const oxc_wakeup_t *wakeup)
{
    void *counted_as;
    oxc_followup_t followup;

    if (!g_hash_table_lookup_extended(outcomes->undecided, wakeup, NULL, &counted_as))
        return true;
    followup = oxc_matcher_followup(wakeup);
    if (followup == OXC_FOLLOWUP_OPEN)
        return false;
    g_hash_table_remove(outcomes->undecided, wakeup);
    outcomes->decided(wakeup, followup, (const oxc_session_t *)counted_as, outcomes->user);
    return true;
}

void
oxc_outcomes_event(oxc_outcomes_t *outcomes, const oxc_tap_t *event)
{
    const oxc_wakeup_t *wakeup = event->wakeup, *earlier;
    const oxc_session_t *session = event->session;

    /* A fetch, or a later wake-up, decides about the wake-up before it. */
    if (session && (earlier = (const oxc_wakeup_t *)g_hash_table_lookup(outcomes->latest, session)) != NULL)
        settle(outcomes, earlier);
    if (wakeup && event->kind == OXC_TAP_WAKEUP && wakeup->outcome == OXC_OUTCOME_PENDING) {
        g_hash_table_insert(outcomes->undecided, (void *)wakeup, (void *)oxc_wakeup_session(wakeup));
        if (!settle(outcomes, wakeup)) {
            g_queue_push_tail(outcomes->in_order, (void *)wakeup);
            if (session)
                g_hash_table_insert(outcomes->latest, (void *)session, (void *)wakeup);
        }
    } else if (wakeup) {
        settle(outcomes, wakeup);
    }
    /* The window passes for the oldest first. That alone decides nothing where the session is not known. */
    while ((earlier = (const oxc_wakeup_t *)g_queue_peek_head(outcomes->in_order)) != NULL &&
           (settle(outcomes, earlier) || oxc_matcher_expired(earlier)))
        g_queue_pop_head(outcomes->in_order);
}

/* tshark -M ends a session of dissection while its statistics go on, and takes the wake-ups along. */
static void
forget_all(void)
{
    GHashTableIter iter;
    void *outcomes;

    g_hash_table_iter_init(&iter, all);
    while (g_hash_table_iter_next(&iter, &outcomes, NULL))
        oxc_outcomes_reset((oxc_outcomes_t *)outcomes);
}

void
oxc_outcomes_register(void)
{
    all = g_hash_table_new(g_direct_hash, g_direct_equal);
    register_cleanup_routine(forget_all);
}
