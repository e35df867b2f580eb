/* mrpc_strerror: the text of every status, and of values that are none. */
#include "harness.h"

#include <limits.h>

int main(void)
{
	SECTION("texts of the library's own codes");
	CHECK_STR(mrpc_strerror(MINIRPC_OK), "Success");
	CHECK_STR(mrpc_strerror(MINIRPC_ENCODING_ERR), "Serialization error");
	CHECK_STR(mrpc_strerror(MINIRPC_PROCEDURE_UNAVAIL),
		  "Procedure not available at this time");
	CHECK_STR(mrpc_strerror(MINIRPC_INVALID_ARGUMENT), "Invalid argument");
	CHECK_STR(mrpc_strerror(MINIRPC_INVALID_PROTOCOL),
		  "Operation does not match connection role");
	CHECK_STR(mrpc_strerror(MINIRPC_NETWORK_FAILURE), "Connection failure");

	SECTION("what is local");
	CHECK_STR(mrpc_strerror(-7), "Call timed out");
	CHECK_STR(mrpc_strerror(-8), "Call cancelled");
	CHECK_STR(mrpc_strerror(-9), "Limit reached");

	SECTION("pending and other negative values are unknown");
	CHECK_STR(mrpc_strerror(MINIRPC_PENDING), "Unknown error");
	CHECK_STR(mrpc_strerror(-10), "Unknown error");
	CHECK_STR(mrpc_strerror(-1000), "Unknown error");
	CHECK_STR(mrpc_strerror(INT_MIN), "Unknown error");

	SECTION("positive values are the application's");
	CHECK_STR(mrpc_strerror(1), "Application-specific error");
	CHECK_STR(mrpc_strerror(12345), "Application-specific error");
	CHECK_STR(mrpc_strerror(INT_MAX), "Application-specific error");

	SECTION("the text is static");
	CHECK_PTR(mrpc_strerror(-2), mrpc_strerror(-2));
	return tap_done();
}
