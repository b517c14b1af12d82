/* events.c
 * What was found in a capture, a JSON object a line: tshark -q -z oxcnotif,events[,filter]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "compat.h"

#include "notify/event_line.h"
#include "notify/events_capture.h"
#include "notify/missing_packets.h"
#include "notify/names.h"
#include "notify/tls_note.h"
#include "notify/wakeup_outcome.h"
#include "oxcnotif_item.h"
#include "session/links.h"
#include "session/rop_state.h"
#include "registration.h"

#include <stdio.h>
#include <string.h>

#include <epan/expert.h>
#include <epan/proto.h>
#include <epan/stat_tap_ui.h>
#include <epan/tap.h>
#include <epan/to_str.h>
#include <wsutil/report_message.h>

/* Sessions and tables that were met; written at the end, when all is known of them. */
typedef struct {
    const oxc_session_t *session;
    char *client, *server;      /* addresses; NULL until a frame shows which is which */
    unsigned proxied;           /* answers that were seen on both sides of a proxy */
    nstime_t proxy_added;       /* to all of them */
} met_session_t;

typedef struct {
    const oxc_object_t *table;
    const oxc_session_t *session;
    unsigned notifications;
} met_table_t;

typedef struct {
    GHashTable *sessions;       /* oxc_session_t -> met_session_t */
    GHashTable *tables;         /* oxc_object_t -> met_table_t */
    GHashTable *open;           /* wake-ups that announced something and are not decided: oxc_wakeup_t -> itself */
    oxc_outcomes_t *outcomes;
    oxc_capture_counter_t *counter;
    uint32_t drawn;             /* frames of which all was written */
} events_t;

static GSList *listening;       /* events_t */

/* ---- lines ---- */

static void
add_place(json_dumper *line, uint32_t frame, const nstime_t *time, const oxc_session_t *session)
{
    oxc_event_add_uint(line, "frame", frame);
    oxc_event_add_time(line, "time", time);
    if (session)
        oxc_event_add_uint(line, "session", session->number);
}

static void
write_session(const met_session_t *met)
{
    static const char *const ends[] = { NULL, "disconnected", "lost", "replaced" };
    const oxc_session_t *session = met->session;
    json_dumper line = oxc_event_begin("session");

    add_place(&line, session->first_frame, &session->first_time, session);
    oxc_event_add_text(&line, "user", session->user);
    oxc_event_add_text(&line, "client", met->client);
    oxc_event_add_text(&line, "server", met->server);
    oxc_event_add_known_uint(&line, "ended_in", session->ended_in);
    if (session->end < G_N_ELEMENTS(ends))
        oxc_event_add_text(&line, "end", ends[session->end]);
    oxc_event_add_bool(&line, "encrypted", session->sealed);
    if (met->proxied > 0) {
        oxc_event_add_uint(&line, "proxied_answers", met->proxied);
        oxc_event_add_time(&line, "proxy_added", &met->proxy_added);
    }
    oxc_event_end(&line);
}

static void
write_capture(const oxc_capture_counter_t *counter)
{
    json_dumper line = oxc_event_begin("capture");
    oxc_capture_facts_t facts;

    oxc_capture_counter_read(counter, &facts);
    oxc_event_add_uint(&line, "frames", facts.frames);
    if (facts.frames > 0) {
        oxc_event_add_time(&line, "first", &facts.first);
        oxc_event_add_time(&line, "last", &facts.last);
    }
    oxc_event_add_uint(&line, "cut_short", facts.cut_short);
    oxc_event_add_uint(&line, "tls_connections", facts.tls_connections);
    oxc_event_add_uint(&line, "tls_undecrypted", facts.tls_undecrypted);
    oxc_event_add_uint(&line, "exchange_connections", facts.exchange_connections);
    oxc_event_add_uint(&line, "one_direction", facts.one_direction);
    oxc_event_end(&line);
}

/* Of a part of a capture: what the line of the whole is made of. */
static void
write_connection(const oxc_capture_facts_t *facts, uint32_t frame, void *user _U_)
{
    printf("{\"link\":\"connection\",\"frame\":%u,\"tls_connections\":%u,\"tls_undecrypted\":%u,"
           "\"exchange_connections\":%u,\"one_direction\":%u}\n", frame, facts->tls_connections,
           facts->tls_undecrypted, facts->exchange_connections, facts->one_direction);
}

