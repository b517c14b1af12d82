/* property.h
 * Property values, rows, restrictions and the like (MS-OXCDATA, MS-OXORULE)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_PROPERTY_H
#define OXCNOTIF_PROPERTY_H

#include "rop/primitive.h"

#include <epan/guid-utils.h>

/* Property types (MS-OXCDATA 2.11.1); names in property_names.c */
enum {
    PTYP_UNSPECIFIED = 0x0000,
    PTYP_NULL = 0x0001,
    PTYP_INTEGER16 = 0x0002,
    PTYP_INTEGER32 = 0x0003,
    PTYP_FLOATING32 = 0x0004,
    PTYP_FLOATING64 = 0x0005,
    PTYP_CURRENCY = 0x0006,
    PTYP_FLOATING_TIME = 0x0007,
    PTYP_ERROR_CODE = 0x000A,
    PTYP_BOOLEAN = 0x000B,
    PTYP_OBJECT = 0x000D,
    PTYP_INTEGER64 = 0x0014,
    PTYP_STRING8 = 0x001E,
    PTYP_STRING = 0x001F,
    PTYP_TIME = 0x0040,
    PTYP_GUID = 0x0048,
    PTYP_SERVER_ID = 0x00FB,
    PTYP_RESTRICTION = 0x00FD,
    PTYP_RULE_ACTION = 0x00FE,
    PTYP_BINARY = 0x0102,
    PTYP_MULTIPLE = 0x1000,
    PTYP_INSTANCE = 0x2000
};

/* In FastTransfer streams: this bit, and a code page for strings (MS-OXCFXICS 2.2.4.1.1.1). */
#define OXC_PTYP_CODE_PAGE 0x8000
#define OXC_CODE_PAGE_UNICODE 0x04B0

/* The binary value of this tag contradicts its type (MS-OXCFXICS 2.2.1.1.1). */
#define OXC_META_TAG_IDSET_GIVEN 0x40170003

#define OXC_TYPE_OF(tag) ((uint16_t)((tag) & 0xFFFF))
#define OXC_ID_OF(tag) ((uint16_t)((tag) >> 16))
#define OXC_WITH_TYPE(tag, type) (((tag) & 0xFFFF0000U) | (type))

/* ---- the types that definitions name; hf is a field of type FT_NONE that covers the structure ---- */

/* TaggedPropertyValue (MS-OXCDATA 2.11.4). */
int oxc_type_tagged_value(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);

/*
 * PropertyRow (MS-OXCDATA 2.8.1) over r->rop->columns, outside ROP buffers r->row_columns; without them
 * rop.columns_unknown stands in the tree.
 */
int oxc_type_row(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);

/* One restriction with all it contains (MS-OXCDATA 2.12). */
int oxc_type_restriction(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);

/* RecipientRow (MS-OXCDATA 2.8.3.2); its properties are the first of r->rop->columns. */
int oxc_type_recipient_row(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);

/* A piece of a FastTransfer stream (MS-OXCFXICS 2.2.4), up to r->end; goes on where the object's last piece ended. */
int oxc_type_fast_transfer(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);

/* A piece of the state that a client uploads (MS-OXCFXICS 2.2.3.2.2), up to r->end; hf is of type FT_BYTES. */
int oxc_type_upload_state(oxc_cursor_t *c, proto_tree *tree, int hf, int offset, uint64_t arg);

/* EntryID of any known kind, or as bytes, up to r->end (MS-OXCDATA 2.2). */
int oxc_type_entry_id(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint64_t arg);

/* PropertyName (MS-OXCDATA 2.6.1); with this arg there is no GUID where there is no name (MS-OXCPRPT 3.2.5.9). */
#define OXC_PROPERTY_NAME_WITHOUT_GUID 1
int oxc_type_property_name(oxc_cursor_t *c, proto_tree *tree, int hf, int offset, uint64_t arg);

/* What the PropertyName at offset, all there, names a property, as a text in scope; NULL if it names none. */
const char *oxc_property_name_text(wmem_allocator_t *scope, packet_info *pinfo, tvbuff_t *tvb, int offset);

/* ---- values and rows ---- */

/*
 * A value of the tag's type (MS-OXCDATA 2.11.2) as the fields rop.property.value.*, without a line of its own; a
 * multivalue instance (0x2000) is one value of the base type. What a person reads is appended to text unless NULL.
 */
int oxc_property_value(oxc_read_t *r, proto_tree *tree, int offset, uint32_t tag, oxc_text_t *text);

/*
 * Moves over a value in a reading that shows nothing. The offset behind it, or -1 when it has to be read: structures
 * are looked for in it, it is of an unusual type, or not all of it is there. So many fields stand in front of it, which
 * are spent with those of the value, or not at all.
 */
int oxc_property_skip(oxc_read_t *r, int offset, uint32_t tag, unsigned fields);

/* TaggedPropertyValue under a field rop.property of its own; tag (may be NULL) gets the tag. */
int oxc_property_tagged(oxc_read_t *r, proto_tree *tree, int offset, uint32_t *tag, oxc_text_t *text);

/*
 * propValue of a FastTransfer stream (MS-OXCFXICS 2.2.4.1) under a field rop.property: tag, name of a named property,
 * value; with header_only instead of the value just the number in front of it (bytes, or elements of an array).
 */
int oxc_property_streamed(oxc_read_t *r, proto_tree *tree, int offset, bool header_only);

/* One of several values of a property, or a part of one, whose tag stands further back in the stream. */
proto_tree *oxc_property_continued(oxc_read_t *r, proto_tree *tree, int offset, int length, uint32_t tag,
                                   proto_item **item);

