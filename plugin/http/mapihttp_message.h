/* mapihttp_message.h
 * One message of MAPI/HTTP as it is shown, and what it tells (MS-OXCMAPIHTTP 2.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MAPIHTTP_MESSAGE_H
#define OXCNOTIF_MAPIHTTP_MESSAGE_H

#include "http/http_message.h"

/*
 * Shows a message in the tree and in the columns, and says what it tells of waits, fetches and sessions. body_tvb is
 * NULL for a message without a body of the protocol.
 */
void oxc_mapihttp_show_message(packet_info *pinfo, proto_tree *tree, const oxc_http_message_t *message,
                               tvbuff_t *body_tvb);

/* Number of the message that comes next in this dissection of the frame. */
uint32_t *oxc_mapihttp_next_ordinal(packet_info *pinfo);

/* Was any shown, or asked for its number, in this dissection of the frame? */
bool oxc_mapihttp_has_shown(packet_info *pinfo);

/* The name of a request type, also if there is none. */
const char *oxc_mapihttp_type_text(const char *type_name);

/* After oxc_register_mapihttp_headers(). */
void oxc_register_mapihttp_message(int proto);

#endif /* OXCNOTIF_MAPIHTTP_MESSAGE_H */
