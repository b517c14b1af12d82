/* buffer.c
 * ROP input and output buffers (MS-OXCROPS 2.2.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/buffer.h"

#include "notify/notify.h"
#include "registration.h"
#include "rop/buffer_state.h"
#include "rop/field.h"
#include "rop/state_update.h"
#include "rop/property.h"
#include "ropdefs.h"

#include <string.h>

static int proto_rop = -1;
static int proto_oxcnotif = -1;

static int hf_rop_size = -1;
static int hf_rop_id = -1;
static int hf_handle = -1;
static int hf_object = -1;
static int hf_request_in = -1;
static int hf_response_in = -1;
static int hf_answer_in = -1;
static int hf_unparsed = -1;
static int hf_subscription_in = -1;

static int ett_buffer = -1;
static int ett_rop = -1;
static int ett_handles = -1;

static expert_field ei_size_too_small;
static expert_field ei_size_beyond;
static expert_field ei_handle_outside;
static expert_field ei_echo;
static expert_field ei_table_odd;
static expert_field ei_unknown_rop;
static expert_field ei_chain_lost;
static expert_field ei_recovered;
static expert_field ei_unasked;
static expert_field ei_failed;

/* ---- handles ---- */

uint32_t
oxc_buffer_handle_at(const oxc_buffer_t *b, unsigned place)
{
    if (place >= b->handles)
        return OXC_NO_HANDLE;
    return tvb_get_letohl(b->tvb, b->table + (int)place * 4);
}

void
oxc_buffer_remember(oxc_buffer_t *b, unsigned place, oxc_object_t *object)
{
    if (place < OXC_MAX_HANDLES)
        b->opened[place] = object;
}

/* What a server object is, "contents table of Inbox, opened in frame 12"; in pinfo->pool. */
static const char *
object_text(const oxc_read_t *r, const oxc_object_t *object)
{
    wmem_strbuf_t *text = wmem_strbuf_new(r->pinfo->pool, object->kind);

    if (object->whole_store)
        wmem_strbuf_append(text, " to the whole store");
    else if (object->folder_id)
        wmem_strbuf_append_printf(text, " %s %s", object->is_subscription ? "to" : "of",
                                  oxc_folder_text(r, object->logon, object->folder_id));
    if (object->message_id)
        wmem_strbuf_append_printf(text, ", message 0x%016" PRIx64, object->message_id);
    wmem_strbuf_append_printf(text, ", opened in frame %u", object->opened_in);
    return wmem_strbuf_get_str(text);
}

static void
show_object(oxc_read_t *r, proto_tree *tree, int offset, int length, const oxc_object_t *object)
{
    if (tree && object)
        proto_item_set_generated(
            proto_tree_add_string(tree, hf_object, r->tvb, offset, length, object_text(r, object)));
}

oxc_object_t *
oxc_buffer_input(const oxc_read_t *r, unsigned place)
{
    const oxc_rop_t *rop = r->rop;
    const oxc_rop_t *peer = r->is_response ? rop->peer : NULL;
    const oxc_session_t *session = r->pdu->call->session;
    uint32_t handle = oxc_buffer_handle_at(r->buffer, place);

    if (!session)
        return NULL;
    if (peer && peer->handle != OXC_NO_HANDLE)
        return peer->object ? peer->object : oxc_object_find(session, rop->logon_id, peer->handle);
    if (r->is_response && place < OXC_MAX_HANDLES && r->buffer->opened[place])
        return r->buffer->opened[place];
    return handle != OXC_NO_HANDLE ? oxc_object_find(session, rop->logon_id, handle) : NULL;
}

/* The index that an answer has to echo (MS-OXCROPS 2.2.2, "HandleIndex"): that of its request, if it was captured. */
static uint16_t
echoed_index(const oxc_read_t *r, const ropdef_field_t *f, unsigned place)
{
    const oxc_rop_t *peer = r->is_response && r->rop ? r->rop->peer : NULL;
    uint16_t expected = OXC_NO_INDEX;

    if (peer && f->flags & ROPDEF_HANDLE_OUT)
        expected = peer->out_index;
    else if (peer && f->flags & ROPDEF_HANDLE_IN)
        expected = peer->in_index;
    return expected != OXC_NO_INDEX ? expected : (uint16_t)place;
}

/*
 * A server that echoes another index still means the request's: the handles in the table are where the request wants
 * them.
 */
static void
check_echo(oxc_read_t *r, proto_item *item, const ropdef_field_t *f, unsigned place)
{
    unsigned expected = echoed_index(r, f, place);

    if (expected != place)
        expert_add_info_format(r->pinfo, item, &ei_echo,
                               "The answer echoes handle index %u, but %s of the request is %u", place, f->name,
                               expected);
}

