/* state_update.c
 * What the session remembers of ROPs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/state_update.h"

#include "rop/handle_table.h"
#include "rop/property.h"
#include "session/folder.h"
#include "ropdefs.h"

/* A CodePageId that names no code page (MS-OXCROPS 2.2.6.1.1). */
#define CODE_PAGE_OF_LOGON 0x0FFF

static bool
keeps(const oxc_read_t *r)
{
    return r->rop && r->pdu && !r->measure && !PINFO_FD_VISITED(r->pinfo);
}

static const char *
kept_string(const oxc_read_t *r, const ropdef_field_t *f, int offset, int next)
{
    if (f->type == ROPDEF_STRINGZ_16)
        return oxc_utf16_text(wmem_file_scope(), r->tvb, offset, next - offset - 2);
    return oxc_code_page_text(wmem_file_scope(), r->tvb, offset, next - offset - 1, oxc_code_page_of(r));
}

/* Only subscriptions and tables are notified: another object has taken over the handle of one. */
static oxc_object_t *
notified(oxc_object_t *object)
{
    return object && (object->is_subscription || object->is_table) ? object : NULL;
}

/* The object a notification is about, and how the rows of a table among them are read. */
static void
find_target(oxc_read_t *r)
{
    oxc_session_t *session = r->pdu->call->session;
    oxc_rop_t *rop = r->rop;

    if (!session || rop->object)
        return;
    /* What was released meanwhile is still what the notification was queued for (MS-OXCNOTIF 3.2.5.7). */
    rop->object = notified(oxc_object_latest(session, rop->logon_id, rop->handle));
    if (!rop->object)
        rop->object = notified(oxc_object_any_logon(session, rop->handle));
    if (rop->object)
        rop->columns = rop->object->columns;
}

/* The tags from offset to next, for as long as the capture is open. */
static const oxc_columns_t *
kept_columns(const oxc_read_t *r, int offset, int next)
{
    return oxc_columns_keep(r->pinfo, r->pdu->call->session, r->tvb, offset, (unsigned)(next - offset) / 4);
}

/*
 * A notification names the folder that a folder is in now (or was, until it was deleted); with S and M the search folder
 * that a message came to or left.
 */
static void
told_of_parent(const oxc_read_t *r, oxc_session_t *session, uint64_t parent)
{
    const oxc_rop_t *rop = r->rop;

    if (rop->notification_flags & OXC_NOTIFIED_OF_MESSAGE) {
        if (rop->notification_flags & (OXC_NOTIFIED_CREATED | OXC_NOTIFIED_DELETED))
            oxc_folder_message_changed(r->pinfo, session, rop->logon, parent, OXC_CHANGE_TOLD);
        return;
    }
    if (!(rop->notification_flags & OXC_NOTIFIED_DELETED))
        oxc_folder_placed(r->pinfo, session, rop->logon, rop->folder_id, parent);
    oxc_folder_subfolder_changed(r->pinfo, session, rop->logon, parent, OXC_CHANGE_TOLD);
}

/* Later requests of the buffer may work on the message that this one opens: on every visit, as the object is not known then. */
static void
note_code_page(const oxc_read_t *r)
{
    if (r->measure || r->is_response || !r->rop || !r->code_pages || r->rop->out_index >= OXC_MAX_HANDLES)
        return;
    if (!*r->code_pages)
        *r->code_pages = wmem_alloc0_array(r->pinfo->pool, uint16_t, OXC_MAX_HANDLES);
    (*r->code_pages)[r->rop->out_index] = (uint16_t)r->code_page;
}

void
oxc_update_logon_id(oxc_read_t *r, uint8_t logon_id)
{
    const oxc_session_t *session;

    if (!keeps(r))
        return;
    session = r->pdu->call->session;
    r->rop->logon_id = logon_id;
    if (session) {
        const oxc_logon_id_t *known = oxc_session_logon_id(session, logon_id);

        r->rop->store = known->store;
        r->rop->logon = oxc_logon_id_now(known, logon_id);
    }
    if (r->rop->is_notification)
        find_target(r);
}

void
oxc_update_return_value(oxc_read_t *r, uint32_t value)
{
    oxc_session_t *session;

    if (!keeps(r))
        return;
    session = r->pdu->call->session;
    if (value == 0 && session && r->def && r->def->does & ROPDEF_DOES_LOGON) {
        oxc_session_change_logon_id(session, r->rop->logon_id)->logons++;
        r->rop->logon = oxc_session_logon(session, r->rop->logon_id);
    }
}

