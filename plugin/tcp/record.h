/* record.h
 * The record of a connection: what several files remember of it on the first pass
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_RECORD_H
#define OXCNOTIF_RECORD_H

#include "compat.h"

#include <epan/conversation.h>

/* A part of every record, of so many bytes. Once for each part, at registration. Returns its place. */
unsigned oxc_record_reserve(size_t size);

/* The part of the conversation's record, zeros at first. NULL if there is no record and none is to be made. In file scope. */
void *oxc_record_part(const conversation_t *conversation, unsigned place, bool create);

void oxc_record_register(void);

#endif /* OXCNOTIF_RECORD_H */
