/* reading.c
 * One reading of a structure: where it stands, what is known around it, and what does not fit
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/reading.h"

#include "rop/budget.h"

static expert_field ei_truncated = EI_INIT;
static expert_field ei_malformed = EI_INIT;
static expert_field ei_too_deep = EI_INIT;
static expert_field ei_too_much = EI_INIT;
static expert_field ei_undecoded = EI_INIT;
static expert_field ei_code_page = EI_INIT;

uint32_t
oxc_code_page_of(const oxc_read_t *r)
{
    const oxc_rop_t *rop = r->rop;

    if (r->code_page)
        return r->code_page;
    if (rop && rop->peer && rop->peer->code_page)
        return rop->peer->code_page;
    if (rop && rop->object && rop->object->code_page)
        return rop->object->code_page;
    if (rop && !r->is_response && r->code_pages && *r->code_pages && rop->in_index < OXC_MAX_HANDLES &&
        (*r->code_pages)[rop->in_index])
        return (*r->code_pages)[rop->in_index];
    return r->pdu && r->pdu->call->session ? r->pdu->call->session->code_page : 0;
}

void
oxc_code_page_check(packet_info *pinfo, proto_tree *tree, tvbuff_t *tvb, int offset, int length, uint32_t code_page)
{
    if (tree && !oxc_code_page_is_known(code_page))
        proto_tree_add_expert_format(tree, pinfo, &ei_code_page, tvb, offset, length,
                                     "Code page %u is not known: 8-bit text is shown as Windows-1252", code_page);
}

static bool
captured(const oxc_read_t *r, int offset, int64_t size)
{
    return !r->measure || size == 0 || (size <= INT_MAX && tvb_bytes_exist(r->tvb, offset, (int)size));
}

bool
oxc_try_to_afford(oxc_read_t *r, proto_tree *tree, int offset, unsigned fields)
{
    if (oxc_budget_spend(r->pinfo, r->pdu, fields))
        return true;
    if (!oxc_budget_is_exhausted(r->pdu))
        proto_tree_add_expert(tree, r->pinfo, &ei_too_much, r->tvb, offset, MAX(0, r->end - offset));
    oxc_budget_set_exhausted(r->pdu);
    return false;
}

bool
oxc_fits(oxc_read_t *r, proto_tree *tree, int offset, int64_t size)
{
    if (!oxc_afford(r, tree, offset, 1))
        return false;
    if (size >= 0 && size <= r->end - offset && captured(r, offset, size))
        return true;
    if (!r->measure)
        proto_tree_add_expert_format(tree, r->pinfo, &ei_truncated, r->tvb, offset, r->end - offset,
                                     "%" PRId64 " byte%s expected here, but only %d left", size,
                                     size == 1 ? "" : "s", r->end - offset);
    return false;
}

int
oxc_malformed(oxc_read_t *r, proto_tree *tree, int offset, int length, const char *format, ...)
{
    va_list args;

    if (!r->measure) {
        va_start(args, format);
        proto_tree_add_expert_format(tree, r->pinfo, &ei_malformed, r->tvb, offset, length, "%s",
                                     wmem_strdup_vprintf(r->pinfo->pool, format, args));
        va_end(args);
    }
    return -1;
}

bool
oxc_enter(oxc_read_t *r, proto_tree *tree, int offset)
{
    if (r->depth >= OXC_MAX_DEPTH) {
        if (!r->measure)
            proto_tree_add_expert(tree, r->pinfo, &ei_too_deep, r->tvb, offset, r->end - offset);
        return false;
    }
    r->depth++;
    return true;
}

void
oxc_leave(oxc_read_t *r)
{
    r->depth--;
}

int
oxc_type_unreadable(oxc_read_t *r, proto_tree *tree, int hf _U_, int offset, uint64_t arg _U_)
{
    return oxc_malformed(r, tree, offset, r->end - offset,
                         "A value above has no defined layout, so the rest cannot be read");
}

void
oxc_undecoded(oxc_read_t *r, proto_tree *tree, int offset, int length, const char *name)
{
    if (!r->measure)
        proto_tree_add_expert_format(tree, r->pinfo, &ei_undecoded, r->tvb, offset, length,
                                     "%s has %d bytes more than its contents", name, length);
}

void
oxc_reading_register(int proto)
{
    static ei_register_info ei[] = {
        { &ei_truncated, { "rop.truncated", PI_MALFORMED, PI_ERROR, "Truncated data", EXPFILL } },
        { &ei_malformed,
          { "rop.malformed", PI_MALFORMED, PI_ERROR, "Malformed value", EXPFILL } },
        { &ei_too_much,
          { "rop.too_much", PI_UNDECODED, PI_WARN, "Field limit reached", EXPFILL } },
        { &ei_too_deep,
          { "rop.too_deep", PI_MALFORMED, PI_ERROR, "Nesting limit reached", EXPFILL } },
        { &ei_code_page, { "rop.code_page_unknown", PI_UNDECODED, PI_NOTE, "Unknown code page", EXPFILL } },
        { &ei_undecoded, { "rop.undecoded", PI_UNDECODED, PI_WARN, "Undissected data", EXPFILL } },
    };

    expert_register_field_array(expert_register_protocol(proto), ei, G_N_ELEMENTS(ei));
}