void
oxc_update_field(oxc_read_t *r, const ropdef_field_t *f, uint64_t value, int offset, int next)
{
    oxc_rop_t *rop = r->rop;
    oxc_session_t *session;

    if (f->keep == ROPDEF_KEEP_ROW_COLUMNS && !r->measure)
        r->row_columns = oxc_columns_read(r->pinfo->pool, r->pinfo, r->tvb, offset, (unsigned)(next - offset) / 4);
    if (f->keep == ROPDEF_KEEP_CODE_PAGE) {
        r->code_page = value == CODE_PAGE_OF_LOGON ? 0 : (uint32_t)value;
        note_code_page(r);
    }
    if (!keeps(r))
        return;
    session = r->pdu->call->session;
    switch (f->keep) {
    case ROPDEF_KEEP_FOLDER:
        rop->folder_id = value;
        break;
    case ROPDEF_KEEP_OLD_FOLDER:
        if (oxc_notified_of_message(rop->notification_flags) && rop->notification_flags & OXC_NOTIFIED_MOVED)
            oxc_folder_message_changed(r->pinfo, session, rop->logon, value, OXC_CHANGE_TOLD);
        break;
    case ROPDEF_KEEP_PARENT:
        told_of_parent(r, session, value);
        break;
    case ROPDEF_KEEP_OLD_PARENT:
        if (rop->notification_flags & OXC_NOTIFIED_MOVED)
            oxc_folder_subfolder_changed(r->pinfo, session, rop->logon, value, OXC_CHANGE_TOLD);
        break;
    case ROPDEF_KEEP_RESTRICTION:
        rop->restricts = next > offset;
        break;
    case ROPDEF_KEEP_PROBLEMS:
        rop->unchanged = next > offset;
        break;
    case ROPDEF_KEEP_UNCHANGED:
        rop->unchanged = value != 0;
        break;
    case ROPDEF_KEEP_CODE_PAGE:
        rop->code_page = (uint16_t)r->code_page;
        break;
    case ROPDEF_KEEP_COPIES:
        rop->copies = value != 0;
        break;
    case ROPDEF_KEEP_ASSOCIATED:
        rop->associated = value != 0;
        break;
    case ROPDEF_KEEP_MESSAGE:
        rop->message_id = value;
        break;
    case ROPDEF_KEEP_NOTIFICATION_TYPES:
        rop->notification_types = (uint16_t)value;
        break;
    case ROPDEF_KEEP_WHOLE_STORE:
        rop->whole_store = value != 0;
        break;
    case ROPDEF_KEEP_TABLE_FLAGS:
        rop->table_flags = (uint8_t)value;
        break;
    case ROPDEF_KEEP_LOGON_FLAGS:
        rop->logon_flags = (uint8_t)value;
        break;
    case ROPDEF_KEEP_TARGET:
        rop->handle = (uint32_t)value;
        r->pdu->notifications += !rop->is_notification;
        rop->is_notification = true;
        break;
    case ROPDEF_KEEP_NOTIFICATION_FLAGS:
        rop->notification_flags = (uint16_t)value;
        break;
    case ROPDEF_KEEP_TABLE_EVENT:
        rop->table_event = (uint16_t)value;
        break;
    case ROPDEF_KEEP_SESSION_INDEX:
        rop->session_index = (uint16_t)value;
        break;
    case ROPDEF_KEEP_STATE_PROPERTY:
        if (rop->object) {
            rop->object->state_property = (uint32_t)value;
            rop->object->states++;
        }
        break;
    case ROPDEF_KEEP_STATE_SIZE:
        if (rop->object)
            rop->object->state_size = (uint32_t)value;
        break;
    case ROPDEF_KEEP_NAME:
        oxc_rop_change_more(rop)->display_name = kept_string(r, f, offset, next);
        break;
    case ROPDEF_KEEP_RECIPIENT_COLUMNS:
        /* The rows of the ROP itself are read by them already. */
    case ROPDEF_KEEP_COLUMNS:
        rop->columns = kept_columns(r, offset, next);
        rop->brings_columns = true;
        break;
    default:
        break;
    }
}

