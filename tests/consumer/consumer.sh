#!/bin/sh
# usage: consumer.sh install | find_package | add_subdirectory | pkg_config | other_version
# Configured through the environment by CMakeLists.txt beside this file.
set -eu
verb=$1
prefix=$WORK/prefix

configure() { # SOURCE BUILD CMAKE_ARGUMENTS...
  from=$1
  into=$2
  shift 2
  "$CMAKE" -S "$from" -B "$into" -DCMAKE_CXX_COMPILER="$CXX" -DCMAKE_CXX_COMPILER_LAUNCHER="$LAUNCHER" \
    -DCMAKE_CXX_FLAGS="$FLAGS" "$@"
}

run_quick_start() { "$SOURCE/tests/checks/quick_start.sh" "$1" "$WORK/quick_start.txt" "$WORK/$verb-run"; }

case $verb in
  install)
    # Installed in one place and moved to another: nothing that is installed may remember where it was.
    rm -rf "$WORK/staging" "$prefix"
    "$CMAKE" --install "$BUILD" --prefix "$WORK/staging"
    mv "$WORK/staging" "$prefix"
    [ -f "$prefix/$LIBDIR/cmake/deriva/FindLMDB.cmake" ]
    if grep -rn -e "$WORK" -e "$SOURCE" "$prefix/$LIBDIR/cmake" "$prefix/$LIBDIR/pkgconfig" "$prefix/include"; then
      echo "the installed files remember a directory of the build"
      exit 1
    fi
    ;;
  find_package)
    configure "$WORK/find_package" "$WORK/find_package/build" -DCMAKE_PREFIX_PATH="$prefix"
    "$CMAKE" --build "$WORK/find_package/build"
    run_quick_start "$WORK/find_package/build/my_host"
    ;;
  add_subdirectory)
    # The flags of the build that this belongs to, so that ccache has compiled the library already.
    configure "$SOURCE/tests/consumer/add_subdirectory" "$WORK/add_subdirectory" -DDERIVA_SOURCE="$SOURCE" \
      -DQUICK_START="$WORK/quick_start.cpp" -DCMAKE_BUILD_TYPE="$BUILD_TYPE" -D"$TYPE_FLAGS_NAME=$TYPE_FLAGS" \
      -DDERIVA_WERROR="$WERROR"
    "$CMAKE" --build "$WORK/add_subdirectory"
    run_quick_start "$WORK/add_subdirectory/my_host"
    ;;
  pkg_config)
    command -v pkg-config >/dev/null || { [ "${CI:-}" = true ] && exit 1; exit 77; }
    PKG_CONFIG_PATH=$prefix/$LIBDIR/pkgconfig
    export PKG_CONFIG_PATH
    mkdir -p "$WORK/pkg_config"
    # shellcheck disable=SC2046,SC2086 # flags are meant to be split
    $LAUNCHER "$CXX" -std=c++20 $FLAGS $(pkg-config --cflags deriva) -c "$WORK/quick_start.cpp" -o "$WORK/pkg_config/main.o"
    # shellcheck disable=SC2046,SC2086
    "$CXX" $FLAGS "$WORK/pkg_config/main.o" -o "$WORK/pkg_config/my_host" $(pkg-config --libs deriva) -Wl,-rpath,"$prefix/$LIBDIR"
    run_quick_start "$WORK/pkg_config/my_host"
    ;;
  other_version)
    for version in 99 0.2 0.0.9; do
      if configure "$SOURCE/tests/consumer/other_version" "$WORK/other_version" -DCMAKE_PREFIX_PATH="$prefix" \
        -DWANTED="$version" >"$WORK/other_version.log" 2>&1; then
        echo "find_package(deriva $version) succeeds"
        exit 1
      fi
      grep 'requested version' "$WORK/other_version.log"
    done
    configure "$SOURCE/tests/consumer/other_version" "$WORK/other_version" -DCMAKE_PREFIX_PATH="$prefix" -DWANTED=0.1
    ;;
  *) exit 2 ;;
esac
