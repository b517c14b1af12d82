/* field.c
 * Reads and shows single fields
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/field.h"

#include "oxcnotif_item.h"
#include "rop/handle_table.h"
#include "rop/line.h"
#include "rop/property.h"
#include "rop/state_update.h"
#include "ropdefs.h"

#include <epan/to_str.h>

static int ett_array = -1;

static expert_field ei_handle_outside = EI_INIT;
static expert_field ei_echo = EI_INIT;

int
oxc_ett_array(void)
{
    return ett_array;
}

void
oxc_info_add(oxc_read_t *r, const char *text)
{
    if (!r->info)
        return;
    if (wmem_strbuf_get_len(r->info) > 0)
        wmem_strbuf_append_c(r->info, ' ');
    wmem_strbuf_append(r->info, oxc_shown_text(r->pinfo->pool, text));
}

static const char *
value_name(const ropdef_field_t *f, uint64_t value)
{
    if (f->bits && f->bits->info_names)
        return try_val_to_str((uint32_t)(value & f->bits->info_mask), f->bits->info_names);
    return f->names && value <= UINT32_MAX ? try_val_to_str((uint32_t)value, f->names) : NULL;
}

static const char *
guid_text(oxc_read_t *r, int offset)
{
    e_guid_t guid;
    const char *name;

    tvb_get_letohguid(r->tvb, offset, &guid);
    name = oxc_guid_name(&guid);
    return name ? name : guid_to_str(r->pinfo->pool, &guid);
}

/* The names of the bits that are set: two stand for many, which the bits below tell one by one. */
static const char *
flags_text(const oxc_read_t *r, const ropdef_field_t *f, uint64_t value)
{
    enum { NAMES = 3 };
    wmem_strbuf_t *text = wmem_strbuf_new(r->pinfo->pool, "");
    unsigned set = 0, shown = 0;

    for (int *const *bit = f->bits->bits; *bit; bit++)
        set += (value & proto_registrar_get_nth(**bit)->bitmask) != 0;
    for (int *const *bit = f->bits->bits; *bit; bit++) {
        const header_field_info *info = proto_registrar_get_nth(**bit);

        if (!(value & info->bitmask))
            continue;
        if (set > NAMES && shown == NAMES - 1) {
            wmem_strbuf_append(text, "…");
            break;
        }
        if (shown++)
            wmem_strbuf_append_c(text, '|');
        wmem_strbuf_append(text, info->name);
    }
    return wmem_strbuf_get_str(text);
}

/* What the Info column, or the line of a structure, says of a number. */
static const char *
scalar_text(oxc_read_t *r, const ropdef_field_t *f, int offset, uint64_t value)
{
    const char *name = value_name(f, value);
    const header_field_info *info = proto_registrar_get_nth(*f->hf);
    oxc_line_t line;

    if (name)
        return name;
    switch (f->type) {
    case ROPDEF_FOLDER_ID:
        return oxc_folder_text(r, oxc_logon_of(r), value);
    case ROPDEF_TAG:
        return oxc_property_name(r, (uint32_t)value);
    case ROPDEF_GUID:
        return guid_text(r, offset);
    case ROPDEF_INT:
        return wmem_strdup_printf(r->pinfo->pool, "%" PRId64, (int64_t)value);
    default:
        break;
    }
    if (info->strings == &ropdef_error_vals_ext && try_val_to_str_ext((uint32_t)value, &ropdef_error_vals_ext))
        return val_to_str_ext_const((uint32_t)value, &ropdef_error_vals_ext, "");
    if (f->bits && f->bits->info_names)
        value &= f->bits->info_mask;
    if (f->bits && !f->bits->info_names && value != 0)
        return flags_text(r, f, value);
    if (FIELD_DISPLAY(info->display) == BASE_HEX)
        return wmem_strdup_printf(r->pinfo->pool, "0x%" PRIx64, value);
    oxc_line_begin_part(&line, r->pinfo->pool);
    oxc_line_add_decimal(&line, value);
    return line.text;
}

/* A tag is shown with its name; hidden, it is a tag like any other for filters. */
static void
add_tag(oxc_read_t *r, proto_tree *tree, int hf, int offset, uint32_t tag)
{
    static int hf_any_tag = -1;
    proto_item *item;
    oxc_line_t line;

    if (oxc_is_seen(tree))
        oxc_property_tag_line(r, &line, hf, tag);
    if (!oxc_is_seen(tree) || oxc_line_is_label(&line)) {
        item = proto_tree_add_uint(tree, hf, r->tvb, offset, 4, tag);
        oxc_line_give(item, &line);
    } else {
        proto_tree_add_uint_format_value(tree, hf, r->tvb, offset, 4, tag, "0x%08x (%s)", tag, oxc_property_tag_name(r, tag));
    }
    if (hf_any_tag < 0)
        hf_any_tag = proto_registrar_get_id_byname("rop.property.tag");
    if (hf_any_tag >= 0 && hf_any_tag != hf)
        proto_item_set_hidden(proto_tree_add_item(tree, hf_any_tag, r->tvb, offset, 4, ENC_LITTLE_ENDIAN));
}

