/* mapihttp_body.h
 * What stands inside a MAPI/HTTP message: headers, preamble, bodies (MS-OXCMAPIHTTP 2.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MAPIHTTP_BODY_H
#define OXCNOTIF_MAPIHTTP_BODY_H

#include "compat.h"
#include "http/http_message.h"
#include "rop/tables.h"
#include "session/session.h"

/* ---- headers (MS-OXCMAPIHTTP 2.2.3.3) ---- */

/* Shows a header of the protocol as its field, at its offset of the tvb if the bytes are there. Not other ones. */
void oxc_mapihttp_header(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_http_header_t *header);

/* Reads a decimal header value; false when it is none. */
bool oxc_mapihttp_number(const char *value, uint32_t *number);

/* Name of an X-ResponseCode (MS-OXCMAPIHTTP 2.2.3.3.3). */
const char *oxc_mapihttp_response_code_name(uint32_t code);

/* ---- response preamble (MS-OXCMAPIHTTP 2.2.2.2, 2.2.7) ---- */

typedef struct {
    bool there;                 /* at least one meta-tag */
    bool done;                  /* with DONE and the empty line behind the additional headers */
    unsigned pending;           /* PENDING meta-tags */
    bool has_response_code;     /* an additional X-ResponseCode */
    uint32_t response_code;
    bool is_text;               /* an additional Content-Type: of a page that explains an error (MS-OXCMAPIHTTP 3.2.5.1) */
} oxc_preamble_t;

/* Shows the preamble at the beginning of a response body; returns the offset behind it, 0 if there is none. */
int oxc_mapihttp_preamble(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, oxc_preamble_t *preamble);

/* Quickly: does a chunk begin at offset, and its data with the first letter of a preamble? */
bool oxc_mapihttp_may_be_chunked_preamble(tvbuff_t *tvb, int offset);

/* Length of the preamble, 0 when there is none or it does not end; shows nothing. */
int oxc_mapihttp_preamble_size(tvbuff_t *tvb);

/* ---- bodies (MS-OXCMAPIHTTP 2.2.4, 2.2.5) ---- */

/* A request type by its definition: name, kind of call, endpoint, forms. */
typedef ropdef_message_t oxc_request_type_t;

/* The request type of that name, compared case-insensitively; NULL for an unknown one. */
const oxc_request_type_t *oxc_mapihttp_request_type(const char *name);

/*
 * The request type of the mailbox endpoint whose fields fit the body (of a response: what follows the preamble) to the
 * last byte; NULL when none or only a failure does. For messages whose headers are not at hand.
 */
const oxc_request_type_t *oxc_mapihttp_guess_type(tvbuff_t *tvb, bool is_request);

/* Name of an ErrorCode, or its number as text, in pinfo->pool. */
const char *oxc_mapihttp_error_name(packet_info *pinfo, uint32_t error);

/* What a body said. */
typedef struct {
    bool has_status_code, has_error_code, has_event_pending;
    uint32_t status_code, error_code, event_pending;
    uint32_t code_page;         /* DefaultCodePage of a Connect request; 0 when there is none */
    const char *user_dn;        /* of a Connect request, in pinfo->pool; NULL when there is none */
    const char *display_name;   /* of a Connect response */
} oxc_body_t;

/* Shows a request body, or what follows the preamble of a response; type NULL: not known. */
void oxc_mapihttp_request_body(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_request_type_t *type,
                               oxc_pdu_t *pdu, oxc_body_t *body);
void oxc_mapihttp_response_body(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const oxc_request_type_t *type,
                                oxc_pdu_t *pdu, oxc_body_t *body);

/* ---- registration, all under the protocol mapihttp ---- */

void oxc_register_mapihttp_headers(int proto);
void oxc_register_mapihttp_preamble(int proto);
void oxc_register_mapihttp_body(int proto);

#endif /* OXCNOTIF_MAPIHTTP_BODY_H */
