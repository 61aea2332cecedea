#!/bin/sh
# usage: cases.sh CASE MERKLE SOURCE_TREE SCRATCH_DIRECTORY RANDOM_TREE
# Runs one of the cases below in an empty directory. Exits with 77 if it cannot run here.
set -eu
name=$1
merkle=$2
source_tree=$3
scratch=$4
random_tree=$5
git_root=$source_tree/examples/merkle/git_root.sh

fail() {
  echo "failed: $*" >&2
  exit 1
}

run() { "$merkle" "$@" --store store; }

value() { # FIELD [DIRECTORY]: of the summary of a run
  run "${2:-tree}" | sed -n "s/^$1 *//p"
}

# The root is git's, for a new store and for a known one.
same_as_git() { # DIRECTORY
  theirs=$("$git_root" "$1")
  [ "$(run "$1" --quiet)" = "$theirs" ] || fail "$(run "$1" --quiet) is not git's $theirs"
  [ "$(run "$1" --quiet)" = "$theirs" ] || fail "the second run differs"
}

equal() { # WHAT ACTUAL EXPECTED
  [ "$2" = "$3" ] || fail "$1: $2, expected $3"
}

# Fails with this exit status, says so on standard error, prints nothing on standard output.
refused() { # STATUS WORDS ARGUMENTS...
  expected=$1
  words=$2
  shift 2
  status=0
  "$merkle" "$@" >out 2>err || status=$?
  equal "exit status of merkle $*" "$status" "$expected"
  [ ! -s out ] || fail "printed on standard output: $(cat out)"
  grep -qF -- "$words" err || fail "does not say '$words' but: $(cat err)"
}

small_tree() {
  mkdir -p tree/a/b/c tree/d
  echo one >tree/a/b/c/one
  echo two >tree/a/b/two
  echo three >tree/d/three
  echo four >tree/four
  touch -d '2001-02-03 04:05:06.789' tree/four
}

every_special_case_is_as_in_git() {
  mkdir -p tree/empty/inside tree/dir 'tree/with space' tree/deep/er/and/deeper
  echo plain >tree/plain
  echo run >tree/executable
  chmod 755 tree/executable
  echo group >tree/executable-by-group-only
  chmod 654 tree/executable-by-group-only
  : >tree/nothing
  ln -s plain tree/link
  ln -s /does/not/exist tree/dangling
  ln -s dir tree/link-to-directory
  echo x >'tree/with space/a b'
  echo x >"tree/with
newline"
  echo x >'tree/back\slash "quotes"'
  echo x >"$(printf 'tree/\303\266\346\227\245\360\237\214\262')"
  echo x >"$(printf 'tree/not-utf8-\377\376')"
  echo x >"$(printf 'tree/\001\033[1m')"
  echo x >tree/-dash
  echo x >'tree/*'
  printf 'a\r\nb\r\n' >tree/crlf
  head -c 3000000 /dev/zero >tree/deep/er/and/deeper/large
  echo '*' >tree/.gitignore
  echo '* text=auto eol=crlf' >tree/.gitattributes
  echo x >tree/dir/ignored
  ln tree/plain tree/hard-link
  same_as_git tree
}

order_of_entries_is_as_in_git() {
  mkdir -p tree/a tree/a.b tree/a0 tree/ab
  for directory in a a.b a0 ab; do echo x >tree/$directory/x; done
  echo x >tree/a-
  echo x >tree/a.
  echo x >tree/a.c
  echo x >tree/a00
  echo x >tree/A
  echo x >"$(printf 'tree/a\377')"
  same_as_git tree
}

empty_directories_are_left_out() {
  mkdir -p tree/a/b/c tree/d
  same_as_git tree
  equal "root of nothing" "$(run tree --quiet)" 4b825dc642cb6eb9a060e54bf8d69288fbee4904
  echo x >tree/a/x
  same_as_git tree
}

names_of_random_bytes_are_as_in_git() {
  for seed in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    "$random_tree" "$seed" "tree-$seed" || fail "no tree for seed $seed"
    echo "seed $seed: $(find "tree-$seed" -print0 | tr -cd '\000' | wc -c) names"
    same_as_git "tree-$seed"
  done
}