/* MS-OXCDATA 2.2.1: a replica id and a counter, the counter big-endian. */
static void
add_id(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset, uint64_t id)
{
    proto_item *item = proto_tree_add_uint64(tree, *f->hf, r->tvb, offset, 8, id);
    const char *name = NULL;
    oxc_line_t line;

    if (!oxc_is_seen(tree))
        return;
    if (f->type == ROPDEF_FOLDER_ID && r->pdu)
        name = oxc_session_folder_name(r->pinfo, r->pdu->call->session, oxc_logon_of(r), id);
    if (f->names)
        name = try_val_to_str((uint32_t)r->element, f->names);
    oxc_line_begin_field(&line, r->pinfo->pool, item);
    oxc_id_line(r, &line, id, name);
    oxc_line_append(item, &line);
}

/* A number of up to eight bytes: proto_tree_add_item() would read it once more, which takes longer than all else. */
static proto_item *
add_number(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset, uint64_t value)
{
    switch (proto_registrar_get_nth(*f->hf)->type) {
    case FT_UINT8:
    case FT_UINT16:
    case FT_UINT24:
    case FT_UINT32:
        return proto_tree_add_uint(tree, *f->hf, r->tvb, offset, f->size, (uint32_t)value);
    case FT_UINT64:
        return proto_tree_add_uint64(tree, *f->hf, r->tvb, offset, f->size, value);
    case FT_BOOLEAN:
        return proto_tree_add_boolean(tree, *f->hf, r->tvb, offset, f->size, (uint32_t)value);
    default:
        return proto_tree_add_item(tree, *f->hf, r->tvb, offset, f->size, ENC_LITTLE_ENDIAN);
    }
}

static void
show_scalar(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset, uint64_t value)
{
    proto_item *item;

    switch (f->type) {
    case ROPDEF_ID:
    case ROPDEF_FOLDER_ID:
        add_id(r, tree, f, offset, value);
        break;
    case ROPDEF_TAG:
        add_tag(r, tree, *f->hf, offset, (uint32_t)value);
        break;
    case ROPDEF_GUID:
        proto_tree_add_item(tree, *f->hf, r->tvb, offset, 16, ENC_LITTLE_ENDIAN);
        break;
    case ROPDEF_FILETIME:
        oxc_filetime(r, tree, *f->hf, offset, NULL);
        break;
    case ROPDEF_COUNTER:
        proto_tree_add_item(tree, *f->hf, r->tvb, offset, 6, ENC_BIG_ENDIAN);
        break;
    default:
        if (f->bits) {
            proto_tree_add_bitmask_with_flags(tree, r->tvb, offset, *f->hf, *f->bits->ett, f->bits->bits,
                                              ENC_LITTLE_ENDIAN, BMT_NO_APPEND);
        } else {
            item = add_number(r, tree, f, offset, value);
            if (f->flags & ROPDEF_ARRAY && f->names)
                proto_item_append_text(item, " (%s)", val_to_str_const((uint32_t)r->element, f->names, "?"));
        }
    }
}

int
oxc_field_scalar(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset, uint64_t *value)
{
    if (!oxc_fits(r, tree, offset, f->size))
        return -1;
    *value = oxc_field_value(f, tvb_get_ptr(r->tvb, offset, f->size));
    if (r->measure)
        return offset + f->size;

    if (tree)
        show_scalar(r, tree, f, offset, *value);
    if (f->flags & ROPDEF_INFO && r->info)
        oxc_info_add(r, scalar_text(r, f, offset, *value));
    return offset + f->size;
}

static bool
is_wide(const ropdef_field_t *f)
{
    return f->type == ROPDEF_STRINGZ_16 || f->type == ROPDEF_STRING_16;
}

static void
show_string(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset, int length, int text_length)
{
    const char *text;

    if (r->measure || (!tree && !(f->flags & ROPDEF_INFO && r->info)))
        return;
    if (is_wide(f))
        text = oxc_utf16_text(r->pinfo->pool, r->tvb, offset, text_length);
    else
        text = oxc_code_page_text(r->pinfo->pool, r->tvb, offset, text_length,
                                  f->flags & ROPDEF_LATIN1 ? OXC_CODE_PAGE_LATIN1 : oxc_code_page_of(r));
    if (tree)
        proto_tree_add_string(tree, *f->hf, r->tvb, offset, length, text);
    if (f->flags & ROPDEF_INFO)
        oxc_info_add(r, text);
}

