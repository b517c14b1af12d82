# SPDX-License-Identifier: GPL-2.0-or-later
"""Every registered expert item: a frame that shows it, and a frame of its kind that does not.

TABLE is in the order of the capture or builder.  Frames of bundled captures are those of the page or the JSON beside them;
frames of builders (lib/expert_cases.py) are named there after what was built."""

from __future__ import annotations

import functools
import pathlib
import re

import pytest

import expert_cases
import tshark as tools

CAPTURES = tools.REPOSITORY / "test-captures"
# A source: items -> (frames that show it, frames that do not).
Frames = tuple[list[int | str], list[int | str]]
TABLE: dict[str, dict[str, Frames]] = {
    # ---- bundled captures ----
    "gromox-mapihttp-notify.pcapng": {      # 279 is the NewMail with exchanged ids, 296 the one that is right
        "oxcnotif.notification.exchanged_ids": ([279], [296]),
        "oxcnotif.notification.passed_over": ([279], [296]),
    },
    "gromox-mapihttp-errors.pcapng": {      # column "what was sent on purpose"
        "rop.ext.version_wrong": ([149], [107]),
        "rop.size.beyond_buffer": ([155], [107]),
        "mapihttp.size_wrong": ([75], [73]),
        "mapihttp.trailing_data": ([91], [41]),
        "mapihttp.response_code_failure": ([19, 26, 58], [38, 40]),
        "mapihttp.error_code_failure": ([110, 134], [108, 112]),
        "rop.failed": ([112, 130], [108, 122]),
    },
    "hermex-4-errors.pcapng": {             # PURPOSE of each exchange
        "oxcnotif.handle.released": ([184], [22]),
        "rop.handle.incomplete": ([205], [208]),
        "rop.ext.size_actual_wrong": ([195], [189]),
    },
    "hermex-5-notify-types-injected.pcapng": {      # LogonId 3 in 426, 0 in 422, on the same handle
        "oxcnotif.handle.other_logon": ([426], [422]),
    },
    "mapihttp-cut.pcapng": {                # table of wake-ups; 71 and 282 are answers to waits
        "mapihttp.http_failure": ([149, 158], [71, 282]),
        "mapihttp.cut_off": ([95, 121, 127, 139, 169], [71, 149, 282]),
        "oxcnotif.wait.cut_off": ([95, 121, 127, 139, 149, 158, 169], [71, 187, 282, 218]),
        "oxcnotif.wait.rejected": ([218, 291, 310, 323], [71, 187, 282, 95, 295]),
    },
    "mapihttp-lost.pcapng": {               # 69, 130: X-ResponseCode 10; 12 and 80: Connect
        "oxcnotif.session.lost": ([69, 130], [80, 114]),
    },
    "push.pcapng": {                        # "datagrams" and "wakeups" of the JSON
        "oxcnotif.never_followed": ([31, 32], [27, 33, 42]),
        "oxcnotif.push.repeated": ([32, 33], [27, 31, 42]),
        "oxcnotif.push.outdated": ([47], [27, 48]),
        "oxcnotif.push.ignored": ([37, 38], [27, 48]),
        "emsmdb.cb_context.invalid": ([22], [24, 45]),
    },
    "push-odd.pcapng": {
        "emsmdb.push.silent": ([86], [95, 102]),
        "oxcnotif.push.undelivered": ([105], [104, 97]),
    },
    "push-nat.pcapng": {"oxcnotif.push.other_address": ([24, 27], [30, 31])},
    "push-late.pcapng": {"oxcnotif.push.unregistered": ([1, 5], [2, 6])},
    "rpc-late.pcapng": {                    # 1: a notification before any call was seen; 7: columns unknown
        "oxcnotif.handle.unknown": ([1], [9]),
        "oxcnotif.session.before_capture": ([1], [5, 7]),
        "rop.columns_unknown": ([7], [5]),
    },
    "rpc-linked.pcapng": {"oxcnotif.pending.other_session": ([29, 33], [31, 37])},
    "rpc-async.pcapng": {                   # 60 was taken as follow-up of 52 and its answer 62 brought none
        "oxcnotif.followup.empty": ([62], [40, 49, 68]),
    },
    "rpc-ntlm-privacy.pcapng": {"emsmdb.sealed": ([9], [4])},
    "field/a02_empty_table.pcap": {"oxcnotif.subscription.no_event": ([23], [17])},
    "field/d11_silent_http.pcap": {         # 19: nobody answers; 30 is answered
        "oxcnotif.wait.abandoned": ([19], [30]),
    },
    "field/m04_stranded.pcap": {            # 79: the last PENDING
        "mapihttp.no_pending": ([79], [73]),
    },
    "field/i03_span.pcap": {"oxcnotif.push.copy": ([172], [171])},

    # ---- builders ----
    "mapihttp_bodies": {
        "mapihttp.request_type_unknown": (["request of no known type"], ["request"]),
        "mapihttp.body_truncated": (["request of one word"], ["request", "size beyond the body"]),
        "rop.too_much": (["64 KB of ROPs"], ["request"]),
        "mapihttp.no_preamble": (["no preamble"], ["response", "login page"]),
        "mapihttp.text": (["login page", "text behind DONE"], ["response", "no preamble", "no header behind DONE"]),
        "mapihttp.meta_tag_line": (["PENDING without CRLF"], ["response", "PROCESSING only"]),
        "mapihttp.preamble_unterminated": (["PROCESSING only"], ["response"]),
        "mapihttp.additional_header_wrong": (["no header behind DONE"], ["response", "elapsed soon"]),
        "mapihttp.header_value_wrong": (["elapsed soon"], ["response", "no header behind DONE"]),
        "mapihttp.status_code_failure": (["StatusCode 5"], ["response", "ErrorCode", "login page", "text behind DONE"]),
        "mapihttp.encoded": (["brotli"], ["response"]),
    },
    "mapihttp_authentication": {"mapihttp.credentials_refused": (["third 401"], ["first 401", "second 401"])},
    "mapihttp_losses": {
        "mapihttp.request_not_captured": (["response to a lost request"], ["response"]),
        "mapihttp.out_of_order": (["second half first"], ["first half last", "request"]),
        "mapihttp.swallowed": (["request inside another"], ["request"]),
    },
    "mapihttp_rest": {"mapihttp.beginning_not_captured": (["rest"], ["whole"])},
    "mapihttp_sessions": {"oxcnotif.session.replaced": (["Connect again"], ["first Connect"])},
    "mapihttp_in_rtsp": {"mapihttp.no_headers": (["body of RTSP"], ["body of HTTP"])},
    "mapihttp_followups": {"oxcnotif.followup.slow": (["fetch after 2 s"], ["fetch at once"])},
    "buffers": {
        "rop.ext.header_truncated": (["half a header"], ["right"]),
        "rop.ext.flags_unknown": (["unknown flag"], ["right", "compressed"]),
        "rop.ext.size_wrong": (["Size too large"], ["right", "SizeActual is not Size"]),
        "rop.ext.empty": (["Size 0"], ["right"]),
        "rop.ext.decompression_failed": (["not compressed"], ["compressed"]),
        "rop.ext.decompressed_size": (["SizeActual is not the result"], ["compressed"]),
        "rop.ext.no_last": (["no Last"], ["right"]),
        "rop.ext.after_last": (["behind Last"], ["right"]),
        "rop.ext.too_many": (["97 payloads"], ["96 payloads"]),
        "rop.aux.header_truncated": (["half an AUX_HEADER"], ["blocks"]),
        "rop.aux.size_wrong": (["Size 3"], ["blocks"]),
        "rop.aux.block_truncated": (["short block"], ["blocks"]),
        "rop.aux.unknown": (["unknown block"], ["blocks"]),
    },
    "rop_buffers": {
        "rop.id.undefined": (["reserved RopId"], ["right"]),
        "rop.chain_lost": (["reserved RopId"], ["right"]),
        "rop.handle_index.outside": (["handle index 9"], ["right"]),
        "rop.code_page_unknown": (["message in code page 12345"], ["message in code page 1251"]),
        "rop.undecoded": (["bytes behind the properties"], ["properties"]),
        "rop.entry_id.offset": (["store EntryID with a wrong offset"], ["store EntryID"]),
        "rop.size.too_small": (["RopSize 1"], ["RopSize 2"]),
        "rop.not_asked": (["answer to nothing"], ["answer"]),
        "rop.recovered": (["notification behind a reserved RopId"], ["notification"]),
    },
    "streams": {
        "rop.fast_transfer.start_unknown": (["beginning not captured"], ["followed"]),
        "rop.fast_transfer.lost": (["type that nobody knows"], ["followed"]),
    },
    "rop_cases": {item: ([item], ["none"]) for item in (
        "rop.store_unknown", "rop.handle_index.echo", "rop.deviation", "rop.property.object_value", "rop.malformed",
        "rop.truncated", "rop.not_terminated", "rop.too_deep")},
    "rpc_stubs": {
        "emsmdb.stub.short": (["stub that ends"], ["request"]),
        "emsmdb.array.long": (["array longer than the stub"], ["request"]),
        "emsmdb.array.length": (["length that is not the array's"], ["request"]),
        "emsmdb.array.counts": (["counts that do not fit"], ["response"]),
        "emsmdb.range": (["room above the range"], ["request"]),
        "emsmdb.return_value_failure": (["return value 0x6BB"], ["response"]),
        "emsmdb.grbit_advise_bits.invalid": (["grbitAdviseBits 1"], ["registration"]),
        "emsmdb.rgb_callback_address.invalid": (["family 99"], ["registration"]),
        "emsmdb.session_lost": (["null context handle"], ["response", "return value 0x6BB"]),
    },
    "rpc_streams": {
        "emsmdb.unknown_call": (["response of no known call"], ["request"]),
        "emsmdb.out_of_order": (["second half first"], ["first half last", "request"]),
        "emsmdb.inferred": (["request without a bind"], ["request"]),
        "emsmdb.swallowed": (["request inside another"], ["request"]),
        "emsmdb.cut_off": (["RST in a call"], ["RST of nothing"]),
    },
    "rpc_polling": {"oxcnotif.push.polling": (["poll 4"], ["poll 1", "poll 2", "poll 3"])},
    "rpch_channels": {
        "rpch.not_pdu": (["no PDU"], ["PDU"]),
        "rpch.chunk.malformed": (["no chunk"], ["chunk"]),
        "rpch.lost": (["second half first"], ["PDU"]),
        "rpch.out_of_order": (["second half first"], ["first half last", "PDU"]),
        "rpch.swallowed": (["PDU inside another"], ["PDU"]),
        "rpch.begun_late": (["late channel"], ["PDU"]),
    },
    "lost_record_of_rpch": {"rpch.not_decrypted": (["request behind"], ["request before"])},
    "lost_record_of_mapihttp": {"mapihttp.not_decrypted": (["request behind"], ["request before"])},
    "tls_without_keys": {
        "oxcnotif.tls.undecrypted": (["data for outlook.office365.com"], ["data for www.example", "data for None"]),
        "oxcnotif.tls.long_poll": (["end of wait 3"], ["end of wait 2", "data for None"]),
    },
}
ROWS = [pytest.param(source, item, id=item, marks=pytest.mark.xdist_group(source))
        for source, items in TABLE.items() for item in items]


