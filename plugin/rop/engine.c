/* engine.c
 * Reads the fields of a form as its definition says
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/engine.h"

#include "oxcnotif_item.h"
#include "rop/expression.h"
#include "rop/fasttransfer_structure.h"
#include "rop/field.h"
#include "rop/state_update.h"
#include "ropdefs.h"

#include <string.h>

static expert_field ei_deviation;
static expert_field ei_store_unknown;

/* ---- conditions ---- */

/*
 * A condition is met, or not, only because the server deviates from the specification, or depending on a logon that was
 * not captured: that is said.
 */
static void
say_why(oxc_read_t *r, oxc_form_state_t *s, const ropdef_field_t *f, ropdef_expression_fn condition, int offset, bool met)
{
    oxc_read_t as_specified;
    bool regular;

    if (s->asked_store) {
        static const oxc_store_t stores[] = { OXC_STORE_PRIVATE, OXC_STORE_PUBLIC };
        bool if_store[2];

        for (int i = 0; i < 2; i++) {
            s->supposed = &stores[i];
            if_store[i] = condition(r, s, offset) != 0;
        }
        s->supposed = NULL;
        if (if_store[0] != if_store[1])
            proto_tree_add_expert_format(
                s->tree, r->pinfo, &ei_store_unknown, r->tvb, offset, 0,
                "Whether %s is present depends on the RopLogon of this LogonId, which was not captured; "
                "inferred from the following bytes: %s",
                f->name, met ? "present" : "absent");
    }
    if (r->deviations == 0 && !s->asked_left_out)
        return;
    as_specified = *r;
    as_specified.deviations = 0;
    as_specified.settle = NULL;
    s->regular = true;
    regular = condition(&as_specified, s, offset) != 0;
    s->regular = false;
    if (met == regular)
        return;
    if (s->asked_left_out)
        proto_tree_add_expert_format(s->tree, r->pinfo, &ei_deviation, r->tvb, offset, 0,
                                     "%s: the server leaves it out because the ROP failed (MS-OXCROPS has it for every "
                                     "ReturnValue)", f->name);
    for (unsigned i = 0; i < ROPDEF_DEVIATION_COUNT && !s->asked_left_out; i++) {
        if (((r->deviations & ~s->shown) >> i) & 1 && *ropdef_deviations[i])
            proto_tree_add_expert_format(s->tree, r->pinfo, &ei_deviation, r->tvb, offset, 0, "%s",
                                         ropdef_deviations[i]);
    }
    s->shown |= r->deviations;
}

static inline bool
is_met(oxc_read_t *r, oxc_form_state_t *s, const ropdef_field_t *f, ropdef_expression_fn condition, int offset)
{
    bool met;

    s->asked_left_out = s->asked_store = false;
    met = condition(r, s, offset) != 0;
    if (!r->measure && (s->asked_store || s->asked_left_out || r->deviations))
        say_why(r, s, f, condition, offset, met);
    return met;
}

/* ---- fields ---- */

static int read_form(oxc_read_t *r, proto_tree *tree, int offset, unsigned form);

/* The name of a structure, and what its fields say. */
static void
show_struct_text(const oxc_read_t *r, proto_item *item, const char *text)
{
    oxc_line_t line;

    if (!oxc_is_seen(item))
        return;
    oxc_line_begin(&line, r->pinfo->pool, PITEM_FINFO(item)->hfinfo->name);
    oxc_line_own(&line);
    OXC_LINE_ADD(&line, ": ");
    oxc_line_add(&line, text);
    oxc_line_append(item, &line);
}

static int
read_struct(oxc_read_t *r, proto_tree *tree, const ropdef_field_t *f, int offset)
{
    proto_item *item = NULL;
    proto_tree *sub = NULL;
    wmem_strbuf_t *info = r->info;
    int next;

    if (!oxc_enter(r, tree, offset))
        return -1;
    /* The structure's own line says what its fields would say in the Info column. */
    r->info = info || (tree && PTREE_DATA(tree)->visible) ? wmem_strbuf_new(r->pinfo->pool, "") : NULL;
    if (tree) {
        item = proto_tree_add_item(tree, *f->hf, r->tvb, offset, r->end - offset, ENC_NA);
        sub = proto_item_add_subtree(item, *ropdef_forms[f->ref].ett);
    }
    next = read_form(r, sub, offset, f->ref);
    if (item && next >= 0)
        proto_item_set_len(item, next - offset);
    if (r->info && wmem_strbuf_get_len(r->info) > 0) {
        const char *text = wmem_strbuf_get_str(r->info);

        show_struct_text(r, item, text);
        r->info = info;
        if (f->flags & ROPDEF_INFO)
            oxc_info_add(r, text);
    }
    r->info = info;
    oxc_leave(r);
    return next;
}