int
oxc_field_terminated(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset)
{
    int width = f->type == ROPDEF_STRINGZ_16 ? 2 : 1;
    int length = oxc_stringz_size(r, tree, offset, width == 2, f->name);

    if (length < 0)
        return -1;
    show_string(r, tree, f, offset, length, length - width);
    return offset + length;
}

int
oxc_field_bytes(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset, int length)
{
    int text_length = length;

    if (!oxc_fits(r, tree, offset, length))
        return -1;
    if (length == 0)
        return offset;
    if (f->type != ROPDEF_BYTES) {
        /* The sizes of the specification include the NUL. */
        int width = f->type == ROPDEF_STRING_16 ? 2 : 1;

        if (!r->measure && length >= width && (width == 1 ? tvb_get_uint8(r->tvb, offset + length - 1)
                                                          : tvb_get_letohs(r->tvb, offset + length - 2)) == 0)
            text_length -= width;
        show_string(r, tree, f, offset, length, text_length);
    } else if (tree) {
        proto_tree_add_item(tree, *f->hf, r->tvb, offset, length, ENC_NA);
    }
    return offset + length;
}

/* The index that an answer has to echo (MS-OXCROPS 2.2.2, "HandleIndex"): that of its request, if it was captured. */
static uint16_t
echoed_index(const oxc_read_t *r, const ropdef_field_t *f, unsigned place)
{
    const oxc_rop_t *peer = r->is_response && r->rop ? r->rop->peer : NULL;
    uint16_t expected = OXC_NO_INDEX;

    if (peer && f->flags & ROPDEF_HANDLE_OUT)
        expected = peer->out_index;
    else if (peer && f->flags & ROPDEF_HANDLE_IN)
        expected = peer->in_index;
    return expected != OXC_NO_INDEX ? expected : (uint16_t)place;
}

/*
 * A server that echoes another index still means the request's: the handles in the table are where the request wants
 * them.
 */
static void
say_echo(oxc_read_t *r, proto_item *item, const ropdef_field_t *f, unsigned place, unsigned expected)
{
    expert_add_info_format(r->pinfo, item, &ei_echo, "The answer echoes handle index %u, but %s of the request is %u",
                           place, f->name, expected);
}

static void
show_handle(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset, unsigned place)
{
    proto_item *item = tree ? proto_tree_add_uint(tree, *f->hf, r->tvb, offset, 1, place) : NULL;
    const oxc_handle_table_t *table = r->handles;
    bool first = r->rop && !PINFO_FD_VISITED(r->pinfo);
    uint16_t expected = echoed_index(r, f, place);

    if (!table)
        return;
    if (f->kind)
        r->out_kind = f->kind;
    if (r->is_response && expected != place)
        say_echo(r, item, f, place, expected);
    if (f->flags & ROPDEF_HANDLE_OUT) {
        if (first)
            r->rop->out_index = expected;
    } else if (f->flags & ROPDEF_HANDLE_IN) {
        if (first) {
            r->rop->in_index = (uint16_t)place;
            r->rop->handle = oxc_handle_at(table, place);
            /* The answer to S,D and R,I ROPs names its input object by another index than the request. */
            r->rop->object = oxc_handle_input(r, r->is_response && r->rop->peer ? r->rop->peer->in_index : place);
            oxc_update_find_columns(r, r->def);
        }
    } else if (first && !r->is_response) {
        oxc_rop_change_more(r->rop)->dest_index = (uint16_t)place;
    }

    /* An answer may leave entries out that nobody needs any more (MS-OXCROPS 2.2.1.2). */
    if (!r->is_response && place >= table->count)
        proto_tree_add_expert_format(tree, r->pinfo, &ei_handle_outside, r->tvb, offset, 1,
                                     "%s %u is outside the server object handle table of %u entries", f->name, place,
                                     table->count);
    if (tree)
        oxc_handle_index_show(r, item, place);
    if (tree && f->flags & ROPDEF_HANDLE_IN && r->rop)
        oxc_object_show(r, tree, offset, 1, r->rop->object);
}

int
oxc_field_handle(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset, uint64_t *value)
{
    if (!tree && oxc_skip(r, offset, 1, 1))
        *value = r->bytes[offset];
    else if (oxc_fits(r, tree, offset, 1))
        *value = tvb_get_uint8(r->tvb, offset);
    else
        return -1;
    if (!r->measure)
        show_handle(r, tree, f, offset, (unsigned)*value);
    return offset + 1;
}

void
oxc_field_register(int proto)
{
    static int *ett[] = { &ett_array };
    static ei_register_info ei[] = {
        { &ei_handle_outside,
          { "rop.handle_index.outside", PI_PROTOCOL, PI_WARN, "Handle index outside the server object handle table",
            EXPFILL } },
        { &ei_echo, { "rop.handle_index.echo", PI_PROTOCOL, PI_WARN,
                      "Handle index differs from that of the request", EXPFILL } },
    };

    proto_register_subtree_array(ett, G_N_ELEMENTS(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}
