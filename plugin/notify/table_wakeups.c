/* table_wakeups.c
 * The table of wake-ups: how many, what became of them, how long until the details were fetched
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include <inttypes.h>

#include "notify/names.h"
#include "notify/tables.h"
#include "registration.h"

enum {
    COL_SESSION, COL_METHOD, COL_CUT_OFF, COL_REFUSED, COL_ABANDONED, COL_MISSED, COL_WAKEUPS, COL_FOLLOWED,
    COL_SUPERSEDED, COL_OPEN, COL_TIMEOUTS, COL_MIN, COL_AVG, COL_P50, COL_P90, COL_P99, COL_MAX, COLUMNS
};

/* Rows are those of one session and method, and of one method in all sessions. */
typedef struct {
    oxc_row_t row;
    unsigned outcomes[OXC_OUTCOME_ABANDONED + 1];
    unsigned followups[OXC_FOLLOWUP_MISSED + 1];
    double sum;                 /* seconds, of all that were followed */
    GSequence *times;           /* double *, in order */
} counts_t;

static stat_tap_table_ui statistic;
static const uint64_t ALL_SESSIONS = UINT64_C(1) << 63;     /* in the key of a row: no session has that */
static oxc_rows_t *rows;
static oxc_outcomes_t *outcomes;
static stat_tap_table *all_sessions;
static stat_tap_table *each_session;

static void
free_counts(void *data)
{
    counts_t *counts = (counts_t *)data;

    if (counts->times)
        g_sequence_free(counts->times);
    g_free(counts);
}

static double
at(const counts_t *counts, int position)
{
    return *(const double *)g_sequence_get(g_sequence_get_iter_at_pos(counts->times, position));
}

/* The smallest time that so many in 100 do not exceed (nearest rank). */
static double
percentile(const counts_t *counts, int percent)
{
    int count = g_sequence_get_length(counts->times);

    return at(counts, (int)(((int64_t)count * percent + 99) / 100) - 1);
}

static void
show(counts_t *counts)
{
    oxc_row_t *row = &counts->row;
    unsigned pending = counts->outcomes[OXC_OUTCOME_PENDING];
    unsigned decided = 0;

    for (unsigned followup = OXC_FOLLOWUP_FOLLOWED; followup <= OXC_FOLLOWUP_MISSED; followup++)
        decided += counts->followups[followup];
    oxc_row_set_uint(row, COL_CUT_OFF, counts->outcomes[OXC_OUTCOME_CUT_OFF]);
    oxc_row_set_uint(row, COL_REFUSED, counts->outcomes[OXC_OUTCOME_REJECTED]);
    oxc_row_set_uint(row, COL_ABANDONED, counts->outcomes[OXC_OUTCOME_ABANDONED]);
    oxc_row_set_uint(row, COL_MISSED, counts->followups[OXC_FOLLOWUP_MISSED]);
    oxc_row_set_uint(row, COL_WAKEUPS, pending);
    oxc_row_set_uint(row, COL_FOLLOWED, counts->followups[OXC_FOLLOWUP_FOLLOWED]);
    oxc_row_set_uint(row, COL_SUPERSEDED, counts->followups[OXC_FOLLOWUP_SUPERSEDED]);
    oxc_row_set_uint(row, COL_OPEN, pending - decided);
    oxc_row_set_uint(row, COL_TIMEOUTS, counts->outcomes[OXC_OUTCOME_TIMEOUT]);
    if (!counts->times)
        return;
    oxc_row_set_float(row, COL_MIN, at(counts, 0));
    oxc_row_set_float(row, COL_AVG, counts->sum / g_sequence_get_length(counts->times));
    oxc_row_set_float(row, COL_P50, percentile(counts, 50));
    oxc_row_set_float(row, COL_P90, percentile(counts, 90));
    oxc_row_set_float(row, COL_P99, percentile(counts, 99));
    oxc_row_set_float(row, COL_MAX, at(counts, g_sequence_get_length(counts->times) - 1));
}

static counts_t *
row_of_method(const oxc_wakeup_t *wakeup)
{
    counts_t *counts = (counts_t *)oxc_rows_get(rows, all_sessions, ALL_SESSIONS | wakeup->method);

    oxc_row_set_text(&counts->row, COL_SESSION, "all");
    oxc_row_set_text(&counts->row, COL_METHOD, oxc_method_name(wakeup->method));
    return counts;
}

static counts_t *
row_of_session(const oxc_session_t *session, unsigned method)
{
    uint32_t number = session ? session->number : 0;
    counts_t *counts = (counts_t *)oxc_rows_get(rows, each_session, oxc_rows_session_key(number, (uint8_t)method));
    char text[16] = "unknown";

    if (number)
        snprintf(text, sizeof text, "%7u", number);     /* sorted as text */
    oxc_row_set_text(&counts->row, COL_SESSION, text);
    oxc_row_set_text(&counts->row, COL_METHOD, oxc_method_name(method));
    return counts;
}

static int
compare_times(const void *a, const void *b, void *user _U_)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void
count_time(counts_t *counts, const oxc_wakeup_t *wakeup)
{
    nstime_t took;
    double *seconds = g_new(double, 1);

    nstime_delta(&took, &wakeup->fetch->time, &wakeup->time);
    *seconds = nstime_to_sec(&took);
    if (!counts->times)
        counts->times = g_sequence_new(g_free);
    g_sequence_insert_sorted(counts->times, seconds, compare_times, NULL);
    counts->sum += *seconds;
}

static void
count_followup(counts_t *counts, const oxc_wakeup_t *wakeup, oxc_followup_t followup)
{
    counts->followups[followup]++;
    if (followup == OXC_FOLLOWUP_FOLLOWED)
        count_time(counts, wakeup);
    show(counts);
}

