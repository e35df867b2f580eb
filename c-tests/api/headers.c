/* The installed headers, as compilers of C and C++ see them. */
/* NEEDS: c++ */
/* LINK: none */
/* MODES: plain (runs compilers only) */
/* TIMEOUT: 120 */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARNINGS "-Wall -Wextra -Wpedantic -Werror -fsyntax-only -pthread"
#define C_WARNINGS WARNINGS " -Wstrict-prototypes -Wmissing-prototypes"

static const char *const minirpc_h =
	"#include <minirpc/minirpc.h>\n"
	"#ifndef MINIRPC_H\n"
	"#error guard\n"
	"#endif\n"
	"#include <minirpc/minirpc.h>\n"
	"/* function types: handlers can be declared with them */\n"
	"mrpc_accept_fn a;\n"
	"mrpc_disconnect_fn d;\n"
	"mrpc_ioerr_fn i;\n"
	"/* tags, no typedefs */\n"
	"typedef int mrpc_conn;\n"
	"struct uses { struct mrpc_protocol *p; struct mrpc_conn_set *s;\n"
	"	struct mrpc_connection *c; struct mrpc_message *m;\n"
	"	enum mrpc_status_codes sc; mrpc_status_t st;\n"
	"	enum mrpc_disc_reason r; enum mrpc_conn_counter n;\n"
	"	uint64_t u; socklen_t l; ssize_t z; };\n"
	"void check(int (*f)[MINIRPC_OK == 0 && MINIRPC_PENDING == -1 ? 1 : -1],\n"
	"	int (*g)[MINIRPC_ENCODING_ERR == -2 && MINIRPC_PROCEDURE_UNAVAIL == -3 ? 1 : -1],\n"
	"	int (*h)[MINIRPC_INVALID_ARGUMENT == -4 && MINIRPC_INVALID_PROTOCOL == -5 ? 1 : -1],\n"
	"	int (*i1)[MINIRPC_NETWORK_FAILURE == -6 && MRPC_DISC_USER == 0 ? 1 : -1],\n"
	"	int (*j)[MRPC_DISC_CLOSED == 1 && MRPC_DISC_IOERR == 2 ? 1 : -1],\n"
	"	int (*k)[MRPC_CONNCTR_SEND_BYTES == 0 && MRPC_CONNCTR_RECV_BYTES == 1 ? 1 : -1],\n"
	"	int (*l)[MRPC_CONNCTR_SEND_MSGS == 2 && MRPC_CONNCTR_RECV_MSGS == 3 ? 1 : -1],\n"
	"	int (*m)[MRPC_CONNCTR_NR == 4 ? 1 : -1]);\n";

static const char *const tags_only =
	"#include <minirpc/minirpc.h>\n"
	"typedef int mrpc_protocol; typedef int mrpc_conn_set;\n"
	"typedef int mrpc_connection; typedef int mrpc_message;\n"
	"typedef int mrpc_status_codes; typedef int mrpc_disc_reason;\n"
	"extern mrpc_protocol x;\n";

static const char *const protocol_h =
	"#define MINIRPC_PROTOCOL\n"
	"#include <minirpc/protocol.h>\n"
	"#if !defined(MINIRPC_PROTOCOL_H) || !defined(MINIRPC_H)\n"
	"#error guard\n"
	"#endif\n"
	"#include <minirpc/protocol.h>\n"
	"reply_callback_fn r;\n"
	"long_reply_callback_fn l;\n"
	"short_reply_callback_fn s;\n"
	"mrpc_status_t info(unsigned cmd, xdrproc_t *type, unsigned *size);\n"
	"mrpc_status_t request(const void *ops, void *conn_data, struct mrpc_message *msg,\n"
	"	int cmd, void *in, void *out);\n"
	"extern const struct mrpc_protocol p;\n"
	"const struct mrpc_protocol p = { 1, request, info, info, info, info };\n"
	"bool_t proc(XDR *xdr, int *obj);\n"
	"enum xdr_op op = XDR_FREE;\n"
	"int t = TRUE + FALSE;\n"
	"void store(int *to);\n"
	"void store(int *to)\n"
	"{\n"
	"	if (to)\n"
	"		SET_PTR_IF_NOT_NULL(to, 1);\n"
	"	else\n"
	"		SET_PTR_IF_NOT_NULL(to, 2);\n"
	"}\n";