void
oxc_buffer_handle(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset, unsigned place)
{
    proto_item *item = proto_tree_add_item(tree, *f->hf, r->tvb, offset, 1, ENC_NA);
    oxc_buffer_t *b = r->buffer;
    bool first = r->rop && !PINFO_FD_VISITED(r->pinfo);
    const oxc_object_t *object = NULL;
    uint32_t handle;

    if (!b)
        return;
    if (f->kind)
        b->out_kind = f->kind;
    if (r->is_response)
        check_echo(r, item, f, place);
    if (f->flags & ROPDEF_HANDLE_OUT) {
        if (first)
            r->rop->out_index = echoed_index(r, f, place);
    } else if (f->flags & ROPDEF_HANDLE_IN) {
        if (first) {
            r->rop->in_index = (uint16_t)place;
            r->rop->handle = oxc_buffer_handle_at(b, place);
            /* The answer to S,D and R,I ROPs names its input object by another index than the request. */
            r->rop->object = oxc_buffer_input(r, r->is_response && r->rop->peer ? r->rop->peer->in_index : place);
            oxc_update_find_columns(r, r->def);
        }
        object = r->rop ? r->rop->object : NULL;
    }

    handle = oxc_buffer_handle_at(b, place);
    if (handle != OXC_NO_HANDLE)
        proto_item_append_text(item, " (handle 0x%08x)", handle);
    /* An answer may leave entries out that nobody needs any more (MS-OXCROPS 2.2.1.2). */
    else if (!r->is_response && place >= b->handles)
        proto_tree_add_expert_format(tree, r->pinfo, &ei_handle_outside, r->tvb, offset, 1,
                                     "%s %u is outside the server object handle table of %u entries", f->name, place,
                                     b->handles);
    show_object(r, tree, offset, 1, object);
}

static void
handle_table(oxc_buffer_t *b, proto_tree *tree, oxc_read_t *r)
{
    int length = tvb_reported_length_remaining(b->tvb, b->table);
    proto_tree *sub;

    if (length <= 0 || !oxc_afford(r, tree, b->table, b->handles))
        return;
    if (tree && b->handles > 0) {
        sub = proto_tree_add_subtree_format(tree, b->tvb, b->table, (int)b->handles * 4, ett_handles, NULL,
                                            "Server object handle table (%u)", b->handles);
        for (unsigned i = 0; i < b->handles; i++) {
            int at = b->table + (int)i * 4;
            proto_item *item = proto_tree_add_item(sub, hf_handle, b->tvb, at, 4, ENC_LITTLE_ENDIAN);

            proto_item_prepend_text(item, "%u: ", i);
            if (tvb_get_letohl(b->tvb, at) == OXC_NO_HANDLE)
                proto_item_append_text(item, " (none yet)");
        }
    }
    if (length % 4)
        proto_tree_add_expert_format(tree, r->pinfo, &ei_table_odd, b->tvb, b->table + length - length % 4, length % 4,
                                     "%d bytes behind the server object handle table make no handle", length % 4);
}

/* ---- requests and answers ---- */

/* Requests that get no answer are passed over; those that release what this very buffer opened are done now. */
static bool
pass_over_release(oxc_buffer_t *b, const oxc_rop_t *request)
{
    const ropdef_rop_t *def = ropdef_rops[request->id];

    if (!def || def->response >= 0)
        return false;
    if (def->does & ROPDEF_DOES_RELEASE && request->handle == OXC_NO_HANDLE && request->in_index < OXC_MAX_HANDLES &&
        b->opened[request->in_index] && b->pdu->call->session) {
        oxc_object_release(b->pinfo, b->pdu->call->session, b->opened[request->in_index]);
        b->opened[request->in_index] = NULL;
    }
    return true;
}

static bool
answers(uint8_t response_id, const oxc_rop_t *request)
{
    const ropdef_rop_t *request_def = ropdef_rops[request->id];
    const ropdef_rop_t *response_def = ropdef_rops[response_id];

    if (request->id == response_id)
        return true;
    if (request_def && request_def->answered_as == response_id)
        return true;
    /* RopProgress may answer, or be answered by, another ROP (MS-OXCPRPT 3.1.5). */
    return (request_def && request_def->does & ROPDEF_DOES_PROGRESS) ||
           (response_def && response_def->does & ROPDEF_DOES_PROGRESS);
}

/* Requests that are looked at for one answer: a server that leaves answers out stops, it does not skip. */
#define REQUESTS_SKIPPED 256