/* PidTagDisplayName in a TaggedPropertyValue. */
static void
keep_display_name(oxc_read_t *r, int offset)
{
    uint32_t tag = tvb_get_letohl(r->tvb, offset);

    offset += 4;
    if (tag == OXC_TAG_DISPLAY_NAME)
        oxc_rop_change_more(r->rop)->display_name =
            oxc_utf16_text(wmem_file_scope(), r->tvb, offset, (int)tvb_unicode_strsize(r->tvb, offset) - 2);
    else if (tag == OXC_TAG_DISPLAY_NAME_8)
        oxc_rop_change_more(r->rop)->display_name =
            oxc_code_page_text(wmem_file_scope(), r->tvb, offset, (int)tvb_strsize(r->tvb, offset) - 1, oxc_code_page_of(r));
}

void
oxc_update_element(oxc_read_t *r, const ropdef_field_t *f, int offset, uint64_t value)
{
    oxc_rop_t *rop = r->rop;

    if (!keeps(r))
        return;
    if (f->keep == ROPDEF_KEEP_FOLDER_NAMES) {
        oxc_session_name_logon_folder(r->pinfo, r->pdu->call->session, rop->logon, value, (unsigned)r->element, f->names);
    } else if (f->keep == ROPDEF_KEEP_PROPERTIES) {
        keep_display_name(r, offset);
    } else if (f->keep == ROPDEF_KEEP_IDS) {
        uint16_t id = (uint16_t)value;
        oxc_rop_more_t *more = oxc_rop_change_more(rop);

        if (!more->ids)
            more->ids = wmem_array_new(wmem_file_scope(), sizeof(uint16_t));
        wmem_array_append_one(more->ids, id);
    } else if (f->keep == ROPDEF_KEEP_NAMES) {
        const char *name = oxc_property_name_text(wmem_file_scope(), r->pinfo, r->tvb, offset);
        oxc_rop_more_t *more = oxc_rop_change_more(rop);

        if (!more->names)
            more->names = wmem_array_new(wmem_file_scope(), sizeof(const char *));
        wmem_array_append_one(more->names, name);
    }
}

void
oxc_update_rows(oxc_read_t *r, const ropdef_rop_t *def)
{
    oxc_rop_t *rop = r->rop;

    if (!keeps(r))
        return;
    switch (def->rows) {
    case ROPDEF_ROWS_COLUMNS:
        rop->columns = rop->object ? rop->object->columns : NULL;
        break;
    case ROPDEF_ROWS_REQUEST:
        rop->columns = rop->peer ? oxc_rop_brought_columns(rop->peer) : NULL;
        break;
    case ROPDEF_ROWS_RECIPIENTS:
        rop->columns = rop->object ? rop->object->recipient_columns : NULL;
        break;
    case ROPDEF_ROWS_FIXED:
        rop->columns = def->fixed_columns;
        break;
    default:
        break;
    }
}

void
oxc_update_request(oxc_read_t *r, const ropdef_rop_t *def)
{
    if (!keeps(r) || !r->pdu->call->session)
        return;
    /* An object that this very buffer opens is released when the answers have named it (see the buffer). */
    if (def->does & ROPDEF_DOES_RELEASE && r->rop->object)
        oxc_object_release(r->pinfo, r->pdu->call->session, r->rop->object);
}

static void
name_properties(oxc_read_t *r)
{
    const oxc_rop_more_t *own = oxc_rop_more(r->rop), *asked = r->rop->peer ? oxc_rop_more(r->rop->peer) : &oxc_rop_no_more;
    wmem_array_t *names = own->names ? own->names : asked->names, *ids = own->ids ? own->ids : asked->ids;
    unsigned count;

    if (!names || !ids)
        return;
    count = MIN(wmem_array_get_count(names), wmem_array_get_count(ids));
    for (unsigned i = 0; i < count; i++)
        oxc_session_name_property(r->pinfo, r->pdu->call->session, r->rop->logon, *(uint16_t *)wmem_array_index(ids, i),
                                  *(const char **)wmem_array_index(names, i));
}

/*
 * Contents tables that show no messages that come and go (Associated, SoftDeletes, ConversationMembers), or of which
 * the client wants to know nothing (NoNotifications): MS-OXCFOLD 2.2.1.14.1. The same of hierarchy tables (NoNotifications,
 * SoftDeletes, SuppressesNotifications: of what the client itself does), 2.2.1.13.1.
 */
