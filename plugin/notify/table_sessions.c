/* table_sessions.c
 * The table of sessions: who, from when to when, what it was told, how it ended
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/names.h"
#include "notify/tables.h"
#include "registration.h"

#include <epan/to_str.h>

enum {
    COL_SESSION,
    COL_USER,
    COL_CLIENT,
    COL_SERVER,
    COL_FIRST,
    COL_LAST,
    COL_SUBSCRIPTIONS,
    COL_NOTIFICATIONS,
    COL_WAKEUPS,
    COL_FOLLOWED,
    COL_SUPERSEDED,
    COL_MISSED,
    COL_CUT_OFF,
    COL_REFUSED,
    COL_ABANDONED,
    COL_ENDED,
    COLUMNS
};

/* Columns that only count. */
enum { NO_SESSION = 0 };        /* sessions count from 1 */
enum { COUNTED_FROM = COL_SUBSCRIPTIONS, COUNTED_TO = COL_ABANDONED };

typedef struct {
    oxc_row_t row;
    bool shown;                 /* every cell has something in it */
    bool ends_shown;            /* addresses */
    const char *user;           /* as it is shown */
    unsigned counts[COUNTED_TO + 1];
    unsigned tls;               /* connections that are not decrypted, in the row that has no session */
} session_row_t;

static stat_tap_table_ui statistic;
static oxc_rows_t *rows;
static oxc_outcomes_t *outcomes;
static stat_tap_table *sessions;

static void
show_end(oxc_row_t *row, const oxc_session_t *session)
{
    static const char *const ends[] = {
        [OXC_END_DISCONNECTED] = "disconnected",
        [OXC_END_LOST] = "lost",
        [OXC_END_REPLACED] = "replaced",
    };
    char text[40] = "-";

    if (session && session->end && session->end < G_N_ELEMENTS(ends))
        snprintf(text, sizeof text, "%s in %u", ends[session->end], session->ended_in);
    oxc_row_set_text(row, COL_ENDED, text);
}

static void
add(session_row_t *r, unsigned column, int n)
{
    if (!r)
        return;
    r->counts[column] += n;
    oxc_row_set_uint(&r->row, column, r->counts[column]);
}

static void
show_ends(session_row_t *r, packet_info *pinfo, const oxc_tap_t *event)
{
    bool from_server = event->pdu ? event->pdu->is_response : true;

    /* A wait may be cut off by either side: such a frame does not tell which is which. */
    if (r->ends_shown || event->kind == OXC_TAP_ABANDONED || (event->wakeup && event->wakeup->outcome == OXC_OUTCOME_CUT_OFF))
        return;
    r->ends_shown = true;
    oxc_row_set_text(&r->row, from_server ? COL_SERVER : COL_CLIENT, address_to_str(pinfo->pool, &pinfo->src));
    oxc_row_set_text(&r->row, from_server ? COL_CLIENT : COL_SERVER, address_to_str(pinfo->pool, &pinfo->dst));
}

/* NULL for a session that is not known: what belongs to none has no row. */
static session_row_t *
row_of(const oxc_session_t *session)
{
    session_row_t *r;

    if (!session)
        return NULL;
    r = (session_row_t *)oxc_rows_get(rows, sessions, oxc_rows_session_key(session->number, 0));
    if (!r->shown) {
        r->shown = true;
        oxc_row_set_uint(&r->row, COL_SESSION, session->number);
        oxc_row_set_text(&r->row, COL_USER, "");
        oxc_row_set_text(&r->row, COL_CLIENT, "");
        oxc_row_set_text(&r->row, COL_SERVER, "");
        oxc_row_set_uint(&r->row, COL_FIRST, session->first_frame);
        oxc_row_set_uint(&r->row, COL_LAST, session->first_frame);
        for (unsigned column = COUNTED_FROM; column <= COUNTED_TO; column++)
            add(r, column, 0);
    }
    if (r->user != session->user) {
        r->user = session->user;
        oxc_row_set_text(&r->row, COL_USER, oxc_user_text(wmem_file_scope(), session));
    }
    show_end(&r->row, session);
    return r;
}

static void
decided(const oxc_wakeup_t *wakeup, oxc_followup_t followup, const oxc_session_t *counted_as, void *user _U_)
{
    static const unsigned columns[] = {
        [OXC_FOLLOWUP_FOLLOWED] = COL_FOLLOWED,
        [OXC_FOLLOWUP_SUPERSEDED] = COL_SUPERSEDED,
        [OXC_FOLLOWUP_MISSED] = COL_MISSED,
    };

    const oxc_session_t *session = oxc_wakeup_session(wakeup);

    if (session != counted_as) {
        add(row_of(counted_as), COL_WAKEUPS, -1);
        add(row_of(session), COL_WAKEUPS, 1);
    }
    add(row_of(session), columns[followup], 1);
}

static void
count_wakeup(session_row_t *r, const oxc_wakeup_t *wakeup)
{
    if (wakeup->outcome == OXC_OUTCOME_PENDING)
        add(row_of(oxc_wakeup_session(wakeup)), COL_WAKEUPS, 1);
    else if (wakeup->outcome == OXC_OUTCOME_CUT_OFF)
        add(r, COL_CUT_OFF, 1);
    else if (wakeup->outcome == OXC_OUTCOME_REJECTED)
        add(r, COL_REFUSED, 1);
}