/* Which request does the next answer belong to? Answers come in the order of requests (MS-OXCROPS 3.2.5.1). */
static void
find_request(oxc_buffer_t *b, oxc_rop_t *rop)
{
    oxc_call_t *call = b->pdu->call;
    oxc_rop_t *request;
    unsigned n = call->next_answer;

    while ((request = oxc_pdu_rop(call->request, n)) != NULL && pass_over_release(b, request))
        n++;
    call->next_answer = n;
    for (; n < call->next_answer + REQUESTS_SKIPPED && (request = oxc_pdu_rop(call->request, n)) != NULL; n++) {
        if (!answers(rop->id, request))
            continue;
        rop->peer = request;
        request->answered = true;
        rop->logon_id = request->logon_id;
        call->next_answer = call->last_answered = n + 1;
        break;
    }
    if (!rop->peer && b->payload_index > 0 && call->last_answered > 0) {
        /* A further payload holds one more answer of the last ROP (MS-OXCRPC 3.1.4.2.1.2). */
        request = oxc_pdu_rop(call->request, call->last_answered - 1);
        if (request && answers(rop->id, request)) {
            rop->peer = request;
            rop->logon_id = request->logon_id;
        }
    }
    for (n = call->next_answer;
         n < call->next_answer + REQUESTS_SKIPPED && (request = oxc_pdu_rop(call->request, n)) != NULL; n++) {
        if (ropdef_rops[request->id] && ropdef_rops[request->id]->response < 0)
            continue;
        rop->next_expected = ropdef_rops[request->id] && ropdef_rops[request->id]->answered_as >= 0
                                 ? (int16_t)ropdef_rops[request->id]->answered_as
                                 : request->id;
        break;
    }
    if (call->session)
        rop->logon = oxc_session_logon(call->session, rop->logon_id);
}

/*
 * Can requests be read from here on? One byte alone would often look like a RopId, so a few ROPs are read; inside of
 * that the byte has to do, or this would never end.
 */
#define REQUESTS_AHEAD 8

static bool
requests_follow(const oxc_read_t *r, int offset)
{
    oxc_read_t ahead = *r;

    ahead.measure = true;
    ahead.rop = NULL;
    ahead.info = NULL;
    for (unsigned i = 0; i < REQUESTS_AHEAD && offset >= 0 && offset < r->end; i++) {
        const ropdef_rop_t *def =
            tvb_bytes_exist(r->tvb, offset, 1) ? ropdef_rops[tvb_get_uint8(r->tvb, offset)] : NULL;

        if (!def || def->request < 0)
            return false;
        if (r->measure)
            return true;
        offset = oxc_engine_form(&ahead, NULL, offset + 1, (unsigned)def->request);
    }
    return offset >= 0;
}

bool
oxc_buffer_is_boundary(const oxc_read_t *r, int offset, uint64_t n)
{
    const ropdef_rop_t *def;
    int at;

    if (n > (uint64_t)(r->end - offset))
        return false;
    at = offset + (int)n;
    if (at == r->end)
        return true;
    if (!r->is_response)
        return requests_follow(r, at);
    if (!tvb_bytes_exist(r->tvb, at, 1))
        return false;
    def = ropdef_rops[tvb_get_uint8(r->tvb, at)];
    if (!def)
        return false;
    if (def->trailer)
        return true;
    if (r->rop && r->pdu && r->pdu->call->request)
        return def->id == r->rop->next_expected;
    return def->response >= 0;
}

/* ---- trailing ROPs ---- */

static void
read_init(oxc_read_t *r, oxc_buffer_t *b, bool measure)
{
    memset(r, 0, sizeof *r);
    r->pinfo = b->pinfo;
    r->tvb = b->tvb;
    r->end = b->rops_end;
    r->pdu = b->pdu;
    r->buffer = b;
    r->measure = measure;
    r->is_response = b->pdu->is_response;
    r->deviations = b->deviations;
}

/*
 * Do the bytes from offset on read as trailing ROPs exactly to the end of the list? Starts that were found to fail are
 * marked in failed (a bit for every offset), so that trying every offset costs no more than reading the list once.
 */