static void
write_object(json_dumper *line, const oxc_object_t *object)
{
    oxc_event_add_uint(line, "logon_id", object->logon_id);
    oxc_event_add_uint(line, "handle", object->handle);
    oxc_event_add_id(line, "folder_id", object->folder_id);
    oxc_event_add_id(line, "message_id", object->message_id);
}

static void
write_subscription(const packet_info *pinfo, const oxc_tap_t *event)
{
    json_dumper line = oxc_event_begin("subscription");

    add_place(&line, pinfo->num, &pinfo->abs_ts, event->session);
    oxc_event_add_uint(&line, "opened_in", event->object->opened_in);
    write_object(&line, event->object);
    oxc_event_add_uint(&line, "types", event->object->notification_types);
    oxc_event_add_text(&line, "types_text", oxc_notification_types_text(pinfo->pool, event->object->notification_types));
    oxc_event_add_bool(&line, "whole_store", event->object->whole_store);
    oxc_event_end(&line);
}

static void
write_table(const met_table_t *met)
{
    json_dumper line = oxc_event_begin("table");

    oxc_event_add_uint(&line, "frame", met->table->opened_in);
    if (met->session)
        oxc_event_add_uint(&line, "session", met->session->number);
    oxc_event_add_text(&line, "kind", met->table->kind);
    write_object(&line, met->table);
    oxc_event_add_uint(&line, "notifications", met->notifications);
    oxc_event_end(&line);
}

static void
write_notification(const packet_info *pinfo, const oxc_tap_t *event)
{
    json_dumper line = oxc_event_begin("notification");

    add_place(&line, pinfo->num, &pinfo->abs_ts, event->session);
    oxc_event_add_text(&line, "type", oxc_notification_text(pinfo->pool, event->rop));
    if (event->rop) {
        oxc_event_add_uint(&line, "flags", event->rop->notification_flags);
        oxc_event_add_known_uint(&line, "table_event", event->rop->table_event);
        oxc_event_add_uint(&line, "logon_id", event->rop->logon_id);
        oxc_event_add_id(&line, "folder_id", event->rop->folder_id);
        oxc_event_add_id(&line, "message_id", event->rop->message_id);
    }
    oxc_event_add_text(&line, "folder", event->folder);
    if (event->object)
        oxc_event_add_uint(&line, "subscription_in", event->object->opened_in);
    oxc_event_end(&line);
}

static void
write_followup(const oxc_wakeup_t *wakeup)
{
    json_dumper line = oxc_event_begin("followup");
    nstime_t took;

    nstime_delta(&took, &wakeup->fetch->time, &wakeup->time);
    add_place(&line, wakeup->fetch->frame, &wakeup->fetch->time, oxc_wakeup_session(wakeup));
    oxc_event_add_uint(&line, "wakeup_in", wakeup->frame);
    oxc_event_add_time(&line, "latency", &took);
    oxc_event_add_uint(&line, "attempts", oxc_matcher_attempts(wakeup));
    oxc_event_add_uint(&line, "match", wakeup->match);
    oxc_event_add_uint(&line, "confidence", wakeup->confidence);
    oxc_event_add_uint(&line, "notifications", oxc_pdu_notifications(wakeup->fetch->call->response));
    oxc_event_end(&line);
}

/* followup: what became of it; NULL for an outcome that announces nothing. */
static void
write_wakeup(const oxc_wakeup_t *wakeup, const char *followup)
{
    static const char *const outcomes[] = { NULL, "pending", "timeout", "refused", "cut_off", "abandoned" };
    static const char *const closers[] = { NULL, "client", "server", "device" };
    json_dumper line = oxc_event_begin("wakeup");

    add_place(&line, wakeup->frame, &wakeup->time, oxc_wakeup_session(wakeup));
    oxc_event_add_uint(&line, "method", wakeup->method);
    oxc_event_add_text(&line, "method_text", oxc_method_name(wakeup->method));
    oxc_event_add_text(&line, "outcome", wakeup->outcome < G_N_ELEMENTS(outcomes) ? outcomes[wakeup->outcome] : NULL);
    if (wakeup->closed_by < G_N_ELEMENTS(closers))
        oxc_event_add_text(&line, "closed_by", closers[wakeup->closed_by]);
    if (wakeup->request) {
        nstime_t waited = oxc_wakeup_waited(wakeup);

        oxc_event_add_uint(&line, "wait_in", wakeup->request->frame);
        oxc_event_add_time(&line, "waited", &waited);
    }
    oxc_event_add_known_uint(&line, "repeats", wakeup->repeats);
    oxc_event_add_text(&line, "followup", followup);
    if (wakeup->fetch)
        oxc_event_add_uint(&line, "followup_in", wakeup->fetch->frame);
    else
        oxc_event_add_known_uint(&line, "superseded_in", oxc_superseded_in(wakeup));
    oxc_event_end(&line);
    if (wakeup->fetch)
        write_followup(wakeup);
}

