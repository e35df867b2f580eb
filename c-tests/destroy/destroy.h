/* What the tests of destruction share. */
#ifndef DESTROY_H
#define DESTROY_H

#include "extra_rt.h"

#define UNUSED __attribute__((unused))

/* Of the calling thread, which is registered: until the set is destroyed. */
#define DISPATCH_TO_THE_END(set) ({ \
	int64_t stop_ = now_ms() + scaled(10000); \
	int rc_; \
	while ((rc_ = mrpc_dispatch((set), 0)) != ENXIO && now_ms() < stop_) \
		tap_pause(); \
	CHECK_EQ(rc_, ENXIO); \
})

UNUSED static void ignore_message(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
}

#endif
