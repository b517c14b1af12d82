/* auxblocks.c
 * Auxiliary blocks (MS-OXCRPC 2.2.2.2)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "payload/auxblocks.h"

#include <epan/expert.h>

#define AUX_HEADER_SIZE 4

/* How a field of a block is read. */
typedef enum {
    AUX_END,
    AUX_ITEM,                   /* size bytes, little-endian */
    AUX_STRING_OFFSET,          /* 2 bytes: offset of a NUL-terminated UTF-16 string */
    AUX_DATA_SIZE,              /* 2 bytes: size of the data whose offset comes next */
    AUX_DATA_OFFSET,            /* 2 bytes: offset of that data */
    AUX_TEXT                    /* 8-bit text to the end of the block */
} aux_kind_t;

typedef struct {
    aux_kind_t kind;
    uint16_t size;
    int *hf;
    int *hf_target;             /* what an offset leads to */
} aux_field_t;

typedef struct {
    uint8_t version;
    uint8_t type;
    const aux_field_t *fields;
} aux_block_t;

static int hf_aux_block = -1;
static int hf_aux_size = -1;
static int hf_aux_version = -1;
static int hf_aux_type = -1;
static int hf_aux_data = -1;
static int hf_aux_padding = -1;

static int hf_account = -1;
static int hf_adapter_name = -1;
static int hf_adapter_name_offset = -1;
static int hf_adapter_speed = -1;
static int hf_build_number = -1;
static int hf_client_id = -1;
static int hf_client_ip = -1;
static int hf_client_ip_mask = -1;
static int hf_client_ip_mask_offset = -1;
static int hf_client_ip_mask_size = -1;
static int hf_client_ip_offset = -1;
static int hf_client_ip_size = -1;
static int hf_client_mode = -1;
static int hf_connection_attempts = -1;
static int hf_connection_context_info = -1;
static int hf_connection_flags = -1;
static int hf_connection_guid = -1;
static int hf_connection_id = -1;
static int hf_device_firmware_version = -1;
static int hf_device_firmware_version_offset = -1;
static int hf_device_manufacturer = -1;
static int hf_device_manufacturer_offset = -1;
static int hf_device_model = -1;
static int hf_device_model_offset = -1;
static int hf_device_serial_number = -1;
static int hf_device_serial_number_offset = -1;
static int hf_device_version = -1;
static int hf_device_version_offset = -1;
static int hf_enable_flags = -1;
static int hf_endpoint_capability_flag = -1;
static int hf_exception_trace = -1;
static int hf_expiry_time = -1;
static int hf_mac_address = -1;
static int hf_mac_address_offset = -1;
static int hf_mac_address_size = -1;
static int hf_machine_name = -1;
static int hf_machine_name_offset = -1;
static int hf_major_version = -1;
static int hf_minor_version = -1;
static int hf_offset_connection_context_info = -1;
static int hf_offset_server_session_context_info = -1;
static int hf_org_flags = -1;
static int hf_os_version_info_size = -1;
static int hf_process_guid = -1;
static int hf_process_id = -1;
static int hf_process_name = -1;
static int hf_process_name_offset = -1;
static int hf_request_id = -1;
static int hf_request_operation = -1;
static int hf_reserved = -1;
static int hf_result_code = -1;
static int hf_rop_index = -1;
static int hf_server_capability_flags = -1;
static int hf_server_dn = -1;
static int hf_server_dn_offset = -1;
static int hf_server_id = -1;
static int hf_server_name = -1;
static int hf_server_name_offset = -1;
static int hf_server_session_context_info = -1;
static int hf_server_type = -1;
static int hf_service_pack_major = -1;
static int hf_service_pack_minor = -1;
static int hf_session_guid = -1;
static int hf_session_id = -1;
static int hf_time_since_request = -1;
static int hf_time_to_complete_request = -1;
static int hf_time_to_fail_request = -1;
static int hf_user_name = -1;
static int hf_user_name_offset = -1;

static int hf_enable_flags_bits[5] = { -1, -1, -1, -1, -1 };
static int hf_org_flags_bits[2] = { -1, -1 };
static int hf_server_capability_bits[3] = { -1, -1, -1 };
static int hf_endpoint_capability_bits[1] = { -1 };
static int hf_connection_flags_bits[1] = { -1 };

static int ett_aux_block = -1;
static int ett_aux_flags = -1;

