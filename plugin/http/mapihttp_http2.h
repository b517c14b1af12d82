/* mapihttp_http2.h
 * MAPI over HTTP/2: connections
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MAPIHTTP_HTTP2_H
#define OXCNOTIF_MAPIHTTP_HTTP2_H

#include "compat.h"
#include "http/http_message.h"

/* Shows a message of which the http2 dissector made nothing; body is NULL for one without a body of the protocol. */
typedef void (*oxc_show_message_t)(packet_info *pinfo, proto_tree *tree, const oxc_http_message_t *message,
                                   tvbuff_t *body);

/* The message whose body the http2 dissector hands over, with its headers; NULL if they are not known. */
oxc_http_message_t *oxc_mapihttp_http2_message(packet_info *pinfo);

/* Post-dissector: the first frame of a connection with HTTP/2. */
void oxc_mapihttp_http2_postdissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree);

void oxc_register_mapihttp_http2(int parent, oxc_show_message_t show);
void oxc_mapihttp_http2_handoff(void);

#endif /* OXCNOTIF_MAPIHTTP_HTTP2_H */