/* Bytes of a value whose type has a fixed size; 0 for others. */
int oxc_property_fixed_size(const oxc_read_t *r, uint16_t type);

/* PropertyRow (MS-OXCDATA 2.8.1) over the first count tags, added to tree itself. */
int oxc_property_row(oxc_read_t *r, proto_tree *tree, int offset, const uint32_t *tags, unsigned count,
                     oxc_text_t *text);

/* rop.columns_unknown: the ROP that would tell how the bytes are to be read was not captured. */
void oxc_property_columns_unknown(oxc_read_t *r, proto_item *item);

/* A property tag as field hf (FT_UINT32), with its name; no bytes of its own (generated) if length is 0. */
void oxc_property_tag_item(oxc_read_t *r, proto_tree *tree, int hf, int offset, int length, uint32_t tag);

/* One restriction under the field hf; text as for oxc_property_value(). */
int oxc_restriction(oxc_read_t *r, proto_tree *tree, int hf, int offset, oxc_text_t *text);

/* The inside of a RuleAction, added to tree itself. */
int oxc_rule_actions(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text);

/*
 * Condition or actions of an extended rule (MS-OXORULE 2.2.4.1) of size bytes, all there; false if tag or bytes are
 * not so.
 */
bool oxc_extended_rule(oxc_read_t *r, proto_tree *tree, int offset, int size, uint32_t tag, oxc_text_t *text);

/* Structures in values that contain values themselves, read by the functions of these names. */
typedef struct {
    int (*restriction)(oxc_read_t *r, proto_tree *tree, int hf, int offset, oxc_text_t *text);
    int (*rule_actions)(oxc_read_t *r, proto_tree *tree, int offset, oxc_text_t *text);
    bool (*extended_rule)(oxc_read_t *r, proto_tree *tree, int offset, int size, uint32_t tag, oxc_text_t *text);
} oxc_value_structures_t;

/* To be called once, before any value is read. */
void oxc_value_set_structures(const oxc_value_structures_t *readers);

/* ---- names ---- */

/* Name of a tag for display, e.g. "PidTagSubject"; named properties by what the session showed. */
const char *oxc_property_name(oxc_read_t *r, uint32_t tag);

/* The same with its type, e.g. "PidTagSubject (PtypString)". */
const char *oxc_property_tag_name(oxc_read_t *r, uint32_t tag);

/* The line of a field that is a tag: its number, and name and type. */
void oxc_property_tag_line(oxc_read_t *r, oxc_line_t *line, int hf, uint32_t tag);

/* All names of property types, sorted. */
extern value_string_ext oxc_property_type_vals_ext;

/* Name of a well-known GUID or UID, in wire order read as little-endian GUID; NULL if it has none. */
const char *oxc_guid_name(const e_guid_t *guid);

/* Provider UIDs that tell the layout of an EntryID (MS-OXCDATA 2.2.4, 2.2.5). */
typedef enum {
    OXC_UID_OTHER,              /* a mailbox GUID, or none */
    OXC_UID_ADDRESS_BOOK,
    OXC_UID_STORE,
    OXC_UID_ONE_OFF,
    OXC_UID_CONTACT,
    OXC_UID_WRAPPED,
    OXC_UID_PUBLIC
} oxc_uid_t;

oxc_uid_t oxc_guid_uid(const e_guid_t *guid);

/*
 * Canonical name of a property that its set and LID name (MS-OXPROPS), e.g. "PidLidBusyStatus"; NULL if it has none.
 * set as for oxc_guid_name().
 */
const char *oxc_lid_name(const e_guid_t *set, uint32_t lid);

/*
 * What a named property is shown as, in scope: "PidLidBusyStatus (PSETID_Appointment 0x8205)" or, without a canonical
 * name, "PSETID_Appointment 0x8205"; "PS_PUBLIC_STRINGS Keywords" if it is named by a string.
 */
const char *oxc_lid_text(wmem_allocator_t *scope, const e_guid_t *set, uint32_t lid);
const char *oxc_string_name_text(wmem_allocator_t *scope, const e_guid_t *set, const char *name);

/* Names for the number in a property, where its bits or values have names: appended to text; false when not. */
bool oxc_property_number_text(uint32_t tag, uint32_t number, oxc_text_t *text);

/* Whether the number in a property is a folder id, message id or change number. */
bool oxc_property_is_id(uint32_t tag);

/* A folder or message id with its folder's name if the session showed it, and [ReplicaId-GlobalCounter]. */
void oxc_id_text(oxc_read_t *r, uint64_t id, oxc_text_t *text);

/* The same for a line, with the name given or NULL; without it and what follows the line is the field's own label. */
void oxc_id_line(oxc_read_t *r, oxc_line_t *line, uint64_t id, const char *name);

/* A folder id as a person knows it, "Inbox", or as a number; in pinfo->pool. */
const char *oxc_folder_text(const oxc_read_t *r, uint32_t logon, uint64_t folder_id);

void oxc_property_register(int proto);
void oxc_property_name_register(int proto);
void oxc_upload_state_register(void);
void oxc_value_register(int proto);
void oxc_restriction_register(int proto);
void oxc_rule_register(int proto);
void oxc_recipient_register(int proto);
void oxc_fast_transfer_register(int proto);

/* PidTagDisplayName */
#define OXC_TAG_DISPLAY_NAME 0x3001001F
#define OXC_TAG_DISPLAY_NAME_8 0x3001001E

#endif /* OXCNOTIF_PROPERTY_H */