static expert_field ei_aux_header_truncated = EI_INIT;
static expert_field ei_aux_size = EI_INIT;
static expert_field ei_aux_block_truncated = EI_INIT;
static expert_field ei_aux_offset = EI_INIT;
static expert_field ei_aux_unknown = EI_INIT;

static const value_string aux_types[] = {
    { 0x01, "PERF_REQUESTID" },
    { 0x02, "PERF_CLIENTINFO" },
    { 0x03, "PERF_SERVERINFO" },
    { 0x04, "PERF_SESSIONINFO" },
    { 0x05, "PERF_DEFMDB_SUCCESS" },
    { 0x06, "PERF_DEFGC_SUCCESS" },
    { 0x07, "PERF_MDB_SUCCESS" },
    { 0x08, "PERF_GC_SUCCESS" },
    { 0x09, "PERF_FAILURE" },
    { 0x0A, "CLIENT_CONTROL" },
    { 0x0B, "PERF_PROCESSINFO" },
    { 0x0C, "PERF_BG_DEFMDB_SUCCESS" },
    { 0x0D, "PERF_BG_DEFGC_SUCCESS" },
    { 0x0E, "PERF_BG_MDB_SUCCESS" },
    { 0x0F, "PERF_BG_GC_SUCCESS" },
    { 0x10, "PERF_BG_FAILURE" },
    { 0x11, "PERF_FG_DEFMDB_SUCCESS" },
    { 0x12, "PERF_FG_DEFGC_SUCCESS" },
    { 0x13, "PERF_FG_MDB_SUCCESS" },
    { 0x14, "PERF_FG_GC_SUCCESS" },
    { 0x15, "PERF_FG_FAILURE" },
    { 0x16, "OSVERSIONINFO" },
    { 0x17, "EXORGINFO" },
    { 0x18, "PERF_ACCOUNTINFO" },
    { 0x46, "SERVER_CAPABILITIES" },
    { 0x48, "ENDPOINT_CAPABILITIES" },
    { 0x49, "EXCEPTION_TRACE" },
    { 0x4A, "CLIENT_CONNECTION_INFO" },
    { 0x4B, "SERVER_SESSION_INFO" },
    { 0x4E, "PROTOCOL_DEVICE_IDENTIFICATION" },
    { 0, NULL }
};

static const value_string server_types[] = {
    { 0x0000, "Unknown" },
    { 0x0001, "Private" },
    { 0x0002, "Public" },
    { 0x0003, "Directory" },
    { 0x0004, "Referral" },
    { 0, NULL }
};

static const value_string client_modes[] = {
    { 0x0000, "Unknown" },
    { 0x0001, "Classic" },
    { 0x0002, "Cached" },
    { 0, NULL }
};

/* ---- layouts behind the AUX_HEADER, as in MS-OXCRPC 2.2.2.2.1 and following ---- */

#define U8(hf)          { AUX_ITEM, 1, &(hf), NULL }
#define U16(hf)         { AUX_ITEM, 2, &(hf), NULL }
#define U32(hf)         { AUX_ITEM, 4, &(hf), NULL }
#define GUID(hf)        { AUX_ITEM, 16, &(hf), NULL }
#define RESERVED(n)     { AUX_ITEM, n, &hf_reserved, NULL }
#define STRING_AT(offset, hf) { AUX_STRING_OFFSET, 2, &(offset), &(hf) }
#define DATA(size, offset, hf) { AUX_DATA_SIZE, 2, &(size), NULL }, { AUX_DATA_OFFSET, 2, &(offset), &(hf) }
#define TEXT(hf)        { AUX_TEXT, 0, &(hf), NULL }
#define END             { AUX_END, 0, NULL, NULL }

static const aux_field_t perf_requestid[] = { U16(hf_session_id), U16(hf_request_id), END };

static const aux_field_t perf_clientinfo[] = {
    U32(hf_adapter_speed), U16(hf_client_id), STRING_AT(hf_machine_name_offset, hf_machine_name),
    STRING_AT(hf_user_name_offset, hf_user_name), DATA(hf_client_ip_size, hf_client_ip_offset, hf_client_ip),
    DATA(hf_client_ip_mask_size, hf_client_ip_mask_offset, hf_client_ip_mask),
    STRING_AT(hf_adapter_name_offset, hf_adapter_name),
    DATA(hf_mac_address_size, hf_mac_address_offset, hf_mac_address), U16(hf_client_mode), RESERVED(2), END
};

