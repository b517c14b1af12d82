/* mapihttp_owner.h
 * The HTTP message that a body belongs to, and the messages of a connection with MAPI/HTTP
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_MAPIHTTP_OWNER_H
#define OXCNOTIF_MAPIHTTP_OWNER_H

#include "http/http_message.h"

/*
 * packet-tls-utils.h declares it, and wants headers of libgcrypt that Wireshark's development packages do not bring
 * along.
 */
WS_DLL_PUBLIC void tls_set_appdata_dissector(dissector_handle_t tls, packet_info *pinfo, dissector_handle_t app);

/* The messages of a tvb that the http dissector works on, read when they are asked for; in pinfo->pool. */
typedef struct oxc_mapihttp_messages oxc_mapihttp_messages_t;

/* Around the http dissector, on a connection that is watched. */
oxc_mapihttp_messages_t *oxc_mapihttp_messages_begin(packet_info *pinfo, tvbuff_t *tvb);
void oxc_mapihttp_messages_end(void);

/* The message of that number in the tvb; NULL if there are not so many. */
oxc_http_message_t *oxc_mapihttp_nth_message(packet_info *pinfo, oxc_mapihttp_messages_t *messages, unsigned number);

/* Those of the tvb that the http dissector works on; NULL when the connection is not watched yet, or has none here. */
oxc_mapihttp_messages_t *oxc_mapihttp_watched_messages(packet_info *pinfo);

/*
 * The first of them that was not dissected and fits; NULL for none. wanted is what fits() gets, NULL if it needs nothing.
 */
typedef bool (*oxc_message_fits_t)(const oxc_http_message_t *message, const void *wanted);
oxc_http_message_t *oxc_mapihttp_find_left(packet_info *pinfo, oxc_mapihttp_messages_t *messages, oxc_message_fits_t fits,
                                           const void *wanted);

/* The message among them that the headers are of and that was not dissected; NULL when there is none. */
oxc_http_message_t *oxc_mapihttp_watched_message(packet_info *pinfo, const oxc_http_message_t *hint);

/* What HTTP remembers of a conversation, or NULL. conversation may be NULL. */
http_conv_t *oxc_http_of(const conversation_t *conversation);

/* The request or response that is first in one of the frame's data sources; NULL when there is none. */
oxc_http_message_t *oxc_mapihttp_find_message(packet_info *pinfo, bool is_request);

/*
 * The message of a body that the http dissector hands over with its headers: on the first visit of the frame, which
 * remembers it and watches the connection, and on later ones. Never NULL.
 */
oxc_http_message_t *oxc_mapihttp_meet_message(packet_info *pinfo, const media_content_info_t *content);
oxc_http_message_t *oxc_mapihttp_recall_message(packet_info *pinfo, const media_content_info_t *content);

/*
 * From the next frame on, the connection's bytes come to the dissectors named below. To be called for every message
 * until the connection is ours: who suspects something else in it may take it back once.
 */
void oxc_mapihttp_watch(packet_info *pinfo);

void oxc_mapihttp_owner_handoff(dissector_handle_t over_tcp, dissector_handle_t over_tls);

#endif /* OXCNOTIF_MAPIHTTP_OWNER_H */
