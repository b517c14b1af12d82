/* pairing.h
 * Which request a response ROP answers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_PAIRING_H
#define OXCNOTIF_PAIRING_H

#include "rop/rop_list.h"

/* Both are for responses, and for the first visit. */

/* Answers come in the order of requests (MS-OXCROPS 3.2.5.1): finds rop->peer, and what the next answer should be. */
void oxc_pairing_find_request(oxc_rop_list_t *l, oxc_rop_t *rop);

/* Behind the last answer: releases what this buffer opened, where the remaining requests want that. */
void oxc_pairing_release_rest(oxc_rop_list_t *l);

#endif /* OXCNOTIF_PAIRING_H */