static const aux_field_t perf_serverinfo[] = {
    U16(hf_server_id), U16(hf_server_type), STRING_AT(hf_server_dn_offset, hf_server_dn),
    STRING_AT(hf_server_name_offset, hf_server_name), END
};

static const aux_field_t perf_sessioninfo[] = { U16(hf_session_id), RESERVED(2), GUID(hf_session_guid), END };

static const aux_field_t perf_sessioninfo_v2[] = {
    U16(hf_session_id), RESERVED(2), GUID(hf_session_guid), U32(hf_connection_id), END
};

static const aux_field_t perf_defmdb_success[] = {
    U32(hf_time_since_request), U32(hf_time_to_complete_request), U16(hf_request_id), RESERVED(2), END
};

static const aux_field_t perf_defgc_success[] = {
    U16(hf_server_id), U16(hf_session_id), U32(hf_time_since_request), U32(hf_time_to_complete_request),
    U8(hf_request_operation), RESERVED(3), END
};

static const aux_field_t perf_mdb_success[] = {
    U16(hf_client_id), U16(hf_server_id), U16(hf_session_id), U16(hf_request_id), U32(hf_time_since_request),
    U32(hf_time_to_complete_request), END
};

static const aux_field_t perf_mdb_success_v2[] = {
    U16(hf_process_id), U16(hf_client_id), U16(hf_server_id), U16(hf_session_id), U16(hf_request_id), RESERVED(2),
    U32(hf_time_since_request), U32(hf_time_to_complete_request), END
};

static const aux_field_t perf_gc_success[] = {
    U16(hf_client_id), U16(hf_server_id), U16(hf_session_id), RESERVED(2), U32(hf_time_since_request),
    U32(hf_time_to_complete_request), U8(hf_request_operation), RESERVED(3), END
};

static const aux_field_t perf_gc_success_v2[] = {
    U16(hf_process_id), U16(hf_client_id), U16(hf_server_id), U16(hf_session_id), U32(hf_time_since_request),
    U32(hf_time_to_complete_request), U8(hf_request_operation), RESERVED(3), END
};

static const aux_field_t perf_failure[] = {
    U16(hf_client_id), U16(hf_server_id), U16(hf_session_id), U16(hf_request_id), U32(hf_time_since_request),
    U32(hf_time_to_fail_request), U32(hf_result_code), U8(hf_request_operation), RESERVED(3), END
};

static const aux_field_t perf_failure_v2[] = {
    U16(hf_process_id), U16(hf_client_id), U16(hf_server_id), U16(hf_session_id), U16(hf_request_id), RESERVED(2),
    U32(hf_time_since_request), U32(hf_time_to_fail_request), U32(hf_result_code), U8(hf_request_operation),
    RESERVED(3), END
};

static const aux_field_t client_control[] = { U32(hf_enable_flags), U32(hf_expiry_time), END };

static const aux_field_t perf_processinfo[] = {
    U16(hf_process_id), RESERVED(2), GUID(hf_process_guid), STRING_AT(hf_process_name_offset, hf_process_name),
    RESERVED(2), END
};

static const aux_field_t osversioninfo[] = {
    U32(hf_os_version_info_size), U32(hf_major_version), U32(hf_minor_version), U32(hf_build_number), RESERVED(132),
    U16(hf_service_pack_major), U16(hf_service_pack_minor), RESERVED(4), END
};

static const aux_field_t exorginfo[] = { U32(hf_org_flags), END };

static const aux_field_t perf_accountinfo[] = { U16(hf_client_id), RESERVED(2), GUID(hf_account), END };

static const aux_field_t server_capabilities[] = { U32(hf_server_capability_flags), END };

static const aux_field_t endpoint_capabilities[] = { U32(hf_endpoint_capability_flag), END };

/* Not in the specification; as Exchange sends it. */
static const aux_field_t exception_trace[] = { U32(hf_rop_index), TEXT(hf_exception_trace), END };

static const aux_field_t client_connection_info[] = {
    GUID(hf_connection_guid), STRING_AT(hf_offset_connection_context_info, hf_connection_context_info), RESERVED(2),
    U32(hf_connection_attempts), U32(hf_connection_flags), END
};

static const aux_field_t server_session_info[] = {
    STRING_AT(hf_offset_server_session_context_info, hf_server_session_context_info), END
};

