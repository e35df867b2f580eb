/* SHA-256 (FIPS 180-4). */

#ifndef TREECOPY_SHA256_H
#define TREECOPY_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32

struct sha256 {
    uint32_t state[8];
    uint64_t total;             /* bytes taken so far */
    unsigned char block[64];    /* the last total % 64 of them */
};

void sha256_init(struct sha256 *sum);
void sha256_update(struct sha256 *sum, const void *data, size_t len);
void sha256_final(struct sha256 *sum, unsigned char digest[SHA256_LEN]);

/* The digest of all that fd holds from its beginning.  0 or an errno value. */
int sha256_fd(int fd, unsigned char digest[SHA256_LEN]);

#endif
