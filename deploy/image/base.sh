#!/bin/sh
# Builds a base image from Debian packages, for machines that reach no container registry. As root:
#
#   deploy/image/base.sh                       # firstmate-base:bookworm
#   docker build --build-arg BASE=firstmate-base:bookworm -f deploy/image/Dockerfile -t firstmate .
#
# Needs `debootstrap` and a container engine that answers. MIRROR names a Debian mirror, else debootstrap's own is used;
# ENGINE names the command, else docker. What Debian signs is checked by debootstrap.
set -eu

suite=${1:-bookworm}
engine=${ENGINE:-docker}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v debootstrap >/dev/null || { echo "base.sh: debootstrap is missing; apt-get install debootstrap" >&2; exit 1; }
$engine version >/dev/null 2>&1 || { echo "base.sh: no container engine answers to '$engine version'; start one, or name it in ENGINE" >&2; exit 1; }

debootstrap --variant=minbase --include=python3-minimal,python3-venv,ca-certificates "$suite" "$work/root" ${MIRROR:+"$MIRROR"} >&2

# What a container never reads: package lists and archives, manuals, translations, documents save the licences.
rm -rf "$work"/root/var/lib/apt/lists/* "$work"/root/var/cache/apt/*.bin "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/log/*
rm -rf "$work"/root/usr/share/man "$work"/root/usr/share/locale "$work"/root/usr/share/info
find "$work/root/usr/share/doc" -type f ! -name copyright -delete
# Official Python images call it `python`; so do we.
ln -sf python3 "$work/root/usr/bin/python"

tar --sort=name --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-0}" -C "$work/root" -c . | $engine import - "firstmate-base:$suite"