static bool
trailers_fit(oxc_buffer_t *b, int offset, unsigned deviations, uint8_t *failed)
{
    oxc_read_t r;

    read_init(&r, b, true);
    r.deviations = deviations;
    while (offset < b->rops_end) {
        const ropdef_rop_t *def;
        int next = -1;

        if (failed) {
            if (failed[offset / 8] & (1 << offset % 8))
                break;
            failed[offset / 8] |= (uint8_t)(1 << offset % 8);   /* unless the list fits, and then nobody asks again */
        }
        def = tvb_bytes_exist(b->tvb, offset, 1) ? ropdef_rops[tvb_get_uint8(b->tvb, offset)] : NULL;
        if (def && def->trailer)
            next = oxc_engine_form(&r, NULL, offset + 1, (unsigned)def->response);
        if (next < 0)
            break;
        offset = next;
    }
    return offset == b->rops_end;
}

/*
 * Correct bytes always fit without a deviation, so that is tried first; a deviation is believed only when it alone
 * makes the rest of the list fit to the byte.
 */
static void
find_deviations(oxc_buffer_t *b, int offset)
{
    b->deviations_known = true;
    if (trailers_fit(b, offset, 0, NULL))
        return;
    for (unsigned i = 0; i < ROPDEF_DEVIATION_COUNT; i++) {
        if (trailers_fit(b, offset, 1U << i, NULL)) {
            b->deviations = 1U << i;
            return;
        }
    }
}

/* Can what follows a ROP of the response be read, too? One byte alone would often look like a RopId. */
static bool
response_follows(oxc_buffer_t *b, const oxc_read_t *r, int offset)
{
    const ropdef_rop_t *def;
    oxc_read_t ahead = *r;

    if (offset == b->rops_end)
        return true;
    def = tvb_bytes_exist(b->tvb, offset, 1) ? ropdef_rops[tvb_get_uint8(b->tvb, offset)] : NULL;
    if (!def || def->response < 0)
        return false;
    if (def->trailer)
        return trailers_fit(b, offset, 0, NULL);
    ahead.rop = NULL;
    ahead.deviations = 0;
    ahead.return_value = 0;
    offset = oxc_engine_form(&ahead, NULL, offset + 1, (unsigned)def->response);
    return offset >= 0 && oxc_buffer_is_boundary(&ahead, offset, 0);
}

/*
 * The same for one ROP: what does not read as the specification has it, up to where a ROP can end, but does so with one
 * deviation of a server. If several readings fit, what follows decides. Decided on the first pass, as the columns that
 * are known change.
 */
static void
find_rop_deviation(oxc_buffer_t *b, oxc_rop_t *rop, const ropdef_rop_t *def, int offset)
{
    bool fits = false;
    oxc_read_t r;

    read_init(&r, b, true);
    r.rop = rop;
    r.def = def;
    for (unsigned i = 0; i <= ROPDEF_DEVIATION_COUNT; i++) {
        int next;

        r.deviations = i == 0 ? 0 : 1U << (i - 1);
        if (i > 0 && !(def->deviations & r.deviations))
            continue;
        next = oxc_engine_form(&r, NULL, offset + 1, (unsigned)(r.is_response ? def->response : def->request));
        if (next < 0 || !oxc_buffer_is_boundary(&r, next, 0))
            continue;
        if (!fits)
            rop->deviations = r.deviations;
        fits = true;
        if (!r.is_response || response_follows(b, &r, next)) {
            rop->deviations = r.deviations;
            return;
        }
    }
}

/* ---- one ROP ---- */

typedef struct {
    wmem_strbuf_t *text;        /* of the Info column */
    const char *last;
    unsigned repeated;
    unsigned shown;
} summary_t;

#define SUMMARY_LIMIT 24        /* a column is no place for more */

static void
summary_flush(summary_t *s)
{
    if (s->repeated > 1)
        wmem_strbuf_append_printf(s->text, " (%u times)", s->repeated);
    s->repeated = 0;
}

static void
summary_add(summary_t *s, const char *text)
{
    if (s->last && strcmp(s->last, text) == 0) {
        s->repeated++;
        return;
    }
    summary_flush(s);
    if (s->shown++ < SUMMARY_LIMIT)
        wmem_strbuf_append_printf(s->text, ", %s", text);
    else if (s->shown == SUMMARY_LIMIT + 1)
        wmem_strbuf_append(s->text, ", ...");
    else
        return;
    s->last = text;
    s->repeated = 1;
}

static const char *
rop_text(const oxc_read_t *r, const ropdef_rop_t *def)
{
    wmem_strbuf_t *text = wmem_strbuf_new(r->pinfo->pool, def->name);

    if (wmem_strbuf_get_len(r->info) > 0)
        wmem_strbuf_append_printf(text, " %s", wmem_strbuf_get_str(r->info));
    if (r->is_response && r->return_value != 0)
        wmem_strbuf_append_printf(text, " %s", val_to_str_ext_const(r->return_value, &ropdef_error_vals_ext, "failed"));
    return wmem_strbuf_get_str(text);
}