/* The row of what cannot be read. */
static void
count_tls(const packet_info *pinfo)
{
    session_row_t *r = (session_row_t *)oxc_rows_get(rows, sessions, oxc_rows_session_key(NO_SESSION, 0));
    char text[80];

    if (!r->shown) {
        r->shown = true;
        oxc_row_set_uint(&r->row, COL_SESSION, NO_SESSION);
        oxc_row_set_text(&r->row, COL_CLIENT, "");
        oxc_row_set_text(&r->row, COL_SERVER, "");
        oxc_row_set_uint(&r->row, COL_FIRST, pinfo->num);
        for (unsigned column = COUNTED_FROM; column <= COUNTED_TO; column++)
            oxc_row_set_uint(&r->row, column, 0);
        oxc_row_set_text(&r->row, COL_ENDED, "docs/keys.md says how to decrypt");
    }
    r->tls++;
    snprintf(text, sizeof text, "%u TLS connection%s not decrypted", r->tls, r->tls == 1 ? "" : "s");
    oxc_row_set_text(&r->row, COL_USER, text);
    oxc_row_set_uint(&r->row, COL_LAST, pinfo->num);
}

static tap_packet_status
sessions_packet(void *tapdata _U_, packet_info *pinfo, epan_dissect_t *edt _U_, const void *data, tap_flags_t flags _U_)
{
    const oxc_tap_t *event = (const oxc_tap_t *)data;
    const oxc_session_t *session = event->session;
    session_row_t *r;

    if (event->kind == OXC_TAP_TLS) {
        count_tls(pinfo);
        return TAP_PACKET_REDRAW;
    }
    if (!session && event->kind == OXC_TAP_WAKEUP)
        session = oxc_wakeup_session(event->wakeup);
    r = row_of(session);
    if (r) {
        oxc_row_set_uint(&r->row, COL_LAST, pinfo->num);
        if (event->kind != OXC_TAP_OTHER_LEG && !(event->pdu && event->pdu->is_across))
            show_ends(r, pinfo, event);
    }
    if (event->kind == OXC_TAP_SUBSCRIPTION)
        add(r, COL_SUBSCRIPTIONS, 1);
    else if (event->kind == OXC_TAP_NOTIFICATION)
        add(r, COL_NOTIFICATIONS, 1);
    else if (event->kind == OXC_TAP_WAKEUP)
        count_wakeup(r, event->wakeup);
    else if (event->kind == OXC_TAP_ABANDONED)
        add(r, COL_ABANDONED, event->change);
    oxc_outcomes_event(outcomes, event);
    /* The session that ended because this one began has no event of its own for that. */
    if (event->session && event->session->replaces &&
        oxc_rows_find(rows, oxc_rows_session_key(event->session->replaces->number, 0)))
        row_of(event->session->replaces);
    return TAP_PACKET_REDRAW;
}

/* Wireshark has freed the table when the last window was closed. */
static void
sessions_init(stat_tap_table_ui *ui)
{
    if (ui->tables && ui->tables->len > 0)
        return;
    sessions = stat_tap_init_table("Sessions", COLUMNS, 0, NULL);
    stat_tap_add_table(ui, sessions);
    oxc_rows_reset(rows, sessions);
    oxc_outcomes_reset(outcomes);
}

static void
sessions_reset(stat_tap_table *table)
{
    oxc_rows_reset(rows, table);
    oxc_outcomes_reset(outcomes);
}

void
proto_reg_handoff_oxc_table_sessions(void)
{
    static stat_tap_table_item columns[COLUMNS] = {
        [COL_SESSION] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Session", "%7u" },
        [COL_USER] = { TABLE_ITEM_STRING, TAP_ALIGN_LEFT, "User of session", "%-15s" },
        [COL_CLIENT] = { TABLE_ITEM_STRING, TAP_ALIGN_LEFT, "Client address", "%-14s" },
        [COL_SERVER] = { TABLE_ITEM_STRING, TAP_ALIGN_LEFT, "Server address", "%-14s" },
        [COL_FIRST] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "First frame", "%11u" },
        [COL_LAST] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Last frame", "%10u" },
        [COL_SUBSCRIPTIONS] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Subscriptions", "%13u" },
        [COL_NOTIFICATIONS] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Notifications", "%13u" },
        [COL_WAKEUPS] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Wake-ups", "%8u" },
        [COL_FOLLOWED] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Followed", "%8u" },
        [COL_SUPERSEDED] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Superseded", "%10u" },
        [COL_MISSED] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Missed", "%6u" },
        [COL_CUT_OFF] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Cut off", "%7u" },
        [COL_REFUSED] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Refused", "%7u" },
        [COL_ABANDONED] = { TABLE_ITEM_UINT, TAP_ALIGN_RIGHT, "Abandoned", "%9u" },
        [COL_ENDED] = { TABLE_ITEM_STRING, TAP_ALIGN_LEFT, "Ended", "%s" },
    };
    static tap_param parameters[] = { { PARAM_FILTER, "filter", "Filter", NULL, TRUE } };

    rows = oxc_rows_new(&statistic, sizeof(session_row_t), NULL);
    outcomes = oxc_outcomes_new(decided, NULL);
    statistic.group = REGISTER_PACKET_STAT_GROUP_UNSORTED;
    statistic.title = "Exchange Sessions";
    statistic.tap_name = "oxcnotif";
    statistic.cli_string = "oxcnotif,sessions";
    statistic.stat_tap_init_cb = sessions_init;
    statistic.packet_func = sessions_packet;
    statistic.stat_tap_reset_table_cb = sessions_reset;
    statistic.stat_tap_free_table_item_cb = oxc_rows_free_item;
    statistic.nfields = COLUMNS;
    statistic.fields = columns;
    statistic.nparams = G_N_ELEMENTS(parameters);
    statistic.params = parameters;
    register_stat_tap_table_ui(&statistic);
}
