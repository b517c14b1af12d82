/* rpch_stream.h
 * One direction of a connection with RPC over HTTP: messages to HTTP, PDUs to DCE/RPC [MS-RPCH]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RPCH_STREAM_H
#define OXCNOTIF_RPCH_STREAM_H

#include "compat.h"

#include "rpch/rpch_connection.h"

/*
 * Dissects one segment or record of a connection that rpch_get_connection() knows. http: whose the messages are; NULL
 * below HTTP, where nobody can be asked for more bytes, so that an incomplete PDU is held back. seq: the segment's
 * place in the stream, or NULL if the transport does not tell. data: for the HTTP dissector. The result is as of a
 * dissector; 0 also if HTTP asks about a body that it was given from here.
 */
int rpch_dissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data, dissector_handle_t http,
                 const uint32_t *seq);

/* Registers the chunk size and the expert items. */
void rpch_register_stream(int proto);

#endif /* OXCNOTIF_RPCH_STREAM_H */
