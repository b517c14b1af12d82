/* mapihttp_owner.c
 * The HTTP message that a body belongs to, and the messages of a connection with MAPI/HTTP
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "http/mapihttp_owner.h"

#include "http/mapihttp_message.h"
#include "http/mapihttp_transaction.h"
#include "tcp/segment.h"
#include "tcp/segment_copy.h"

#include <string.h>

#include <wsutil/str_util.h>

static int proto_http = -1;
static dissector_handle_t tls_handle;
static dissector_handle_t connection_tcp_handle;
static dissector_handle_t connection_tls_handle;

/*
 * An HTTP message that is not reassembled stands in the frame behind this much at most (Ethernet, IP and TCP with
 * options).
 */
#define MAX_LINK_HEADERS 256

/*
 * The messages of a tvb, read when they are asked for: of one that is not complete the http dissector wants to see every
 * byte again with each segment, and this one does not look at it before its end is there.
 */
struct oxc_mapihttp_messages {
    tvbuff_t *tvb;
    wmem_array_t *read;         /* oxc_http_message_t *, in the order of the bytes */
    bool all;
    unsigned found;             /* number of the one that was asked for last */
    oxc_message_fits_t none;    /* among those behind it none is like that; NULL if that is not known */
};

static oxc_mapihttp_messages_t *current;   /* of the tvb that the http dissector works on; NULL for none */

/* ws_memmem(), for a text whose first byte is rare: foreign HTTP is searched as well. */
static const uint8_t *
find_text(const uint8_t *bytes, unsigned length, const char *text)
{
    size_t size = strlen(text);
    const uint8_t *last;        /* where it may begin */

    /* Of a tvb without bytes there is no pointer. */
    if (length < size)
        return NULL;
    last = bytes + (length - size);
    for (const uint8_t *at = bytes; at <= last; at++) {
        at = (const uint8_t *)memchr(at, text[0], (size_t)(last - at) + 1);
        if (!at)
            return NULL;
        if (memcmp(at, text, size) == 0)
            return at;
    }
    return NULL;
}

http_conv_t *
oxc_http_of(const conversation_t *conversation)
{
    return conversation ? (http_conv_t *)conversation_get_proto_data(conversation, proto_http) : NULL;
}

oxc_http_message_t *
oxc_mapihttp_find_message(packet_info *pinfo, bool is_request)
{
    const char *start = is_request ? "POST " : "HTTP/1.";

    for (GSList *at = pinfo->data_src; at; at = at->next) {
        tvbuff_t *tvb = get_data_source_tvb((const struct data_source *)at->data);
        unsigned length = MIN(tvb_captured_length(tvb), MAX_LINK_HEADERS);
        const uint8_t *bytes = tvb_get_ptr(tvb, 0, (int)length);
        const uint8_t *found = find_text(bytes, length, start);
        oxc_http_message_t *message = found ? oxc_http_read(pinfo, tvb, (int)(found - bytes)) : NULL;

        if (message && message->is_request == is_request)
            return message;
    }
    return NULL;
}

/* The http dissector may have no headers for a response because of what is torn in front of it. */
static bool
same_message(const oxc_http_message_t *message, const void *wanted)
{
    const oxc_http_message_t *hint = (const oxc_http_message_t *)wanted;

    return message->is_request == hint->is_request && oxc_http_is_type(message, "application/mapi-http") &&
           (!oxc_http_value(hint, OXC_HEADER_X_REQUESTID) ||
            g_strcmp0(oxc_http_value(message, OXC_HEADER_X_REQUESTID), oxc_http_value(hint, OXC_HEADER_X_REQUESTID)) == 0);
}

static bool
begins_at(const oxc_http_message_t *message, const void *offset)
{
    return message->offset == *(const int *)offset;
}

/* Where the first message begins: what is left of a torn response may be in front of it. */
static int
first_message(tvbuff_t *tvb)
{
    static const char version[] = "HTTP/1.";
    unsigned length = tvb_captured_length(tvb);
    const uint8_t *bytes = tvb_get_ptr(tvb, 0, (int)length);
    const uint8_t *found = (const uint8_t *)ws_memmem(bytes, length, version, sizeof version - 1);

    return found ? (int)(found - bytes) : 0;
}

oxc_http_message_t *
oxc_mapihttp_nth_message(packet_info *pinfo, oxc_mapihttp_messages_t *messages, unsigned number)
{
    while (!messages->all && wmem_array_get_count(messages->read) <= number) {
        unsigned count = wmem_array_get_count(messages->read);
        const oxc_http_message_t *last =
            count ? *(oxc_http_message_t **)wmem_array_index(messages->read, count - 1) : NULL;
        oxc_http_message_t *next = NULL;

        if (!last || last->complete)
            next = oxc_http_read(pinfo, messages->tvb, last ? last->end : 0);
        if (!next && !last)
            next = oxc_http_read(pinfo, messages->tvb, first_message(messages->tvb));
        if (next)
            wmem_array_append_one(messages->read, next);
        else
            messages->all = true;
    }
    return number < wmem_array_get_count(messages->read) ?
        *(oxc_http_message_t **)wmem_array_index(messages->read, number) : NULL;
}

