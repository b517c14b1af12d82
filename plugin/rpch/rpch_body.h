/* rpch_body.h
 * Where HTTP messages, chunks and PDUs begin and end in a stream [MS-RPCH 2.1.2.1, RFC 9112]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPCH_BODY_H
#define OXCNOTIF_RPCH_BODY_H

#include "compat.h"

#define RPCH_NO_END UINT64_MAX      /* a body that ends with the connection */
#define RPCH_MAX_HEAD 65536         /* an HTTP header longer than this is none */

typedef enum {
    RPCH_CHANNEL_UNKNOWN,
    RPCH_CHANNEL_IN,
    RPCH_CHANNEL_OUT
} rpch_channel_t;

typedef enum {
    RPCH_AT_MESSAGE,    /* an HTTP message comes next */
    RPCH_IN_BODY,    /* PDUs */
    RPCH_LOST    /* what comes next has to be recognized */
} rpch_mode_t;

typedef enum {
    RPCH_NOT_CHUNKED,
    RPCH_CHUNK_SIZE,
    RPCH_CHUNK_DATA,
    RPCH_CHUNK_END,    /* the line end after the data */
    RPCH_CHUNK_TRAILER
} rpch_chunk_t;

/* Where one direction of a connection stands between two bytes. */
typedef struct {
    rpch_mode_t mode;
    rpch_chunk_t chunk;
    uint64_t left;      /* bytes of the body, or of its current chunk, that are still to come */
    bool echo;          /* the body of an echo request: it need not be a PDU */
    bool tapped;        /* HTTP had the whole body, and has told its taps */
    bool suspected;     /* nothing has told yet that there is a channel */
    const uint8_t *carry;   /* the beginning of a PDU when nobody could be asked for the rest; file scope */
    uint32_t carried;
} rpch_position_t;

typedef enum {
    RPCH_GO_ON,
    RPCH_NEED_MORE,
    RPCH_GIVE_UP,    /* nothing to recognize in the rest */
    RPCH_THE_END    /* all done */
} rpch_result_t;

typedef struct {
    int length;
    bool request;
    rpch_channel_t channel;         /* of a request */
    unsigned status;
    bool chunked;
    bool has_length;
    uint64_t body;
    bool rpc_type;
} rpch_head_t;

/*
 * The line before a chunk (RFC 9112 7.1): its size, and where its data begin. RPCH_NEED_MORE if the line's end is not
 * there, RPCH_GIVE_UP if it cannot come any more.
 */
rpch_result_t rpch_get_chunk_size(tvbuff_t *tvb, int offset, uint64_t *size, int *next);

/*
 * If no byte of the body is at *offset but something that frames it, goes behind that. *size: of the chunk if the line
 * before one was passed, else 0. RPCH_NEED_MORE and RPCH_GIVE_UP (no chunk begins here) leave everything as it was.
 */
rpch_result_t rpch_step(tvbuff_t *tvb, int *offset, rpch_position_t *at, uint64_t *size);

/* Whether rpch_step() has something to do. */
bool rpch_at_framing(const rpch_position_t *at);

/*
 * Walks over want bytes of the body and copies them to buffer if that is not NULL. On return *offset and *at are behind
 * them, and *contiguous tells that there was nothing in between. RPCH_NEED_MORE: *missing is for pinfo->desegment_len.
 * RPCH_THE_END: the body is shorter. RPCH_GIVE_UP: a chunk is malformed.
 */
rpch_result_t rpch_gather(tvbuff_t *tvb, int *offset, rpch_position_t *at, int want, uint8_t *buffer, bool *contiguous,
                          uint32_t *missing);

/* Reads an HTTP header up to the empty line. scope: for what is needed meanwhile. RPCH_GIVE_UP: it is none. */
rpch_result_t rpch_get_head(tvbuff_t *tvb, wmem_allocator_t *scope, int offset, rpch_head_t *head);

#endif /* OXCNOTIF_RPCH_BODY_H */
