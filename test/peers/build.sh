#!/usr/bin/env bash
# Builds other backup programs to test and measure against, at the versions pinned by go.mod and go.sum beside this script.
# usage: build.sh BINDIR [restic|rest-server|kopia|versitygw|ferretdb|mongodump|mongorestore]...
# A pinned module, because `go install PACKAGE@VERSION` asks the proxy for a list of versions that it refuses for some modules.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: build.sh BINDIR PROGRAM...}"
bin=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- restic
for name; do
  if [ -x "$bin/$name" ]; then continue; fi
  pinned=$name
  case $name in
    restic) package=github.com/restic/restic/cmd/restic ;;
    rest-server) package=github.com/restic/rest-server/cmd/rest-server ;;
    kopia) package=github.com/kopia/kopia ;;
    ferretdb) package=. ;;
    mongodump|mongorestore) pinned=mongo-tools package=github.com/mongodb/mongo-tools/$name/main ;;
    # The proxy answers for this one's version, so it needs no module of its own.
    versitygw) GOBIN="$bin" go install github.com/versity/versitygw/cmd/versitygw@v1.8.0; continue ;;
    *) echo "build.sh: unknown program $name" >&2; exit 2 ;;
  esac
  module=$(mktemp -d)
  trap 'rm -rf "$module"' EXIT
  cp "$here/$pinned"/* "$module/"
  # Built beside and renamed, so that an interrupted build never looks finished.
  (cd "$module" && GOFLAGS='-buildvcs=false -mod=mod' go build -o "$bin/$name.part" "$package")
  mv "$bin/$name.part" "$bin/$name"
  rm -rf "$module"
done