oxc_mapihttp_messages_t *
oxc_mapihttp_watched_messages(packet_info *pinfo)
{
    return current && oxc_mapihttp_nth_message(pinfo, current, 0) ? current : NULL;
}

/* Bodies come in the order of their messages: what is in front of one that was found and dissected is not asked for any more. */
oxc_http_message_t *
oxc_mapihttp_find_left(packet_info *pinfo, oxc_mapihttp_messages_t *messages, oxc_message_fits_t fits, const void *wanted)
{
    oxc_http_message_t *message;

    if (!wanted && messages->none == fits)
        return NULL;
    for (unsigned i = messages->found; (message = oxc_mapihttp_nth_message(pinfo, messages, i)) != NULL; i++) {
        if (!message->dissected && fits(message, wanted)) {
            messages->found = i;
            return message;
        }
    }
    if (!wanted)
        messages->none = fits;
    return NULL;
}

oxc_http_message_t *
oxc_mapihttp_watched_message(packet_info *pinfo, const oxc_http_message_t *hint)
{
    oxc_mapihttp_messages_t *messages = oxc_mapihttp_watched_messages(pinfo);

    return messages ? oxc_mapihttp_find_left(pinfo, messages, same_message, hint) : NULL;
}

/* The message that begins at an offset where one was found before. */
static oxc_http_message_t *
message_at(packet_info *pinfo, bool is_request, int offset)
{
    oxc_mapihttp_messages_t *messages = oxc_mapihttp_watched_messages(pinfo);
    oxc_http_message_t *message;

    if (messages)
        return oxc_mapihttp_find_left(pinfo, messages, begins_at, &offset);
    message = oxc_mapihttp_find_message(pinfo, is_request);
    return message && message->offset == offset ? message : NULL;
}

void
oxc_mapihttp_watch(packet_info *pinfo)
{
    bool first = oxc_mapihttp_watched_from(pinfo) == 0;
    conversation_t *conversation;

    if (PINFO_FD_VISITED(pinfo))
        return;
    oxc_mapihttp_set_watched(pinfo);
    if (first)
        oxc_segment_dissected_now(pinfo);
    if (oxc_segment_layers(pinfo) & OXC_LAYER_TLS) {
        if (first)
            tls_set_appdata_dissector(tls_handle, pinfo, connection_tls_handle);
    } else if (pinfo->ptype == PT_TCP) {
        conversation = find_or_create_conversation(pinfo);
        if (conversation_get_dissector(conversation, pinfo->num + 1) != connection_tcp_handle)
            conversation_set_dissector_from_frame_number(conversation, pinfo->num + 1, connection_tcp_handle);
    }
}

/*
 * Which message a body is of is told by the headers that come with it, on the first visit of the frame: not every
 * release of Wireshark has them on later ones. The record of the message keeps it.
 */
oxc_http_message_t *
oxc_mapihttp_meet_message(packet_info *pinfo, const media_content_info_t *content)
{
    bool is_request = content->type == MEDIA_CONTAINER_HTTP_REQUEST;
    wmem_map_t *headers = (wmem_map_t *)content->data;
    oxc_http_message_t *hint = oxc_http_hint_from_map(pinfo, is_request, headers, OXC_HEADER_X_REQUESTID);
    oxc_http_message_t *known = oxc_mapihttp_watched_message(pinfo, hint);

    if (!known) {
        oxc_mapihttp_watch(pinfo);
        known = oxc_mapihttp_find_message(pinfo, is_request);
        if (known && !same_message(known, hint))
            known = NULL;
    }
    if (!known) {
        known = oxc_http_from_map(pinfo, is_request, headers);
        known->kept = oxc_http_keep(known);
    }
    known->met = true;
    return known;
}

oxc_http_message_t *
oxc_mapihttp_recall_message(packet_info *pinfo, const media_content_info_t *content)
{
    bool is_request = content->type == MEDIA_CONTAINER_HTTP_REQUEST;
    const mapihttp_record_t *record = oxc_mapihttp_known_record(pinfo, *oxc_mapihttp_next_ordinal(pinfo));
    oxc_http_message_t *message = NULL;

    if (record)
        message = record->headers ? record->headers : message_at(pinfo, is_request, record->offset);
    return message ? message : oxc_http_from_map(pinfo, is_request, (wmem_map_t *)content->data);
}

oxc_mapihttp_messages_t *
oxc_mapihttp_messages_begin(packet_info *pinfo, tvbuff_t *tvb)
{
    oxc_mapihttp_messages_t *messages = wmem_new0(pinfo->pool, oxc_mapihttp_messages_t);

    messages->tvb = tvb;
    messages->read = wmem_array_new(pinfo->pool, sizeof(oxc_http_message_t *));
    current = messages;
    return messages;
}

void
oxc_mapihttp_messages_end(void)
{
    current = NULL;
}

void
oxc_mapihttp_owner_handoff(dissector_handle_t over_tcp, dissector_handle_t over_tls)
{
    proto_http = proto_get_id_by_filter_name("http");
    tls_handle = find_dissector("tls");
    connection_tcp_handle = over_tcp;
    connection_tls_handle = over_tls;
}