static const char *const bare_protocol_h = "#include <minirpc/protocol.h>\nint x;\n";
static const char *const xdr_h = "#include <minirpc/xdr.h>\n#include <minirpc/xdr.h>\n"
	"bool_t proc(XDR *xdr, int *obj);\nxdrproc_t p;\n";

/* Whether the text compiles. What the compiler said stays in the log. */
static bool compiles(const char *compiler, const char *options, const char *language,
		     const char *text)
{
	char path[512], command[2048];
	FILE *f;

	snprintf(path, sizeof(path), "%s/input.%s", test_scratch(), language);
	f = fopen(path, "w");
	REQUIRE(f != NULL);
	fputs(text, f);
	fclose(f);
	snprintf(command, sizeof(command), "%s %s -I'%s/include' '%s' 2>&1", compiler,
		 options, test_root(), path);
	return system(command) == 0;
}

static bool c(const char *options, const char *text)
{
	char all[512];

	snprintf(all, sizeof(all), "%s %s", C_WARNINGS, options);
	return compiles(getenv("TEST_CC"), all, "c", text);
}

static bool cxx(const char *options, const char *text)
{
	char all[512];

	snprintf(all, sizeof(all), "%s %s", WARNINGS, options);
	return compiles(getenv("TEST_CXX"), all, "cc", text);
}

static void find_line_comments(const char *name)
{
	char path[512], line[1024];
	int number = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/include/minirpc/%s", test_root(), name);
	f = fopen(path, "r");
	REQUIRE(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		char *at = strstr(line, "//");

		number++;
		CHECK_MSG(at == NULL || (at > line && at[-1] == ':'), "%s:%d has a // comment",
			  name, number);
	}
	fclose(f);
}

int main(void)
{
	static const char *const c_standards[] = {
		"-std=gnu99", "-std=c99", "-std=gnu11", "-std=c11", "-std=gnu17", "-std=c17",
	};
	static const char *const cxx_standards[] = {
		"-std=gnu++98", "-std=c++11", "-std=gnu++14", "-std=c++17", "-std=c++20",
	};
	/* where libtirpc's headers are, and where they are not */
	static const char *const xdr_types[] = {
		"", "-DMINIRPC_OWN_XDR", "-I/usr/include/tirpc",
	};
	char options[128];

	SECTION("minirpc.h: C89 without // comments");
	CHECK(c("-std=c89", minirpc_h));
	CHECK(c("-std=gnu89", minirpc_h));
	find_line_comments("minirpc.h");

	SECTION("minirpc.h: tags only, no typedef of their names");
	CHECK(c("-std=c11", tags_only));

	for (size_t i = 0; i < sizeof(c_standards) / sizeof(*c_standards); i++) {
		SECTION("C headers, %s", c_standards[i]);
		CHECK(c(c_standards[i], minirpc_h));
		for (size_t j = 0; j < sizeof(xdr_types) / sizeof(*xdr_types); j++) {
			snprintf(options, sizeof(options), "%s %s", c_standards[i],
				 xdr_types[j]);
			CHECK(c(options, protocol_h));
			CHECK(c(options, xdr_h));
		}
	}

	for (size_t i = 0; i < sizeof(cxx_standards) / sizeof(*cxx_standards); i++) {
		SECTION("C++ headers, %s", cxx_standards[i]);
		CHECK(cxx(cxx_standards[i], minirpc_h));
		for (size_t j = 0; j < sizeof(xdr_types) / sizeof(*xdr_types); j++) {
			snprintf(options, sizeof(options), "%s %s", cxx_standards[i],
				 xdr_types[j]);
			CHECK(cxx(options, protocol_h));
			CHECK(cxx(options, xdr_h));
		}
	}

	SECTION("protocol.h is an error unless MINIRPC_PROTOCOL is defined");
	CHECK(!c("-std=gnu11", bare_protocol_h));
	CHECK(c("-std=gnu11 -DMINIRPC_PROTOCOL", bare_protocol_h));
	CHECK(!cxx("-std=c++11", bare_protocol_h));
	return tap_done();
}
