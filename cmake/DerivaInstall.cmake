# Install rules: library, headers, CMake package, pkg-config file.
include(CMakePackageConfigHelpers)

set(deriva_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/deriva")
install(TARGETS deriva EXPORT deriva-targets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILE_SET integrations DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
if(TARGET deriva_prometheus)
  install(TARGETS deriva_prometheus EXPORT deriva-targets
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
install(EXPORT deriva-targets NAMESPACE deriva:: DESTINATION "${deriva_package_dir}")

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/deriva-config.cmake.in"
  "${PROJECT_BINARY_DIR}/package/deriva-config.cmake" INSTALL_DESTINATION "${deriva_package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/deriva-config-version.cmake"
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/package/deriva-config.cmake"
  "${PROJECT_BINARY_DIR}/package/deriva-config-version.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/FindLMDB.cmake"
  DESTINATION "${deriva_package_dir}")

# What a linker needs besides deriva: with a static library everyone, with a shared one only who asks for --static.
set(deriva_pc_requires "fmt libcrypto")
set(deriva_pc_libs "-pthread")
if(LMDB_HAS_PKGCONFIG)
  string(APPEND deriva_pc_requires " lmdb")
else()
  string(APPEND deriva_pc_libs " -llmdb")
endif()
get_target_property(deriva_type deriva TYPE)
if(deriva_type STREQUAL "SHARED_LIBRARY")
  set(deriva_pc_private ".private")
  set(deriva_pc_public_libs "")
else()
  set(deriva_pc_private "")
  set(deriva_pc_public_libs "${deriva_pc_libs}")
endif()
get_target_property(deriva_boost_dir Boost::headers INTERFACE_INCLUDE_DIRECTORIES)
set(deriva_pc_cflags "")
if(NOT deriva_boost_dir IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
  set(deriva_pc_cflags "-I${deriva_boost_dir}")
endif()
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_LIBDIR deriva_libdir_is_absolute)
if(deriva_libdir_is_absolute)
  set(deriva_pc_prefix "${CMAKE_INSTALL_PREFIX}")
  set(deriva_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig"
    OUTPUT_VARIABLE deriva_pc_prefix)
  string(PREPEND deriva_pc_prefix "\${pcfiledir}/")
  string(REGEX REPLACE "/$" "" deriva_pc_prefix "${deriva_pc_prefix}")
  set(deriva_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/deriva.pc.in" "${PROJECT_BINARY_DIR}/package/deriva.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/package/deriva.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