a_directory_of_very_many_entries_is_as_in_git() {
  mkdir -p tree/many
  (cd tree/many && seq -f '%0100.0f' 1 5000 | xargs touch)
  same_as_git tree
  echo x >"tree/many/$(printf '%0100d' 2500)"
  run tree --changes >out
  # The file, one part of the directory, the directory, the root.
  equal "computed" "$(sed -n 's/^computed *//p' out)" 4
  same_as_git tree
}

this_source_tree_is_as_in_git() {
  mkdir tree
  (cd "$source_tree" && find . -mindepth 1 -maxdepth 1 ! -name .git ! -name build ! -name .cache) >top
  while read -r entry; do cp -a "$source_tree/$entry" tree/; done <top
  same_as_git tree
}

second_run_computes_nothing() {
  small_tree
  equal "first run" "$(value computed)" 9
  equal "second run" "$(value computed)" 0
  equal "reused by the second run" "$(value reused)" 9
}

changed_file_computes_its_path_only() {
  small_tree
  run tree >/dev/null
  echo more >>tree/a/b/c/one
  equal "computed" "$(value computed)" 5
  echo more >>tree/four
  equal "computed" "$(value computed)" 2
  mv tree/four tree/five
  equal "computed after renaming" "$(value computed)" 1
  same_as_git tree
}

changed_file_of_equal_size_and_time_is_noticed() {
  small_tree
  touch -d '2001-02-03' tree/four
  wait_until_settled
  run tree >/dev/null
  run tree >/dev/null
  echo FOUR >tree/four
  touch -d '2001-02-03' tree/four
  equal "computed" "$(value computed)" 2
  same_as_git tree
}

# Until what was just written is older than the stat cache asks for: else it would be read again anyway.
wait_until_settled() {
  while [ "$(find tree -newerct '0.1 seconds ago' | wc -l)" -gt 0 ]; do :; done
}

changed_mode_is_noticed() {
  small_tree
  run tree >/dev/null
  chmod +x tree/a/b/two
  equal "computed" "$(value computed)" 3
  same_as_git tree
}

a_new_store_gives_the_same_root() {
  small_tree
  first=$(run tree --quiet)
  rm -rf store
  equal "root" "$(run tree --quiet)" "$first"
  equal "with relaxed durability and one thread" \
    "$("$merkle" tree --store other --quiet --durability=relaxed --jobs 1)" "$first"
}

