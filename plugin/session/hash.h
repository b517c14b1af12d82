/* hash.h
 * Hashes of keys that a peer may have chosen
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_HASH_H
#define OXCNOTIF_HASH_H

#include "compat.h"

/*
 * The hash of a key's bytes. As with wmem_strong_hash(), nobody knows beforehand which keys collide, but that takes 150
 * to 300 instructions for keys of a few words, which are looked up several times for each call.
 */
unsigned oxc_hash(const void *key, size_t size);

#endif /* OXCNOTIF_HASH_H */
