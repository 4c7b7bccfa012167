#!/bin/sh
# SPDX-License-Identifier: MIT
# replay.sh FUZZ READER: gives the reader each file that the corpus has for it.
set -eu
exec "$1" "$2" "$(dirname "$0")/corpus/$2"/*