a_damaged_or_foreign_stat_cache_does_no_harm() {
  small_tree
  wait_until_settled
  first=$(run tree --quiet)
  cache=$(echo store/*.stat)
  [ -s "$cache" ] || fail "there is no stat cache"
  mkdir other
  cp "$cache" kept
  printf 'x' | dd of="$cache" bs=1 seek=70 conv=notrunc 2>/dev/null
  equal "root with a damaged cache" "$(run tree --quiet)" "$first"
  : >"$cache"
  equal "root with an empty cache" "$(run tree --quiet)" "$first"
  rm -rf store
  echo other >another
  mkdir elsewhere
  "$merkle" elsewhere --store store --quiet >/dev/null
  cp kept "$cache"
  equal "root with the cache of a lost store" "$(run tree --quiet)" "$first"
}

special_files_and_repositories_inside_are_left_out() {
  small_tree
  mkfifo tree/fifo
  mkdir tree/.git tree/d/.git
  echo x >tree/.git/x
  echo x >tree/d/.git/x
  same_as_git tree
  run tree 2>err >/dev/null
  grep -q 'left out fifo: a FIFO' err || fail "does not name the FIFO: $(cat err)"
  grep -q 'left out d/.git' err || fail "does not name the repository inside: $(cat err)"
}

# as_stranger COMMAND...: as a user to whom permissions apply.
as_stranger() {
  if [ "$(id -u)" -ne 0 ]; then
    "$@"
  else
    command -v setpriv >/dev/null || exit 77
    setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
  fi
}

unreadable_files_are_all_named() {
  stage=$(mktemp -d)  # Not below the build directory, which a stranger may not be let into.
  trap 'rm -rf "$stage"' EXIT
  cp "$merkle" "$stage/merkle"
  cd "$stage"
  small_tree
  chmod 000 tree/four tree/a/b/two
  chmod 777 .
  chmod 755 merkle tree tree/a tree/a/b tree/a/b/c tree/d
  status=0
  as_stranger ./merkle tree --store store >out 2>err || status=$?
  equal "exit status" "$status" 1
  [ ! -s out ] || fail "printed on standard output: $(cat out)"
  grep -qx 'merkle: four: Permission denied' err || fail "does not name four: $(cat err)"
  grep -qx 'merkle: a/b/two: Permission denied' err || fail "does not name a/b/two: $(cat err)"
  chmod 644 tree/four tree/a/b/two
  chmod 000 tree/d
  status=0
  as_stranger ./merkle tree --store store >out 2>err || status=$?
  chmod 755 tree/d
  equal "exit status" "$status" 1
  grep -qx 'merkle: d: Permission denied' err || fail "does not name d: $(cat err)"
}

wrong_directories_are_refused() {
  small_tree
  refused 1 'missing: No such file or directory' missing --store store
  refused 1 'tree/four: is not a directory' tree/four --store store
  [ ! -e store ] || fail "a store was created in vain"
  refused 1 'must not be inside' tree --store tree/store
  refused 1 'must not be inside' tree --store tree
  refused 1 'must not be inside' tree --store tree/../tree/d/store
  ln -s tree/d link
  refused 1 'must not be inside' tree --store link/store
  run tree --quiet >/dev/null
  refused 1 'is inside of the store' store/blobs --store store
  mkdir elsewhere
  ln -s elsewhere link-elsewhere
  refused 1 'permission_denied' tree --store link-elsewhere
  [ "$(find tree | wc -l)" -eq 9 ] || fail "something was written into the directory"
}

wrong_arguments_are_refused() {
  mkdir tree
  refused 2 'which directory' --store store
  refused 2 'where is the store' tree
  refused 2 'no option --stor' tree --stor store
  refused 2 '--jobs takes a number' tree --store store --jobs 0
  refused 2 '--durability is' tree --store store --durability some
  refused 2 '--store needs a value' tree --store
  refused 2 '--quiet takes no value' tree --store store --quiet=yes
  refused 2 'too many' tree tree --store store
  "$merkle" --help | grep -q '^usage: merkle DIR' || fail "prints no help"
}

a_failed_run_prints_no_root() {
  small_tree
  [ -w /dev/full ] || exit 77
  if run tree >/dev/full 2>err; then fail "success, though nothing could be printed"; fi
  grep -q 'standard output' err || fail "does not say why: $(cat err)"
}

changes_say_why() {
  small_tree
  run tree >/dev/null
  echo more >>tree/a/b/c/one
  run tree --changes >out
  sed -n '/^changes/,$p' out >changes
  cat >expected <<'END'
changes
  a/b/c/one  git-blob/1  content is new
  a/b/c/  git-tree/1  input changed: one
  a/b/  git-tree/1  input changed: c
  a/  git-tree/1  input changed: b
  /  git-tree/1  input changed: a
END
  diff -u expected changes || fail "other changes are printed"
  echo more >>tree/a/b/two
  run tree --changes --max 1 >out
  equal "last line" "$(tail -n 1 out)" '  and 3 more'
  mv tree/four tree/five
  run tree --changes >out
  equal "last line" "$(tail -n 1 out)" '  /  git-tree/1  names, modes or the set of entries changed'
}

# On a terminal a line says how far things are, and ends before the summary; a run without work leaves none.
progress_is_shown_on_a_terminal_only() {
  command -v script >/dev/null || exit 77
  small_tree
  run tree 2>err >/dev/null
  [ ! -s err ] || fail "without a terminal: $(cat err)"
  rm -r store
  script -qec "'$merkle' tree --store store" typescript </dev/null >shown
  tr -d '\r' <shown >lines
  grep -q '\[9/9\] .* done in .*' lines || fail "no progress is shown: $(cat -v shown)"
  grep -q '^root  ' lines || fail "the summary does not begin on a line of its own: $(cat -v shown)"
  script -qec "'$merkle' tree --store store" typescript </dev/null >shown
  if grep -q 'done in' shown; then fail "progress of nothing: $(cat -v shown)"; fi
  script -qec "'$merkle' tree --store other --no-progress" typescript </dev/null >shown
  if grep -q 'done in' shown; then fail "--no-progress shows progress: $(cat -v shown)"; fi
}

a_trace_shows_each_function() {
  small_tree
  DERIVA_TRACE=trace.json "$merkle" tree --store store >/dev/null
  equal "functions in the trace" "$(grep -c '"cat":"compute"' trace.json)" 9
  equal "the end of the trace" "$(tail -c 3 trace.json)" ']}'
}

rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch"
"$name"