/* One element of any type; value is what expressions see of it. */
static int
read_element(oxc_read_t *r, oxc_form_state_t *s, proto_tree *tree, const ropdef_field_t *f, int offset, uint64_t *value)
{
    uint64_t length;

    switch (f->type) {
    case ROPDEF_STRUCT:
        return read_struct(r, tree, f, offset);
    case ROPDEF_C_TYPE:
        return ropdef_c_types[f->ref](r, tree, *f->hf, offset, f->arg);
    case ROPDEF_STRINGZ_8:
    case ROPDEF_STRINGZ_16:
        return oxc_field_terminated(r, tree, f, offset);
    case ROPDEF_STRING_8:
    case ROPDEF_STRING_16:
    case ROPDEF_BYTES:
        length = f->count ? f->count(r, s, offset) : (uint64_t)(r->end - offset);
        if (length > INT32_MAX)
            length = INT32_MAX;
        return oxc_field_bytes(r, tree, f, offset, (int)length);
    default:
        return oxc_field_scalar(r, tree, f, offset, value);
    }
}

/* Does the session keep each element of the array? */
static bool
keeps_elements(const ropdef_field_t *f)
{
    return f->keep == ROPDEF_KEEP_FOLDER_NAMES || f->keep == ROPDEF_KEEP_IDS || f->keep == ROPDEF_KEEP_NAMES ||
           f->keep == ROPDEF_KEEP_PROPERTIES;
}

/* Elements until the count is reached or, without one, until the bytes end. */
static int
read_array(oxc_read_t *r, oxc_form_state_t *s, proto_tree *tree, const ropdef_field_t *f, int offset)
{
    uint64_t count = f->count ? f->count(r, s, offset) : UINT64_MAX;
    proto_item *item = NULL;
    proto_tree *sub = NULL;
    int start = offset;
    uint64_t i, value;

    if (count == 0 || (!f->count && offset >= r->end))
        return offset;
    if (!tree && !r->info && f->count && f->type <= ROPDEF_COUNTER && !keeps_elements(f) && count <= INT32_MAX / 16
        && oxc_skip(r, offset, (int64_t)count * f->size, (unsigned)count))
        return offset + (int)count * f->size;
    if (tree) {
        if (f->count)
            sub = proto_tree_add_subtree_format(tree, r->tvb, offset, r->end - offset, oxc_ett_array(), &item,
                                                "%s (%" PRIu64 ")", f->name, count);
        else
            sub = proto_tree_add_subtree(tree, r->tvb, offset, r->end - offset, oxc_ett_array(), &item, f->name);
    }
    for (i = 0; i < count && (f->count || offset < r->end); i++) {
        int next;

        r->element = i;
        next = read_element(r, s, sub, f, offset, &value);
        if (next < 0)
            return -1;
        if (next == offset)     /* nothing of no size is counted, and no count may keep us here */
            return oxc_malformed(r, sub, offset, 0, "An element of %s has no bytes", f->name);
        oxc_update_element(r, f, offset, value);
        offset = next;
    }
    if (item)
        proto_item_set_len(item, offset - start);
    return offset;
}

/* A field within the size that the definition gives it; what the field leaves of that is said. */
static int
read_limited(oxc_read_t *r, oxc_form_state_t *s, proto_tree *tree, const ropdef_field_t *f, int offset)
{
    uint64_t limit = f->limit(r, s, offset);
    uint64_t value = 0;
    int end = r->end;
    bool sized = r->sized;
    int limit_end, next;

    if (limit > INT32_MAX)
        limit = INT32_MAX;
    if (f->type == ROPDEF_BUFFER)
        return r->read_buffer(r, tree, f, offset, limit);
    if (!oxc_fits(r, tree, offset, (int64_t)limit))
        return -1;
    /* A size of 0 leaves a field out, but not the elements that a count promises. */
    if (limit == 0 && !(f->flags & ROPDEF_ARRAY))
        return offset;
    r->end = limit_end = offset + (int)limit;
    r->sized = true;
    next = f->flags & ROPDEF_ARRAY ? read_array(r, s, tree, f, offset) : read_element(r, s, tree, f, offset, &value);
    r->end = end;
    r->sized = sized;
    if (next < 0 && r->measure)
        return -1;
    if (next >= 0 && next < limit_end)
        oxc_undecoded(r, tree, next, limit_end - next, f->name);
    /* The size tells where to go on, whatever became of the inside. */
    return limit_end;
}

/* A field was read up to next: what later expressions, the session or the owner of the body need of it. */
static inline void
keep_field(oxc_read_t *r, oxc_form_state_t *s, const ropdef_field_t *f, uint64_t value, int offset, int next)
{
    s->slots[f->slot] = value;
    if (f->flags & ROPDEF_IS_LOGON_ID) {
        oxc_update_logon_id(r, (uint8_t)value);
    } else if (f->flags & ROPDEF_IS_RETURN_VALUE) {
        r->return_value = (uint32_t)value;
        oxc_update_return_value(r, (uint32_t)value);
    }
    if (!f->keep)
        return;
    oxc_update_field(r, f, value, offset, next);
    if (f->keep == ROPDEF_KEEP_CODE_PAGE && !r->measure)
        oxc_code_page_check(r->pinfo, s->tree, r->tvb, offset, next - offset, r->code_page);
    if (r->keep && !r->measure)
        r->keep(r, f, value, offset, next);
}

