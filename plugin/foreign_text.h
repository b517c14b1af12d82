/* foreign_text.h
 * Text that others wrote: names, DNs, message classes, headers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_FOREIGN_TEXT_H
#define OXCNOTIF_FOREIGN_TEXT_H

#include "compat.h"

#include <epan/packet.h>

/*
 * A folder may be named by anyone who shares one, and a client names itself. Such text goes through oxc_shown_text()
 * before it stands in the Info column, a label, a table, the flow graph or an event: an escape sequence would reach the
 * terminal, and a line end would forge a packet.
 *
 * The value of a string field stays as it is, so that filters find it; Wireshark escapes it in the field's own label.
 * What no XML document may hold is taken out of values, too: "tshark -T pdml" writes them as they are.
 */

/* Nothing but printable ASCII without \ and ", so nothing that anybody escapes. */
bool oxc_text_is_plain(const char *text, size_t length);

/* Control characters (C0, C1, DEL), line ends and what XML forbids as escapes; the text itself if it has none. */
const char *oxc_shown_text(wmem_allocator_t *scope, const char *text);

/* Only what XML forbids as escapes: U+FFFE, U+FFFF, and bytes that are no UTF-8; the text itself if it has none. */
const char *oxc_value_text(wmem_allocator_t *scope, const char *text);

/* The UTF-16 text of size bytes, as the value of a field. */
const char *oxc_utf16_text(wmem_allocator_t *scope, tvbuff_t *tvb, int offset, int size);

#endif /* OXCNOTIF_FOREIGN_TEXT_H */