/* What a notification is about, and its subscription. */
static void
show_notification(oxc_read_t *r, proto_tree *tree, int offset)
{
    const oxc_object_t *object = r->rop ? r->rop->object : NULL;

    if (object) {
        proto_item_set_generated(proto_tree_add_uint(tree, hf_subscription_in, r->tvb, offset, 0, object->opened_in));
        show_object(r, tree, offset, 0, object);
    }
    oxc_notify_notification(r->tvb, r->pinfo, tree, r->pdu, r->rop,
                            oxc_folder_text(r, oxc_logon_of(r), r->rop ? r->rop->folder_id : 0));
}

static void
show_effects(oxc_read_t *r, proto_tree *tree, const ropdef_rop_t *def, int offset, int next)
{
    if (!r->is_response) {
        oxc_update_request(r, def);
        return;
    }
    oxc_update_response(r, def, r->buffer->out_kind);
    if (r->rop && r->rop->created) {
        show_object(r, tree, offset, next - offset, r->rop->created);
        if (r->rop->created->is_subscription)
            oxc_notify_subscription(r->tvb, r->pinfo, tree, r->pdu, r->rop->created);
    }
    if (def->does & ROPDEF_DOES_NOTIFY) {
        r->pdu->largest_notification = MAX(r->pdu->largest_notification, (uint32_t)(next - offset));
        show_notification(r, tree, offset);
    }
    if (def->does & ROPDEF_DOES_PENDING)
        oxc_notify_rop_pending(r->tvb, r->pinfo, tree, r->pdu, r->rop);
    if (r->return_value != 0)
        proto_tree_add_expert_format(tree, r->pinfo, &ei_failed, r->tvb, offset, next - offset, "%s failed: %s",
                                     def->name,
                                     val_to_str_ext_const(r->return_value, &ropdef_error_vals_ext, "unknown error"));
}

/* Reads one ROP; the offset behind it, or -1 when the chain cannot be followed any further. */
static int
read_rop(oxc_buffer_t *b, proto_tree *tree, int offset, const ropdef_rop_t *def, summary_t *summary, bool recovered)
{
    bool response = b->pdu->is_response;
    proto_item *item = NULL;
    proto_tree *sub = NULL;
    oxc_read_t r;
    int next;

    read_init(&r, b, false);
    r.rop = oxc_pdu_next_rop(b->pinfo, b->pdu);
    r.def = def;
    r.info = wmem_strbuf_new(b->pinfo->pool, "");
    b->out_kind = NULL;
    if (r.rop && !PINFO_FD_VISITED(b->pinfo)) {
        r.rop->id = def->id;
        if (response && !def->trailer)
            find_request(b, r.rop);
    }

    if (def->is_notification) {
        item = proto_tree_add_item(tree, proto_oxcnotif, b->tvb, offset, b->rops_end - offset, ENC_NA);
        proto_item_set_text(item, "%s", def->name);
    } else if (tree) {
        sub = proto_tree_add_subtree(tree, b->tvb, offset, b->rops_end - offset, ett_rop, &item, def->name);
    }
    if (def->is_notification)
        sub = proto_item_add_subtree(item, ett_rop);
    proto_tree_add_item(sub, hf_rop_id, b->tvb, offset, 1, ENC_NA);
    if (recovered)
        proto_tree_add_expert(sub, b->pinfo, &ei_recovered, b->tvb, offset, 1);

    if (response && r.rop) {
        if (r.rop->peer)
            r.rop->store = r.rop->peer->store;
        else if (b->pdu->call->request && !def->trailer)
            proto_tree_add_expert(sub, b->pinfo, &ei_unasked, b->tvb, offset, 1);
    }
    oxc_update_find_columns(&r, def);
    if (r.rop && !def->trailer) {
        if (def->deviations && !PINFO_FD_VISITED(b->pinfo))
            find_rop_deviation(b, r.rop, def, offset);
        r.deviations = r.rop->deviations;
    }
    next = oxc_engine_form(&r, sub, offset + 1, (unsigned)(response ? def->response : def->request));
    if (item) {
        proto_item_set_len(item, next < 0 ? b->rops_end - offset : next - offset);
        if (wmem_strbuf_get_len(r.info) > 0)
            proto_item_append_text(item, ": %s", wmem_strbuf_get_str(r.info));
        if (response && r.return_value != 0)
            proto_item_append_text(item, " (%s)",
                                   val_to_str_ext_const(r.return_value, &ropdef_error_vals_ext, "failed"));
    }
    summary_add(summary, rop_text(&r, def));
    if (next >= 0)
        show_effects(&r, sub, def, offset, next);
    return next;
}

