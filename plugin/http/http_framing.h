/* http_framing.h
 * Where the body of an HTTP/1.1 message goes on, and where it ends (RFC 9112 6, 7.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_HTTP_FRAMING_H
#define OXCNOTIF_HTTP_FRAMING_H

#include "compat.h"

#define OXC_HTTP_NO_END UINT64_MAX      /* a body that ends with the connection */
#define OXC_HTTP_MAX_HEAD 65536         /* a head or a trailer section longer than this is none */

typedef enum {
    OXC_HTTP_GO_ON,
    OXC_HTTP_NEED_MORE,         /* the bytes end in front of what is looked for */
    OXC_HTTP_GIVE_UP,           /* what is looked for does not begin here */
    OXC_HTTP_THE_END            /* there is nothing to look for any more */
} oxc_http_result_t;

typedef enum {
    OXC_HTTP_NOT_CHUNKED,
    OXC_HTTP_CHUNK_SIZE,
    OXC_HTTP_CHUNK_DATA,
    OXC_HTTP_CHUNK_END,         /* the line end after the data */
    OXC_HTTP_CHUNK_TRAILER,
    OXC_HTTP_BODY_END
} oxc_http_chunk_t;

/* Where one stands in a body, between two bytes. */
typedef struct {
    oxc_http_chunk_t chunk;
    uint64_t left;              /* bytes of the body, or of its current chunk, that are still to come */
} oxc_http_framing_t;

/*
 * A line of at most limit bytes from offset on: its length without its end, and where the next one begins.
 * OXC_HTTP_NEED_MORE if its end is not there, OXC_HTTP_GIVE_UP if it cannot come any more.
 */
oxc_http_result_t oxc_http_line(tvbuff_t *tvb, int offset, int limit, int *length, int *next);

/*
 * Looks for the empty line behind the head that begins at offset: *end is behind it. *scanned, 0 at first, is how many
 * bytes of the head are known already; who asks again with more bytes keeps it, so that none is looked at twice.
 * OXC_HTTP_GIVE_UP: it is too long, or no text (RFC 9110 5.5).
 */
oxc_http_result_t oxc_http_head_end(tvbuff_t *tvb, int offset, uint32_t *scanned, int *end);

/*
 * The line before a chunk: its size, and where its data begin. OXC_HTTP_NEED_MORE if the line's end is not there,
 * OXC_HTTP_GIVE_UP if it cannot come any more.
 */
oxc_http_result_t oxc_http_chunk_size(tvbuff_t *tvb, int offset, uint64_t *size, int *next);

/*
 * If no byte of the body is at *offset but something that frames it, goes behind that. *size: of the chunk if the line
 * before one was passed, else 0. OXC_HTTP_NEED_MORE and OXC_HTTP_GIVE_UP (no chunk begins here) leave everything as it
 * was.
 */
oxc_http_result_t oxc_http_step(tvbuff_t *tvb, int *offset, oxc_http_framing_t *at, uint64_t *size);

/* Whether oxc_http_step() has something to do. */
bool oxc_http_at_framing(const oxc_http_framing_t *at);

/* Goes behind bytes of the body, no more than are left of it, or of its chunk. */
void oxc_http_pass(oxc_http_framing_t *at, int *offset, int length);

/* How far one got from a place in a body. Begins as that place, with zeros. */
typedef struct {
    oxc_http_framing_t at;
    int got;                    /* bytes of the body */
    int passed;                 /* and of what frames it; equal to got if there was nothing in between */
} oxc_http_gathered_t;

/*
 * Goes on until want bytes of the body that begins at offset are behind it, and copies them to buffer if that is not NULL; then
 * it has to begin with zeros. OXC_HTTP_NEED_MORE: *missing is for pinfo->desegment_len, and who asks again with more bytes
 * goes on from there. OXC_HTTP_THE_END: the body is shorter. OXC_HTTP_GIVE_UP: a chunk is malformed.
 */
oxc_http_result_t oxc_http_gather(tvbuff_t *tvb, int offset, oxc_http_gathered_t *gathered, int want, uint8_t *buffer,
                                  uint32_t *missing);

/*
 * Offset behind a chunked body that begins at offset, or -1 when it does not end in the captured bytes. What the chunks
 * hold is appended to data (of uint8_t), unless that is NULL.
 */
int oxc_http_chunked_end(tvbuff_t *tvb, int offset, wmem_array_t *data);

#endif /* OXCNOTIF_HTTP_FRAMING_H */
