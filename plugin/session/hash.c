/* hash.c
 * Hashes of keys that a peer may have chosen, and keys with an address
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "session/hash.h"

#include <string.h>

#define WORDS 16                /* of 32 bits; longer keys are hashed as Wireshark does */
#define MAX_ADDRESS 16          /* bytes, of IPv6 */
#define IPV4_ADDRESS 4

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

/* Behind what is there already; where it ends. */
static uint8_t *
put_address(uint8_t *to, const address *addr)
{
    size_t size = addr && addr->len > 0 ? MIN((size_t)addr->len, MAX_ADDRESS) : 0;

    if (size == IPV4_ADDRESS)           /* the compiler knows the size, and calls nobody */
        memcpy(to, addr->data, IPV4_ADDRESS);
    else if (size > 0)
        memcpy(to, addr->data, size);
    return to + size;
}

/* Wireshark's add_address_to_hash() is the same in every run: whoever sends packets may choose addresses that collide. */
unsigned
oxc_address_hash(uint32_t number, const address *first, const address *second)
{
    uint8_t key[sizeof number + 2 * MAX_ADDRESS], *end;

    memcpy(key, &number, sizeof number);
    end = put_address(put_address(key + sizeof number, first), second);
    return oxc_hash(key, (size_t)(end - key));
}

unsigned
oxc_address_key_hash(const void *key)
{
    const oxc_address_key_t *k = (const oxc_address_key_t *)key;

    return oxc_address_hash(k->number, &k->addr, NULL);
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
