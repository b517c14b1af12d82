/* reading.h
 * One reading of a structure: where it stands, what is known around it, and what does not fit
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_READING_H
#define OXCNOTIF_READING_H

#include "foreign_text.h"
#include "rop/budget.h"
#include "session/code_page.h"
#include "session/rop_state.h"

#include <epan/expert.h>

/* The width of counts differs between the places property values occur in (MS-OXCDATA 2.11.1.1). */
typedef enum {
    OXC_COUNTS_ROP,             /* ROP buffers: 16-bit */
    OXC_COUNTS_RULE,            /* extended rules: 32-bit */
    OXC_COUNTS_ADDRESS_BOOK,    /* MAPI/HTTP address book: 32-bit, and a HasValue byte in front of some values */
    OXC_COUNTS_STREAM           /* FastTransfer streams: 32-bit, and one in front of every value of variable size */
} oxc_counts_t;

struct oxc_rop_list;
struct ropdef_field;
struct ropdef_rop;

/* One reading of one structure: where it stands and what is known around it. */
typedef struct oxc_read {
    packet_info *pinfo;
    tvbuff_t *tvb;
    const uint8_t *bytes;       /* of tvb, the first captured of them; see oxc_read_over() */
    int captured;
    int end;                    /* first offset that is not part of the structure any more */
    oxc_pdu_t *pdu;
    oxc_rop_t *rop;             /* of the ROP being read; NULL outside ROP buffers */
    const oxc_columns_t *row_columns;   /* outside ROP buffers: of rows in the same message, in pinfo->pool */
    oxc_counts_t counts;
    unsigned deviations;        /* set of server deviations in force, see ropdefs.h */
    unsigned asked_deviations;  /* those that the reading has asked for */
    wmem_map_t *named;          /* names of property ids that the structure brings itself; NULL: the session's */
    uint32_t section;           /* marker of a FastTransfer stream that a property stands behind; 0 elsewhere */
    unsigned depth;             /* nesting of structures, bounded by OXC_MAX_DEPTH */
    unsigned *trial;            /* fields that measuring may still go over; NULL: any number; see oxc_trial_t */
    bool measure;               /* only find out how long it is: draw nothing, remember nothing, throw nothing */
    bool is_response;
    bool sized;                 /* end is the size a definition gives, so what is left up to it can be skipped */
    uint64_t element;           /* number of the array element being read */
    uint32_t return_value;      /* of a response, once it was read */
    uint32_t code_page;         /* of 8-bit text, as a field in front of it says; 0: see oxc_code_page_of() */
    wmem_strbuf_t *info;        /* collects what stands in the Info column; NULL when not wanted */
    uint16_t **code_pages;      /* OXC_MAX_HANDLES, of messages that requests of this buffer open; *NULL: none; NULL outside */
    struct oxc_handle_table *handles;   /* of the ROP buffer around it; NULL outside one */
    struct oxc_rop_list *list;          /* of the ROP being read, and where in it that begins; NULL outside one */
    int rop_start;
    const char *out_kind;       /* of the object that the ROP opens, once the field of its handle was read */
    const struct ropdef_rop *def;       /* of the ROP being read; NULL outside one */
    int reach;                  /* first offset behind all values that stand at an offset */

    /* Finds the deviations out, for the first condition that asks for one, unless measuring; NULL: they are known. */
    void (*settle)(struct oxc_read *r);

    /* Does a ROP, or the list, end n bytes behind offset, as far as what follows shows? NULL outside ROP buffers. */
    bool (*is_boundary)(struct oxc_read *r, int offset, uint64_t n);

    /* Of a body that is no ROP buffer; NULL in one. */
    void *owner;
    void (*keep)(struct oxc_read *r, const struct ropdef_field *f, uint64_t value, int offset, int next);
    /* Dissects a buffer of size bytes, which may be more than there are; returns the offset behind it, or -1. */
    int (*read_buffer)(struct oxc_read *r, proto_tree *tree, const struct ropdef_field *f, int offset, uint64_t size);
} oxc_read_t;

/*
 * The code page of 8-bit text: that of its structure, of its message (MS-OXCROPS 2.2.6.1.1), or of the session; 0 while
 * none is known.
 */
uint32_t oxc_code_page_of(const oxc_read_t *r);

/* Says so in the tree if the code page that stands at offset is not known: 8-bit text is shown as Windows-1252 then. */
void oxc_code_page_check(packet_info *pinfo, proto_tree *tree, tvbuff_t *tvb, int offset, int length, uint32_t code_page);

