/* hash.h
 * Hashes of keys that a peer may have chosen, and keys with an address
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_HASH_H
#define OXCNOTIF_HASH_H

#include "compat.h"

#include <epan/address.h>

/*
 * The hash of a key's bytes. As with wmem_strong_hash(), nobody knows beforehand which keys collide, but that takes 150
 * to 300 instructions for keys of a few words, which are looked up several times for each call.
 */
unsigned oxc_hash(const void *key, size_t size);

/* The hash of a number and one or two addresses, of 16 bytes at most; the second may be NULL. */
unsigned oxc_address_hash(uint32_t number, const address *first, const address *second);

/* An address with a number that belongs to it, such as a port, as the key of a map. */
typedef struct {
    address addr;
    uint32_t number;
} oxc_address_key_t;

unsigned oxc_address_key_hash(const void *key);
gboolean oxc_address_key_equal(const void *a, const void *b);

/* An id in a logon, see oxc_session_logon(). */
typedef struct {
    uint64_t id;
    uint64_t logon;
} oxc_id_key_t;

unsigned oxc_id_key_hash(const void *key);
gboolean oxc_id_key_equal(const void *a, const void *b);

#endif /* OXCNOTIF_HASH_H */
