# SPDX-License-Identifier: GPL-2.0-or-later
# Inside Wireshark's own tree, as plugins/epan/oxcnotif (scripts/wireshark-tree puts it there): its macros, its flags.
include(WiresharkPlugin)
string(REGEX MATCH "^([0-9]+)\\.([0-9]+)\\.([0-9]+)" _version "${OXCNOTIF_VERSION}")
set_module_info(oxcnotif ${CMAKE_MATCH_1} ${CMAKE_MATCH_2} ${CMAKE_MATCH_3} 0)

find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(GENERATED ${CMAKE_CURRENT_BINARY_DIR}/generated)
file(GLOB ROPDEFS CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/ropdefs/*.def ${CMAKE_CURRENT_SOURCE_DIR}/ropdefs/*.tsv ${CMAKE_CURRENT_SOURCE_DIR}/ropdefs/*.py)
add_custom_command(
    OUTPUT ${GENERATED}/ropdefs.c ${GENERATED}/ropdefs_names.c ${GENERATED}/ropdefs.h
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/ropdefs/compile.py --out ${GENERATED} ${CMAKE_CURRENT_SOURCE_DIR}/ropdefs
    DEPENDS ${ROPDEFS}
    COMMENT "Compiling the ROP definitions"
    VERBATIM)

file(GLOB DISSECTOR_SRC CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/plugin/*.c ${CMAKE_CURRENT_SOURCE_DIR}/plugin/*/*.c)
set(PLUGIN_FILES ${DISSECTOR_SRC} ${GENERATED}/ropdefs.c ${GENERATED}/ropdefs_names.c ${GENERATED}/ropdefs.h)
set_source_files_properties(${DISSECTOR_SRC} PROPERTIES COMPILE_FLAGS "${WERROR_COMMON_FLAGS}")
add_wireshark_plugin_library(oxcnotif epan)
target_include_directories(oxcnotif PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/plugin ${GENERATED})
target_link_libraries(oxcnotif epan)
install_plugin(oxcnotif epan)
set_target_properties(oxcnotif PROPERTIES C_STANDARD 11 C_VISIBILITY_PRESET hidden)