static void
count_outcome(counts_t *counts, const oxc_wakeup_t *wakeup, int n)
{
    if (wakeup->outcome < G_N_ELEMENTS(counts->outcomes))
        counts->outcomes[wakeup->outcome] += n;
    show(counts);
}

static void
decided(const oxc_wakeup_t *wakeup, oxc_followup_t followup, const oxc_session_t *counted_as, void *user _U_)
{
    const oxc_session_t *session = oxc_wakeup_session(wakeup);

    if (session != counted_as) {
        count_outcome(row_of_session(counted_as, wakeup->method), wakeup, -1);
        count_outcome(row_of_session(session, wakeup->method), wakeup, 1);
    }
    count_followup(row_of_method(wakeup), wakeup, followup);
    count_followup(row_of_session(session, wakeup->method), wakeup, followup);
}

static void
count_wakeup(const oxc_wakeup_t *wakeup)
{
    count_outcome(row_of_method(wakeup), wakeup, 1);
    /* A later event may tell the session: the row is there, before and after, in one pass and in two. */
    count_outcome(row_of_session(wakeup->session, wakeup->method), wakeup, 0);
    count_outcome(row_of_session(oxc_wakeup_session(wakeup), wakeup->method), wakeup, 1);
}

static tap_packet_status
wakeups_packet(void *tapdata _U_, packet_info *pinfo _U_, epan_dissect_t *edt _U_, const void *data,
               tap_flags_t flags _U_)
{
    const oxc_tap_t *event = (const oxc_tap_t *)data;

    if (event->kind == OXC_TAP_WAKEUP) {
        count_wakeup(event->wakeup);
    } else if (event->kind == OXC_TAP_ABANDONED) {
        count_outcome(row_of_method(event->wakeup), event->wakeup, event->change);
        count_outcome(row_of_session(event->session, event->wakeup->method), event->wakeup, event->change);
    }
    oxc_outcomes_event(outcomes, event);
    return TAP_PACKET_REDRAW;
}

/* Wireshark has freed the tables when the last window was closed. */
static void
wakeups_init(stat_tap_table_ui *ui)
{
    if (ui->tables && ui->tables->len > 0)
        return;
    all_sessions = stat_tap_init_table("All sessions", COLUMNS, 0, NULL);
    each_session = stat_tap_init_table("Each session", COLUMNS, 0, NULL);
    stat_tap_add_table(ui, all_sessions);
    stat_tap_add_table(ui, each_session);
    oxc_rows_reset(rows, all_sessions);
    oxc_outcomes_reset(outcomes);
}

static void
wakeups_reset(stat_tap_table *table)
{
    oxc_rows_reset(rows, table);
    oxc_outcomes_reset(outcomes);
}

void
proto_reg_handoff_oxc_table_wakeups(void)
{
    static stat_tap_table_item columns[COLUMNS] = {
        [COL_SESSION] = { TABLE_ITEM_STRING, TAP_ALIGN_RIGHT, "Session", "%7s" },
        [COL_METHOD] = { TABLE_ITEM_STRING, TAP_ALIGN_LEFT, "Means of wake-up", "%-16s" },
        [COL_WAKEUPS] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Wake-ups", "%8u" },
        [COL_FOLLOWED] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Followed", "%8u" },
        [COL_SUPERSEDED] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Superseded", "%10u" },
        [COL_MISSED] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Missed", "%6u" },
        [COL_OPEN] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Undecided", "%9u" },
        [COL_TIMEOUTS] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "No event", "%8u" },
        [COL_ABANDONED] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Abandoned", "%9u" },
        [COL_REFUSED] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Refused", "%7u" },
        [COL_CUT_OFF] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Cut off", "%7u" },
        [COL_MIN] = { TABLE_ITEM_FLOAT, TAP_ALIGN_RIGHT, "  Min (s)", "%9.6f" },
        [COL_AVG] = { TABLE_ITEM_FLOAT, TAP_ALIGN_RIGHT, "  Avg (s)", "%9.6f" },
        [COL_P50] = { TABLE_ITEM_FLOAT, TAP_ALIGN_RIGHT, " 50 % (s)", "%9.6f" },
        [COL_P90] = { TABLE_ITEM_FLOAT, TAP_ALIGN_RIGHT, " 90 % (s)", "%9.6f" },
        [COL_P99] = { TABLE_ITEM_FLOAT, TAP_ALIGN_RIGHT, " 99 % (s)", "%9.6f" },
        [COL_MAX] = { TABLE_ITEM_FLOAT, TAP_ALIGN_RIGHT, "  Max (s)", "%9.6f" },
    };
    static tap_param parameters[] = { { PARAM_FILTER, "filter", "Filter", NULL, TRUE } };

    rows = oxc_rows_new(&statistic, sizeof(counts_t), free_counts);
    outcomes = oxc_outcomes_new(decided, NULL);
    statistic.group = REGISTER_PACKET_STAT_GROUP_UNSORTED;
    statistic.title = "Exchange Wake-ups";
    statistic.tap_name = "oxcnotif";
    statistic.cli_string = "oxcnotif,wakeups";
    statistic.stat_tap_init_cb = wakeups_init;
    statistic.packet_func = wakeups_packet;
    statistic.stat_tap_reset_table_cb = wakeups_reset;
    statistic.stat_tap_free_table_item_cb = oxc_rows_free_item;
    statistic.nfields = COLUMNS;
    statistic.fields = columns;
    statistic.nparams = G_N_ELEMENTS(parameters);
    statistic.params = parameters;
    register_stat_tap_table_ui(&statistic);
}
