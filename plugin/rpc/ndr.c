/* ndr.c
 * Reading the parameters of a stub in NDR 2.0 and NDR64 (C706 14, MS-RPCE 2.2.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rpc/ndr.h"

#include <string.h>

#include <epan/expert.h>

#include "foreign_text.h"
#include "session/code_page.h"

static int hf_max_count = -1;
static int hf_first = -1;
static int hf_actual_count = -1;
static int hf_referent_id = -1;
static int hf_handle_attributes = -1;
static int hf_handle_uuid = -1;

static int ett_ndr = -1;

static expert_field ei_short_stub = EI_INIT;
static expert_field ei_long_array = EI_INIT;
static expert_field ei_array_counts = EI_INIT;
static expert_field ei_array_length = EI_INIT;

oxc_ndr_t
oxc_ndr_begin(tvbuff_t *tvb, int offset, packet_info *pinfo, proto_tree *tree, const dcerpc_info *di,
              const uint8_t *drep)
{
    oxc_ndr_t ndr = { 0 };

    ndr.tvb = tvb;
    ndr.pinfo = pinfo;
    ndr.tree = tree;
    ndr.offset = offset;
    ndr.encoding = DREP_ENC_INTEGER(drep);
    ndr.ndr64 = (di->call_data->flags & DCERPC_IS_NDR64) != 0;
    return ndr;
}

/* Are size bytes of a parameter there? Bytes that a snapshot length cut off are: to read them throws, as it should. */
static bool
ndr_has(oxc_ndr_t *ndr, int hf, int size)
{
    int left;

    if (ndr->broken)
        return false;
    left = tvb_reported_length_remaining(ndr->tvb, ndr->offset);
    if (left >= size)
        return true;
    ndr->broken = true;
    proto_tree_add_expert_format(ndr->tree, ndr->pinfo, &ei_short_stub, ndr->tvb,
                                 MIN(ndr->offset, (int)tvb_reported_length(ndr->tvb)), MAX(left, 0),
                                 "The stub ends before %s: %d of %d bytes are left", proto_registrar_get_name(hf),
                                 MAX(left, 0), size);
    return false;
}

static bool
ndr_align(oxc_ndr_t *ndr, int hf, int alignment, int size)
{
    if (ndr->broken)
        return false;
    ndr->offset = (ndr->offset + alignment - 1) / alignment * alignment;
    return ndr_has(ndr, hf, size);
}

static uint32_t
ndr_uint(oxc_ndr_t *ndr, int hf, int size, proto_item **item)
{
    proto_item *added = NULL;
    uint32_t value = 0;

    if (ndr_align(ndr, hf, size, size)) {
        if (ndr->tree)
            added = proto_tree_add_item_ret_uint(ndr->tree, hf, ndr->tvb, ndr->offset, size, ndr->encoding, &value);
        else
            value = size == 2 ? tvb_get_uint16(ndr->tvb, ndr->offset, ndr->encoding)
                              : tvb_get_uint32(ndr->tvb, ndr->offset, ndr->encoding);
        ndr->offset += size;
    }
    if (item)
        *item = added;
    return value;
}

uint16_t
oxc_ndr_u16(oxc_ndr_t *ndr, int hf, proto_item **item)
{
    return (uint16_t)ndr_uint(ndr, hf, 2, item);
}

uint32_t
oxc_ndr_u32(oxc_ndr_t *ndr, int hf, proto_item **item)
{
    return ndr_uint(ndr, hf, 4, item);
}

static void
reverse(uint8_t *bytes, unsigned size)
{
    for (unsigned i = 0; i < size / 2; i++) {
        uint8_t byte = bytes[i];

        bytes[i] = bytes[size - 1 - i];
        bytes[size - 1 - i] = byte;
    }
}

bool
oxc_ndr_read_handle(tvbuff_t *tvb, int offset, unsigned encoding, oxc_ndr_handle_t *handle)
{
    static const uint8_t zero[OXC_NDR_HANDLE_SIZE];
    uint8_t *to = handle->bytes;

    memset(handle, 0, sizeof *handle);
    handle->is_null = true;
    if (!tvb_bytes_exist(tvb, offset, OXC_NDR_HANDLE_SIZE))
        return false;
    tvb_memcpy(tvb, to, offset, OXC_NDR_HANDLE_SIZE);
    /* The same handle has other bytes in a stub of the other byte order; keys and filters need one form. */
    if (encoding != ENC_LITTLE_ENDIAN) {
        reverse(to, 4);         /* attributes */
        reverse(to + 4, 4);     /* and the numbers of a UUID */
        reverse(to + 8, 2);
        reverse(to + 10, 2);
    }
    handle->is_null = memcmp(to, zero, sizeof zero) == 0;
    return true;
}

