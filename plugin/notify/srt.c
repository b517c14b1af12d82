/* srt.c
 * Service response times: fetches and waits apart
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/names.h"
#include "registration.h"

#include <epan/srt_table.h>

/*
 * How long a server takes for a fetch says how it is doing. How long a wait takes says when something happened in the
 * mailbox: five minutes are healthy (MS-OXCMAPIHTTP 3.2.2, MS-OXCRPC 3.3.4.1). So they never share a table.
 */
enum { FETCHES, ASYNC_WAITS, HTTP_WAITS, TABLES };

/* Calls that carry ROP buffers; the last one is for those whose transport does not tell. */
static const char *const calls[] = { "Execute", "EcDoRpcExt2", "EcDoRpcExt", "EcDoRpc", "Fetch" };

/* What a proxy adds, of which both sides are in the capture; behind the calls. */
static const char *const added[] = { "Proxy, to requests", "Proxy, to answers" };

static const struct {
    oxc_wakeup_outcome_t outcome;
    const char *name;
} ends[] = {
    { OXC_OUTCOME_PENDING, "Event" },
    { OXC_OUTCOME_TIMEOUT, "Timeout" },
    { OXC_OUTCOME_REJECTED, "Refused" },
    { OXC_OUTCOME_CUT_OFF, "Cut off" },
};

/* Two rows a call: after a wake-up, and not. */
static int
fetch_row(const oxc_tap_t *event)
{
    unsigned call = 0;

    while (call < G_N_ELEMENTS(calls) - 1 && g_strcmp0(event->pdu->call->name, calls[call]) != 0)
        call++;
    return (int)(2 * call) + (event->wakeup ? 0 : 1);
}

static int
end_row(const oxc_wakeup_t *wakeup)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++) {
        if (ends[i].outcome == wakeup->outcome)
            return (int)i;
    }
    return -1;
}

static void
wait_table(GArray *tables, const char *title, const char *method, const char *column)
{
    srt_stat_table *table = init_srt_table(title, method, tables, G_N_ELEMENTS(ends), column, NULL, NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++)
        init_srt_table_row(table, (int)i, ends[i].name);
}

static void
srt_init(struct register_srt *srt _U_, GArray *tables)
{
    srt_stat_table *table =
        init_srt_table("Calls that carry ROPs", "Fetches", tables, 2 * G_N_ELEMENTS(calls) + G_N_ELEMENTS(added),
                       "Call", NULL, NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(calls); i++) {
        char *name = g_strdup_printf("%s, follow-up", calls[i]);

        init_srt_table_row(table, (int)(2 * i), name);
        init_srt_table_row(table, (int)(2 * i + 1), calls[i]);
        g_free(name);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(added); i++)
        init_srt_table_row(table, (int)(2 * G_N_ELEMENTS(calls) + i), added[i]);
    wait_table(tables, "EcDoAsyncWaitEx: waits until something happens, five minutes are healthy", "EcDoAsyncWaitEx",
               "EcDoAsyncWaitEx until");
    wait_table(tables, "NotificationWait: waits until something happens, five minutes are healthy", "NotificationWait",
               "NotificationWait until");
}

static tap_packet_status
srt_packet(void *tapdata, packet_info *pinfo, epan_dissect_t *edt _U_, const void *data, tap_flags_t flags _U_)
{
    const srt_data_t *srt = (const srt_data_t *)tapdata;
    const oxc_tap_t *event = (const oxc_tap_t *)data;
    nstime_t began;
    unsigned table;
    int row;

    if (event->kind == OXC_TAP_FETCH_RESPONSE && event->pdu->call->request &&
        event->pdu->call->failure != OXC_FAILURE_AUTHENTICATION) {
        table = FETCHES;
        row = fetch_row(event);
        began = event->pdu->call->request->time;
    } else if (event->kind == OXC_TAP_WAKEUP && event->wakeup->request) {
        table = event->wakeup->method == OXC_WAKEUP_HTTP_WAIT ? HTTP_WAITS : ASYNC_WAITS;
        row = end_row(event->wakeup);
        began = event->wakeup->request->time;
    } else if (event->kind == OXC_TAP_OTHER_LEG) {
        table = FETCHES;
        row = (int)(2 * G_N_ELEMENTS(calls)) + event->pdu->is_response;
        nstime_delta(&began, &pinfo->abs_ts, &event->delay);
    } else {
        return TAP_PACKET_DONT_REDRAW;
    }
    if (row < 0)
        return TAP_PACKET_DONT_REDRAW;
    add_srt_table_data(g_array_index(srt->srt_array, srt_stat_table *, table), row, &began, pinfo);
    return TAP_PACKET_REDRAW;
}

void
proto_reg_handoff_oxc_srt(void)
{
    register_srt_table(proto_get_id_by_filter_name("oxcnotif"), "oxcnotif", TABLES, srt_packet, srt_init, NULL);
}
