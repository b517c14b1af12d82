/* http2_stream.c
 * Messages of HTTP/2 with their headers, and how streams end (RFC 9113)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/http2_stream.h"

#include <string.h>

#include <epan/conversation.h>
#include <epan/proto_data.h>

#include "http/mapihttp_transaction.h"
#include "tcp/connection.h"
#include "tcp/tcp_payload.h"

/* RFC 9113 4.1, 6 */
#define FRAME_HEADER 9
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define END_STREAM 0x01
#define END_HEADERS 0x04
#define PADDED 0x08

enum {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_RST_STREAM = 3,
    FRAME_PUSH_PROMISE = 5,
    FRAME_GOAWAY = 7,
    FRAME_CONTINUATION = 9
};

/* What is known of a stream that carries MAPI/HTTP; first pass. */
typedef struct {
    oxc_http_message_t *message[2];     /* of the server, of the client; in file scope; NULL while not known */
    bool has_data[2];
} stream_t;

/* A header block that CONTINUATION frames go on with (RFC 9113 6.10). */
typedef struct {
    oxc_http_message_t *message;        /* in file scope; NULL for none */
    bool ends_stream;
} block_t;

typedef struct {
    wmem_map_t *streams;        /* id -> stream_t */
    block_t open[2];            /* of the server, of the client */
    uint32_t begins_in;
} connection_t;

/* One dissection of a frame. */
typedef struct {
    wmem_list_t *parts;         /* tvbs with frames of HTTP/2, which the http2 dissector works on in this order */
    int offset;                 /* in the first of them */
    GSList *source;             /* the latest data source of the frame that was looked at; NULL for none */
    unsigned call;
    unsigned next;              /* event that comes next, on later visits */
} visit_t;

/* Keys of a frame's data. */
enum {
    VISIT_KEY,
    EVENTS_KEY
};

static int proto_http2_track = -1;

/* ---- this dissection ---- */

static visit_t *
visit_of(packet_info *pinfo, bool create)
{
    visit_t *visit = (visit_t *)p_get_proto_data(pinfo->pool, pinfo, proto_http2_track, VISIT_KEY);

    if (!visit && create) {
        visit = wmem_new0(pinfo->pool, visit_t);
        visit->parts = wmem_list_new(pinfo->pool);
        p_add_proto_data(pinfo->pool, pinfo, proto_http2_track, VISIT_KEY, visit);
    }
    return visit;
}

static wmem_array_t *
events_of(packet_info *pinfo)
{
    return (wmem_array_t *)p_get_proto_data(wmem_file_scope(), pinfo, proto_http2_track, EVENTS_KEY);
}

static oxc_http2_event_t *
add_event(packet_info *pinfo, const visit_t *visit, oxc_http2_event_kind_t kind, uint32_t stream, int offset)
{
    wmem_array_t *events = events_of(pinfo);
    oxc_http2_event_t *event = wmem_new0(wmem_file_scope(), oxc_http2_event_t);

    if (!events) {
        events = wmem_array_sized_new(wmem_file_scope(), sizeof event, 1);
        p_add_proto_data(wmem_file_scope(), pinfo, proto_http2_track, EVENTS_KEY, events);
    }
    event->kind = kind;
    event->stream = stream;
    event->call = visit->call;
    event->offset = offset;
    wmem_array_append_one(events, event);
    return event;
}

static connection_t *
connection_of(packet_info *pinfo)
{
    conversation_t *conversation = find_or_create_conversation(pinfo);
    connection_t *connection = (connection_t *)conversation_get_proto_data(conversation, proto_http2_track);

    if (!connection) {
        connection = wmem_new0(wmem_file_scope(), connection_t);
        connection->streams = wmem_map_new(wmem_file_scope(), g_direct_hash, g_direct_equal);
        conversation_add_proto_data(conversation, proto_http2_track, connection);
    }
    return connection;
}

/* ---- headers ---- */

/* Each header block adds one, at the end of a list. */
static GSList *
next_source(const packet_info *pinfo, const visit_t *visit)
{
    return visit->source ? visit->source->next : pinfo->data_src;
}

