# Both generators' code of one file in one program, for the bash scripts that source
# this. They set `root` and `cc`, define `die`, and stand in the folder that all is
# made in: ours as BASE_xdr.h and .c, rpcgen's as rpcgen.h and .c, and list.h, which
# says what is declared (list.awk makes it).

differential=$root/minirpcgen/tests/differential
tirpc=$(pkg-config --cflags libtirpc) || die "libtirpc is not installed"
libs=$(pkg-config --libs libtirpc)
include="-I. -I$differential -I$root/include $tirpc"
warn="-Wall -Wextra -Wno-unused"
wrap=-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free

# repair_rpcgen HEADER SOURCE TO: TO.h and TO.c of what rpcgen made. It writes `struct
# struct` for an array of the type that it is in, and uses types before it declares
# them.
repair_rpcgen()
{
	{
		echo "#include <rpc/rpc.h>"
		sed -n '/^typedef struct \([A-Za-z_0-9]*\) \1;$/p' "$1"
		sed -e 's/struct struct {/struct {/' "$1"
	} >"$3.h"
	sed -e "0,\|^#include \".*\"|s//#include \"${3##*/}.h\"/" "$2" >"$3.c"
}

# compile_ours NAME "flags" BASE...: NAME-ours.o, of which only the table is to be
# seen from outside: the same names are on both sides; and what 32-bit x86 shares
# between objects to find its own address. The first BASE is compared.
compile_ours()
{
	local name=$1 flags="$2 $include" base objects=()

	for base in "${@:3}"; do
		# shellcheck disable=SC2086
		$cc $flags -Werror $warn -c "${base}_xdr.c" -o "$name-ours-${base##*/}.o" || return 1
		objects+=("$name-ours-${base##*/}.o")
	done
	# shellcheck disable=SC2086
	$cc $flags -DHEADER="\"$3_xdr.h\"" -DSIDE=ours -c "$differential/side.c" -o "$name-ours_side.o" &&
		$cc -nostdlib -r -o "$name-ours.o" "$name-ours_side.o" "${objects[@]}" &&
		"${objcopy:-objcopy}" -w -G ours -G '__x86.*' "$name-ours.o"
}

# compile_theirs NAME "flags" BASE...: NAME-theirs.o likewise.
compile_theirs()
{
	local name=$1 flags="$2 $include" base objects=()

	for base in "${@:3}"; do
		# shellcheck disable=SC2086
		$cc $flags -w -include "$differential/trace.h" -c "$base.c" -o "$name-theirs-${base##*/}.o" || return 1
		objects+=("$name-theirs-${base##*/}.o")
	done
	# shellcheck disable=SC2086
	$cc $flags -w -DHEADER="\"$3.h\"" -DSIDE=theirs -c "$differential/side.c" -o "$name-theirs_side.o" &&
		$cc -nostdlib -r -o "$name-theirs.o" "$name-theirs_side.o" "${objects[@]}" &&
		"${objcopy:-objcopy}" -w -G theirs -G '__x86.*' "$name-theirs.o"
}

# link_sides NAME "flags": the program NAME, which compares them.
link_sides()
{
	# shellcheck disable=SC2086
	$cc $2 $include $warn $wrap -o "$1" "$1-ours.o" "$1-theirs.o" \
		"$differential"/{main,inputs,records,trace}.c \
		"$differential"/../support/{streams,memory}.c $libs
}
