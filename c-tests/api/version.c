/* Version macros and mrpc_version_code. */
#include "harness.h"

int main(void)
{
	int code = MRPC_MAKE_VERSION_CODE(3, 14, 15);

	SECTION("a version code is made of three parts");
	CHECK_EQ(code, (3 << 24) + (14 << 16) + (15 << 8));
	CHECK_EQ(MRPC_VERSION_MAJOR(code), 3);
	CHECK_EQ(MRPC_VERSION_MINOR(code), 14);
	CHECK_EQ(MRPC_VERSION_REVISION(code), 15);
	CHECK_EQ(MRPC_VERSION_MAJOR(MRPC_MAKE_VERSION_CODE(127, 255, 255)), 127);
	CHECK_EQ(MRPC_VERSION_MINOR(MRPC_MAKE_VERSION_CODE(127, 255, 255)), 255);
	CHECK_EQ(MRPC_VERSION_REVISION(MRPC_MAKE_VERSION_CODE(127, 255, 255)), 255);

	SECTION("macro arguments are parenthesised");
	CHECK_EQ(MRPC_MAKE_VERSION_CODE(1 + 1, 2 | 1, 0 + 4), MRPC_MAKE_VERSION_CODE(2, 3, 4));
	CHECK_EQ(MRPC_VERSION_MINOR(code + 0), 14);
	CHECK_EQ(2 * MRPC_MAKE_VERSION_CODE(1, 0, 0), 2 << 24);

	SECTION("codes order as versions do");
	CHECK(MRPC_MAKE_VERSION_CODE(0, 3, 4) > MRPC_MAKE_VERSION_CODE(0, 3, 3));
	CHECK(MRPC_MAKE_VERSION_CODE(0, 4, 0) > MRPC_MAKE_VERSION_CODE(0, 3, 255));
	CHECK(MRPC_MAKE_VERSION_CODE(1, 0, 0) > MRPC_MAKE_VERSION_CODE(0, 255, 255));

	SECTION("the headers' code can be tested by the preprocessor");
#if MRPC_VERSION_CODE() > MRPC_MAKE_VERSION_CODE(0, 3, 3)
	CHECK(true);
#else
	CHECK(false);
#endif

	SECTION("the library is not older than its headers");
	CHECK(mrpc_version_code() >= MRPC_VERSION_CODE());
	CHECK(mrpc_version_code() > MRPC_MAKE_VERSION_CODE(0, 3, 3));
	CHECK_EQ(mrpc_version_code() & 0xff, 0);
	return tap_done();
}
