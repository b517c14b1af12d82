/* code_page.h
 * 8-bit text in the code page of a session
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_CODE_PAGE_H
#define OXCNOTIF_CODE_PAGE_H

#include "compat.h"

#include <epan/wmem_scopes.h>

/*
 * The size bytes at offset, without a NUL, as UTF-8 in scope. 0 is no code page: Windows-1252 then, as for one that is
 * not known and for text that its code page does not have.
 */
const char *oxc_code_page_text(wmem_allocator_t *scope, tvbuff_t *tvb, int offset, int size, uint32_t code_page);

/* Is text in the code page shown as it is? 0 and those of UTF-16 and UTF-32 are none of 8-bit text: nothing is wrong with them. */
bool oxc_code_page_is_known(uint32_t code_page);

#define OXC_CODE_PAGE_ASCII 20127
/* ISO 8859-1 */
#define OXC_CODE_PAGE_LATIN1 28591

#endif /* OXCNOTIF_CODE_PAGE_H */
