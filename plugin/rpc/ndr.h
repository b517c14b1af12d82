/* ndr.h
 * Reading the parameters of a stub in NDR 2.0 and NDR64 (C706 14, MS-RPCE 2.2.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_NDR_H
#define OXCNOTIF_NDR_H

#include "compat.h"

/*
 * A stub that is read from front to back. libwireshark's own array and pointer routines are not exported to plugins,
 * and they throw where a stub is too short; here a parameter that does not fit raises an expert item that names it, and
 * everything after it reads as zero or NULL without being shown.
 */
typedef struct {
    tvbuff_t *tvb;
    packet_info *pinfo;
    proto_tree *tree;           /* NULL: parameters are only read */
    int offset;
    unsigned encoding;          /* of integers: ENC_LITTLE_ENDIAN or ENC_BIG_ENDIAN */
    bool ndr64;
    bool broken;                /* a parameter did not fit */
} oxc_ndr_t;

/* A context handle (C706 14.2.16.6). */
typedef struct {
    uint8_t bytes[20];          /* as it is in little-endian order, whatever the stub's */
    bool is_null;               /* all zero */
} oxc_ndr_handle_t;

#define OXC_NDR_HANDLE_SIZE 20

/* Fields and expert items of this room; parent is the protocol that they are listed under. */
void oxc_ndr_register(int parent);

oxc_ndr_t oxc_ndr_begin(tvbuff_t *tvb, int offset, packet_info *pinfo, proto_tree *tree, const dcerpc_info *di,
                        const uint8_t *drep);

/* Integers, aligned to their size; item, if not NULL, gets the item or, if it did not fit or there is no tree, NULL. */
uint16_t oxc_ndr_u16(oxc_ndr_t *ndr, int hf, proto_item **item);
uint32_t oxc_ndr_u32(oxc_ndr_t *ndr, int hf, proto_item **item);

/* The context handle at offset, without showing it; false if it is not all there. */
bool oxc_ndr_read_handle(tvbuff_t *tvb, int offset, unsigned encoding, oxc_ndr_handle_t *handle);

/* A context handle; false if there is none. */
bool oxc_ndr_handle(oxc_ndr_t *ndr, int hf, oxc_ndr_handle_t *handle);

/*
 * A conformant array of bytes, or with varying a conformant and varying one. Returns its bytes, maybe none; NULL if
 * there is no array. An array that claims more than the stub has gives what is left.
 */
tvbuff_t *oxc_ndr_bytes(oxc_ndr_t *ndr, int hf, bool varying, proto_item **item);

/* A [string] of 8-bit characters, see oxc_code_page_text(), allocated in pinfo->pool; NULL if there is none. */
const char *oxc_ndr_string(oxc_ndr_t *ndr, int hf, uint32_t code_page, proto_item **item);

/* The same behind a unique pointer. */
const char *oxc_ndr_string_pointer(oxc_ndr_t *ndr, int hf, uint32_t code_page, proto_item **item);

/* Raises an expert item if a length parameter (shown as item) differs from the length of its array; NULL array: not. */
void oxc_ndr_check_length(oxc_ndr_t *ndr, proto_item *item, uint32_t length, const tvbuff_t *array);

#endif /* OXCNOTIF_NDR_H */