static void
write_diagnosis(packet_info *pinfo, const expert_info_t *info, const char *name)
{
    json_dumper line = oxc_event_begin("diagnosis");

    add_place(&line, pinfo->num, &pinfo->abs_ts, NULL);
    oxc_event_add_text(&line, "name", name);
    oxc_event_add_text(&line, "severity", val_to_str_const((uint32_t)info->severity, expert_severity_vals, "unknown"));
    oxc_event_add_text(&line, "group", val_to_str_const((uint32_t)info->group, expert_group_vals, "unknown"));
    oxc_event_add_text(&line, "text", info->summary);
    oxc_event_add_text(&line, "explanation", oxc_explanation(pinfo, info->hf_index));
    oxc_event_end(&line);
}

static void
write_tls(const packet_info *pinfo, const oxc_tls_note_t *note)
{
    json_dumper line = oxc_event_begin("tls_undecrypted");
    const address *client = note->from_client ? &pinfo->src : &pinfo->dst;

    add_place(&line, pinfo->num, &pinfo->abs_ts, NULL);
    oxc_event_add_text(&line, "client", address_to_str(pinfo->pool, client));
    oxc_event_add_text(&line, "server", address_to_str(pinfo->pool, client == &pinfo->src ? &pinfo->dst : &pinfo->src));
    oxc_event_add_uint(&line, "port", note->from_client ? pinfo->destport : pinfo->srcport);
    oxc_event_add_text(&line, "server_name", note->name);
    oxc_event_add_text(&line, "evidence", oxc_tls_evidence_name(note->evidence));
    oxc_event_end(&line);
}

/* ---- the tap ---- */

static const char *
followup_name(oxc_followup_t followup)
{
    static const char *const names[] = { [OXC_FOLLOWUP_OPEN] = "open", [OXC_FOLLOWUP_FOLLOWED] = "followed",
                                         [OXC_FOLLOWUP_SUPERSEDED] = "superseded", [OXC_FOLLOWUP_MISSED] = "missed" };

    return names[followup];
}

static void
decided(const oxc_wakeup_t *wakeup, oxc_followup_t followup, const oxc_session_t *counted_as _U_, void *user)
{
    if (g_hash_table_remove(((events_t *)user)->open, wakeup))
        write_wakeup(wakeup, followup_name(followup));
}

static void
free_session(void *value)
{
    met_session_t *met = (met_session_t *)value;

    g_free(met->client);
    g_free(met->server);
    g_free(met);
}

/* Which address is the client's. A wait may be cut off by either side: such a frame does not tell. */
static void
note_addresses(met_session_t *met, packet_info *pinfo, const oxc_tap_t *event)
{
    bool from_server = event->pdu ? event->pdu->is_response : true;

    if (met->client || (event->wakeup && event->wakeup->outcome == OXC_OUTCOME_CUT_OFF))
        return;
    met->client = g_strdup(address_to_str(pinfo->pool, from_server ? &pinfo->dst : &pinfo->src));
    met->server = g_strdup(address_to_str(pinfo->pool, from_server ? &pinfo->src : &pinfo->dst));
}

static void
meet_session(events_t *events, packet_info *pinfo, const oxc_tap_t *event)
{
    met_session_t *met;

    if (!event->session)
        return;
    met = (met_session_t *)g_hash_table_lookup(events->sessions, event->session);
    if (!met) {
        met = g_new0(met_session_t, 1);
        met->session = event->session;
        g_hash_table_insert(events->sessions, (void *)event->session, met);
    }
    if (event->kind == OXC_TAP_OTHER_LEG) {
        /* The other leg has other addresses. */
        met->proxied += event->pdu->is_response;
        if (event->pdu->is_response)
            nstime_add(&met->proxy_added, &event->delay);
        return;
    }
    if (!event->pdu || !event->pdu->is_across)
        note_addresses(met, pinfo, event);
}

