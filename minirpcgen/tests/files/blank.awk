# Leaves the `program` blocks out of an XDR file: they are rpcgen's alone. Lines keep
# their numbers, and what the preprocessor reads stays.

BEGIN { state = "text" }

# What of the line is not in a comment, with spaces for what is.
function bare(line, out, at) {
	out = ""
	while (line != "") {
		if (in_comment) {
			at = index(line, "*/")
			if (at == 0)
				return out
			line = substr(line, at + 2)
			in_comment = 0
			out = out " "
		} else if ((at = index(line, "/*")) > 0) {
			out = out substr(line, 1, at - 1)
			line = substr(line, at + 2)
			in_comment = 1
		} else {
			return out line
		}
	}
	return out
}

{ sub(/\r$/, "") }
# Copied code has its own comments.
/^%/ && !in_comment { print state == "text" ? $0 : ""; next }
/^[ \t]*#/ && !in_comment { print; next }
{
	was_comment = in_comment
	text = bare($0)
	if (state == "text" && text ~ /^[ \t]*program([ \t]|$)/) {
		state = "head"
		depth = 0
		if (was_comment)
			printf "*/"
	}
	if (state == "text") {
		print
		next
	}
	rest = text
	while (match(rest, /[{};]/)) {
		sign = substr(rest, RSTART, 1)
		rest = substr(rest, RSTART + 1)
		if (sign == "{")
			depth++
		else if (sign == "}")
			depth--
		else if (depth == 0) {
			state = "text"
			break
		}
	}
	# A comment that begins behind the block goes on.
	print state == "text" && in_comment ? "/*" : ""
}
