/* tls_note.h
 * The note on a TLS connection that may be Exchange's and is not decrypted
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TLS_NOTE_H
#define OXCNOTIF_TLS_NOTE_H

#include "session/event.h"

/* Shows the note in the frame, and in the Info column, and tells the tap. */
void oxc_notify_tls(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree, const oxc_tls_note_t *note);

/* "server name", ...: a constant, for events. */
const char *oxc_tls_evidence_name(oxc_tls_evidence_t evidence);

/* Registers the fields with the protocol oxcnotif. */
void oxc_tls_note_register(int proto);

#endif /* OXCNOTIF_TLS_NOTE_H */
