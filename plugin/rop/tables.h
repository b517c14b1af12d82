/* tables.h
 * Shape of the tables that ropdefs/ is translated into
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TABLES_H
#define OXCNOTIF_TABLES_H

#include "rop/reading.h"

/* How a field is read; the language's types of the same names are described in ropdefs/README.md. */
typedef enum {
    ROPDEF_UINT,                /* size bytes, little-endian; booleans and errors too */
    ROPDEF_INT,
    ROPDEF_BOOL,
    ROPDEF_ID,                  /* folder, message id or change number (MS-OXCDATA 2.2.1) */
    ROPDEF_FOLDER_ID,
    ROPDEF_TAG,
    ROPDEF_GUID,
    ROPDEF_FILETIME,
    ROPDEF_COUNTER,             /* 6 bytes, big-endian (MS-OXCDATA 2.2.1.3) */
    ROPDEF_STRINGZ_8,
    ROPDEF_STRINGZ_16,
    ROPDEF_STRING_8,            /* count bytes */
    ROPDEF_STRING_16,
    ROPDEF_BYTES,
    ROPDEF_HANDLE,
    ROPDEF_STRUCT,              /* ref: form */
    ROPDEF_C_TYPE,              /* ref: C type */
    ROPDEF_BUFFER,              /* another reader dissects it; arg: ropdef_buffer_t */
    ROPDEF_DECISION             /* no bytes: what count gives here is kept for later conditions; name is what follows */
} ropdef_type_t;

/* What the session keeps of a field. */
typedef enum {
    ROPDEF_KEEP_NOTHING,
    ROPDEF_KEEP_FOLDER,
    ROPDEF_KEEP_OLD_FOLDER,     /* of a notification: where the object was before */
    ROPDEF_KEEP_PARENT,         /* of a notification: the folder that the object is in, and was in before */
    ROPDEF_KEEP_OLD_PARENT,
    ROPDEF_KEEP_RESTRICTION,
    ROPDEF_KEEP_UNCHANGED,      /* of an answer: not all, or nothing, was done */
    ROPDEF_KEEP_COPIES,         /* the source keeps what it has */
    ROPDEF_KEEP_PROPERTIES,     /* what they say of the object */
    ROPDEF_KEEP_PROBLEMS,       /* with any, nothing is known to be set */
    ROPDEF_KEEP_ASSOCIATED,     /* the message is none of those that a contents table shows */
    ROPDEF_KEEP_MESSAGE,
    ROPDEF_KEEP_NOTIFICATION_TYPES,
    ROPDEF_KEEP_WHOLE_STORE,
    ROPDEF_KEEP_NAME,
    ROPDEF_KEEP_COLUMNS,
    ROPDEF_KEEP_RECIPIENT_COLUMNS,
    ROPDEF_KEEP_ROW_COLUMNS,    /* for rows in the same message only */
    ROPDEF_KEEP_LOGON_FLAGS,
    ROPDEF_KEEP_FOLDER_NAMES,
    ROPDEF_KEEP_NAMES,
    ROPDEF_KEEP_IDS,
    ROPDEF_KEEP_TARGET,         /* handle of the object a notification is about */
    ROPDEF_KEEP_NOTIFICATION_FLAGS,
    ROPDEF_KEEP_TABLE_EVENT,
    ROPDEF_KEEP_SESSION_INDEX,
    ROPDEF_KEEP_STATE_PROPERTY, /* of the ICS state that an object uploads next, and its size */
    ROPDEF_KEEP_STATE_SIZE,
    ROPDEF_KEEP_TABLE_FLAGS,
    ROPDEF_KEEP_CODE_PAGE,
    ROPDEF_KEEP_USER_DN,        /* these of MAPI/HTTP bodies */
    ROPDEF_KEEP_DISPLAY_NAME,
    ROPDEF_KEEP_EVENT_PENDING,
    ROPDEF_KEEP_MAX_ROP_OUT
} ropdef_keep_t;

/* Buffers in MAPI/HTTP bodies. */
typedef enum {
    ROPDEF_BUFFER_ROPS,
    ROPDEF_BUFFER_AUXILIARY
} ropdef_buffer_t;

enum {
    ROPDEF_ARRAY = 0x01,        /* count elements, or elements to the end if count is 0 */
    ROPDEF_INFO = 0x02,         /* part of the Info column and of the ROP's own line */
    ROPDEF_HANDLE_IN = 0x04,
    ROPDEF_HANDLE_OUT = 0x08,
    ROPDEF_IS_RETURN_VALUE = 0x10,
    ROPDEF_IS_LOGON_ID = 0x20,
    ROPDEF_SCALAR = 0x40,       /* one number of size bytes, behind the field before */
    ROPDEF_LATIN1 = 0x80        /* 8-bit text that is Latin-1 whatever the code page */
};

struct oxc_form_state;

/* Value of a condition, count or size at offset, where a form is being read. */
typedef uint64_t (*ropdef_expression_fn)(oxc_read_t *r, struct oxc_form_state *s, int offset);

#define ROPDEF_SLOTS 17         /* with 0, which nothing reads */

