#!/bin/sh
# Every check can fail: each gets a small tree that it accepts, then the same tree with one fault, and must name it.
# usage: red_test.sh CHECKS_DIRECTORY SCRATCH_DIRECTORY CLANG_FORMAT_FILE
# shellcheck disable=SC2016 # the lines of scripts are written as they are
set -eu
checks=$1
scratch=$2
clang_format=$3
failures=0

# put FILE LINES...: writes a file of the small tree.
put() {
  mkdir -p "$scratch/tree/$(dirname "$1")"
  file=$scratch/tree/$1
  shift
  printf '%s\n' "$@" >"$file"
}

green_tree() {
  rm -rf "$scratch/tree"
  put include/deriva/core/blob.hpp '#pragma once' '' '#include <string>'
  put include/deriva/dag/view.hpp '#pragma once' '' '#include <deriva/core/blob.hpp>'
  put include/deriva/deriva.hpp '#pragma once' '' '#include <deriva/core/blob.hpp>' '#include <deriva/dag/view.hpp>'
  put src/core/blob.cpp '#include <deriva/core/blob.hpp>'
  put src/CMakeLists.txt 'add_library(deriva core/blob.cpp)'
  put tests/unit/core/blob_test.cpp '#include <deriva/core/blob.hpp>'
  put tests/unit/dag/view_test.cpp '#include <deriva/dag/view.hpp>'
  put tests/unit/CMakeLists.txt 'unit_tests(core' '  blob_test.cpp)' 'unit_tests(dag view_test.cpp)'
  put dev '#!/bin/sh' 'case ${1:-} in' "'') printf '  %s\\n' demo test bench lint asan tsan fuzz soak ;;" '*) exit 2 ;;' 'esac'
  chmod +x "$scratch/tree/dev"
  cp "$clang_format" "$scratch/tree/.clang-format"
}

# expect EXIT CHECK NEEDLE ARGUMENTS...: the check ends so, and its output contains the needle.
expect() {
  expected=$1
  check=$2
  needle=$3
  shift 3
  status=0
  output=$("$checks/$check.sh" "$scratch/tree" "$@" 2>&1) || status=$?
  if [ "$status" -eq 77 ]; then
    printf '%s\n' "$check: skipped: $output"
  elif [ "$status" -ne "$expected" ] || ! printf '%s\n' "$output" | grep -qF -- "$needle"; then
    printf '%s\n' "$check: exit $status, expected $expected and '$needle', printed: $output"
    failures=$((failures + 1))
  fi
}

# red CHECK NEEDLE: fails now, and succeeds on the tree without the fault.
red() {
  expect 1 "$@"
  green_tree
  shift 2
  expect 0 "$check" '' "$@"
}

green_tree
put src/core/blob.cpp '#include <deriva/dag/view.hpp>'
red layering 'src/core/blob.cpp:1: a file of core includes deriva/dag/view.hpp, a higher layer'
put src/core/blob.cpp '#include "../dag/helper.hpp"'
red layering 'src/core/blob.cpp:1'
put src/dag/view.cpp '#include "store/store_impl.hpp"'
red layering 'src/dag/view.cpp:1'
put src/dag/view.cpp '#include <string>' '' '#include <deriva/core/recipe.hpp>'
red layering 'src/dag/view.cpp:3'
put src/dag/view.cpp '#include <lmdb.h>'
red layering 'LMDB belongs to storage'
put src/store/store.cpp '#  include <boost/asio/post.hpp>'
red layering 'Asio belongs to compute'
put src/observe/log.cpp '#include <openssl/evp.h>'
red layering 'OpenSSL belongs to core'
put src/util/text.cpp ''
red layering '"util" is not a layer'
put include/deriva/dag/view.hpp '#pragma once' '#include <deriva/deriva.hpp>'
red layering 'the header for hosts'

put include/deriva/dag/view.hpp '#pragma once' '#include <lmdb.h>'
red public_includes 'include/deriva/dag/view.hpp:2'
put include/deriva/core/blob.hpp '#include "openssl/evp.h"'
red public_includes 'include/deriva/core/blob.hpp:1'
put include/deriva/core/blob.hpp '#include <fmt/format.h>'
red public_includes 'include/deriva/core/blob.hpp:1'

put include/deriva/core/new.hpp '#pragma once'
red umbrella 'does not include <deriva/core/new.hpp>'
put include/deriva/core/fmt.hpp '#pragma once'
put include/deriva/deriva.hpp '#include <deriva/core/blob.hpp>' '#include <deriva/core/fmt.hpp>' \
  '#include <deriva/dag/view.hpp>'
red umbrella 'includes the integration <deriva/core/fmt.hpp>' deriva/core/fmt.hpp

yes '// a line' | head -n 401 >"$scratch/tree/src/core/blob.cpp"
red file_length 'src/core/blob.cpp:401'

put include/deriva/core/new.hpp '#pragma once'
red nouns 'has no tests/unit/core/new_test.cpp'
put tests/unit/core/blob_test.cpp '#include <string>' '#include <deriva/core/blob.hpp>'
red nouns 'its first include is not <deriva/core/blob.hpp>'

put src/core/new.cpp ''
red listed 'src/core/new.cpp:1: not in src/CMakeLists.txt'
put tests/unit/core/new_test.cpp ''
red listed 'new_test.cpp:1: not in tests/unit/CMakeLists.txt'
rm "$scratch/tree/tests/unit/dag/view_test.cpp"
red listed 'names view_test.cpp, which does not exist'

put src/core/blob.cpp 'int  answer( ) ;'
red format 'src/core/blob.cpp:1'

put tests/broken.sh '#!/bin/sh' 'echo $1'
red shell 'tests/broken.sh'

put dev '#!/bin/sh' "printf '  %s\\n' demo test lint asan tsan fuzz soak" '[ $# -eq 0 ]'
chmod +x "$scratch/tree/dev"
red dev_verbs "does not print the verb 'bench'"
put dev '#!/bin/sh' "printf '  %s\\n' demo test bench lint asan tsan fuzz soak"
chmod +x "$scratch/tree/dev"
red dev_verbs 'accepts a verb that does not exist'

rm -rf "$scratch/tree"
[ "$failures" -eq 0 ]