#define OTHER_CONTENTS (0x02 | 0x10 | 0x20 | 0x80)
#define OTHER_HIERARCHY (0x10 | 0x20 | 0x80)
#define HIERARCHY_DEPTH 0x04

static oxc_listed_t
rows_of(const ropdef_rop_t *def, unsigned flags)
{
    if (!(def->does & ROPDEF_DOES_OPEN_TABLE))
        return OXC_ROWS_OTHER;
    if (def->does & ROPDEF_DOES_LIST_FOLDERS)
        return flags & OTHER_HIERARCHY ? OXC_ROWS_OTHER : flags & HIERARCHY_DEPTH ? OXC_ROWS_ALL_BELOW : OXC_ROWS_SUBFOLDERS;
    return flags & OTHER_CONTENTS ? OXC_ROWS_OTHER : OXC_ROWS_MESSAGES;
}

static void
open_object(oxc_read_t *r, const ropdef_rop_t *def, const char *kind)
{
    oxc_session_t *session = r->pdu->call->session;
    oxc_rop_t *rop = r->rop;
    const oxc_rop_t *peer = rop->peer;
    uint32_t handle = oxc_handle_at(r->handles, rop->out_index);
    oxc_object_t *parent = rop->object;
    oxc_object_t *object;

    if (handle == OXC_NO_HANDLE)
        return;
    /* The answer of a ROP that opens something names only what it opened. */
    if (!parent && peer && peer->in_index != OXC_NO_INDEX)
        parent = oxc_handle_input(r, peer->in_index);
    if (def->does & ROPDEF_DOES_LOGON) {
        oxc_logon_release(r->pinfo, session, rop->logon_id);
        oxc_session_change_logon_id(session, rop->logon_id)->store =
            rop->logon_flags & 0x01 ? OXC_STORE_PRIVATE : OXC_STORE_PUBLIC;
    }
    object = oxc_object_open(r->pinfo, session, rop->logon_id, handle, kind, parent);
    object->is_logon = (def->does & ROPDEF_DOES_LOGON) != 0;
    object->is_folder = (def->does & ROPDEF_DOES_OPEN_FOLDER) != 0;
    object->is_table = (def->does & ROPDEF_DOES_OPEN_TABLE) != 0;
    object->lists_folders = (def->does & ROPDEF_DOES_LIST_FOLDERS) != 0;
    object->is_subscription = (def->does & ROPDEF_DOES_SUBSCRIBE) != 0;
    if (peer) {
        object->opened_in = r->pdu->call->request->frame;
        if (peer->folder_id)
            object->folder_id = peer->folder_id;
        if (peer->message_id)
            object->message_id = peer->message_id;
        object->notification_types = peer->notification_types;
        object->rows = (uint8_t)rows_of(def, peer->table_flags);
        if (peer->code_page)
            object->code_page = peer->code_page;
        object->is_new_message = def->does & ROPDEF_DOES_CREATE_MESSAGE && !peer->associated;
        object->whole_store = peer->whole_store;
        if (peer->whole_store)
            object->folder_id = object->message_id = 0;
    }
    if (rop->folder_id)
        object->folder_id = rop->folder_id;
    if (def->does & ROPDEF_DOES_SET_RECIPIENTS)
        object->recipient_columns = oxc_rop_brought_columns(rop);
    rop->created = object;
    oxc_handle_opened(r->pinfo->pool, r->handles, rop->out_index, object);
}

/* The folder that the object is: 0 if there is none. */
static uint64_t
folder_of(const oxc_object_t *object)
{
    return object ? object->folder_id : 0;
}

/* What the ROP works on besides its input object. */
static const oxc_object_t *
destination(const oxc_read_t *r)
{
    unsigned place = oxc_rop_more(r->rop->peer)->dest_index;
    const oxc_object_t *opened = oxc_handle_opened_at(r->handles, place);
    uint32_t handle = oxc_handle_at(r->handles, place);

    return opened || handle == OXC_NO_HANDLE ? opened : oxc_object_find(r->pdu->call->session, r->rop->logon_id, handle);
}