/*
 * A ROP without definition. Its head is that of every ROP, and an answer that failed is nothing but a head (MS-OXCROPS
 * 2.2.2): if what follows fits that, the chain goes on. Returns the offset behind it, or -1.
 */
static int
read_undefined(oxc_buffer_t *b, proto_tree *tree, int offset, summary_t *summary)
{
    uint8_t id = tvb_get_uint8(b->tvb, offset);
    const char *name = val_to_str_ext_const(id, &ropdef_rop_vals_ext, "unknown");
    const char *text = wmem_strdup_printf(b->pinfo->pool, "RopId 0x%02x (%s)", id, name);
    int left = b->rops_end - offset;
    proto_item *item;
    proto_tree *sub = proto_tree_add_subtree(tree, b->tvb, offset, left, ett_rop, &item, text);
    oxc_read_t r;

    summary_add(summary, text);
    proto_tree_add_item(sub, hf_rop_id, b->tvb, offset, 1, ENC_NA);
    read_init(&r, b, false);
    r.rop = oxc_pdu_next_rop(b->pinfo, b->pdu);
    if (r.rop && !PINFO_FD_VISITED(b->pinfo)) {
        r.rop->id = id;
        if (b->pdu->is_response)
            find_request(b, r.rop);
    }
    if (b->pdu->is_response && left >= 6 && tvb_get_letohl(b->tvb, offset + 2) != 0 &&
        oxc_buffer_is_boundary(&r, offset, 6)) {
        proto_tree_add_item(sub, proto_registrar_get_id_byname("rop.input_handle_index"), b->tvb, offset + 1, 1,
                            ENC_NA);
        proto_tree_add_item(sub, proto_registrar_get_id_byname("rop.return_value"), b->tvb, offset + 2, 4,
                            ENC_LITTLE_ENDIAN);
        proto_item_set_len(item, 6);
        proto_tree_add_expert_format(sub, b->pinfo, &ei_unknown_rop, b->tvb, offset, 6,
                                     "%s has no response that is defined: taken as an answer that failed", text);
        return offset + 6;
    }
    proto_tree_add_expert_format(sub, b->pinfo, &ei_unknown_rop, b->tvb, offset, left,
                                 "%s has no %s that is defined: the %d bytes from here on cannot be read in order; a "
                                 "definition can be added in ropdefs/",
                                 text, b->pdu->is_response ? "response" : "request", left);
    return -1;
}

/* ---- the list ---- */

/*
 * Behind the place where the chain was lost, notifications can still be found: they fit to the end of the list exactly.
 */
static int
search_trailers(oxc_buffer_t *b, int offset)
{
    size_t size = (size_t)b->rops_end / 8 + 1;
    uint8_t *failed = (uint8_t *)wmem_alloc0(b->pinfo->pool, size * (ROPDEF_DEVIATION_COUNT + 1));
    const oxc_session_t *session = b->pdu->call->session;

    for (; offset < b->rops_end; offset++) {
        const ropdef_rop_t *def = ropdef_rops[tvb_get_uint8(b->tvb, offset)];

        if (!def || !(def->does & ROPDEF_DOES_NOTIFY) || b->rops_end - offset < 8)
            continue;
        /* RopNotify: handle, LogonId. One that this session opened, or none is known of it at all. */
        if (session && wmem_map_size(session->objects) > 0 &&
            !oxc_object_latest(session, tvb_get_uint8(b->tvb, offset + 5), tvb_get_letohl(b->tvb, offset + 1)))
            continue;
        for (unsigned i = 0; i <= ROPDEF_DEVIATION_COUNT; i++) {
            if (trailers_fit(b, offset, i == 0 ? 0 : 1U << (i - 1), failed + i * size))
                return offset;
        }
    }
    return -1;
}

/* What the session knows grows with the capture, so the first visit decides for all. */
static int
find_trailers(oxc_buffer_t *b, int offset)
{
    void *key = GUINT_TO_POINTER(b->payload_index);
    int found;

    if (PINFO_FD_VISITED(b->pinfo))
        return b->pdu->recovered ? GPOINTER_TO_INT(wmem_map_lookup(b->pdu->recovered, key)) - 1 : -1;
    found = search_trailers(b, offset);
    if (found >= 0) {
        if (!b->pdu->recovered)
            b->pdu->recovered = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
        wmem_map_insert(b->pdu->recovered, key, GINT_TO_POINTER(found + 1));
    }
    return found;
}