/* The next header list that the http2 dissector has left; NULL if there is none. */
static oxc_http_message_t *
next_header_list(packet_info *pinfo, visit_t *visit)
{
    GSList *at;

    while ((at = next_source(pinfo, visit)) != NULL) {
        oxc_http_message_t *message =
            oxc_http_from_list(pinfo, get_data_source_tvb((const struct data_source *)at->data));

        visit->source = at;
        if (message)
            return message;
    }
    return NULL;
}

static bool
is_from_client(packet_info *pinfo)
{
    return oxc_connection_sender(pinfo) == OXC_CLOSED_BY_CLIENT;
}

/* A header block: a message begins, or its trailer section comes, or it is the rest of a block. */
static void
note_headers(packet_info *pinfo, connection_t *connection, uint32_t id, const oxc_http_message_t *message)
{
    stream_t *stream = (stream_t *)wmem_map_lookup(connection->streams, GUINT_TO_POINTER(id));
    unsigned way;

    if (message->is_request)
        oxc_connection_request(pinfo);
    way = is_from_client(pinfo);
    if (message->status / 100 == 1 || (stream ? stream->message[way] != NULL : !oxc_mapihttp_is_response(message)))
        return;
    if (!stream) {
        stream = wmem_new0(wmem_file_scope(), stream_t);
        wmem_map_insert(connection->streams, GUINT_TO_POINTER(id), stream);
    }
    stream->message[way] = oxc_http_keep(message);
    stream->message[way]->stream = id;
    stream->message[way]->complete = true;
}

/* A message is complete: the event, NULL if it is nothing of ours. */
static oxc_http2_event_t *
note_end(packet_info *pinfo, const visit_t *visit, connection_t *connection, uint32_t id, int offset)
{
    stream_t *stream = (stream_t *)wmem_map_lookup(connection->streams, GUINT_TO_POINTER(id));
    unsigned way = is_from_client(pinfo);
    oxc_http2_event_t *event;

    if (!stream || !stream->message[way])
        return NULL;
    event = add_event(pinfo, visit, OXC_HTTP2_MESSAGE, id, offset);
    event->message = stream->message[way];
    if (way == 0)
        wmem_map_remove(connection->streams, GUINT_TO_POINTER(id));
    return event;
}

/* What the body and the padding of a DATA frame are, if the whole body is in it (RFC 9113 6.1). */
static void
note_padding(oxc_http_message_t *message, bool is_first, tvbuff_t *tvb, int offset, int length)
{
    bool is_padded = is_first && (tvb_get_uint8(tvb, offset + 4) & PADDED) != 0 && length > FRAME_HEADER;

    message->padding = is_padded ? tvb_get_uint8(tvb, offset + FRAME_HEADER) : 0;
    message->padded_length = is_padded ? (uint32_t)length - FRAME_HEADER - 1 : 0;
}

static void
note_data(packet_info *pinfo, connection_t *connection, uint32_t id, tvbuff_t *tvb, int offset, int length)
{
    stream_t *stream = (stream_t *)wmem_map_lookup(connection->streams, GUINT_TO_POINTER(id));
    unsigned way = is_from_client(pinfo);
    oxc_http_message_t *message = stream ? stream->message[way] : NULL;

    if (!message)
        return;
    note_padding(message, !stream->has_data[way], tvb, offset, length);
    stream->has_data[way] = true;
    if (length > FRAME_HEADER && !oxc_http_is_type(message, "text/html") && !oxc_http_is_type(message, "text/plain"))
        message->body_unread = true;
}

/* ---- frames of HTTP/2 ---- */