static const aux_field_t protocol_device_identification[] = {
    STRING_AT(hf_device_manufacturer_offset, hf_device_manufacturer),
    STRING_AT(hf_device_model_offset, hf_device_model),
    STRING_AT(hf_device_serial_number_offset, hf_device_serial_number),
    STRING_AT(hf_device_version_offset, hf_device_version),
    STRING_AT(hf_device_firmware_version_offset, hf_device_firmware_version), END
};

static const aux_block_t aux_blocks[] = {
    { 1, 0x01, perf_requestid },
    { 1, 0x02, perf_clientinfo },
    { 1, 0x03, perf_serverinfo },
    { 1, 0x04, perf_sessioninfo },
    { 2, 0x04, perf_sessioninfo_v2 },
    { 1, 0x05, perf_defmdb_success },
    { 1, 0x06, perf_defgc_success },
    { 1, 0x07, perf_mdb_success },
    { 2, 0x07, perf_mdb_success_v2 },
    { 1, 0x08, perf_gc_success },
    { 2, 0x08, perf_gc_success_v2 },
    { 1, 0x09, perf_failure },
    { 2, 0x09, perf_failure_v2 },
    { 1, 0x0A, client_control },
    { 1, 0x0B, perf_processinfo },
    { 2, 0x0B, perf_processinfo },
    { 1, 0x0C, perf_defmdb_success },
    { 1, 0x0D, perf_defgc_success },
    { 1, 0x0E, perf_mdb_success },
    { 2, 0x0E, perf_mdb_success_v2 },
    { 1, 0x0F, perf_gc_success },
    { 2, 0x0F, perf_gc_success_v2 },
    { 1, 0x10, perf_failure },
    { 2, 0x10, perf_failure_v2 },
    { 1, 0x11, perf_defmdb_success },
    { 1, 0x12, perf_defgc_success },
    { 1, 0x13, perf_mdb_success },
    { 2, 0x13, perf_mdb_success_v2 },
    { 1, 0x14, perf_gc_success },
    { 2, 0x14, perf_gc_success_v2 },
    { 1, 0x15, perf_failure },
    { 2, 0x15, perf_failure_v2 },
    { 1, 0x16, osversioninfo },
    { 1, 0x17, exorginfo },
    { 1, 0x18, perf_accountinfo },
    { 1, 0x46, server_capabilities },
    { 1, 0x48, endpoint_capabilities },
    { 1, 0x49, exception_trace },
    { 1, 0x4A, client_connection_info },
    { 1, 0x4B, server_session_info },
    { 1, 0x4E, protocol_device_identification },
};

static const aux_block_t *
aux_block_find(uint8_t version, uint8_t type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(aux_blocks); i++) {
        if (aux_blocks[i].type == type && aux_blocks[i].version == version)
            return &aux_blocks[i];
    }
    return NULL;
}

/* The bits of a field of flags, NULL for other fields; the list ends with NULL. */
static int *const *
flag_bits(const int *hf)
{
    static int *const enable[] = {
        &hf_enable_flags_bits[0], &hf_enable_flags_bits[1], &hf_enable_flags_bits[2], &hf_enable_flags_bits[3],
        &hf_enable_flags_bits[4], NULL
    };
    static int *const org[] = { &hf_org_flags_bits[0], &hf_org_flags_bits[1], NULL };
    static int *const server[] = {
        &hf_server_capability_bits[0], &hf_server_capability_bits[1], &hf_server_capability_bits[2], NULL
    };
    static int *const endpoint[] = { &hf_endpoint_capability_bits[0], NULL };
    static int *const connection[] = { &hf_connection_flags_bits[0], NULL };

    if (hf == &hf_enable_flags)
        return enable;
    if (hf == &hf_org_flags)
        return org;
    if (hf == &hf_server_capability_flags)
        return server;
    if (hf == &hf_endpoint_capability_flag)
        return endpoint;
    if (hf == &hf_connection_flags)
        return connection;
    return NULL;
}

/* Length of a NUL-terminated UTF-16 string with its NUL, or all that is left when there is none. */
static int
utf16_size(tvbuff_t *tvb, int offset)
{
    int left = tvb_reported_length_remaining(tvb, offset);
    int n;

    for (n = 0; n + 2 <= left; n += 2) {
        if (tvb_get_letohs(tvb, offset + n) == 0)
            return n + 2;
    }
    return left;
}

/*
 * What the offset at a field leads to; offsets count from the AUX_HEADER, 0 says that there is nothing. Returns the
 * first offset behind it, 0 if there is nothing.
 */
