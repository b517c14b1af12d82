/* nspi_body.h
 * Messages that are no ROP buffers but read by the same definitions: address book bodies of MAPI/HTTP
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_NSPI_BODY_H
#define OXCNOTIF_NSPI_BODY_H

#include "compat.h"

/*
 * Shows the fields of an address book body (MS-OXCMAPIHTTP 2.2.5) from offset on: of a request from its beginning, of a
 * response from behind ErrorCode, up to the auxiliary buffer, which is left to the caller. request_type is compared
 * case-insensitively. Returns the offset behind the fields; offset itself when no definition has this name; -1 when the
 * bytes cannot be followed, which is said in the tree.
 */
int oxc_dissect_nspi_body(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const char *request_type,
                          bool is_response, int offset);

/* Registers the fields with the protocol of MAPI/HTTP, which must be registered. */
void oxc_nspi_body_register(void);

#endif /* OXCNOTIF_NSPI_BODY_H */
