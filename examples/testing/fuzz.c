/* Feeds arbitrary bytes to a type's decoder. What decodes is encoded again, to as many bytes. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shop_xdr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char copy[4096];
    items value;
    XDR in, out;

    if (size > sizeof(copy))
        return 0;
    memset(&value, 0, sizeof(value));
    xdrmem_create(&in, (char *) data, size, XDR_DECODE);
    if (xdr_items(&in, &value)) {
        xdrmem_create(&out, copy, sizeof(copy), XDR_ENCODE);
        assert(xdr_items(&out, &value));
        assert(xdr_getpos(&out) == xdr_getpos(&in));
    }
    xdr_free((xdrproc_t) xdr_items, &value);
    return 0;
}

#ifdef WITHOUT_LIBFUZZER
/* Numbers below 4 most of the time, as lengths and discriminants that go far are. */
int main(void)
{
    uint32_t words[64];
    uint8_t *input = (uint8_t *) words;
    int round, i;

    srand(1);
    for (round = 0; round < 100000; round++) {
        for (i = 0; i < 64; i++)
            words[i] = 0;
        for (i = 0; i < 256; i++)
            input[i] = i % 4 == 3 ? rand() % 4 : rand() % 50 == 0 ? rand() : 0;
        LLVMFuzzerTestOneInput(input, rand() % 257);
    }
    return 0;
}
#endif