/* The logon that the ROP being read works on; see oxc_session_logon(). */
static inline uint32_t
oxc_logon_of(const oxc_read_t *r)
{
    return r->rop ? r->rop->logon : 0;
}

/* Nested restrictions and structures deeper than this are not followed (they are never met in practice). */
#define OXC_MAX_DEPTH 64

/*
 * True when size more bytes at offset belong to the structure. If not, the fact is shown in the tree as an expert item
 * (unless measuring), and the caller must return -1.
 */
bool oxc_fits(oxc_read_t *r, proto_tree *tree, int offset, int64_t size);

/* oxc_afford() where there are not so many fields, or nobody has counted yet. */
bool oxc_try_to_afford(oxc_read_t *r, proto_tree *tree, int offset, unsigned fields);

/* Measuring goes over so many fields: false if that is more than is left for trials. */
static inline bool
oxc_try_fields(oxc_read_t *r, unsigned fields)
{
    if (!r->trial)
        return true;
    if (*r->trial < fields) {
        *r->trial = 0;
        return false;
    }
    *r->trial -= fields;
    return true;
}

/*
 * Takes so many fields from what the PDU may still show (see rop/budget.h). If there are not so many, that is said,
 * once a PDU, and false is returned: nothing more is to be read then. Always true outside of ROP buffers and, unless it is
 * a trial, while measuring.
 */
static inline bool
oxc_afford(oxc_read_t *r, proto_tree *tree, int offset, unsigned fields)
{
    if (r->measure)
        return oxc_try_fields(r, fields);
    return !r->pdu || oxc_budget_take(r->pdu, fields) || oxc_try_to_afford(r, tree, offset, fields);
}

/* Little-endian numbers in bytes that are known to be there. */
static inline uint16_t
oxc_le16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t
oxc_le32(const uint8_t *bytes)
{
    return oxc_le16(bytes) | (uint32_t)oxc_le16(bytes + 2) << 16;
}

static inline uint64_t
oxc_le64(const uint8_t *bytes)
{
    return oxc_le32(bytes) | (uint64_t)oxc_le32(bytes + 4) << 32;
}

/* The reading is of this tvb. */
static inline void
oxc_read_over(oxc_read_t *r, tvbuff_t *tvb)
{
    r->tvb = tvb;
    r->captured = (int)tvb_captured_length(tvb);
    r->bytes = r->captured > 0 ? tvb_get_ptr(tvb, 0, r->captured) : NULL;
}

/*
 * Moves over size bytes, which so many fields take, in a reading that shows nothing. False if they are not all there,
 * or not captured, or if it is more than the PDU may become: nothing has changed then, and reading the fields shows it.
 */
static inline bool
oxc_skip(oxc_read_t *r, int offset, int64_t size, unsigned fields)
{
    if (size > MIN(r->end, r->captured) - offset)
        return false;
    if (r->measure)
        return oxc_try_fields(r, fields);
    return !r->pdu || oxc_budget_take(r->pdu, fields);
}

/* Shows that bytes are not what they should be (rop.malformed with the reason), unless measuring. Returns -1. */
int oxc_malformed(oxc_read_t *r, proto_tree *tree, int offset, int length, const char *format, ...) G_GNUC_PRINTF(5, 6);

/* Goes one level deeper; false, with an expert item, when that is too deep. Pair with oxc_leave(). */
bool oxc_enter(oxc_read_t *r, proto_tree *tree, int offset);
void oxc_leave(oxc_read_t *r);

/*
 * A type that a table cannot say, named in the definitions: reads at offset, at most to r->end, adds to tree and
 * returns the offset behind it, or -1 when the bytes cannot be followed (said in the tree unless measuring). hf is the
 * field of the definition line (never -1), arg what the definition gives (0 if nothing).
 */
typedef int (*oxc_type_fn)(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);

/* The type of what nothing defines a layout of: the rest is shown as malformed. */
int oxc_type_unreadable(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);

/* Shows that the size of a field has bytes more than its contents (rop.undecoded), unless measuring. */
void oxc_undecoded(oxc_read_t *r, proto_tree *tree, int offset, int length, const char *name);

/* Registers the expert items with the protocol of ROPs. */
void oxc_reading_register(int proto);

#endif /* OXCNOTIF_READING_H */
