# Lists what a header from rpcgen declares, for side.c: TYPE(T) for each type
# that has a procedure, MEMBER(T, path) for each member, POINTER(T, path) for a
# member to be freed, SELF(T) for a type that is a pointer, VALUE(name) for each
# constant and enumerator that is a number.

BEGIN { count = 0 }

function add(path, pointer) {
	paths[count] = path
	pointers[count++] = pointer
}

# The name that a declaration without its ";" declares.
function declared(line) {
	sub(/\[.*/, "", line)
	sub(/.*[ \t*]/, "", line)
	return line
}

function is_pointer(line, words) {
	if (line ~ /\[/)
		return 0
	split(line, words, " ")
	return line ~ /\*/ || words[1] in pointer_types
}

function emit(type, i) {
	for (i = 0; i < count; i++)
		print (pointers[i] && paths[i] !~ /_u\./ ? "POINTER" : "MEMBER") \
			"(" type ", " paths[i] ")"
	count = 0
}

/^#else \/\* K&R C \*\// { exit }
/^extern +bool_t xdr_/ {
	sub(/^extern +bool_t xdr_/, "")
	print "TYPE(" $1 ")"
}
/^#define [A-Za-z_0-9]+ -?[0-9]/ { print "VALUE(" $2 ")" }
/^enum / { in_enum = 1; next }
in_enum && /^\t/ { print "VALUE(" $1 ")" }
in_enum && /^}/ { in_enum = 0 }

depth == 0 && /^(struct [A-Za-z_0-9]+|typedef struct) \{$/ {
	depth = 1
	type = $1 == "struct" ? $2 : ""
	next
}
depth == 0 && /^typedef .*\*/ {
	name = declared(substr($0, 1, length($0) - 1))
	pointer_types[name] = 1
	print "SELF(" name ")"
}
depth > 0 && /\{$/ { depth++; first[depth] = count; next }
depth > 1 && /^\t+} / {
	name = declared(substr($0, 1, length($0) - 1))
	# ISO C has no empty unions, so ours are left out. They take no room.
	if (count > first[depth])
		add(name, 0)
	for (i = first[depth]; i < count - 1; i++)
		paths[i] = name "." paths[i]
	depth--
	next
}
depth == 1 && /^}/ {
	if (type == "")
		type = declared(substr($0, 1, length($0) - 1))
	emit(type)
	depth = 0
	next
}
depth > 0 && /;$/ {
	line = substr($0, 1, length($0) - 1)
	sub(/^[ \t]+/, "", line)
	add(declared(line), is_pointer(line))
}
