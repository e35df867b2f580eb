#!/usr/bin/env bash
# abidiff 2.2 (libabigail; Debian 12): C11's _Atomic makes a member invisible, and with it all
# that is reached through it alone.
#
# The compiler describes `_Atomic int` as DW_TAG_atomic_type over int, as `const int` is
# DW_TAG_const_type over int. libabigail knows no such tag: it leaves out a member of an unknown
# type, without a word, and the exit status is 0. So a counter may change from int to float, the
# nodes of a lock-free list may get another layout, a function may want another pointer: none of
# it is reported, whereas each is without _Atomic. A library with a clean report that has
# atomics in its headers has been compared without them. (DWARF 4 has no such tag, so compilers
# leave the qualifier out: the older format shows more.)
#
# Seen (abidiff's exit status; 4 is an ABI change):
#   int member becomes float: plain 4, _Atomic 0
#   node behind a pointer changes: plain 4, _Atomic 0
#   parameter int * becomes long *: plain 4, _Atomic 0
#   int member becomes float, DWARF 4: plain 4, _Atomic 4
#
# Works in a temporary folder; needs Debian 12, apt-get, gcc, and the libraries that libabigail
# needs (elfutils, libxml2). Exit status 1 when it behaves otherwise, 2 when it could not be tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -q download abigail-tools=2.2-2 libabigail0=2.2-2 >log 2>&1 || { cat log; exit 2; }
for package in *.deb; do
	dpkg -x "$package" root
done
export LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu
root/usr/bin/abidiff --version >log 2>&1 || { cat log; exit 2; }

cat >counter.c <<'END'
struct stats { NUMBER Q count; int limit; };
int read_count(struct stats *stats) { return stats->count > stats->limit; }
END
cat >list.c <<'END'
struct node { NUMBER value; struct node *next; };
struct list { struct node *Q head; };
int read_head(struct list *list) { struct node *node = list->head; return (int)node->value; }
END
cat >parameter.c <<'END'
int read_number(Q NUMBER *number) { return (int)*number; }
END
dwarf=5
compared() # source, one type, the other type, qualifier
{
	for number in "$2" "$3"; do
		gcc -std=c11 -gdwarf-$dwarf -shared -fPIC "-DNUMBER=$number" "-DQ=$4" -o "$number.so" "$1" || exit 2
	done
	status=0
	root/usr/bin/abidiff "$2.so" "$3.so" >report 2>&1 || status=$?
	echo "$status"
}
both()
{
	echo "$1: plain $(compared "$2" "$3" "$4" ""), _Atomic $(compared "$2" "$3" "$4" _Atomic)"
}
{
	both "int member becomes float" counter.c int float
	both "node behind a pointer changes" list.c int long
	both "parameter int * becomes long *" parameter.c int long
	dwarf=4
	both "int member becomes float, DWARF 4" counter.c int float
} | tee seen
diff - seen <<'END'
int member becomes float: plain 4, _Atomic 0
node behind a pointer changes: plain 4, _Atomic 0
parameter int * becomes long *: plain 4, _Atomic 0
int member becomes float, DWARF 4: plain 4, _Atomic 4
END
