/* http_message.h
 * Start lines and headers of HTTP/1.1, as far as a protocol inside needs them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_HTTP_MESSAGE_H
#define OXCNOTIF_HTTP_MESSAGE_H

#include "compat.h"

/*
 * The http dissector hands over bodies only, and of a header that occurs more than once (Set-Cookie) only the last
 * value. What a body dissector needs beyond that is read here.
 */

/* Names that somebody asks for. */
typedef enum {
    OXC_HEADER_OTHER,
    OXC_HEADER_COOKIE,
    OXC_HEADER_SET_COOKIE,
    OXC_HEADER_X_REQUESTID,
    OXC_HEADER_X_STARTTIME,
    OXC_HEADER_CONTENT_TYPE,
    OXC_HEADER_X_CLIENTINFO,
    OXC_HEADER_X_DEVICEINFO,
    OXC_HEADER_X_ELAPSEDTIME,
    OXC_HEADER_X_REQUESTTYPE,
    OXC_HEADER_CONTENT_LENGTH,
    OXC_HEADER_X_RESPONSECODE,
    OXC_HEADER_X_PENDINGPERIOD,
    OXC_HEADER_CONTENT_ENCODING,
    OXC_HEADER_X_EXPIRATIONINFO,
    OXC_HEADER_TRANSFER_ENCODING,
    OXC_HEADER_X_CLIENTAPPLICATION,
    OXC_HEADER_X_SERVERAPPLICATION,
    OXC_HEADER_NAMES
} oxc_http_name_t;

typedef struct {
    oxc_http_name_t known;      /* as what */
    const char *name;           /* lower case if it is known */
    const char *value;          /* without white space around it */
    int offset;                 /* of the line in the message's tvb; -1 when the bytes are not at hand */
    int length;
} oxc_http_header_t;

typedef struct oxc_http_message {
    bool is_request;
    unsigned status;            /* of a response; 0 when not known */
    const char *target;         /* of a request; NULL when not known */
    bool no_headers;            /* nothing is known of the headers (HTTP/2) */
    bool is_rest;               /* of a response whose beginning was not captured */
    bool is_old;                /* because it lies before the capture, as the request does */
    bool body_unread;           /* it has a body that cannot be read */
    uint32_t stream;            /* of HTTP/2; 0 for HTTP/1.1 */
    uint32_t padded_length;     /* of the body and its padding in one frame of HTTP/2; 0 for none */
    uint8_t padding;
    tvbuff_t *tvb;              /* where the headers are; NULL when they came from the http dissector */
    int offset;                 /* of the start line */
    int body;                   /* offset of the first byte behind the headers */
    int end;                    /* offset of the first byte behind the message, as far as the tvb goes */
    bool complete;              /* end is the end of the message */
    bool until_close;           /* its body ends with the connection (RFC 9112 6.3) */
    oxc_http_header_t *headers; /* in wire order */
    unsigned header_count;
    unsigned header_room;
    const char *values[OXC_HEADER_NAMES];   /* of the first header of each known name; NULL for none */
    /* For the user of the message. */
    bool dissected;
    bool met;                   /* with its body, on the first visit */
    struct oxc_http_message *kept;      /* a copy in file scope; NULL when the message can be read again */
} oxc_http_message_t;

/*
 * The message that begins at offset of the tvb, in pinfo->pool; NULL when there is none, or its headers are not all
 * there.
 */
oxc_http_message_t *oxc_http_read(packet_info *pinfo, tvbuff_t *tvb, int offset);

/* A message of which the http dissector told no more than the header map (lower-case name -> value). */
oxc_http_message_t *oxc_http_from_map(packet_info *pinfo, bool is_request, wmem_map_t *map);

/* The same with the header of that name alone: enough to find the message in the bytes. */
oxc_http_message_t *oxc_http_hint_from_map(packet_info *pinfo, bool is_request, wmem_map_t *map, oxc_http_name_t name);

/*
 * A message of HTTP/2 by its header list, as the http2 dissector leaves it in a data source of the frame: each name and
 * value behind its length. NULL if the tvb is anything else.
 */
oxc_http_message_t *oxc_http_from_list(packet_info *pinfo, tvbuff_t *list);

/* The headers of a message, for later visits of its frame: a copy that lives as long as the capture file is open. */
oxc_http_message_t *oxc_http_keep(const oxc_http_message_t *message);

/* Appends the headers of a message to one that was kept. */
void oxc_http_append_headers(oxc_http_message_t *kept, const oxc_http_message_t *message);

/* A message of which nothing but the body is known. */
oxc_http_message_t *oxc_http_without_headers(packet_info *pinfo, bool is_request);

/* The body of a complete message without its chunks, a new tvb if there were any; NULL if it has none. */
tvbuff_t *oxc_http_body(packet_info *pinfo, const oxc_http_message_t *message);

/*
 * The rest of a chunked response (RFC 9112 7.1): the tvb begins with a chunk and ends behind the last one. The message
 * has no headers; body becomes what the chunks hold, a data source of the frame. NULL if it is anything else.
 */
oxc_http_message_t *oxc_http_rest(packet_info *pinfo, tvbuff_t *tvb, tvbuff_t **body);

/*
 * The same of a response that began before the capture. The empty chunk behind all others, which servers may send apart,
 * may be missing. NULL also for a tvb that is NULL.
 */
oxc_http_message_t *oxc_http_end(packet_info *pinfo, tvbuff_t *tvb, tvbuff_t **body);

/* The value of the first header of that name, NULL when there is none. */
static inline const char *
oxc_http_value(const oxc_http_message_t *message, oxc_http_name_t name)
{
    return message->values[name];
}

/* Bytes as text, in pinfo->pool. What is no ASCII becomes what Wireshark makes of it. */
char *oxc_http_text(packet_info *pinfo, tvbuff_t *tvb, int offset, int length);

/* Takes a header line apart, in place: name and value are parts of it. False if it has no colon. */
bool oxc_http_split_header(char *line, oxc_http_header_t *header);

/* Whether chunks frame its body: of several transfer codings "chunked" is the last (RFC 9112 6.1). */
bool oxc_http_is_chunked(const oxc_http_message_t *message);

/* Is the media type (case-insensitive, whatever its parameters) that of the message? */
bool oxc_http_is_type(const oxc_http_message_t *message, const char *media_type);

/*
 * What a status is called (RFC 9110 15), never NULL. Not every release of Wireshark lets plugins see the http
 * dissector's list.
 */
const char *oxc_http_status_name(unsigned status);

#endif /* OXCNOTIF_HTTP_MESSAGE_H */