/* HEADERS or CONTINUATION, which leave a header list each: does it end the stream? */
static bool
read_header_block(packet_info *pinfo, visit_t *visit, connection_t *connection, uint32_t id, uint8_t type, uint8_t flags)
{
    block_t *block = &connection->open[is_from_client(pinfo)];
    const oxc_http_message_t *message = next_header_list(pinfo, visit);

    if (type == FRAME_HEADERS) {
        block->message = NULL;
        block->ends_stream = flags & END_STREAM;
    }
    if (block->message && message) {
        oxc_http_append_headers(block->message, message);
        message = block->message;
    }
    if ((flags & END_HEADERS) == 0) {
        if (message && !block->message)
            block->message = oxc_http_keep(message);
        return false;
    }
    if (message)
        note_headers(pinfo, connection, id, message);
    block->message = NULL;
    return block->ends_stream;
}

/* One frame; the event that it makes, if that is a message. */
static oxc_http2_event_t *
read_frame(packet_info *pinfo, visit_t *visit, tvbuff_t *tvb, int offset, int length)
{
    connection_t *connection = connection_of(pinfo);
    uint8_t type = tvb_get_uint8(tvb, offset + 3), flags = tvb_get_uint8(tvb, offset + 4);
    uint32_t id = tvb_get_ntohl(tvb, offset + 5) & 0x7FFFFFFF;
    bool ends = false;

    switch (type) {
    case FRAME_HEADERS:
    case FRAME_CONTINUATION:
        ends = read_header_block(pinfo, visit, connection, id, type, flags);
        break;
    case FRAME_PUSH_PROMISE:
        next_header_list(pinfo, visit);
        break;
    case FRAME_DATA:
        note_data(pinfo, connection, id, tvb, offset, length);
        ends = flags & END_STREAM;
        break;
    case FRAME_RST_STREAM:
        add_event(pinfo, visit, OXC_HTTP2_RESET, id, offset);
        wmem_map_remove(connection->streams, GUINT_TO_POINTER(id));
        break;
    case FRAME_GOAWAY:
        /* What a server may not push any more is none of ours. */
        if (length >= FRAME_HEADER + 8 && !is_from_client(pinfo))
            add_event(pinfo, visit, OXC_HTTP2_GOAWAY, tvb_get_ntohl(tvb, offset + FRAME_HEADER) & 0x7FFFFFFF, offset);
        break;
    default:
        break;
    }
    return ends ? note_end(pinfo, visit, connection, id, offset) : NULL;
}

static int
skip_preface(tvbuff_t *tvb)
{
    int length = (int)strlen(PREFACE);

    return tvb_captured_length(tvb) >= (unsigned)length && tvb_strneql(tvb, 0, PREFACE, length) == 0 ? length : 0;
}

/* Reads the frames that are all there, up to the first that makes a message; NULL if there are no more. */
static oxc_http2_event_t *
next_message(packet_info *pinfo, visit_t *visit)
{
    wmem_list_frame_t *part;

    while ((part = wmem_list_head(visit->parts)) != NULL) {
        tvbuff_t *tvb = (tvbuff_t *)wmem_list_frame_data(part);

        while (tvb_captured_length_remaining(tvb, visit->offset) >= FRAME_HEADER) {
            int offset = visit->offset;
            int length = FRAME_HEADER + (int)tvb_get_ntoh24(tvb, offset);
            oxc_http2_event_t *event;

            /* What is not all there comes again. */
            if (tvb_captured_length_remaining(tvb, offset) < length)
                break;
            visit->offset = offset + length;
            event = read_frame(pinfo, visit, tvb, offset, length);
            if (event)
                return event;
        }
        wmem_list_remove_frame(visit->parts, part);
        part = wmem_list_head(visit->parts);
        visit->offset = part ? skip_preface((tvbuff_t *)wmem_list_frame_data(part)) : 0;
    }
    return NULL;
}

/* Whole frames of HTTP/2 and nothing else, but for the last one? */
static bool
has_frames(tvbuff_t *tvb)
{
    int offset = skip_preface(tvb);
    bool found = offset > 0;

    while (tvb_captured_length_remaining(tvb, offset) >= FRAME_HEADER) {
        int length = FRAME_HEADER + (int)tvb_get_ntoh24(tvb, offset);

        if (tvb_get_uint8(tvb, offset + 3) > FRAME_CONTINUATION + 7)
            return false;
        if (tvb_captured_length_remaining(tvb, offset) < length)
            return found;
        offset += length;
        found = true;
    }
    return found && tvb_captured_length_remaining(tvb, offset) == 0;
}