static void
show_handle(const oxc_ndr_t *ndr, int hf, const oxc_ndr_handle_t *handle)
{
    proto_item *item;
    proto_tree *tree;

    item = proto_tree_add_bytes_with_length(ndr->tree, hf, ndr->tvb, ndr->offset, OXC_NDR_HANDLE_SIZE, handle->bytes,
                                            OXC_NDR_HANDLE_SIZE);
    if (handle->is_null)
        proto_item_append_text(item, " (none)");
    tree = proto_item_add_subtree(item, ett_ndr);
    proto_tree_add_item(tree, hf_handle_attributes, ndr->tvb, ndr->offset, 4, ndr->encoding);
    proto_tree_add_item(tree, hf_handle_uuid, ndr->tvb, ndr->offset + 4, 16, ndr->encoding);
}

bool
oxc_ndr_handle(oxc_ndr_t *ndr, int hf, oxc_ndr_handle_t *handle)
{
    memset(handle, 0, sizeof *handle);
    handle->is_null = true;
    if (!ndr_align(ndr, hf, 4, OXC_NDR_HANDLE_SIZE) ||
        !oxc_ndr_read_handle(ndr->tvb, ndr->offset, ndr->encoding, handle))
        return false;
    if (ndr->tree)
        show_handle(ndr, hf, handle);
    ndr->offset += OXC_NDR_HANDLE_SIZE;
    return true;
}

/* Counts and pointers have 4 bytes in NDR 2.0 and 8 in NDR64 (MS-RPCE 2.2.5.3). */
static int
ndr_word(const oxc_ndr_t *ndr)
{
    return ndr->ndr64 ? 8 : 4;
}

static uint64_t
ndr_get_word(const oxc_ndr_t *ndr, int offset)
{
    return ndr->ndr64 ? tvb_get_uint64(ndr->tvb, offset, ndr->encoding)
                      : tvb_get_uint32(ndr->tvb, offset, ndr->encoding);
}

/* Where an array's elements are; the counts before them are shown once the item that holds them exists. */
typedef struct {
    int start;                  /* of the counts */
    int data;
    uint64_t max_count;
    uint64_t first;
    uint64_t actual_count;
    int length;                 /* bytes that are there */
} ndr_array_t;

static bool
ndr_array_begin(oxc_ndr_t *ndr, int hf, bool varying, ndr_array_t *array)
{
    int word = ndr_word(ndr);
    int left;

    memset(array, 0, sizeof *array);
    if (!ndr_align(ndr, hf, word, varying ? 3 * word : word))
        return false;
    array->start = ndr->offset;
    array->max_count = array->actual_count = ndr_get_word(ndr, ndr->offset);
    if (varying) {
        array->first = ndr_get_word(ndr, ndr->offset + word);
        array->actual_count = ndr_get_word(ndr, ndr->offset + 2 * word);
    }
    array->data = ndr->offset + (varying ? 3 * word : word);
    left = tvb_reported_length_remaining(ndr->tvb, array->data);
    array->length = array->actual_count > (uint64_t)left ? left : (int)array->actual_count;
    ndr->offset = array->data + array->length;
    return true;
}

static void
show_counts(const oxc_ndr_t *ndr, const ndr_array_t *array, bool varying, proto_item *item)
{
    proto_tree *tree = proto_item_add_subtree(item, ett_ndr);
    int word = ndr_word(ndr);

    proto_tree_add_uint64(tree, hf_max_count, ndr->tvb, array->start, word, array->max_count);
    if (varying) {
        proto_tree_add_uint64(tree, hf_first, ndr->tvb, array->start + word, word, array->first);
        proto_tree_add_uint64(tree, hf_actual_count, ndr->tvb, array->start + 2 * word, word, array->actual_count);
    }
}

static void
ndr_array_end(oxc_ndr_t *ndr, const ndr_array_t *array, bool varying, proto_item *item)
{
    if (item)
        show_counts(ndr, array, varying, item);
    /* No [first_is] in these interfaces, so the offset is 0 (MS-OXCRPC 6). */
    if (array->first != 0 || array->actual_count > array->max_count)
        expert_add_info_format(ndr->pinfo, item, &ei_array_counts,
                               "Offset %" PRIu64 " and actual count %" PRIu64 " do not fit max count %" PRIu64,
                               array->first, array->actual_count, array->max_count);
    if (array->actual_count > (uint64_t)array->length) {
        ndr->broken = true;
        expert_add_info_format(ndr->pinfo, item, &ei_long_array, "The array claims %" PRIu64 " bytes, the stub has %d",
                               array->actual_count, array->length);
    }
}

