/* Compiled once with each generator's header: -DHEADER='"x.h"' -DSIDE=ours. */
#include HEADER
#include "side.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define SIZE_OF(T, path) sizeof(((T *)NULL)->path)

#define TYPE(T) { #T, sizeof(T), \
	(bool_t (*)(XDR *, void *))(void (*)(void))xdr_##T },
#define MEMBER(T, path)
#define POINTER(T, path)
#define SELF(T)
#define VALUE(name)
static const struct type types[] = {
#include "list.h"
};
#undef TYPE
#undef MEMBER
#undef POINTER

#define TYPE(T)
#define MEMBER(T, path) { #T "." #path, offsetof(T, path), SIZE_OF(T, path) },
#define POINTER(T, path) MEMBER(T, path)
static const struct member members[] = {
#include "list.h"
};
#undef MEMBER
#undef POINTER
#undef SELF

#define MEMBER(T, path)
#define POINTER(T, path) { #T, offsetof(T, path) },
#define SELF(T) { #T, 0 },
static const struct pointer pointers[] = {
#include "list.h"
};
#undef POINTER
#undef SELF
#undef VALUE

#define POINTER(T, path)
#define SELF(T)
#define VALUE(name) { #name, (long)(name) },
static const struct value values[] = {
#include "list.h"
};

const struct side SIDE = {
	types, members, pointers, values, COUNT_OF(types), COUNT_OF(members),
	COUNT_OF(pointers), COUNT_OF(values)
};
