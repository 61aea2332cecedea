#!/bin/sh
# No public header makes a consumer's compiler look for the headers of LMDB, OpenSSL, or (outside the integration) fmt.
. "$(dirname "$0")/lib.sh"

complain_lines "$(sources include | while read -r file; do
  case $file in
    include/deriva/core/fmt.hpp) private='(lmdb\.h|openssl/)' ;;
    *) private='(lmdb\.h|openssl/|fmt/)' ;;
  esac
  grep -HnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$private" "$file" || true
done)"
verdict
