#!/bin/sh
# usage: git_root.sh DIRECTORY
# Prints the id that git gives the tree of a directory: an index of its own, nothing ignored, content taken as it is,
# none of the machine's or the user's configuration. Writes nothing into the directory.
set -eu
directory=$(cd -- "$1" && pwd -P && printf x)
directory=${directory%??}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for variable in $(git rev-parse --local-env-vars); do unset "$variable"; done
export HOME="$work" XDG_CONFIG_HOME="$work" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1
export GIT_DIR="$work/git"
git init --quiet --template= "$work"
mkdir -p "$GIT_DIR/info"
# The attributes of this file win over any .gitattributes: no conversion of line ends, no filter.
echo '* -text -filter -ident -working-tree-encoding' >"$GIT_DIR/info/attributes"
export GIT_WORK_TREE="$directory"
cd -- "$directory"
git -c core.fileMode=true -c core.symlinks=true -c core.safecrlf=false -c advice.addEmbeddedRepo=false \
  -c core.looseCompression=0 add --all --force .
git write-tree