@functools.lru_cache(maxsize=None)
def registered() -> tuple[str, ...]:
    """From the source: tshark lists expert items among the fields without a value, of which there are others."""
    found: list[str] = []
    for path in sorted((tools.REPOSITORY / "plugin").rglob("*.c")):
        text = path.read_text(encoding="utf-8")
        here = re.findall(r'\{\s*&ei_\w+,\s*\{\s*"([a-z0-9_.]+)",\s*PI_', text)
        assert len(here) == len(re.findall(r"\{\s*&ei_\w+,\s*\{", text)), path
        found += here
    return tuple(found)


@functools.lru_cache(maxsize=None)
def shown(source: str) -> tuple[dict[str, int], dict[int, frozenset[str]]]:
    """The names of frames of a builder, and the items of each frame: tshark is started once."""
    frames: dict[str, int] = {}
    path: pathlib.Path = CAPTURES / source
    if not path.exists():
        path, frames = expert_cases.BUILDERS[source]()
    asked = [item for item in TABLE[source] if item in tools.registered()]
    rows = tools.fields(path, asked, two_pass=True)
    return frames, {row["frame"]: frozenset(item for item in asked if row[item]) for row in rows}


@pytest.mark.parametrize("source,item", ROWS)
def test_expert_item_is_where_it_belongs_and_nowhere_else(tshark, source: str, item: str) -> None:
    present, absent = TABLE[source][item]
    names, items = shown(source)
    numbers = [[names[one] if isinstance(one, str) else one for one in frames] for frames in (present, absent)]
    assert present and absent
    assert [frame for frame in numbers[0] if item in items[frame]] == numbers[0]
    assert [frame for frame in numbers[1] if item in items[frame]] == []


def test_every_registered_expert_item_stands_in_the_table_once(tshark) -> None:
    listed = [item for items in TABLE.values() for item in items]
    assert sorted(listed) == sorted(registered())
    assert set(listed) <= tshark.registered()


def summaries() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted((tools.REPOSITORY / "plugin").rglob("*.c")):
        entries = re.findall(r'\{\s*&ei_\w+,\s*\{\s*"([a-z0-9_.]+)",\s*PI_\w+,\s*PI_\w+,\s*((?:"(?:[^"\\]|\\.)*"\s*)+)',
                             path.read_text(encoding="utf-8"))
        found |= {name: "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text)) for name, text in entries}
    return found


def test_summaries_are_short_sentences_without_numbers_of_a_capture() -> None:
    """Analyze, Expert Information groups by the summary; what differs stands in the fields and the explanation."""
    found = summaries()
    assert set(found) == set(registered())
    names = r"grbitAdviseBits"          # of the specification, which begin with a small letter
    for item, text in found.items():
        assert len(text) <= 60 and "%" not in text and not text.endswith("."), (item, text)
        assert text[0].isupper() or re.match(names, text), (item, text)
