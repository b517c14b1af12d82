/* http2_stream.h
 * Messages of HTTP/2 with their headers, and how streams end (RFC 9113)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_HTTP2_STREAM_H
#define OXCNOTIF_HTTP2_STREAM_H

#include "compat.h"
#include "http/http_message.h"

/*
 * The http2 dissector hands bodies over without their headers, and exports nothing that has them. A tree would have
 * them, but costs every frame. It leaves each decoded header list in a data source of the frame, though, with a tree or
 * without, so that is what is read here; the frames of HTTP/2 say of which stream it is. Streams that do not carry
 * MAPI/HTTP are passed over.
 */

typedef enum {
    OXC_HTTP2_MESSAGE,          /* a message is complete */
    OXC_HTTP2_RESET,            /* RST_STREAM */
    OXC_HTTP2_GOAWAY            /* the sender answers no stream above this one */
} oxc_http2_event_kind_t;

typedef struct {
    oxc_http2_event_kind_t kind;
    uint32_t stream;
    const oxc_http_message_t *message;  /* in file scope */
    bool is_handed;             /* the http2 dissector has handed its body over */
    unsigned call;              /* number of the call of the http2 dissector in this frame, from 1 */
    int offset;                 /* of the frame of HTTP/2 that makes the event */
} oxc_http2_event_t;

/* The first frame of the connection that is announced by oxc_http2_begin(); 0 for none yet. */
uint32_t oxc_http2_begins_in(packet_info *pinfo);
void oxc_http2_begin_from(packet_info *pinfo, uint32_t frame);

/* The http2 dissector is about to dissect the tvb. */
void oxc_http2_begin(packet_info *pinfo, tvbuff_t *tvb);

/*
 * The same for a frame that nobody announced, the first of its connection, of which the data sources are all that is
 * left.
 */
void oxc_http2_begin_late(packet_info *pinfo);

/* The message whose body is handed over now, in pinfo->pool; NULL if it is not known. */
oxc_http_message_t *oxc_http2_message_of_body(packet_info *pinfo);

/* The http2 dissector is through with the tvb: what happened in it; NULL for nothing. */
wmem_array_t *oxc_http2_end(packet_info *pinfo);

/* A message of an event for this visit, in pinfo->pool. */
oxc_http_message_t *oxc_http2_message(packet_info *pinfo, const oxc_http2_event_t *event);

/* Number of the latest call in this dissection of the frame. */
unsigned oxc_http2_call(packet_info *pinfo);

/* Was it told of the frame in this dissection, by oxc_http2_begin()? */
bool oxc_http2_is_begun(packet_info *pinfo);

/* proto: whose data in conversations and frames it may use. */
void oxc_register_http2_stream(int proto);

#endif /* OXCNOTIF_HTTP2_STREAM_H */