/* What comes to a folder, or leaves it, by an answer: all of its ROP was done. */
static void
change_folders(const oxc_read_t *r, const ropdef_rop_t *def)
{
    const oxc_rop_t *rop = r->rop;
    oxc_session_t *session = r->pdu->call->session;
    uint64_t left = folder_of(rop->created ? rop->created->parent : rop->object), come = folder_of(destination(r));

    /* Of what a ROP copies nothing leaves its source. */
    if (def->does & ROPDEF_DOES_COPY || rop->peer->copies)
        left = 0;
    if (def->does & ROPDEF_DOES_CHANGE_MESSAGES) {
        oxc_folder_message_changed(r->pinfo, session, rop->logon, left, OXC_CHANGE_DONE);
        oxc_folder_message_changed(r->pinfo, session, rop->logon, come, OXC_CHANGE_DONE);
        return;
    }
    oxc_folder_placed(r->pinfo, session, rop->logon, rop->folder_id, rop->created ? left : 0);
    oxc_folder_placed(r->pinfo, session, rop->logon, rop->peer->folder_id, come);
    oxc_folder_subfolder_changed(r->pinfo, session, rop->logon, left, OXC_CHANGE_DONE);
    oxc_folder_subfolder_changed(r->pinfo, session, rop->logon, come, OXC_CHANGE_DONE);
}

static void
update_table(oxc_read_t *r, const ropdef_rop_t *def)
{
    oxc_object_t *table = r->rop->object;

    if (def->does & ROPDEF_DOES_RESET_COLUMNS) {
        table->columns = NULL;
        table->viewed = table->restricted = false;
    }
    if (def->does & ROPDEF_DOES_RESTRICT && r->rop->peer)
        table->restricted = r->rop->peer->restricts;
    if (def->does & ROPDEF_DOES_VIEW)
        oxc_table_viewed(r->pinfo, r->pdu->call->session, table);
}

static const char *
name_of(const oxc_rop_t *rop)
{
    return oxc_rop_more(rop)->display_name;
}

void
oxc_update_response(oxc_read_t *r, const ropdef_rop_t *def, const char *out_kind)
{
    oxc_rop_t *rop = r->rop;
    const oxc_columns_t *columns;

    if (!keeps(r))
        return;
    if (def->does & ROPDEF_DOES_END_OF_ANSWERS) {
        /*
         * The requests behind were not carried out: nothing answers them, and they release nothing (MS-OXCROPS 2.2.15).
         */
        while (oxc_pdu_rop(r->pdu->call->request, r->pdu->call->next_answer))
            r->pdu->call->next_answer++;
    }
    if (def->does & ROPDEF_DOES_NAME_PROPERTIES) {
        /* RopGetPropertyIdsFromNames asks with names, RopGetNamesFromPropertyIds with ids. */
        name_properties(r);
    }
    if (r->return_value != 0 || !r->pdu->call->session)
        return;
    if (rop->out_index != OXC_NO_INDEX && out_kind)
        open_object(r, def, out_kind);
    if (rop->peer && rop->peer->id == rop->id) {
        if (def->does & ROPDEF_DOES_NAME_FOLDER && (rop->created || !rop->unchanged))
            oxc_session_name_folder(r->pinfo, r->pdu->call->session, rop->logon,
                                    rop->folder_id ? rop->folder_id : rop->peer->folder_id, name_of(rop->peer));
        if (def->does & (ROPDEF_DOES_CHANGE_MESSAGES | ROPDEF_DOES_CHANGE_SUBFOLDERS) && !rop->unchanged)
            change_folders(r, def);
    }
    if (!rop->object)
        return;
    if (rop->object->is_folder && def->does & ROPDEF_DOES_FOLDER_PROPERTIES && !rop->unchanged)
        oxc_session_name_folder(r->pinfo, r->pdu->call->session, rop->object->logon, rop->object->folder_id,
                                name_of(rop) || !rop->peer ? name_of(rop) : name_of(rop->peer));
    if (rop->object->is_table)
        update_table(r, def);
    if (def->does & ROPDEF_DOES_SAVE_MESSAGE && rop->object->is_new_message) {
        rop->object->is_new_message = false;
        oxc_folder_message_changed(r->pinfo, r->pdu->call->session, rop->object->logon, rop->object->folder_id,
                                   OXC_CHANGE_DONE);
    }
    columns = oxc_rop_brought_columns(rop->brings_columns || !rop->peer ? rop : rop->peer);
    if (def->does & ROPDEF_DOES_SET_COLUMNS)
        rop->object->columns = columns;
    if (def->does & ROPDEF_DOES_SET_RECIPIENTS && !rop->created)
        rop->object->recipient_columns = columns;
}