tvbuff_t *
oxc_ndr_bytes(oxc_ndr_t *ndr, int hf, bool varying, proto_item **item)
{
    ndr_array_t array;
    proto_item *added = NULL;

    if (item)
        *item = NULL;
    if (!ndr_array_begin(ndr, hf, varying, &array))
        return NULL;
    /* What a snapshot length cut off is for those to miss who read the array: its first bytes may be worth a look. */
    if (ndr->tree)
        added = proto_tree_add_item(ndr->tree, hf, ndr->tvb, array.data,
                                    MIN(array.length, tvb_captured_length_remaining(ndr->tvb, array.data)), ENC_NA);
    ndr_array_end(ndr, &array, varying, added);
    if (item)
        *item = added;
    return tvb_new_subset_length(ndr->tvb, array.data, array.length);
}

const char *
oxc_ndr_string(oxc_ndr_t *ndr, int hf, uint32_t code_page, proto_item **item)
{
    ndr_array_t array;
    const char *text;
    proto_item *added;

    if (item)
        *item = NULL;
    if (!ndr_array_begin(ndr, hf, true, &array))
        return NULL;
    text = oxc_value_text(ndr->pinfo->pool, oxc_code_page_text(ndr->pinfo->pool, ndr->tvb, array.data, array.length, code_page));
    added = proto_tree_add_string(ndr->tree, hf, ndr->tvb, array.data, array.length, text);
    ndr_array_end(ndr, &array, true, added);
    if (item)
        *item = added;
    return text;
}

const char *
oxc_ndr_string_pointer(oxc_ndr_t *ndr, int hf, uint32_t code_page, proto_item **item)
{
    int word = ndr_word(ndr);
    proto_item *null_item;
    uint64_t referent;
    int start;
    const char *text;

    if (item)
        *item = NULL;
    if (!ndr_align(ndr, hf, word, word))
        return NULL;
    start = ndr->offset;
    referent = ndr_get_word(ndr, start);
    ndr->offset += word;
    if (referent == 0) {
        null_item = proto_tree_add_string(ndr->tree, hf, ndr->tvb, start, word, "");
        proto_item_append_text(null_item, " (null pointer)");
        if (item)
            *item = null_item;
        return NULL;
    }
    proto_tree_add_uint64(ndr->tree, hf_referent_id, ndr->tvb, start, word, referent);
    text = oxc_ndr_string(ndr, hf, code_page, item);
    return text;
}

void
oxc_ndr_check_length(oxc_ndr_t *ndr, proto_item *item, uint32_t length, const tvbuff_t *array)
{
    if (ndr->broken || !array || length == tvb_reported_length(array))
        return;
    expert_add_info_format(ndr->pinfo, item, &ei_array_length, "The length is %u, the array has %u bytes", length,
                           tvb_reported_length(array));
}

void
oxc_ndr_register(int parent)
{
    static hf_register_info hf[] = {
        { &hf_max_count, { "Max count", "emsmdb.max_count", FT_UINT64, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_first, { "Offset", "emsmdb.offset", FT_UINT64, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_actual_count, { "Actual count", "emsmdb.actual_count", FT_UINT64, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_referent_id, { "Referent ID", "emsmdb.referent_id", FT_UINT64, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_handle_attributes,
          { "Attributes", "emsmdb.handle.attributes", FT_UINT32, BASE_HEX, NULL, 0, "Of a context handle", HFILL } },
        { &hf_handle_uuid,
          { "UUID", "emsmdb.handle.uuid", FT_GUID, BASE_NONE, NULL, 0, "Of a context handle", HFILL } },
    };
    static int *ett[] = { &ett_ndr };
    static ei_register_info ei[] = {
        { &ei_short_stub,
          { "emsmdb.stub.short", PI_MALFORMED, PI_ERROR, "Stub ends before a parameter", EXPFILL } },
        { &ei_long_array,
          { "emsmdb.array.long", PI_MALFORMED, PI_ERROR, "Array exceeds the stub", EXPFILL } },
        { &ei_array_counts,
          { "emsmdb.array.counts", PI_MALFORMED, PI_WARN, "Offset and counts of the array do not fit", EXPFILL } },
        { &ei_array_length,
          { "emsmdb.array.length", PI_PROTOCOL, PI_WARN, "Length differs from that of the array", EXPFILL } },
    };
    expert_module_t *expert = expert_register_protocol(parent);

    proto_register_field_array(parent, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert, ei, array_length(ei));
}
