#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Puts the real igt_runner and igt_results of Debian sid, which need a newer libc
# than the machine has, into TREE/opt/igt with all the libraries they want, to be
# proved against: on this machine and, as a --root of the lab, in the guest.
set -eu

[ $# -eq 1 ] || { echo "usage: fetch-igt.sh TREE" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../runner/vm/lib.sh"
mkdir -p "$1"
tree=$(cd "$1" && pwd)

# Unpacked once a week; the version is in the result's --version.
if [ -z "$(find "$cache/igt/unpacked" -mtime -7 2>/dev/null)" ]; then
	mkdir -p "$cache"
	rm -rf "$cache/igt.new"
	"$here/../runner/vm/archive.sh" --with-depends sid "$cache/igt.new" igt-gpu-tools
	touch "$cache/igt.new/unpacked"
	rm -rf "$cache/igt"
	mv "$cache/igt.new" "$cache/igt"
fi

root=$cache/igt
libs=$root/usr/lib/x86_64-linux-gnu
loader=$libs/ld-linux-x86-64.so.2
mkdir -p "$tree/opt/igt/lib"
cp -L "$loader" "$tree/opt/igt/lib/"
for tool in igt_runner igt_resume igt_results; do
	cp "$root/usr/bin/$tool" "$tree/opt/igt/$tool.bin"
	"$loader" --library-path "$libs" --list "$root/usr/bin/$tool" |
		sed -n 's/.*=> \(\/[^ ]*\) (.*/\1/p' |
		while read -r lib; do cp -Ln "$lib" "$tree/opt/igt/lib/"; done
	cat > "$tree/opt/igt/$tool" <<'END'
#!/bin/sh
d=$(dirname "$0")
exec "$d/lib/ld-linux-x86-64.so.2" --library-path "$d/lib" "$d/$(basename "$0").bin" "$@"
END
	chmod +x "$tree/opt/igt/$tool"
done