static void
read_rops(oxc_buffer_t *b, proto_tree *tree, int offset, summary_t *summary)
{
    bool recovered = false;
    oxc_read_t r;

    read_init(&r, b, false);
    while (offset < b->rops_end) {
        const ropdef_rop_t *def = ropdef_rops[tvb_get_uint8(b->tvb, offset)];
        int next;

        if (!oxc_afford(&r, tree, offset, OXC_WORK_ROP)) {
            proto_tree_add_item(tree, hf_unparsed, b->tvb, offset, b->rops_end - offset, ENC_NA);
            return;
        }
        if (def && (b->pdu->is_response ? def->response : def->request) < 0)
            def = NULL;
        if (def && def->trailer && !b->deviations_known)
            find_deviations(b, offset);
        if (def)
            next = read_rop(b, tree, offset, def, summary, recovered);
        else
            next = read_undefined(b, tree, offset, summary);
        if (next >= 0) {
            offset = next;
            continue;
        }

        next = b->pdu->is_response && !recovered && !b->pdu->exhausted ? find_trailers(b, offset + 1) : -1;
        proto_tree_add_expert_format(tree, b->pinfo, &ei_chain_lost, b->tvb, offset,
                                     (next < 0 ? b->rops_end : next) - offset,
                                     "The chain of ROPs cannot be followed beyond this one%s",
                                     next < 0 ? "" : "; notifications were found behind it by their shape");
        proto_tree_add_item(tree, hf_unparsed, b->tvb, offset, (next < 0 ? b->rops_end : next) - offset, ENC_NA);
        if (next < 0)
            return;
        offset = next;
        recovered = true;
        b->deviations_known = false;
    }
}

static int
read_rop_size(oxc_buffer_t *b, proto_tree *tree, int length)
{
    proto_item *item = proto_tree_add_item(tree, hf_rop_size, b->tvb, 0, 2, ENC_LITTLE_ENDIAN);
    int size = tvb_get_letohs(b->tvb, 0);

    if (size < 2) {
        /* gromox takes it as "no ROPs", and so the handle table follows. */
        expert_add_info_format(b->pinfo, item, &ei_size_too_small, "RopSize %d is less than its own 2 bytes", size);
        return 2;
    }
    if (size > length) {
        expert_add_info_format(b->pinfo, item, &ei_size_beyond, "RopSize %d is beyond the buffer of %d bytes", size,
                               length);
        return length;
    }
    return size;
}

void
oxc_dissect_rop_buffer(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_pdu_t *pdu, unsigned payload_index)
{
    int length = tvb_reported_length(tvb);
    oxc_buffer_t *b = wmem_new0(pinfo->pool, oxc_buffer_t);
    summary_t summary = { wmem_strbuf_new(pinfo->pool, ""), NULL, 0, 0 };
    proto_item *item;
    proto_tree *sub;
    oxc_read_t r;

    b->tvb = tvb;
    b->pinfo = pinfo;
    b->pdu = pdu;
    b->payload_index = payload_index;
    if (!PINFO_FD_VISITED(pinfo)) {
        pdu->rop_bytes_before += pdu->rop_bytes;
        pdu->rop_bytes = (uint32_t)length;
    }
    item = proto_tree_add_item(tree, proto_rop, tvb, 0, length, ENC_NA);
    sub = proto_item_add_subtree(item, ett_buffer);
    proto_item_append_text(item, pdu->is_response ? ", response" : ", request");
    if (payload_index > 0)
        proto_item_append_text(item, ", payload %u", payload_index + 1);
    if (length < 2) {
        proto_tree_add_expert_format(sub, pinfo, &ei_size_too_small, tvb, 0, length,
                                     "A ROP buffer of %d bytes has no room for its RopSize", length);
        return;
    }

    b->rops_end = b->table = read_rop_size(b, sub, length);
    b->handles = (unsigned)(length - b->table) / 4;
    read_init(&r, b, false);
    read_rops(b, sub, 2, &summary);
    if (pdu->is_response && !PINFO_FD_VISITED(pinfo)) {
        const oxc_rop_t *request;

        for (unsigned n = pdu->call->next_answer; (request = oxc_pdu_rop(pdu->call->request, n)) != NULL; n++)
            pass_over_release(b, request);
    }
    handle_table(b, sub, &r);
    summary_flush(&summary);
    if (wmem_strbuf_get_len(summary.text) > 0)
        col_append_str(pinfo->cinfo, COL_INFO, wmem_strbuf_get_str(summary.text));
}