/* Bits of a flags field, for proto_tree_add_bitmask(). */
typedef struct {
    int *ett;
    int *const *bits;
    uint64_t info_mask;         /* the bits that are an enumeration, for one-line texts; 0 when there are none */
    const value_string *info_names;
} ropdef_flags_t;

typedef struct ropdef_field {
    const char *name;
    int *hf;                    /* NULL of a buffer, which its reader shows */
    uint8_t type;
    uint8_t size;               /* bytes of a scalar */
    uint8_t flags;
    uint8_t keep;
    uint8_t slot;               /* where the value is kept for later expressions; 0: none asks for it */
    uint8_t run;                /* so many fields from this one on are read for the tree alone, and are always there */
    uint8_t run_size;           /* their bytes */
    ropdef_expression_fn cond;  /* NULL: always there */
    ropdef_expression_fn count; /* elements of an array, length of bytes and strings; NULL: to the end, or no array */
    ropdef_expression_fn limit; /* bytes that it takes; NULL: no limit of its own */
    ropdef_expression_fn at;    /* offset from the beginning of the tvb; NULL: behind the field before */
    uint16_t ref;               /* form or C type */
    uint8_t arg;                /* of a C type */
    const ropdef_flags_t *bits;
    const value_string *names;  /* of the values, or of the elements of an array */
    const char *kind;           /* of the server object that the field opens */
} ropdef_field_t;

typedef struct {
    const char *name;
    const ropdef_field_t *fields;
    unsigned count;
    int *ett;
} ropdef_form_t;

typedef enum {
    ROPDEF_ROWS_NONE,
    ROPDEF_ROWS_COLUMNS,        /* by the columns of the table */
    ROPDEF_ROWS_REQUEST,        /* by the tags of the request */
    ROPDEF_ROWS_RECIPIENTS,
    ROPDEF_ROWS_FIXED
} ropdef_rows_t;

/* What a ROP does to the session. */
enum {
    ROPDEF_DOES_RELEASE = 0x0001,
    ROPDEF_DOES_LOGON = 0x0002,
    ROPDEF_DOES_SET_COLUMNS = 0x0004,
    ROPDEF_DOES_RESET_COLUMNS = 0x0008,
    ROPDEF_DOES_SET_RECIPIENTS = 0x0010,
    ROPDEF_DOES_NAME_FOLDER = 0x0020,
    ROPDEF_DOES_NAME_PROPERTIES = 0x0040,
    ROPDEF_DOES_SUBSCRIBE = 0x0080,
    ROPDEF_DOES_NOTIFY = 0x0100,
    ROPDEF_DOES_PENDING = 0x0200,
    ROPDEF_DOES_END_OF_ANSWERS = 0x0400,        /* no later request of the buffer is answered */
    ROPDEF_DOES_PROGRESS = 0x0800,              /* may stand for the answer of another ROP */
    ROPDEF_DOES_LIST_FOLDERS = 0x1000,          /* opens a table whose rows are folders */
    ROPDEF_DOES_OPEN_TABLE = 0x2000,            /* opens a table that is notified of without a subscription */
    ROPDEF_DOES_VIEW = 0x4000,                  /* looks at rows of a table: from then on it is notified of */
    ROPDEF_DOES_RESTRICT = 0x8000,
    ROPDEF_DOES_CHANGE_MESSAGES = 0x10000,      /* messages of its folders come or go */
    ROPDEF_DOES_CHANGE_SUBFOLDERS = 0x20000,    /* the same of folders in them */
    ROPDEF_DOES_COPY = 0x40000,                 /* the source keeps what it has */
    ROPDEF_DOES_CREATE_MESSAGE = 0x80000,       /* that comes to its folder when it is saved first */
    ROPDEF_DOES_SAVE_MESSAGE = 0x100000,
    ROPDEF_DOES_OPEN_FOLDER = 0x200000,
    ROPDEF_DOES_FOLDER_PROPERTIES = 0x400000    /* gets or sets properties, of a folder if it works on one */
};

typedef struct ropdef_rop {
    uint8_t id;
    const char *name;
    bool trailer;               /* stands behind the answers and has no request */
    bool is_notification;       /* shown as protocol oxcnotif */
    int request;                /* form, or -1 */
    int response;
    uint32_t does;
    uint8_t rows;
    const oxc_columns_t *fixed_columns;
    int answered_as;            /* RopId in the response, or -1 for its own */
} ropdef_rop_t;

/* A body of MAPI/HTTP. */
typedef struct {
    const char *name;           /* X-RequestType */
    oxc_call_kind_t kind;
    bool address_book;          /* of the /mapi/nspi endpoint only */
    int request;                /* form, or -1: no body */
    int response;
} ropdef_message_t;

/* An auxiliary block (MS-OXCRPC 2.2.2.2), behind its AUX_HEADER. */
typedef struct {
    uint8_t type;
    uint8_t version;
    int form;
} ropdef_block_t;

/* What the number of a property means: one of several values, or a set of flags. */
typedef struct {
    uint16_t id;
    bool is_flags;
    const value_string *names;
} ropdef_property_t;

/* Names of the properties of a property set by their LID. */
typedef struct {
    const char *name;
    value_string_ext *names;
} ropdef_property_set_t;

#endif /* OXCNOTIF_TABLES_H */
