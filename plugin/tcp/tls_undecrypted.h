/* tls_undecrypted.h
 * Where a TLS connection can be decrypted no further
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TLS_UNDECRYPTED_H
#define OXCNOTIF_TLS_UNDECRYPTED_H

#include "compat.h"

#include <epan/expert.h>

/*
 * A record that is missing or damaged hides all that follow it in its direction: each is decrypted by its number
 * (RFC 8446 5.3, RFC 5246 6.2.3). Wireshark then shows application data without a word.
 *
 * Is this the first frame of a direction with a record that was not decrypted, on a connection of which is_ours() says
 * that it carries the protocol? It is asked on the first visit. Behind the TLS dissector, on any visit.
 */
bool oxc_tls_note_undecrypted(tvbuff_t *frame, packet_info *pinfo, int proto, bool (*is_ours)(packet_info *pinfo));

/* Says so, by the expert item, in a frame that was noted. */
void oxc_tls_show_undecrypted(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree, int proto, expert_field *ei);

/* Do the data begin with a whole record of application data? */
bool oxc_tls_is_application_data(tvbuff_t *data);

/* Has the frame a whole record of application data, and nothing that was decrypted? Behind the TLS dissector. */
bool oxc_tls_has_undecrypted(tvbuff_t *frame, packet_info *pinfo);

/* Has the frame anything that was decrypted? */
bool oxc_tls_is_decrypted(const packet_info *pinfo);

#endif /* OXCNOTIF_TLS_UNDECRYPTED_H */