static int
aux_target(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, proto_item *item, const aux_field_t *field, int at,
           uint16_t data_size)
{
    int target = tvb_get_letohs(tvb, at);
    int size = (int)tvb_reported_length(tvb);

    if (target == 0)
        return 0;
    if (target < AUX_HEADER_SIZE || target >= size ||
        (field->kind == AUX_DATA_OFFSET && target + data_size > size)) {
        expert_add_info(pinfo, item, &ei_aux_offset);
        return 0;
    }
    if (field->kind == AUX_STRING_OFFSET) {
        int length = utf16_size(tvb, target);

        proto_tree_add_item(tree, *field->hf_target, tvb, target, length, ENC_UTF_16 | ENC_LITTLE_ENDIAN);
        return target + length;
    }
    if (data_size > 0)
        proto_tree_add_item(tree, *field->hf_target, tvb, target, data_size, ENC_NA);
    return target + data_size;
}

/* One block, from its AUX_HEADER to its end. */
static void
dissect_block(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, proto_item *block_item, const aux_block_t *block)
{
    int size = (int)tvb_reported_length(tvb);
    int offset = AUX_HEADER_SIZE;
    int used = AUX_HEADER_SIZE;         /* behind everything that was shown */
    uint16_t data_size = 0;

    for (const aux_field_t *field = block->fields; field->kind != AUX_END; field++) {
        proto_item *item;
        int *const *bits = flag_bits(field->hf);
        int length = field->kind == AUX_TEXT ? size - offset : field->size;
        int end;

        if (offset + length > size) {
            expert_add_info(pinfo, block_item, &ei_aux_block_truncated);
            if (offset < size)
                proto_tree_add_item(tree, hf_aux_data, tvb, offset, size - offset, ENC_NA);
            return;
        }
        if (length == 0)
            continue;
        if (bits)
            item = proto_tree_add_bitmask(tree, tvb, offset, *field->hf, ett_aux_flags, bits, ENC_LITTLE_ENDIAN);
        else
            item = proto_tree_add_item(tree, *field->hf, tvb, offset, length,
                                       field->kind == AUX_TEXT ? ENC_ASCII : ENC_LITTLE_ENDIAN);
        if (field->kind == AUX_DATA_SIZE)
            data_size = tvb_get_letohs(tvb, offset);
        if (field->kind == AUX_STRING_OFFSET || field->kind == AUX_DATA_OFFSET) {
            end = aux_target(tvb, pinfo, tree, item, field, offset, data_size);
            used = MAX(used, end);
        }
        offset += length;
        used = MAX(used, offset);
    }
    if (used < size)
        proto_tree_add_item(tree, hf_aux_padding, tvb, used, size - used, ENC_NA);
}

void
oxc_dissect_aux_blocks(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    int offset = 0;

    while (tvb_reported_length_remaining(tvb, offset) > 0) {
        int left = tvb_reported_length_remaining(tvb, offset);
        uint16_t size;
        uint8_t version, type;
        const aux_block_t *block;
        proto_item *item, *size_item;
        proto_tree *block_tree;
        tvbuff_t *block_tvb;

        if (left < AUX_HEADER_SIZE) {
            item = proto_tree_add_item(tree, hf_aux_data, tvb, offset, left, ENC_NA);
            expert_add_info(pinfo, item, &ei_aux_header_truncated);
            return;
        }
        size = tvb_get_letohs(tvb, offset);
        version = tvb_get_uint8(tvb, offset + 2);
        type = tvb_get_uint8(tvb, offset + 3);
        item = proto_tree_add_item(tree, hf_aux_block, tvb, offset, CLAMP(size, AUX_HEADER_SIZE, left), ENC_NA);
        proto_item_set_text(item, "Auxiliary block: %s", val_to_str_const(type, aux_types, "unknown"));
        if (version != 1)
            proto_item_append_text(item, ", version %u", version);
        block_tree = proto_item_add_subtree(item, ett_aux_block);
        size_item = proto_tree_add_item(block_tree, hf_aux_size, tvb, offset, 2, ENC_LITTLE_ENDIAN);
        proto_tree_add_item(block_tree, hf_aux_version, tvb, offset + 2, 1, ENC_LITTLE_ENDIAN);
        proto_tree_add_item(block_tree, hf_aux_type, tvb, offset + 3, 1, ENC_LITTLE_ENDIAN);
        if (size < AUX_HEADER_SIZE || size > left) {
            /* Nothing tells where the next block begins. */
            expert_add_info(pinfo, size_item, &ei_aux_size);
            if (left > AUX_HEADER_SIZE)
                proto_tree_add_item(block_tree, hf_aux_data, tvb, offset + AUX_HEADER_SIZE, left - AUX_HEADER_SIZE,
                                    ENC_NA);
            return;
        }
        block = aux_block_find(version, type);
        if (block) {
            block_tvb = tvb_new_subset_length(tvb, offset, size);
            dissect_block(block_tvb, pinfo, block_tree, item, block);
        } else {
            expert_add_info(pinfo, item, &ei_aux_unknown);
            if (size > AUX_HEADER_SIZE)
                proto_tree_add_item(block_tree, hf_aux_data, tvb, offset + AUX_HEADER_SIZE, size - AUX_HEADER_SIZE,
                                    ENC_NA);
        }
        offset += size;
    }
}