/* ---- for the dissector ---- */

uint32_t
oxc_http2_begins_in(packet_info *pinfo)
{
    conversation_t *conversation = find_conversation_pinfo(pinfo, 0);
    const connection_t *connection =
        conversation ? (const connection_t *)conversation_get_proto_data(conversation, proto_http2_track) : NULL;

    return connection ? connection->begins_in : 0;
}

void
oxc_http2_begin_from(packet_info *pinfo, uint32_t frame)
{
    connection_of(pinfo)->begins_in = frame;
}

void
oxc_http2_begin(packet_info *pinfo, tvbuff_t *tvb)
{
    visit_t *visit = visit_of(pinfo, true);
    GSList *at;

    visit->call++;
    visit->offset = skip_preface(tvb);
    while ((at = next_source(pinfo, visit)) != NULL)
        visit->source = at;
    wmem_list_append(visit->parts, tvb);
}

void
oxc_http2_begin_late(packet_info *pinfo)
{
    visit_t *visit = visit_of(pinfo, true);
    uint32_t seq;

    if (visit->call > 0)
        return;
    visit->call = 1;
    for (GSList *at = pinfo->data_src; at; at = at->next) {
        tvbuff_t *tvb = get_data_source_tvb((const struct data_source *)at->data);

        if (at == pinfo->data_src)
            tvb = oxc_tcp_payload(tvb, pinfo, &seq);
        if (tvb && has_frames(tvb) && !oxc_http_from_list(pinfo, tvb))
            wmem_list_append(visit->parts, tvb);
    }
    if (wmem_list_head(visit->parts))
        visit->offset = skip_preface((tvbuff_t *)wmem_list_frame_data(wmem_list_head(visit->parts)));
}

static oxc_http2_event_t *
next_known(packet_info *pinfo, visit_t *visit)
{
    wmem_array_t *events = events_of(pinfo);

    while (events && visit->next < wmem_array_get_count(events)) {
        oxc_http2_event_t *event = *(oxc_http2_event_t **)wmem_array_index(events, visit->next++);

        if (event->is_handed)
            return event;
    }
    return NULL;
}

oxc_http_message_t *
oxc_http2_message(packet_info *pinfo, const oxc_http2_event_t *event)
{
    return (oxc_http_message_t *)wmem_memdup(pinfo->pool, event->message, sizeof *event->message);
}

oxc_http_message_t *
oxc_http2_message_of_body(packet_info *pinfo)
{
    visit_t *visit = visit_of(pinfo, PINFO_FD_VISITED(pinfo));
    oxc_http2_event_t *event;

    if (!visit)
        return NULL;
    if (PINFO_FD_VISITED(pinfo)) {
        event = next_known(pinfo, visit);
    } else {
        do
            event = next_message(pinfo, visit);
        while (event && !(event->message->body_unread && oxc_http_is_type(event->message, "application/mapi-http")));
        if (event) {
            event->is_handed = true;
            ((oxc_http_message_t *)event->message)->body_unread = false;
        }
    }
    return event ? oxc_http2_message(pinfo, event) : NULL;
}

wmem_array_t *
oxc_http2_end(packet_info *pinfo)
{
    visit_t *visit = visit_of(pinfo, false);

    while (visit && !PINFO_FD_VISITED(pinfo) && next_message(pinfo, visit))
        ;
    return events_of(pinfo);
}

unsigned
oxc_http2_call(packet_info *pinfo)
{
    const visit_t *visit = visit_of(pinfo, false);

    return visit ? visit->call : 0;
}

bool
oxc_http2_is_begun(packet_info *pinfo)
{
    return oxc_http2_call(pinfo) > 0;
}

void
oxc_register_http2_stream(int proto)
{
    proto_http2_track = proto;
}
