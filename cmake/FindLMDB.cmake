# Finds LMDB under any of its names and provides the target LMDB::LMDB.
#
#   vcpkg           unofficial-lmdb, unofficial::lmdb::lmdb
#   Conan           lmdb, lmdb::lmdb
#   distributions   lmdb.pc, or only lmdb.h and liblmdb
#
# Sets LMDB_FOUND, LMDB_VERSION (where known) and LMDB_HAS_PKGCONFIG (lmdb.pc is there).

if(TARGET LMDB::LMDB)
  set(LMDB_FOUND TRUE)
  return()
endif()

include(FindPackageHandleStandardArgs)

set(_lmdb_target "")
foreach(_lmdb_candidate IN ITEMS "unofficial-lmdb;unofficial::lmdb::lmdb" "lmdb;lmdb::lmdb")
  list(GET _lmdb_candidate 0 _lmdb_package)
  list(GET _lmdb_candidate 1 _lmdb_name)
  if(NOT _lmdb_target)
    find_package(${_lmdb_package} CONFIG QUIET)
    if(TARGET ${_lmdb_name})
      set(_lmdb_target ${_lmdb_name})
      set(LMDB_VERSION "${${_lmdb_package}_VERSION}")
    endif()
  endif()
endforeach()

if(_lmdb_target)
  find_package_handle_standard_args(LMDB REQUIRED_VARS _lmdb_target VERSION_VAR LMDB_VERSION)
  add_library(LMDB::LMDB INTERFACE IMPORTED)
  target_link_libraries(LMDB::LMDB INTERFACE ${_lmdb_target})
else()
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(PC_LMDB QUIET lmdb)
    set(LMDB_HAS_PKGCONFIG ${PC_LMDB_FOUND})
  endif()
  find_path(LMDB_INCLUDE_DIR lmdb.h HINTS ${PC_LMDB_INCLUDE_DIRS})
  find_library(LMDB_LIBRARY lmdb HINTS ${PC_LMDB_LIBRARY_DIRS})
  mark_as_advanced(LMDB_INCLUDE_DIR LMDB_LIBRARY)

  if(LMDB_INCLUDE_DIR)
    set(_lmdb_version_parts "")
    foreach(_lmdb_part IN ITEMS MAJOR MINOR PATCH)
      file(STRINGS "${LMDB_INCLUDE_DIR}/lmdb.h" _lmdb_line REGEX "#define[ \t]+MDB_VERSION_${_lmdb_part}[ \t]+[0-9]+")
      string(REGEX MATCH "[0-9]+$" _lmdb_number "${_lmdb_line}")
      list(APPEND _lmdb_version_parts "${_lmdb_number}")
    endforeach()
    list(JOIN _lmdb_version_parts "." LMDB_VERSION)
  endif()

  find_package_handle_standard_args(LMDB REQUIRED_VARS LMDB_LIBRARY LMDB_INCLUDE_DIR VERSION_VAR LMDB_VERSION)
  if(LMDB_FOUND)
    add_library(LMDB::LMDB UNKNOWN IMPORTED)
    set_target_properties(LMDB::LMDB PROPERTIES
      IMPORTED_LOCATION "${LMDB_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${LMDB_INCLUDE_DIR}")
  endif()
endif()