/* ---- registration ---- */

void
oxc_register_aux(int proto)
{
    static hf_register_info hf[] = {
        { &hf_aux_block, { "Auxiliary block", "rop.aux.block", FT_NONE, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_aux_size,
          { "Size", "rop.aux.size", FT_UINT16, BASE_DEC, NULL, 0, "of the block with its AUX_HEADER", HFILL } },
        { &hf_aux_version, { "Version", "rop.aux.version", FT_UINT8, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_aux_type, { "Type", "rop.aux.type", FT_UINT8, BASE_HEX, VALS(aux_types), 0, NULL, HFILL } },
        { &hf_aux_data, { "Data", "rop.aux.data", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_aux_padding, { "Padding", "rop.aux.padding", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_account, { "Account", "rop.aux.account", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_adapter_name, { "AdapterName", "rop.aux.adapter_name", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_adapter_name_offset,
          { "AdapterNameOffset", "rop.aux.adapter_name_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_adapter_speed,
          { "AdapterSpeed", "rop.aux.adapter_speed", FT_UINT32, BASE_DEC, NULL, 0, "in kbit/s", HFILL } },
        { &hf_build_number, { "BuildNumber", "rop.aux.build_number", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_client_id, { "ClientID", "rop.aux.client_id", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_client_ip, { "ClientIP", "rop.aux.client_ip", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_client_ip_mask, { "ClientIPMask", "rop.aux.client_ip_mask", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_client_ip_mask_offset,
          { "ClientIPMaskOffset", "rop.aux.client_ip_mask_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_client_ip_mask_size,
          { "ClientIPMaskSize", "rop.aux.client_ip_mask_size", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_client_ip_offset,
          { "ClientIPOffset", "rop.aux.client_ip_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_client_ip_size, { "ClientIPSize", "rop.aux.client_ip_size", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_client_mode,
          { "ClientMode", "rop.aux.client_mode", FT_UINT16, BASE_DEC, VALS(client_modes), 0, NULL, HFILL } },
        { &hf_connection_attempts,
          { "ConnectionAttempts", "rop.aux.connection_attempts", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_connection_context_info,
          { "ConnectionContextInfo", "rop.aux.connection_context_info", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_connection_flags,
          { "ConnectionFlags", "rop.aux.connection_flags", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_connection_guid,
          { "ConnectionGUID", "rop.aux.connection_guid", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_connection_id, { "ConnectionID", "rop.aux.connection_id", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_device_firmware_version,
          { "DeviceFirmwareVersion", "rop.aux.device_firmware_version", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_device_firmware_version_offset,
          { "DeviceFirmwareVersionOffset", "rop.aux.device_firmware_version_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_device_manufacturer,
          { "DeviceManufacturer", "rop.aux.device_manufacturer", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_device_manufacturer_offset,
          { "DeviceManufacturerOffset", "rop.aux.device_manufacturer_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_device_model, { "DeviceModel", "rop.aux.device_model", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_device_model_offset,
          { "DeviceModelOffset", "rop.aux.device_model_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_device_serial_number,
          { "DeviceSerialNumber", "rop.aux.device_serial_number", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_device_serial_number_offset,
          { "DeviceSerialNumberOffset", "rop.aux.device_serial_number_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_device_version,
          { "DeviceVersion", "rop.aux.device_version", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_device_version_offset,
          { "DeviceVersionOffset", "rop.aux.device_version_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_enable_flags, { "EnableFlags", "rop.aux.enable_flags", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_endpoint_capability_flag,
          { "EndpointCapabilityFlag", "rop.aux.endpoint_capability_flag", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_exception_trace,
          { "Exception trace", "rop.aux.exception_trace", FT_STRING, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_expiry_time,
          { "ExpiryTime", "rop.aux.expiry_time", FT_UINT32, BASE_DEC, NULL, 0, "in milliseconds", HFILL } },
        { &hf_mac_address, { "MacAddress", "rop.aux.mac_address", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_mac_address_offset,
          { "MacAddressOffset", "rop.aux.mac_address_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_mac_address_size,
          { "MacAddressSize", "rop.aux.mac_address_size", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_machine_name, { "MachineName", "rop.aux.machine_name", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_machine_name_offset,
          { "MachineNameOffset", "rop.aux.machine_name_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_major_version, { "MajorVersion", "rop.aux.major_version", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_minor_version, { "MinorVersion", "rop.aux.minor_version", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_offset_connection_context_info,
          { "OffsetConnectionContextInfo", "rop.aux.offset_connection_context_info", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_offset_server_session_context_info,
          { "OffsetServerSessionContextInfo", "rop.aux.offset_server_session_context_info", FT_UINT16, BASE_DEC, NULL,
            0, "counted from the start of the block, 0: absent", HFILL } },
        { &hf_org_flags, { "OrgFlags", "rop.aux.org_flags", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_os_version_info_size,
          { "OSVersionInfoSize", "rop.aux.os_version_info_size", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_process_guid, { "ProcessGuid", "rop.aux.process_guid", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_process_id, { "ProcessID", "rop.aux.process_id", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_process_name, { "ProcessName", "rop.aux.process_name", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_process_name_offset,
          { "ProcessNameOffset", "rop.aux.process_name_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_request_id, { "RequestID", "rop.aux.request_id", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_request_operation,
          { "RequestOperation", "rop.aux.request_operation", FT_UINT8, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_reserved, { "Reserved", "rop.aux.reserved", FT_BYTES, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_result_code, { "ResultCode", "rop.aux.result_code", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_rop_index, { "RopIndex", "rop.aux.rop_index", FT_UINT32, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_server_capability_flags,
          { "ServerCapabilityFlags", "rop.aux.server_capability_flags", FT_UINT32, BASE_HEX, NULL, 0, NULL, HFILL } },
        { &hf_server_dn, { "ServerDN", "rop.aux.server_dn", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_server_dn_offset,
          { "ServerDNOffset", "rop.aux.server_dn_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_server_id, { "ServerID", "rop.aux.server_id", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_server_name, { "ServerName", "rop.aux.server_name", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_server_name_offset,
          { "ServerNameOffset", "rop.aux.server_name_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_server_session_context_info,
          { "ServerSessionContextInfo", "rop.aux.server_session_context_info", FT_STRINGZ, BASE_NONE, NULL, 0, NULL,
            HFILL } },
        { &hf_server_type,
          { "ServerType", "rop.aux.server_type", FT_UINT16, BASE_DEC, VALS(server_types), 0, NULL, HFILL } },
        { &hf_service_pack_major,
          { "ServicePackMajor", "rop.aux.service_pack_major", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_service_pack_minor,
          { "ServicePackMinor", "rop.aux.service_pack_minor", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_session_guid, { "SessionGuid", "rop.aux.session_guid", FT_GUID, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_session_id, { "SessionID", "rop.aux.session_id", FT_UINT16, BASE_DEC, NULL, 0, NULL, HFILL } },
        { &hf_time_since_request,
          { "TimeSinceRequest", "rop.aux.time_since_request", FT_UINT32, BASE_DEC, NULL, 0, "in milliseconds",
            HFILL } },
        { &hf_time_to_complete_request,
          { "TimeToCompleteRequest", "rop.aux.time_to_complete_request", FT_UINT32, BASE_DEC, NULL, 0,
            "in milliseconds", HFILL } },
        { &hf_time_to_fail_request,
          { "TimeToFailRequest", "rop.aux.time_to_fail_request", FT_UINT32, BASE_DEC, NULL, 0, "in milliseconds",
            HFILL } },
        { &hf_user_name, { "UserName", "rop.aux.user_name", FT_STRINGZ, BASE_NONE, NULL, 0, NULL, HFILL } },
        { &hf_user_name_offset,
          { "UserNameOffset", "rop.aux.user_name_offset", FT_UINT16, BASE_DEC, NULL, 0,
            "counted from the start of the block, 0: absent", HFILL } },
        { &hf_enable_flags_bits[0],
          { "ENABLE_PERF_SENDTOSERVER", "rop.aux.enable_flags.enable_perf_sendtoserver", FT_BOOLEAN, 32, NULL, 0x01,
            NULL, HFILL } },
        { &hf_enable_flags_bits[1],
          { "ENABLE_PERF_SENDTOMAILBOX", "rop.aux.enable_flags.enable_perf_sendtomailbox", FT_BOOLEAN, 32, NULL, 0x02,
            NULL, HFILL } },
        { &hf_enable_flags_bits[2],
          { "ENABLE_COMPRESSION", "rop.aux.enable_flags.enable_compression", FT_BOOLEAN, 32, NULL, 0x04, NULL,
            HFILL } },
        { &hf_enable_flags_bits[3],
          { "ENABLE_HTTP_TUNNELING", "rop.aux.enable_flags.enable_http_tunneling", FT_BOOLEAN, 32, NULL, 0x08, NULL,
            HFILL } },
        { &hf_enable_flags_bits[4],
          { "ENABLE_PERF_SENDGCDATA", "rop.aux.enable_flags.enable_perf_sendgcdata", FT_BOOLEAN, 32, NULL, 0x10, NULL,
            HFILL } },
        { &hf_org_flags_bits[0],
          { "PUBLIC_FOLDERS_ENABLED", "rop.aux.org_flags.public_folders_enabled", FT_BOOLEAN, 32, NULL, 0x01, NULL,
            HFILL } },
        { &hf_org_flags_bits[1],
          { "USE_AUTODISCOVER_FOR_PUBLIC_FOLDER_CONFIGURATION",
            "rop.aux.org_flags.use_autodiscover_for_public_folder_configuration", FT_BOOLEAN, 32, NULL, 0x02, NULL,
            HFILL } },
        { &hf_server_capability_bits[0],
          { "PACKED_FAST_TRANSFER_UPLOAD_BUFFERS",
            "rop.aux.server_capability_flags.packed_fast_transfer_upload_buffers", FT_BOOLEAN, 32, NULL, 0x01, NULL,
            HFILL } },
        { &hf_server_capability_bits[1],
          { "PACKED_WRITE_STREAM_UPLOAD_BUFFERS", "rop.aux.server_capability_flags.packed_write_stream_upload_buffers",
            FT_BOOLEAN, 32, NULL, 0x02, NULL, HFILL } },
        { &hf_server_capability_bits[2],
          { "ULTRA_LARGE_PACKED_DOWNLOAD_BUFFERS",
            "rop.aux.server_capability_flags.ultra_large_packed_download_buffers", FT_BOOLEAN, 32, NULL, 0x08, NULL,
            HFILL } },
        { &hf_endpoint_capability_bits[0],
          { "ENDPOINT_CAPABILITIES_SINGLE_ENDPOINT", "rop.aux.endpoint_capability_flag.single_endpoint", FT_BOOLEAN, 32,
            NULL, 0x01, NULL, HFILL } },
        { &hf_connection_flags_bits[0],
          { "Cached mode", "rop.aux.connection_flags.cached", FT_BOOLEAN, 32, NULL, 0x01, NULL, HFILL } },
    };
    static int *ett[] = { &ett_aux_block, &ett_aux_flags };
    static ei_register_info ei[] = {
        { &ei_aux_header_truncated,
          { "rop.aux.header_truncated", PI_PROTOCOL, PI_ERROR, "Fewer bytes left than an AUX_HEADER has", EXPFILL } },
        { &ei_aux_size,
          { "rop.aux.size_wrong", PI_PROTOCOL, PI_ERROR,
            "Size of the auxiliary block is less than its header or more than what is left; further blocks cannot be "
            "found",
            EXPFILL } },
        { &ei_aux_block_truncated,
          { "rop.aux.block_truncated", PI_PROTOCOL, PI_WARN, "The auxiliary block is shorter than its type asks for",
            EXPFILL } },
        { &ei_aux_offset,
          { "rop.aux.offset_wrong", PI_PROTOCOL, PI_WARN, "The offset leads out of the auxiliary block", EXPFILL } },
        { &ei_aux_unknown,
          { "rop.aux.unknown", PI_UNDECODED, PI_NOTE,
            "Unknown type or version of an auxiliary block, skipped by its Size", EXPFILL } },
    };

    proto_register_field_array(proto, hf, array_length(hf));
    proto_register_subtree_array(ett, array_length(ett));
    expert_register_field_array(expert_register_protocol(proto), ei, array_length(ei));
}