/* The table that an event is about; NULL if it is about another object. */
static met_table_t *
meet_table(events_t *events, const oxc_tap_t *event)
{
    met_table_t *met;

    if (!event->object || !event->object->is_table)
        return NULL;
    met = (met_table_t *)g_hash_table_lookup(events->tables, event->object);
    if (!met) {
        met = g_new0(met_table_t, 1);
        met->table = event->object;
        met->session = event->session;
        g_hash_table_insert(events->tables, (void *)event->object, met);
    }
    return met;
}

static void
count_notification(events_t *events, const oxc_tap_t *event)
{
    met_table_t *met = meet_table(events, event);

    if (met)
        met->notifications++;
}

static tap_packet_status
events_packet(void *tapdata, packet_info *pinfo, epan_dissect_t *edt _U_, const void *data, tap_flags_t flags _U_)
{
    events_t *events = (events_t *)tapdata;
    const oxc_tap_t *event = (const oxc_tap_t *)data;

    meet_session(events, pinfo, event);
    switch (event->kind) {
    case OXC_TAP_SUBSCRIPTION:
        write_subscription(pinfo, event);
        break;
    case OXC_TAP_NOTIFICATION:
        count_notification(events, event);
        write_notification(pinfo, event);
        break;
    case OXC_TAP_TABLE:
        meet_table(events, event);
        break;
    case OXC_TAP_WAKEUP:
        if (event->wakeup->outcome == OXC_OUTCOME_PENDING)
            g_hash_table_add(events->open, (void *)event->wakeup);
        else
            write_wakeup(event->wakeup, NULL);
        break;
    case OXC_TAP_TLS:
        write_tls(pinfo, event->tls);
        break;
    case OXC_TAP_ABANDONED:
        if (event->change > 0)
            g_hash_table_add(events->open, (void *)event->wakeup);
        else
            g_hash_table_remove(events->open, event->wakeup);
        break;
    default:
        break;
    }
    oxc_outcomes_event(events->outcomes, event);
    return TAP_PACKET_REDRAW;
}

