# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzz targets: the plugin with sanitizers and libFuzzer, inside the installed libwireshark (see docs/bounds.md).
if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "OXCNOTIF_FUZZ needs clang: CC=clang cmake ... -DOXCNOTIF_FUZZ=ON")
endif()

set(FUZZ ${PROJECT_SOURCE_DIR}/fuzz)
set(FUZZ_TARGETS rop-request rop-response chain mapihttp rpc udp session)
# What is compared is not recorded, which would take a third of the time: the numbers that matter are in the dictionary.
set(FUZZ_COMPILE -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp)
set(FUZZ_LINK -fsanitize=fuzzer)
if(OXCNOTIF_COVERAGE)
    list(APPEND FUZZ_COMPILE -fprofile-instr-generate -fcoverage-mapping)
    list(APPEND FUZZ_LINK -fprofile-instr-generate)
else()
    list(APPEND FUZZ_COMPILE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    list(APPEND FUZZ_LINK -fsanitize=address,undefined)
endif()

function(fuzz_library name options)
    add_library(${name} OBJECT ${ARGN})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/plugin ${GENERATED} ${FUZZ})
    target_compile_definitions(${name} PRIVATE PLUGIN_VERSION="${PROJECT_VERSION}" $<$<BOOL:${HAVE_SSIZE_T}>:HAVE_SSIZE_T>)
    target_compile_options(${name} PRIVATE -Wall -Wextra -Werror ${options})
    target_link_libraries(${name} PRIVATE epan PkgConfig::GLIB)
endfunction()

# What the harness and Wireshark do is nothing to find new ways through.
fuzz_library(fuzz_plugin "${FUZZ_COMPILE}" ${OXCNOTIF_SOURCES} ${GENERATED}/ropdefs.c ${GENERATED}/ropdefs_names.c ${GENERATED}/ropdefs.h)
fuzz_library(fuzz_harness "" ${FUZZ}/harness.c ${FUZZ}/reset.c ${FUZZ}/packets.c ${FUZZ}/rops.c)
add_dependencies(fuzz_harness fuzz_plugin)

foreach(target ${FUZZ_TARGETS})
    fuzz_library(fuzz_${target} "" ${FUZZ}/target-${target}.c)
    add_executable(fuzz-${target})
    target_sources(fuzz-${target} PRIVATE $<TARGET_OBJECTS:fuzz_plugin> $<TARGET_OBJECTS:fuzz_harness>
        $<TARGET_OBJECTS:fuzz_${target}>)
    target_link_options(fuzz-${target} PRIVATE ${FUZZ_LINK})
    target_link_libraries(fuzz-${target} PRIVATE epan wiretap wsutil PkgConfig::GLIB)
    set_target_properties(fuzz-${target} PROPERTIES LINKER_LANGUAGE C)
endforeach()

set(OXCNOTIF_FUZZ_SECONDS 3600 CACHE STRING "How long the target 'fuzz' fuzzes, all targets together")
add_custom_target(fuzz
    COMMAND ${PROJECT_SOURCE_DIR}/fuzz/run --seconds ${OXCNOTIF_FUZZ_SECONDS} --build ${PROJECT_BINARY_DIR}
    DEPENDS oxcnotif USES_TERMINAL VERBATIM)
foreach(target ${FUZZ_TARGETS})
    add_dependencies(fuzz fuzz-${target})
endforeach()
