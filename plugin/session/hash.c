/* hash.c
 * Hashes of keys that a peer may have chosen, and keys with an address
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "session/hash.h"

#include <string.h>

#define WORDS 16                /* of 32 bits; longer keys are hashed as Wireshark does */

static uint64_t factors[WORDS + 1];     /* random; factors[0] is 0 before the first use */

static void
choose_factors(void)
{
    for (unsigned i = 0; i <= WORDS; i++)
        factors[i] = (uint64_t)g_random_int() << 32 | g_random_int() | 1;
}

/*
 * Multilinear hashing: the sum of the words, each times a random number of 64 bits; the upper half of it is strongly
 * universal. A part of a word at the end is filled up with zeros, so the size counts as a word.
 */
unsigned
oxc_hash(const void *key, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)key;
    uint64_t sum;
    uint32_t word;
    unsigned i = 0;

    if (size > sizeof word * (WORDS - 1))
        return wmem_strong_hash(bytes, size);
    if (factors[0] == 0)
        choose_factors();
    sum = factors[0] * (size + 1);
    for (; size >= sizeof word; size -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        sum += factors[++i] * word;
    }
    if (size > 0) {
        word = 0;
        memcpy(&word, bytes, size);
        sum += factors[++i] * word;
    }
    return (unsigned)(sum >> 32);
}

unsigned
oxc_address_key_hash(const void *key)
{
    const oxc_address_key_t *k = (const oxc_address_key_t *)key;

    return add_address_to_hash(k->number, &k->addr);
}

gboolean
oxc_address_key_equal(const void *a, const void *b)
{
    const oxc_address_key_t *x = (const oxc_address_key_t *)a;
    const oxc_address_key_t *y = (const oxc_address_key_t *)b;

    return x->number == y->number && addresses_equal(&x->addr, &y->addr);
}

unsigned
oxc_id_key_hash(const void *key)
{
    return oxc_hash(key, sizeof(oxc_id_key_t));
}

gboolean
oxc_id_key_equal(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(oxc_id_key_t)) == 0;
}