static bool
is_ours(const char *name)
{
    static const char *const prefixes[] = { "oxcnotif.", "rop.", "mapihttp.", "emsmdb.", "asyncemsmdb.", "rpch." };

    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static tap_packet_status
expert_packet(void *tapdata _U_, packet_info *pinfo, epan_dissect_t *edt _U_, const void *data, tap_flags_t flags _U_)
{
    const expert_info_t *info = (const expert_info_t *)data;
    const char *name = info->hf_index > 0 ? proto_registrar_get_abbrev((unsigned)info->hf_index) : NULL;

    if (name && is_ours(name))
        write_diagnosis(pinfo, info, name);
    return TAP_PACKET_DONT_REDRAW;
}

static int
by_number(const void *a, const void *b)
{
    const met_session_t *one = *(const met_session_t *const *)a, *other = *(const met_session_t *const *)b;

    return (int)one->session->number - (int)other->session->number;
}

static int
by_frame(const void *a, const void *b)
{
    const met_table_t *one = *(const met_table_t *const *)a, *other = *(const met_table_t *const *)b;

    if (one->table->opened_in != other->table->opened_in)
        return one->table->opened_in < other->table->opened_in ? -1 : 1;
    return one->table->handle < other->table->handle ? -1 : 1;
}

static int
by_key(const void *a, const void *b)
{
    const oxc_wakeup_t *one = *(const oxc_wakeup_t *const *)a, *other = *(const oxc_wakeup_t *const *)b;

    return one->key < other->key ? -1 : one->key > other->key;
}

/* The values of a table, in an order that is the same in each run; owned by the caller. */
static GPtrArray *
sorted_values(GHashTable *table, GCompareFunc compare)
{
    GPtrArray *found = g_ptr_array_new();
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(found, value);
    g_ptr_array_sort(found, compare);
    return found;
}

/* The capture was read: what is still open stays so. */
static void
events_draw(void *tapdata)
{
    events_t *events = (events_t *)tapdata;
    oxc_capture_facts_t facts;
    GPtrArray *found = sorted_values(events->open, by_key);

    oxc_matcher_set_end(NULL);
    for (unsigned i = 0; i < found->len; i++) {
        const oxc_wakeup_t *wakeup = (const oxc_wakeup_t *)found->pdata[i];

        write_wakeup(wakeup, wakeup->outcome != OXC_OUTCOME_PENDING ? NULL : followup_name(
                             wakeup->fetch ? OXC_FOLLOWUP_FOLLOWED : oxc_matcher_followup(wakeup)));
    }
    g_ptr_array_free(found, TRUE);
    found = sorted_values(events->tables, by_frame);
    for (unsigned i = 0; i < found->len; i++)
        write_table((const met_table_t *)found->pdata[i]);
    g_ptr_array_free(found, TRUE);
    found = sorted_values(events->sessions, by_number);
    for (unsigned i = 0; i < found->len; i++)
        write_session((const met_session_t *)found->pdata[i]);
    g_ptr_array_free(found, TRUE);
    write_capture(events->counter);
    oxc_capture_counter_read(events->counter, &facts);
    events->drawn = facts.frames;
    if (oxc_links_recorded())
        oxc_capture_counter_each(events->counter, write_connection, NULL);
    fflush(stdout);
}

static void
events_reset(void *tapdata)
{
    events_t *events = (events_t *)tapdata;

    g_hash_table_remove_all(events->sessions);
    g_hash_table_remove_all(events->tables);
    g_hash_table_remove_all(events->open);
    oxc_outcomes_reset(events->outcomes);
    events->drawn = 0;
}

/*
 * tshark -M ends a session of dissection while its statistics go on, and frees the objects that are not written yet. What
 * comes then is as of another file.
 */
static void
end_session(void)
{
    for (GSList *at = listening; at; at = at->next) {
        events_t *events = (events_t *)at->data;
        oxc_capture_facts_t facts;

        oxc_capture_counter_read(events->counter, &facts);
        if (facts.frames > events->drawn)
            events_draw(events);
        events_reset(events);
        oxc_capture_counter_forget(events->counter);
    }
}

static void
events_finish(void *tapdata)
{
    events_t *events = (events_t *)tapdata;

    listening = g_slist_remove(listening, events);
    g_hash_table_destroy(events->sessions);
    g_hash_table_destroy(events->tables);
    g_hash_table_destroy(events->open);
    oxc_outcomes_free(events->outcomes);
    g_free(events);
}

static bool
events_init(const char *argument, void *user _U_)
{
    static char expert_listener;        /* its address tells the listeners apart: a function's is no pointer to data */
    static const char prefix[] = "oxcnotif,events,";
    const char *filter = strncmp(argument, prefix, sizeof prefix - 1) == 0 ? argument + sizeof prefix - 1 : NULL;
    events_t *events = g_new0(events_t, 1);
    GString *error;

    events->sessions = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, free_session);
    events->tables = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    events->open = g_hash_table_new(g_direct_hash, g_direct_equal);
    events->outcomes = oxc_outcomes_new(decided, events);
    error = register_tap_listener("oxcnotif", events, filter, TL_REQUIRES_NOTHING, events_reset, events_packet,
                                  events_draw, events_finish);
    if (error) {
        events_finish(events);
    } else {
        error = register_tap_listener("expert", &expert_listener, filter, TL_REQUIRES_NOTHING, NULL, expert_packet,
                                      NULL, NULL);
        if (!error)
            events->counter = oxc_capture_counter_new(&error);
        if (error)
            remove_tap_listener(events);
    }
    if (error) {
        report_failure("-z oxcnotif,events: %s", error->str);
        g_string_free(error, TRUE);
        return false;
    }
    listening = g_slist_prepend(listening, events);
    return true;
}

COMPAT_STAT_TAP_INIT(events_option, events_init)

void
proto_reg_handoff_oxc_events(void)
{
    static stat_tap_ui ui = { REGISTER_STAT_GROUP_GENERIC, NULL, "oxcnotif,events", events_option, 0, NULL };

    register_stat_tap_ui(&ui, NULL);
    register_cleanup_routine(end_session);
}