static int
read_field(oxc_read_t *r, oxc_form_state_t *s, const ropdef_field_t *f, int offset)
{
    uint64_t value = 0;
    int next;

    if (f->limit) {
        next = read_limited(r, s, s->tree, f, offset);
    } else if (f->flags & ROPDEF_ARRAY) {
        next = read_array(r, s, s->tree, f, offset);
    } else {
        next = read_element(r, s, s->tree, f, offset, &value);
    }
    if (next < 0)
        return -1;
    keep_field(r, s, f, value, offset, next);
    return next;
}

/* A field at an offset that counts from the beginning of the tvb; 0 says that there is none. Returns offset. */
static int
read_at(oxc_read_t *r, oxc_form_state_t *s, const ropdef_field_t *f, int offset)
{
    uint64_t at = f->at(r, s, offset);
    int next;

    if (at == 0)
        return offset;
    if (at < (uint64_t)offset || at >= (uint64_t)r->end) {
        oxc_malformed(r, s->tree, offset, 0, "%s cannot be at offset %" PRIu64 ": the structure ends at %d", f->name,
                      at, r->end);
        return offset;
    }
    /* Whatever is wrong with it, the fields behind its offset are where they are. */
    next = read_field(r, s, f, (int)at);
    r->reach = MAX(r->reach, next);
    return offset;
}

/* The last of the fields that a condition leaves out: while no byte is read it stays as it is, if there is nothing to say. */
static const ropdef_field_t *
last_left_out(const oxc_read_t *r, const oxc_form_state_t *s, const ropdef_field_t *f, const ropdef_field_t *end)
{
    if (!s->asked_store && !s->asked_left_out && !r->deviations)
        while (f + 1 < end && f[1].cond == f->cond)
            f++;
    return f;
}

static int
read_form(oxc_read_t *r, proto_tree *tree, int offset, unsigned form)
{
    oxc_form_state_t s = { &ropdef_forms[form], tree, { 0 }, NULL, false, false, false, 0 };
    const ropdef_field_t *end = s.form->fields + s.form->count;
    bool shows = tree || r->info;

    for (const ropdef_field_t *f = s.form->fields; f < end; f++) {
        uint64_t value;
        int next;

        if (!shows && f->run && oxc_skip(r, offset, f->run_size, f->run)) {
            offset += f->run_size;
            f += f->run - 1;
            continue;
        }
        if (f->cond && !is_met(r, &s, f, f->cond, offset)) {
            f = last_left_out(r, &s, f, end);
            continue;
        }
        if (f->type == ROPDEF_DECISION) {
            s.slots[f->slot] = is_met(r, &s, f, f->count, offset);
            continue;
        }
        if (!shows && f->flags & ROPDEF_SCALAR && oxc_skip(r, offset, f->size, 1)) {
            value = oxc_field_value(f, r->bytes + offset);
            next = offset + f->size;
            keep_field(r, &s, f, value, offset, next);
        } else if (f->type == ROPDEF_HANDLE) {
            next = oxc_field_handle(r, tree, f, offset, &value);
            if (next >= 0)
                keep_field(r, &s, f, value, offset, next);
        } else {
            next = f->at ? read_at(r, &s, f, offset) : read_field(r, &s, f, offset);
        }
        if (next < 0)
            return -1;
        offset = next;
    }
    return offset;
}

int
oxc_engine_form(oxc_read_t *r, proto_tree *tree, int offset, unsigned form)
{
    return read_form(r, tree, offset, form);
}

void
oxc_deviation(oxc_read_t *r, proto_tree *tree, int offset, const char *reason)
{
    if (!r->measure)
        proto_tree_add_expert_format(tree, r->pinfo, &ei_deviation, r->tvb, offset, 0, "%s", reason);
}

/* A structure inside of a value. */
static int
read_structure(oxc_read_t *r, proto_tree *tree, int offset, unsigned form, oxc_text_t *text)
{
    wmem_strbuf_t *info = r->info;
    int next;

    r->info = text ? wmem_strbuf_new(r->pinfo->pool, "") : NULL;
    next = read_form(r, tree, offset, form);
    if (text)
        oxc_text_put(text, wmem_strbuf_get_str(r->info));
    r->info = info;
    return next;
}

void
oxc_engine_register(int proto)
{
    static ei_register_info ei[] = {
        { &ei_store_unknown,
          { "rop.store_unknown", PI_UNDECODED, PI_NOTE,
            "Private or public store unknown: RopLogon not captured", EXPFILL } },
        { &ei_deviation,
          { "rop.deviation", PI_PROTOCOL, PI_WARN, "Server deviates from the specification", EXPFILL } },
    };

    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
    oxc_fx_set_reader(read_structure);
}
