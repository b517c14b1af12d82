/* rpch_head.h
 * Heads of HTTP messages on channels, and where a channel stands [MS-RPCH 2.1.2.1]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPCH_HEAD_H
#define OXCNOTIF_RPCH_HEAD_H

#include "http/http_framing.h"

typedef enum {
    RPCH_CHANNEL_UNKNOWN,
    RPCH_CHANNEL_IN,
    RPCH_CHANNEL_OUT
} rpch_channel_t;

typedef enum {
    RPCH_AT_MESSAGE,    /* an HTTP message comes next */
    RPCH_IN_BODY,       /* PDUs */
    RPCH_LOST           /* what comes next has to be recognized */
} rpch_mode_t;

/* Where one direction of a connection stands between two bytes. */
typedef struct {
    oxc_http_framing_t framing;     /* in a body */
    const uint8_t *carry;   /* the beginning of a PDU when nobody could be asked for the rest; file scope */
    uint32_t carried;
    uint32_t scanned;   /* bytes of the head that comes next, see oxc_http_head_end() */
    oxc_http_gathered_t gathered;       /* of the PDU that comes next; zeros: nothing */
    rpch_mode_t mode;
    bool echo;          /* the body of an echo request: it need not be a PDU */
    bool tapped;        /* HTTP had the whole body, and has told its taps */
    bool suspected;     /* nothing has told yet that there is a channel */
} rpch_position_t;

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
 * Reads the head of an HTTP message that begins at offset. *scanned: see oxc_http_head_end(), 0 again when the head is
 * read. OXC_HTTP_GIVE_UP: it is none.
 */
oxc_http_result_t rpch_get_head(tvbuff_t *tvb, packet_info *pinfo, int offset, uint32_t *scanned, rpch_head_t *head);

#endif /* OXCNOTIF_RPCH_HEAD_H */