void
oxc_show_call_links(tvbuff_t *tvb, packet_info *pinfo _U_, proto_tree *tree, const oxc_pdu_t *pdu)
{
    const oxc_call_t *call = pdu->call;

    if (pdu->is_response && call->request)
        proto_item_set_generated(proto_tree_add_uint(tree, hf_request_in, tvb, 0, 0, call->request->frame));
    if (!pdu->is_response && call->response)
        proto_item_set_generated(proto_tree_add_uint(tree, hf_response_in, tvb, 0, 0, call->response->frame));
    if (pdu->is_response && call->request) {
        nstime_t took;

        nstime_delta(&took, &pdu->time, &call->request->time);
        proto_item_set_generated(proto_tree_add_time(tree, hf_answer_in, tvb, 0, 0, &took));
    }
}

void
proto_register_oxc_rop(void)
{
    static hf_register_info hf[] = {
        { &hf_rop_size, { "RopSize", "rop.rop_size", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_rop_id,
          { "RopId", "rop.id", FT_UINT8, BASE_HEX | BASE_EXT_STRING, &ropdef_rop_vals_ext, 0, NULL, HFILL } },
        { &hf_handle, { "Handle", "rop.handle", FT_UINT32, BASE_HEX, NULL, 0, "Server object handle", HFILL } },
        { &hf_object, { "Object", "rop.object", FT_STRING, BASE_NONE, NULL, 0, "What the handle is", HFILL } },
        { &hf_request_in,
          { "Request in", "rop.request_in", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_REQUEST), 0, NULL,
            HFILL } },
        { &hf_response_in,
          { "Response in", "rop.response_in", FT_FRAMENUM, BASE_NONE, FRAMENUM_TYPE(FT_FRAMENUM_RESPONSE), 0, NULL,
            HFILL } },
        { &hf_answer_in,
          { "Time from request", "rop.response_time", FT_RELATIVE_TIME, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_unparsed, { "Unread bytes", "rop.unread", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
    };
    static hf_register_info hf_notif[] = {
        { &hf_subscription_in, { "Subscription in", "oxcnotif.subscription_in", FT_FRAMENUM, BASE_NONE, NULL, 0,
            "Frame of the RopRegisterNotification, or of the opening of the table, that this belongs to", HFILL } },
    };
    static int *ett[] = { &ett_buffer, &ett_rop, &ett_handles };
    static ei_register_info ei[] = {
        { &ei_size_too_small, { "rop.rop_size.too_small", PI_MALFORMED, PI_ERROR, "RopSize below 2", EXPFILL } },
        { &ei_size_beyond,
          { "rop.rop_size.beyond_buffer", PI_MALFORMED, PI_ERROR, "RopSize beyond the buffer", EXPFILL } },
        { &ei_handle_outside,
          { "rop.handle_index.outside", PI_PROTOCOL, PI_WARN, "Handle index outside the server object handle table",
            EXPFILL } },
        { &ei_echo, { "rop.handle_index.echo", PI_PROTOCOL, PI_WARN, "Not the handle index of the request", EXPFILL } },
        { &ei_table_odd, { "rop.handle.incomplete", PI_MALFORMED, PI_WARN, "Incomplete handle table entry", EXPFILL } },
        { &ei_unknown_rop, { "rop.id.undefined", PI_UNDECODED, PI_WARN, "ROP without definition", EXPFILL } },
        { &ei_chain_lost, { "rop.chain_lost", PI_UNDECODED, PI_WARN, "ROPs that cannot be followed", EXPFILL } },
        { &ei_recovered,
          { "rop.recovered", PI_UNDECODED, PI_NOTE, "Found by its shape behind ROPs that could not be followed",
            EXPFILL } },
        { &ei_unasked, { "rop.not_asked", PI_SEQUENCE, PI_WARN, "The request has no ROP that this answers", EXPFILL } },
        { &ei_failed, { "rop.failed", PI_RESPONSE_CODE, PI_NOTE, "A ROP failed", EXPFILL } },
    };

    proto_rop = proto_register_protocol("Exchange Remote Operations", "ROP", "rop");
    proto_oxcnotif = proto_register_protocol("Exchange Notifications", "OXCNOTIF", "oxcnotif");
    proto_register_field_array(proto_rop, hf, G_N_ELEMENTS(hf));
    proto_register_field_array(proto_oxcnotif, hf_notif, G_N_ELEMENTS(hf_notif));
    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
    expert_register_field_array(expert_register_protocol(proto_rop), ei, G_N_ELEMENTS(ei));
    ropdefs_register("rop");
    ropdefs_register("oxcnotif");
    ropdefs_register_subtrees();
    oxc_engine_register(proto_rop);
    oxc_field_register();
    oxc_property_register(proto_rop);
}
